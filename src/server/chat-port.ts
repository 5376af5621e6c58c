// TCP ports of the server: accepts, counts, and gives every connection its adapter. Knows what protocols exist (dialects, CPP),
// not what they say.

import { plainAddress } from "../addresses.ts";
import { count } from "../chat/metrics.ts";
import { steadyMs } from "../io/clock.ts";
import { connections as limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Admission } from "./admission.ts";
import {
  ChatConnection,
  type ChatSocket,
  type ConnectionOptions,
  type Speech,
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
  /** Takes no more connections; those that exist go on. */
  close(): void;
}

/** Starts listening. @throws with `code` `EADDRINUSE` when the port is taken */
export function openChatPort(options: ChatPortOptions): ChatPort {
  const undecided = new UndecidedConnections();
  const turnedAway = new TurnedAway();
  const listener = Bun.listen<ChatConnection | undefined>({
    hostname: options.host,
    port: options.port,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      open(socket) {
        const address = remoteAddress(socket);
        // Reset by the other side before we looked: it has no address any more, and nobody to talk to.
        if (address === undefined) return void socket.terminate();
        const refusal = options.admission.enter(address);
        if (refusal !== undefined) {
          count(options.metrics.connectionsRefused, "full");
          options.log.warn("connection refused", { address, reason: refusal });
          return turnedAway.tell(socket, refusalText(refusal, options.speech));
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
      // What one connection brings about must not end the others; that it happened must be seen.
      error(socket, error) {
        options.log.error(`internal error, please report it: ${error.stack}`);
        socket.terminate();
      },
    },
  });
  return {
    port: listener.port,
    close() {
      undecided.clear();
      listener.stop();
    },
  };
}

/** What the first bytes would have told is not known yet: a line for people, and where it may be native, one for programs. */
function refusalText(message: string, speech: Speech): string {
  const line = JSON.stringify({ type: "error", code: "full", message });
  return speech.kind === "any" ? `${message}\n${line}\n` : `${message}\n`;
}

/**
 * Connections that may not come, while they read why. Closed at once, one that has sent something would be reset and its program
 * would hear of that before the reason; so they are only shut, and few of them at once.
 */
class TurnedAway {
  #waiting = 0;

  tell(socket: ChatSocket, why: string): void {
    if (this.#waiting >= limits.maxTurnedAway) return void socket.end(why);
    this.#waiting++;
    socket.write(why);
    socket.shutdown();
    setTimeout(() => {
      this.#waiting--;
      socket.terminate();
    }, limits.turnedAwayMs).unref();
  }
}

/** IPv4 that came over an IPv6 socket is written as IPv4. Undefined if the connection is gone already. */
function remoteAddress(socket: ChatSocket): string | undefined {
  const address: string | undefined = socket.remoteAddress;
  return address === undefined ? undefined : plainAddress(address);
}
