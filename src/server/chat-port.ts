// The server's TCP ports: accept, count, and give every connection its adapter. Knows which
// protocols exist (dialects, CPP), not what they say.

import { plainAddress } from "../addresses.ts";
import { count } from "../chat/metrics.ts";
import { steadyMs } from "../io/clock.ts";
import { option, setOption } from "../io/udp/socket-options.ts";
import { connections as limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Admission } from "./admission.ts";
import {
  ChatConnection,
  type ChatSocket,
  type ConnectionOptions,
  type PortProtocol,
} from "./chat-connection.ts";
import { UndecidedConnections } from "./undecided-connections.ts";

export type ChatPortOptions = ConnectionOptions & {
  host: string;
  port: number;
  log: Log;
  admission: Admission;
};

export interface ChatPort {
  readonly port: number;
  /** Stops accepting; existing connections continue. */
  close(): void;
}

/**
 * Starts listening.
 * @throws with `code` `EADDRINUSE` if the port is taken
 */
export function openChatPort(options: ChatPortOptions): ChatPort {
  const undecided = new UndecidedConnections();
  const refused = new RefusedConnections();
  const listener = Bun.listen<ChatConnection | undefined>({
    hostname: options.host,
    port: options.port,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      open(socket) {
        const address = remoteAddress(socket);
        // The peer reset the connection before we looked at it.
        if (address === undefined) return void socket.terminate();
        const refusal = options.admission.enter(address);
        if (refusal !== undefined) {
          count(options.metrics.connectionsRefused, "full");
          options.log.warn("connection refused", { address, reason: refusal });
          return refused.add(socket, refusalText(refusal, options.protocol));
        }
        socket.setNoDelay(true);
        socket.setKeepAlive(true, limits.keepAliveMs);
        const connection = new ChatConnection(
          socket,
          { address, port: socket.remotePort },
          options,
          undecided,
        );
        socket.data = connection;
        connection.opened(steadyMs());
      },
      data: (socket, bytes) => socket.data?.received(bytes, steadyMs()),
      drain: (socket) => socket.data?.drained(),
      timeout: (socket) => socket.data?.timedOut(),
      end(socket) {
        if (socket.data === undefined) socket.end();
        else socket.data.ended(steadyMs());
      },
      close(socket) {
        if (socket.data === undefined) return;
        options.admission.leave(socket.data.peer.address);
        socket.data.closed();
        socket.data = undefined;
      },
      // A bug in one connection must not end the others, but must be visible.
      error(socket, error) {
        options.log.error(`internal error, please report it: ${error.stack}`);
        socket.terminate();
      },
    },
  });
  // Accepted sockets inherit it; with autotuning a read could bring half a megabyte.
  // (Bun's types do not have `fd`.)
  if ("fd" in listener && typeof listener.fd === "number")
    setOption(listener.fd, option.receiveBuffer, limits.receiveBufferBytes);
  return {
    port: listener.port,
    close() {
      undecided.clear();
      listener.stop();
    },
  };
}

/**
 * The protocol is still unknown: one line for people and, if it may be native, one for programs.
 */
function refusalText(message: string, protocol: PortProtocol): string {
  const line = JSON.stringify({ type: "error", code: "full", message });
  return protocol.kind === "any" ? `${message}\n${line}\n` : `${message}\n`;
}

/**
 * Refused connections, while they read why. Closing one that has sent data would reset it, and its
 * client might never see the reason; so a few at a time are half-closed first.
 */
class RefusedConnections {
  #waiting = 0;

  add(socket: ChatSocket, why: string): void {
    if (this.#waiting >= limits.maxRefusedLingering) return void socket.end(why);
    this.#waiting++;
    socket.write(why);
    socket.shutdown();
    setTimeout(() => {
      this.#waiting--;
      socket.terminate();
    }, limits.refusedLingerMs).unref();
  }
}

/** Writes IPv4-mapped addresses as IPv4. Undefined if the connection is already gone. */
function remoteAddress(socket: ChatSocket): string | undefined {
  const address: string | undefined = socket.remoteAddress;
  return address === undefined ? undefined : plainAddress(address);
}
