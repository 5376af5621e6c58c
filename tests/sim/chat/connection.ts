// A connection between client and server in virtual time: two ordered byte streams of bounded
// capacity, delivered in pieces of any size after any delay. A cut loses data in transit, and each
// side notices later.

import type { Link } from "../../../src/chat/link.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import type { ServerConnection, ServerProcess } from "./server-process.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export type ConnectionEvents = {
  received(bytes: Uint8Array): void;
  /** The connection has ended: cut, or closed by the server. */
  closed(): void;
};

/** Bytes in transit per direction before the writer has to wait. */
const capacityBytes = 32 * 1024;

/** One direction: bytes in, the same bytes out in order, some time later. */
class Stream {
  #waiting: Uint8Array[] = [];
  waitingBytes = 0;
  #scheduled = false;
  isCut = false;

  constructor(
    readonly clock: VirtualClock,
    readonly random: () => number,
    readonly latencyMs: () => number,
    readonly deliver: (bytes: Uint8Array) => void,
  ) {}

  /** Keeps `bytes`. */
  write(bytes: Uint8Array): void {
    if (this.isCut) return;
    this.#waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.isCut) return;
    this.#scheduled = true;
    this.clock.after(this.latencyMs(), () => {
      this.#scheduled = false;
      if (this.isCut || this.waitingBytes === 0) return;
      const [first] = this.#waiting;
      const all = first?.length === this.waitingBytes ? first : Buffer.concat(this.#waiting);
      const size = this.random() < 0.7 ? all.length : 1 + Math.floor(this.random() * all.length);
      this.#waiting = size < all.length ? [all.subarray(size)] : [];
      this.waitingBytes -= size;
      this.deliver(all.subarray(0, size));
      if (this.waitingBytes > 0) this.#schedule();
    });
  }
}

export class Connection implements Link {
  readonly #toServer: Stream;
  readonly #toClient: Stream;
  readonly #server: ServerConnection;
  readonly #events: ConnectionEvents;
  readonly #clock: VirtualClock;
  #isFull = false;
  #isOver = false;
  #clientIsGone = false;

  constructor(
    process: ServerProcess,
    dialect: Dialect,
    address: string,
    random: () => number,
    events: ConnectionEvents,
  ) {
    this.#clock = process.clock;
    this.#events = events;
    // Occasionally a slow reader: its data takes seconds.
    const slowness = random() < 0.1 ? 400 : 15;
    const latency = (): number => 1 + random() * slowness;
    this.#toServer = new Stream(process.clock, random, latency, (bytes) => {
      if (!process.isDead) this.#server.received(bytes);
    });
    this.#toClient = new Stream(process.clock, random, latency, (bytes) => {
      if (!this.#clientIsGone) events.received(bytes);
      if (!this.#isFull || this.#toClient.waitingBytes > capacityBytes / 2) return;
      this.#isFull = false;
      if (!process.isDead) this.#server.drained();
    });
    this.#server = process.accept(this, dialect, address);
  }

  /** Nothing is in transit, and nothing has been lost. */
  get isQuiet(): boolean {
    const streams = [this.#toServer, this.#toClient];
    const isWhole = !this.#isOver && !this.#clientIsGone;
    return isWhole && streams.every(({ isCut, waitingBytes }) => !isCut && waitingBytes === 0);
  }

  /** The client writes. */
  send(text: string): void {
    this.#toServer.write(Buffer.from(text));
  }

  /** The client disconnects: the server notices after a while. */
  leave(afterMs: number): void {
    this.#clientIsGone = true;
    this.#clock.after(afterMs, () => this.#serverHears());
  }

  /** The connection is cut: both sides notice, each after a while. */
  cut(clientMs: number, serverMs: number): void {
    this.#toClient.isCut = true;
    this.#toServer.isCut = true;
    this.#clock.after(clientMs, () => this.#clientHears());
    this.#clock.after(serverMs, () => this.#serverHears());
  }

  write(bytes: Uint8Array): number {
    if (this.#isOver || this.#toClient.isCut) return bytes.length;
    const free = Math.max(0, capacityBytes - this.#toClient.waitingBytes);
    const taken = Math.min(bytes.length, free);
    if (taken > 0) this.#toClient.write(bytes.slice(0, taken));
    if (taken < bytes.length) this.#isFull = true;
    return taken;
  }

  /** Written data is delivered first. */
  end(): void {
    this.#isOver = true;
    this.#clock.after(60, () => {
      if (this.#toClient.waitingBytes > 0 && !this.#toClient.isCut) return this.end();
      this.#clientHears();
      this.#serverHears();
    });
  }

  abort(): void {
    this.#isOver = true;
    this.#toClient.isCut = true;
    this.#toServer.isCut = true;
    this.#clock.after(1, () => {
      this.#clientHears();
      this.#serverHears();
    });
  }

  #clientHears(): void {
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.#events.closed();
  }

  #serverHears(): void {
    this.#toServer.isCut = true;
    this.#server.closed();
  }
}
