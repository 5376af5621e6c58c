// One TCP connection: sends in order, reports what arrives, closes once everything is sent. Treats
// FIN and the end of the connection separately, or the last data would be lost if both sides closed
// at once.

import { plainAddress } from "../addresses.ts";
import { peer as limits } from "../limits.ts";
import { exportedKey } from "../tls/exported-key.ts";
import { WriteQueue } from "./write-queue.ts";

export type TcpLinkEvents = {
  data(bytes: Uint8Array): void;
  /** Nothing more will arrive. Called once, unless we ended the link ourselves. */
  ended(): void;
  /** The kernel has taken everything. */
  drained?(): void;
};

export type PeerSocket = Bun.Socket<TcpLink>;

export class TcpLink {
  #socket: PeerSocket | undefined;
  #events: TcpLinkEvents | undefined;
  readonly #queue = new WriteQueue();
  #ending = false;
  #closed = Promise.withResolvers<void>();
  #channel: string | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** The other end's address; empty without a connection. */
  get remoteAddress(): string {
    return plainAddress(this.#socket?.remoteAddress ?? "");
  }

  /** The connection is inside TLS. */
  get isSecured(): boolean {
    return this.#channel !== undefined;
  }

  /** 32 bytes that only the two ends of the TLS session have; undefined without TLS. */
  exportedKey(label: string): Uint8Array | undefined {
    return this.isSecured && this.#socket ? exportedKey(this.#socket, label) : undefined;
  }

  /** Bytes that the kernel has not taken yet. */
  get waitingBytes(): number {
    return this.#queue.waitingBytes;
  }

  /** Resolves once the connection is gone. */
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

  /** Sends a text, as one send if the socket takes it now. */
  send(text: string): void {
    if (this.#ending || !this.#socket) return;
    this.#queue.push(text);
    this.#flush();
  }

  /** The kernel takes more again. */
  drained(): void {
    this.#flush();
    if (this.waitingBytes === 0) this.#events?.drained?.();
  }

  pause(paused: boolean): void {
    if (paused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  /** Ends the connection once everything is sent, bounded in time. Ignores what still arrives. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#socket) return this.#closed.resolve();
    this.#linger = setTimeout(() => this.#socket?.terminate(), limits.lingerMs);
    this.pause(false);
    this.#flush();
  }

  /** Ends the connection at once; nothing more is reported. */
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

  /** The connection is gone. */
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
