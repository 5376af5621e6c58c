// One TCP connection of a peer: sends in order, tells what comes, ends after all has left. Keeps FIN apart from the end of
// the connection: what was sent last would be lost if both sides closed at once.

import { plainAddress } from "../addresses.ts";
import { peer as limits } from "../limits.ts";

export type TcpLinkEvents = {
  data(bytes: Uint8Array): void;
  /** No more will come. Called once, unless we ended the link ourselves. */
  ended(): void;
  /** All that was sent has been taken. */
  drained?(): void;
};

export type PeerSocket = Bun.Socket<TcpLink>;

export class TcpLink {
  #socket: PeerSocket | undefined;
  #events: TcpLinkEvents | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ending = false;
  #closed = Promise.withResolvers<void>();
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** The other end's address; empty while there is no connection. */
  get remoteAddress(): string {
    return plainAddress(this.#socket?.remoteAddress ?? "");
  }

  /** Bytes that the other side has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  attach(socket: PeerSocket, events: TcpLinkEvents): void {
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.keepAliveMs);
  }

  /** One send, if the connection takes it now. */
  send(text: string): void {
    if (this.#ending || !this.#socket) return;
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#write();
  }

  /** The system takes more again. */
  drained(): void {
    this.#write();
    if (this.#waitingBytes === 0) this.#events?.drained?.();
  }

  pause(paused: boolean): void {
    if (paused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  /** Ends the connection after what waits has left; what the other side still sends is not heard. Bounded in time. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#socket) return this.#closed.resolve();
    this.#linger = setTimeout(() => this.#socket?.terminate(), limits.lingerMs);
    this.pause(false);
    this.#write();
  }

  /** Ends the connection at once; nothing more is heard. */
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
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#closed.resolve();
    const tell = !this.#ending;
    this.#ending = true;
    if (tell) this.#events?.ended();
  }

  #write(): void {
    const socket = this.#socket;
    if (!socket) return;
    for (let bytes = this.#waiting[0]; bytes; bytes = this.#waiting[0]) {
      const written = socket.write(bytes);
      if (written < 0) return this.gone();
      this.#waitingBytes -= written;
      if (written < bytes.length) {
        this.#waiting[0] = bytes.subarray(written);
        return;
      }
      this.#waiting.shift();
    }
    if (this.#ending) socket.shutdown();
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
