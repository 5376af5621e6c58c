// One TCP connection: sends in order, reports incoming data, and closes once everything has been
// sent. Treats FIN and the end of the connection separately; otherwise the last data would be lost
// if both sides closed at the same time.

import { plainAddress } from "../addresses.ts";
import { calls, peer as limits } from "../limits.ts";
import { exportedKey } from "../tls/exported-key.ts";
import { WriteQueue } from "./write-queue.ts";

export type TcpLinkEvents = {
  data(bytes: Uint8Array): void;
  /** Nothing more will arrive. Called once, unless this side closed the link. */
  ended(): void;
  /** The kernel has accepted everything. */
  drained?(): void;
};

/** When the link was ended, when the other end last read something, and what waited after that. */
type Reading = { endedMs: number; readMs: number; waitingBytes: number };

export type PeerSocket = Bun.Socket<TcpLink>;

export class TcpLink {
  #socket: PeerSocket | undefined;
  #events: TcpLinkEvents | undefined;
  readonly #queue = new WriteQueue();
  #ending = false;
  #closed = Promise.withResolvers<void>();
  #channel: string | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** The other end's address; empty if not connected. */
  get remoteAddress(): string {
    return plainAddress(this.#socket?.remoteAddress ?? "");
  }

  /** The connection uses TLS. */
  get isSecured(): boolean {
    return this.#channel !== undefined;
  }

  /** 32 bytes known only to the two ends of the TLS session; undefined without TLS. */
  exportedKey(label: string): Uint8Array | undefined {
    return this.isSecured && this.#socket ? exportedKey(this.#socket, label) : undefined;
  }

  /** Bytes that the kernel has not accepted yet. */
  get waitingBytes(): number {
    return this.#queue.waitingBytes;
  }

  /** Resolves once the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The binding of the TLS channel (tls/channel-binding.ts); undefined without TLS. */
  get channel(): string | undefined {
    return this.#channel;
  }

  attach(socket: PeerSocket, events: TcpLinkEvents, channel?: string): void {
    this.#socket = socket;
    this.#events = events;
    this.#channel = channel;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.keepAliveMs);
  }

  /**
   * Sends a text, in a single send if the socket accepts it now. Disconnects another end that asks
   * and asks but does not read.
   */
  send(text: string): void {
    if (this.#ending || !this.#socket) return;
    this.#queue.push(text);
    this.#flush();
    if (this.waitingBytes > limits.maxUnreadBytes) this.#socket.terminate();
  }

  /** The kernel accepts data again. */
  drained(): void {
    this.#flush();
    if (this.waitingBytes === 0) this.#events?.drained?.();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /**
   * Closes the connection once everything has been sent, bounded in time. Ignores data that still
   * arrives.
   */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#socket) return this.#closed.resolve();
    const endedMs = performance.now();
    this.#wait({ endedMs, readMs: endedMs, waitingBytes: this.waitingBytes });
    this.resume();
    this.#flush();
  }

  /** As long as the other end reads, there is time for what it has not read yet. */
  #wait(before: Reading): void {
    this.#linger = setTimeout(() => {
      // The kernel delivers what it has accepted.
      if (this.waitingBytes === 0) return void this.#socket?.end();
      const nowMs = performance.now();
      const { endedMs } = before;
      const isReading = this.waitingBytes < before.waitingBytes;
      const readMs = isReading ? nowMs : before.readMs;
      const isLate = nowMs - endedMs >= calls.lingerMs || nowMs - readMs >= limits.unreadMs;
      if (isLate) this.#socket?.terminate();
      else this.#wait({ endedMs, readMs, waitingBytes: this.waitingBytes });
    }, limits.lingerMs);
  }

  /** Aborts the connection; nothing more is reported. */
  cut(): void {
    this.#ending = true;
    this.#socket?.terminate();
    if (!this.#socket) this.#closed.resolve();
  }

  received(bytes: Uint8Array): void {
    if (!this.#ending) this.#events?.data(bytes);
  }

  /** The other side's FIN. */
  finished(): void {
    if (this.#ending) this.#socket?.end();
    else this.#events?.ended();
  }

  /** The connection has closed. */
  gone(): void {
    clearTimeout(this.#linger);
    this.#queue.clear();
    this.#closed.resolve();
    const tell = !this.#ending;
    this.#ending = true;
    if (tell) this.#events?.ended();
  }

  #flush(): void {
    if (!this.#socket) return;
    const state = this.#queue.flush(this.#socket);
    if (state === "closed") this.gone();
    else if (state === "empty" && this.#ending) this.#socket.shutdown();
  }
}

/** Bun's socket handlers for links; the link is the socket's `data`. */
export const linkHandlers = {
  data: (socket: PeerSocket, bytes: Uint8Array) => socket.data.received(bytes),
  drain: (socket: PeerSocket) => socket.data.drained(),
  end: (socket: PeerSocket) => socket.data.finished(),
  close: (socket: PeerSocket) => socket.data.gone(),
  error: (socket: PeerSocket) => socket.data.gone(),
} as const;
