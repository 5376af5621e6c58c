// The server's TCP ports: accept, count, and create the adapter of every connection. Knows which
// protocols exist (dialects, CPP), but not their contents.

import { plainAddress } from "../addresses.ts";
import { count } from "../chat/metrics/metrics.ts";
import { ircRefusal } from "../dialects/protocol-detection.ts";
import { steadyMs } from "../io/clock.ts";
import { boundSegments } from "../io/tcp-segments.ts";
import { option, setOption } from "../io/udp/socket-options.ts";
import { connections as limits, proxyProtocol as proxyLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { channelBinding } from "../tls/channel-binding.ts";
import { exportedKey } from "../tls/exported-key.ts";
import { onlyTls13 } from "../tls/versions.ts";
import type { Admission } from "./admission.ts";
import {
  ChatConnection,
  type ChatSocket,
  encrypted,
  type ConnectionOptions,
  type PortProtocol,
  type Security,
  type SocketData,
  speaksIrc,
  type Wire,
} from "./chat-connection.ts";
import { type ProxiedFrom, ProxyPreamble } from "./proxy-protocol.ts";
import { UndecidedConnections } from "./undecided-connections.ts";

export type ChatPortOptions = ConnectionOptions & {
  host: string;
  port: number;
  log: Log;
  admission: Admission;
  /** The key with which clients may use TLS; undefined: TLS is not available. */
  key?: (() => KeyPair) | undefined;
  /** Whether a client at this address may continue without TLS. */
  admitsPlain: (address: string) => boolean;
  /** Whether connections from this address come from a proxy and begin with a PROXY header. */
  writesProxyHeader?: ((address: string) => boolean) | undefined;
};

export interface ChatPort {
  readonly port: number;
  /** Stops accepting; existing connections continue. */
  close(): void;
}

/**
 * Starts listening.
 * @throws an error with `code` `EADDRINUSE` if the port is taken
 */
export function openChatPort(options: ChatPortOptions): ChatPort {
  const handlers = socketHandlers(options);
  const entrance = new Entrance(options, handlers);
  const listener = Bun.listen<SocketData>({
    hostname: options.host,
    port: options.port,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      ...handlers,
      open: (socket) => entrance.handleOpen(socket),
      data(socket, bytes) {
        const { data } = socket;
        if (data instanceof ProxyPreamble) entrance.handlePreamble(socket, data, bytes);
        else if (data instanceof ChatConnection) data.received(bytes, steadyMs());
      },
    },
  });
  boundSegments(listener, options.host);
  // Accepted sockets inherit these. (Bun's types lack `fd`.)
  if ("fd" in listener && typeof listener.fd === "number") {
    // With autotuning a single read could return half a megabyte.
    setOption(listener.fd, option.receiveBuffer, limits.receiveBufferBytes);
    setOption(listener.fd, option.tcpUserTimeout, limits.unacknowledgedMs);
  }
  return {
    port: listener.port,
    close() {
      entrance.close();
      listener.stop();
    },
  };
}

/**
 * Handles new sockets: determines the client's address, counts the connection, and creates its
 * adapter.
 */
class Entrance {
  readonly #options: ChatPortOptions;
  readonly #handlers: Bun.SocketHandler<SocketData>;
  readonly #undecided = new UndecidedConnections();
  readonly #refused = new RefusedConnections();

  /** `handlers`: for the connection inside TLS. */
  constructor(options: ChatPortOptions, handlers: Bun.SocketHandler<SocketData>) {
    this.#options = options;
    this.#handlers = handlers;
  }

  handleOpen(socket: ChatSocket): void {
    const address = remoteAddress(socket);
    // The peer reset the connection before it was examined.
    if (address === undefined) return void socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.keepAliveMs);
    if (this.#options.writesProxyHeader?.(address) !== true) {
      return void this.#admit(socket, { address, port: socket.remotePort });
    }
    socket.data = new ProxyPreamble();
    socket.timeout(proxyLimits.waitSeconds);
  }

  /** Reads on until the proxy has stated the client's address. */
  handlePreamble(socket: ChatSocket, preamble: ProxyPreamble, bytes: Uint8Array): void {
    const result = preamble.received(bytes);
    if (result.kind === "wait") return;
    const address = remoteAddress(socket);
    if (address === undefined) return void socket.terminate();
    socket.data = undefined;
    socket.timeout(0);
    if (result.kind === "invalid") {
      this.#options.log.warn("connection refused", { address, reason: "no PROXY header" });
      return this.#refused.add(socket, noHeader);
    }
    const connection = this.#admit(socket, result.from ?? { address, port: socket.remotePort });
    if (result.rest.length > 0) connection?.received(result.rest, steadyMs());
  }

  close(): void {
    this.#undecided.clear();
  }

  #admit(socket: ChatSocket, peer: ProxiedFrom): ChatConnection | undefined {
    const options = this.#options;
    const { address } = peer;
    const refusal = options.admission.enter(address);
    if (refusal !== undefined) {
      count(options.metrics.connectionsRefused, "full");
      options.log.warn("connection refused", { address, reason: refusal });
      const { protocol, key } = options;
      const isText = protocol.kind !== "tls" && (key === undefined || options.admitsPlain(address));
      this.#refused.add(socket, isText ? refusalText(refusal, protocol) : tlsAlert);
      return undefined;
    }
    const security = securityOf(socket, address, options, this.#handlers);
    const connection = new ChatConnection(socket, peer, options, this.#undecided, security);
    socket.data = connection;
    connection.opened(steadyMs());
    return connection;
  }
}

