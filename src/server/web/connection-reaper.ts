// Bounds the web port's connections. Bun.serve does not expose them, so connections with half a
// request, or idle ones after their first, are counted from the process's descriptors, by network,
// a few times a second. Outside Linux only the request timeout bounds them.

import { widestNetworkOf } from "../../addresses.ts";
import { threadCpuMs } from "../../io/clock.ts";
import { connectionsTo, endConnection, type OpenSocket } from "../../io/udp/socket-names.ts";
import { descriptors as limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Descriptors } from "../descriptors.ts";

export type ReaperOptions = {
  descriptors: Descriptors;
  port: number;
  /** Number of chat connections, WebSockets included. */
  chatConnections: () => number;
  /**
   * Among these other connections, those that exceed the limits of their networks for both kinds
   * together.
   */
  excess: (sockets: readonly OpenSocket[]) => OpenSocket[];
  /** Whether this connection has become a WebSocket, which is admitted separately. */
  isWebSocket: (socket: OpenSocket) => boolean;
  /**
   * Makes the web port accept connections, or stop doing so for a while. False: it can't be
   * reopened yet.
   */
  listen: (on: boolean) => boolean;
  log: Log;
};

export class ConnectionReaper {
  readonly #options: ReaperOptions;
  readonly #timer: Timer | undefined;
  /** Descriptors used neither for web nor for chat connections. */
  #ownDescriptors: number;
  /** Connections of the web port when last checked. */
  #webConnections = 0;
  /** How many of them the last check ended. */
  #ended = 0;
  #isListening = true;
  #notBeforeMs = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReaperOptions) {
    this.#options = options;
    const { descriptors } = options;
    this.#ownDescriptors = descriptors.count() - options.chatConnections();
    if (descriptors.limit === Number.POSITIVE_INFINITY) return;
    const check = () => this.check();
    this.#timer = setInterval(check, limits.watchMs);
    descriptors.relieve = () => this.#relieve();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Closes excess connections. Runs less often if counting takes long. */
  check(): void {
    if (performance.now() < this.#notBeforeMs) return;
    const startCpuMs = threadCpuMs();
    this.#check();
    const tookMs = threadCpuMs() - startCpuMs;
    this.#notBeforeMs = performance.now() + tookMs * limits.countOneIn;
  }

  /**
   * Makes room for chat. Does not wait for its turn if there is something to gain: what it ends is
   * enough for many that chat.
   */
  #relieve(): void {
    if (this.#ended > 0 || this.#countWeb() > this.#webConnections) this.#notBeforeMs = 0;
    this.check();
  }

  #countWeb(): number {
    const { descriptors, chatConnections } = this.#options;
    const others = descriptors.limit - descriptors.free - chatConnections();
    // Descriptors that were open at startup may have been closed since.
    this.#ownDescriptors = Math.min(this.#ownDescriptors, others);
    return others - this.#ownDescriptors;
  }

  #check(): void {
    const { descriptors, listen } = this.#options;
    const webConnections = this.#countWeb();
    const free = descriptors.free;
    this.#ended = 0;
    // Identifying a descriptor costs a system call, so this is done only if there are more of them.
    if (webConnections > this.#webConnections || free < descriptors.reserve) this.#reap(free);
    this.#webConnections = webConnections;
    const enough = this.#isListening ? descriptors.webReserve : descriptors.webReserve * 1.25;
    const shouldListen = free >= enough;
    if (shouldListen === this.#isListening) return;
    if (!shouldListen) this.#warn(free);
    if (listen(shouldListen)) this.#isListening = shouldListen;
  }

  /**
   * Closes connections of networks over their limit and, if descriptors are scarce, of the networks
   * with the most connections.
   */
  #reap(free: number): void {
    const { descriptors, excess, port, isWebSocket } = this.#options;
    let lacking = free < descriptors.reserve ? descriptors.webReserve - free : 0;
    const open = connectionsTo(port, descriptors.list()).filter((socket) => !isWebSocket(socket));
    const ended = new Set(excess(open));
    for (const socket of ended) this.#end(socket);
    lacking -= ended.size;
    if (lacking <= 0) return;
    const left = open.filter((socket) => !ended.has(socket));
    const byNetwork = Map.groupBy(left, ({ address }) => widestNetworkOf(address));
    for (const sockets of [...byNetwork.values()].sort((a, b) => b.length - a.length)) {
      for (; lacking > 0 && sockets.length > 0; lacking--) this.#end(sockets.pop()!);
    }
  }

  #end(socket: OpenSocket): void {
    endConnection(socket);
    this.#ended++;
    this.#options.descriptors.noteClosing();
  }

  #warn(free: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedMs < limits.warnMs) return;
    this.#warnedMs = nowMs;
    const { limit } = this.#options.descriptors;
    this.#options.log.warn(
      "running out of file descriptors, the web port accepts no new connections for a while; if the load is legitimate, raise the limit (ulimit -n, LimitNOFILE)",
      { used: limit - free, limit },
    );
  }
}
