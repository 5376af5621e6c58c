// Bounds the web port's connections. Bun.serve shows requests but no connections, so those that have sent half a request, or
// none after their first, are counted from the process's descriptors, by network, a few times a second. On other systems than
// Linux only the request timeout bounds them.

import { networkOf } from "../../addresses.ts";
import { connectionsTo, endConnection, type OpenSocket } from "../../io/udp/socket-names.ts";
import { descriptors as limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Descriptors } from "../descriptors.ts";

export type ReaperOptions = {
  descriptors: Descriptors;
  port: number;
  /** Chat connections, WebSockets included: of one network, or of all. */
  chatConnections: (address?: string) => number;
  /** Connections of both kinds that one network may have; Infinity for loopback and trusted proxies. */
  maxConnections: (address: string) => number;
  /** Whether this connection has become a WebSocket, which is admitted by rules of its own. */
  isWebSocket: (socket: OpenSocket) => boolean;
  /** Makes the web port accept connections, or none for a while. False: it could not be reopened yet. */
  listen: (on: boolean) => boolean;
  log: Log;
};

export class ConnectionReaper {
  readonly #options: ReaperOptions;
  readonly #timer: Timer | undefined;
  /** Descriptors that are neither a connection of the web port nor a chat connection. */
  #ownDescriptors: number;
  /** Connections of the web port at the last look. */
  #webConnections = 0;
  #isListening = true;
  #notBeforeMs = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReaperOptions) {
    this.#options = options;
    const { descriptors } = options;
    this.#ownDescriptors = descriptors.count() - options.chatConnections();
    if (descriptors.limit === Number.POSITIVE_INFINITY) return;
    const look = () => this.look();
    this.#timer = setInterval(look, limits.watchMs);
    descriptors.relieve = look;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Ends what is too much. Looks less often while that takes long. */
  look(): void {
    const startMs = performance.now();
    if (startMs < this.#notBeforeMs) return;
    this.#look();
    const nowMs = performance.now();
    this.#notBeforeMs = nowMs + (nowMs - startMs) * limits.countOneIn;
  }

  #look(): void {
    const { descriptors, chatConnections, listen } = this.#options;
    const free = descriptors.free;
    const others = descriptors.limit - free - chatConnections();
    // What was open at the start may have been closed since.
    this.#ownDescriptors = Math.min(this.#ownDescriptors, others);
    const webConnections = others - this.#ownDescriptors;
    // Asking each descriptor whose it is costs a system call: only when there are more of them.
    if (webConnections > this.#webConnections || free < descriptors.reserve) this.#reap(free);
    this.#webConnections = webConnections;
    const enough = this.#isListening ? descriptors.webReserve : descriptors.webReserve * 1.25;
    const shouldListen = free >= enough;
    if (shouldListen === this.#isListening) return;
    if (!shouldListen) this.#warn(free);
    if (listen(shouldListen)) this.#isListening = shouldListen;
  }

  /** Ends connections of networks that have too many and, when descriptors are scarce, those of the networks with most. */
  #reap(free: number): void {
    const { descriptors, chatConnections, maxConnections, port, isWebSocket } = this.#options;
    let lacking = free < descriptors.reserve ? descriptors.webReserve - free : 0;
    const byNetwork = new Map<string, OpenSocket[]>();
    for (const socket of connectionsTo(port, descriptors.list())) {
      if (isWebSocket(socket)) continue;
      const network = networkOf(socket.address);
      const others = byNetwork.get(network);
      if (others === undefined) byNetwork.set(network, [socket]);
      else others.push(socket);
    }
    for (const sockets of byNetwork.values()) {
      const address = sockets[0]?.address ?? "";
      const allowed = Math.max(0, maxConnections(address) - chatConnections(address));
      for (const socket of sockets.splice(Math.min(allowed, sockets.length))) {
        this.#end(socket);
        lacking--;
      }
    }
    if (lacking <= 0) return;
    for (const sockets of [...byNetwork.values()].sort((a, b) => b.length - a.length)) {
      for (; lacking > 0 && sockets.length > 0; lacking--) this.#end(sockets.pop()!);
    }
  }

  #end(socket: OpenSocket): void {
    endConnection(socket);
    this.#options.descriptors.willFree();
  }

  #warn(free: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedMs < limits.warnMs) return;
    this.#warnedMs = nowMs;
    const { limit } = this.#options.descriptors;
    this.#options.log.warn(
      "file descriptors run short, the page's port takes no new connections for a while; if these are guests, raise the limit (ulimit -n, LimitNOFILE)",
      { used: limit - free, limit },
    );
  }
}
