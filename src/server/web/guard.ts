// Keeps strangers at the web port from taking every descriptor. Bun.serve shows requests, but no connections: those that have
// sent half a request, or none after the first, are counted here from the descriptors themselves, by address, a few times a
// second. Where that is not possible (no Linux) only the time for a request bounds them.

import { descriptors as limits } from "../../limits.ts";
import type { Descriptors } from "../descriptors.ts";
import { networkOf } from "../../addresses.ts";
import { connectionsTo, endConnection, type OpenSocket } from "../../io/udp/socket-names.ts";

export type WebGuardOptions = {
  descriptors: Descriptors;
  port: number;
  /** Chat connections that are counted already, WebSockets too: of one address or network, and of all. */
  counted: (address?: string) => number;
  /** How many connections one address or network may have, of both kinds together; Infinity for no bound, as for loopback. */
  bound: (address: string) => number;
  /** Whether this connection has become a WebSocket, which was let in by its own rules. */
  isWebSocket: (socket: OpenSocket) => boolean;
  /** The web port takes connections, or for a while none. False: it could not be opened again, yet. */
  listen: (on: boolean) => boolean;
  warn: (line: string) => void;
};

export class WebGuard {
  readonly #options: WebGuardOptions;
  readonly #ownDescriptors: number;
  readonly #timer: Timer | undefined;
  #listening = true;
  /** Descriptors that were neither ours nor chat's at the last look. */
  #unknown = 0;
  #notBeforeMs = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(options: WebGuardOptions) {
    this.#options = options;
    const { descriptors } = options;
    this.#ownDescriptors = descriptors.count() - options.counted();
    if (descriptors.limit === Number.POSITIVE_INFINITY) return;
    const look = () => this.look();
    this.#timer = setInterval(look, limits.watchMs);
    descriptors.relieve = look;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks whether there is something to do, if that would not cost too much of the time. */
  look(): void {
    const startMs = performance.now();
    if (startMs < this.#notBeforeMs) return;
    this.#look();
    const nowMs = performance.now();
    this.#notBeforeMs = nowMs + (nowMs - startMs) * limits.countOneIn;
  }

  #look(): void {
    const { descriptors } = this.#options;
    const free = descriptors.free;
    const unknown = descriptors.limit - free - this.#ownDescriptors - this.#options.counted();
    // Finding out whose they are means asking every descriptor: only if there are more of them than last time.
    if (unknown > this.#unknown || free < descriptors.reserve) this.#endTooMany(free);
    this.#unknown = Math.max(0, unknown);
    const wanted = this.#listening ? descriptors.webReserve : descriptors.webReserve * 1.25;
    const listening = free >= wanted;
    if (listening === this.#listening) return;
    if (!listening) this.#warn(free);
    if (this.#options.listen(listening)) this.#listening = listening;
  }

  /** Ends plain connections of addresses that have too many, and when descriptors are scarce those of who has most. */
  #endTooMany(free: number): void {
    const { descriptors, bound, counted, port, isWebSocket } = this.#options;
    let lacking = free < descriptors.reserve ? descriptors.webReserve - free : 0;
    const byNetwork = new Map<string, OpenSocket[]>();
    for (const socket of connectionsTo(port, descriptors.list())) {
      if (isWebSocket(socket)) continue;
      const network = networkOf(socket.address);
      const others = byNetwork.get(network);
      if (others === undefined) byNetwork.set(network, [socket]);
      else others.push(socket);
    }
    for (const [network, sockets] of byNetwork) {
      const allowed = Math.max(0, bound(network) - counted(network));
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
    this.#options.warn(
      `Too many connections: ${limit - free} of ${limit} file descriptors are in use. The page's port takes no new ones for a while; a higher limit (ulimit -n, LimitNOFILE) helps if these are guests.`,
    );
  }
}