const noHeader =
  "This server expects a PROXY header from your address: it was started with --proxy-protocol\n";

/** For plain sockets and sockets inside TLS. */
function socketHandlers(options: ChatPortOptions): Bun.SocketHandler<SocketData> {
  return {
    handshake(socket, isComplete, error) {
      if (!(socket.data instanceof ChatConnection)) return;
      const { address, port } = socket.data.peer;
      // Bun closes the connection in this case. Without `requestCert`, nothing else is verified.
      const reason = error?.message;
      if (isComplete) {
        const exportKey = (label: string) => exportedKey(socket, label);
        socket.data.secured(steadyMs(), channelBinding(socket), exportKey);
      } else if (!socket.data.isOver) {
        options.log.info("TLS handshake failed", { address, port, reason });
      }
    },
    data(socket, bytes) {
      if (socket.data instanceof ChatConnection) socket.data.received(bytes, steadyMs());
    },
    drain(socket) {
      if (socket.data instanceof ChatConnection) socket.data.drained();
    },
    timeout(socket) {
      if (socket.data instanceof ChatConnection) socket.data.timedOut();
      else if (socket.data instanceof ProxyPreamble) socket.terminate();
    },
    end(socket) {
      if (socket.data instanceof ChatConnection) socket.data.ended(steadyMs());
      else if (socket.data !== encrypted) socket.end();
    },
    close(socket) {
      const { data } = socket;
      socket.data = undefined;
      if (data instanceof ChatConnection) data.closed(steadyMs());
    },
    // A bug in one connection must not end the others, but must be visible.
    error(socket, error) {
      options.log.error(`internal error, please report it: ${error.stack}`);
      socket.terminate();
    },
  };
}

function securityOf(
  socket: ChatSocket,
  address: string,
  { key, admitsPlain }: ChatPortOptions,
  handlers: Bun.SocketHandler<SocketData>,
): Security {
  const upgrade = key === undefined ? {} : { upgrade: upgrader(socket, key(), handlers) };
  return { admitsPlain: admitsPlain(address), ...upgrade };
}

/** Bun 1.4.5 supports both, since `node:tls` needs them, but its types lack them. */
type ServerUpgrade = Bun.TLSUpgradeOptions<SocketData> & {
  isServer: true;
  /** Bytes already read from the connection. */
  initialData: Uint8Array;
};

/** Continues a connection in TLS: no other socket, and no extra copy of the data. */
function upgrader(socket: ChatSocket, { key, cert }: KeyPair, handlers: ServerUpgrade["socket"]) {
  return (first: Uint8Array): Wire | undefined => {
    const connection = socket.data;
    const options: ServerUpgrade = {
      data: connection,
      tls: { key, cert, secureOptions: onlyTls13 },
      isServer: true,
      initialData: first,
      socket: handlers,
    };
    // From now on this socket reports encrypted bytes, which are ignored; it closes together with
    // the one inside TLS.
    socket.data = encrypted;
    const pair: readonly ChatSocket[] | undefined = socket.upgradeTLS(options);
    if (pair === undefined) socket.data = connection;
    return pair?.[1];
  };
}

/** A fatal `internal_error` (RFC 8446 §6.2), before any handshake. */
const tlsAlert = Uint8Array.from([0x15, 3, 3, 0, 2, 2, 80]);

/**
 * On the main port the protocol is still unknown: one line for people, and one for native programs.
 */
function refusalText(message: string, protocol: PortProtocol): string {
  if (speaksIrc(protocol)) return ircRefusal(message);
  const line = JSON.stringify({ type: "error", code: "full", message });
  return protocol.kind === "any" ? `${message}\n${line}\n` : `${message}\n`;
}

/**
 * Refused connections that are still reading the reason. Closing a connection that has sent data
 * would reset it, and the client might never see the reason; so a few at a time are half-closed
 * first.
 */
class RefusedConnections {
  #waiting = 0;

  add(socket: ChatSocket, why: string | Uint8Array): void {
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

/** Converts IPv4-mapped addresses to IPv4. Undefined if the connection has already closed. */
function remoteAddress(socket: ChatSocket): string | undefined {
  const address: string | undefined = socket.remoteAddress;
  return address === undefined ? undefined : plainAddress(address);
}
