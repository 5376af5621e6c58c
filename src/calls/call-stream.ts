// A stream of bytes in both directions over the frames of a relayed call (docs/dialects.md, "cpp"):
// in order, and never more than the other end has room for. Sealing is not its business: TLS runs
// inside. Pure: frames and bytes in and out.

import { fromBase64, joinedBytes, toBase64 } from "../bytes.ts";
import { calls as limits } from "../limits.ts";

/** The kind of a frame: its first byte. */
const kind = {
  bytes: 0,
  /** How many bytes this end has read so far, in 6 bytes: as many more may be sent. */
  read: 1,
  /** Nothing more follows. */
  end: 2,
} as const;

export interface CallStreamEvents {
  /** Sends a frame, in base64. */
  pass(frame: string): void;
  /** Report with `handleRead` what has been read. */
  onBytes(bytes: Uint8Array): void;
  /** Everything written so far is on its way, or has room to be. */
  onRoom(): void;
  /** The other end writes nothing more. */
  onEnd(): void;
  /** The other end, or somebody in between, violates the protocol. */
  onBroken(): void;
}

export class CallStream {
  readonly #events: CallStreamEvents;
  /** Bytes that the other end has no room for yet. */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sentBytes = 0;
  /** What the other end has reported as read. */
  #readThereBytes = 0;
  #receivedBytes = 0;
  #readBytes = 0;
  #reportedBytes = 0;
  /** This end writes nothing more, and has said so. */
  #isEnding = false;
  #hasSaidEnd = false;
  /** The other end has said so. */
  #isEnded = false;
  #isOver = false;

  constructor(events: CallStreamEvents) {
    this.#events = events;
  }

  /** Bytes that have not been sent yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** False: nothing more should be written before `onRoom`. */
  write(bytes: Uint8Array): boolean {
    if (this.#isEnding || this.#isOver) return true;
    for (let at = 0; at < bytes.length; at += limits.frameBytes) {
      this.#waiting.push(bytes.slice(at, at + limits.frameBytes));
    }
    this.#waitingBytes += bytes.length;
    this.#flush();
    return this.#waitingBytes === 0;
  }

  /** Nothing more is written. */
  end(): void {
    this.#isEnding = true;
    this.#flush();
  }

  /** The call is over: nothing more is sent or reported. */
  close(): void {
    this.#isOver = true;
  }

  /** Bytes from `onBytes` have been read: the other end may send as many more. */
  handleRead(bytes: number): void {
    this.#readBytes += bytes;
    if (this.#readBytes - this.#reportedBytes < limits.windowBytes / 4 || this.#isOver) return;
    this.#reportedBytes = this.#readBytes;
    const frame = new Uint8Array(7);
    frame[0] = kind.read;
    const view = new DataView(frame.buffer);
    view.setUint16(1, Math.floor(this.#readBytes / 2 ** 32));
    view.setUint32(3, this.#readBytes % 2 ** 32);
    this.#events.pass(toBase64(frame));
  }

  /** A frame has arrived. */
  receive(data: string): void {
    if (this.#isOver) return;
    const frame = data.length > maxFrameChars ? undefined : fromBase64(data);
    switch (frame?.[0]) {
      case kind.bytes:
        return this.#handleBytes(frame!.subarray(1));
      case kind.read:
        return this.#handleReport(frame!);
      case kind.end:
        if (this.#isEnded) return this.#break();
        this.#isEnded = true;
        return this.#events.onEnd();
      default:
        return this.#break();
    }
  }

  #handleBytes(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    const unreadBytes = this.#receivedBytes - this.#reportedBytes;
    if (this.#isEnded || bytes.length === 0 || unreadBytes > limits.windowBytes) {
      return this.#break();
    }
    this.#events.onBytes(bytes);
  }

  #handleReport(frame: Uint8Array): void {
    if (frame.length !== 7) return this.#break();
    const view = new DataView(frame.buffer, frame.byteOffset);
    const readBytes = view.getUint16(1) * 2 ** 32 + view.getUint32(3);
    if (readBytes <= this.#readThereBytes || readBytes > this.#sentBytes) return this.#break();
    this.#readThereBytes = readBytes;
    const wasWaiting = this.#waitingBytes > 0;
    this.#flush();
    if (wasWaiting && this.#waitingBytes === 0) this.#events.onRoom();
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#isOver) return;
      if (this.#sentBytes - this.#readThereBytes + next.length > limits.windowBytes) return;
      this.#waiting.shift();
      this.#waitingBytes -= next.length;
      this.#sentBytes += next.length;
      this.#events.pass(toBase64(joinedBytes([Uint8Array.of(kind.bytes), next])));
    }
    if (!this.#isEnding || this.#hasSaidEnd || this.#isOver) return;
    this.#hasSaidEnd = true;
    this.#events.pass(toBase64(Uint8Array.of(kind.end)));
  }

  #break(): void {
    this.#isOver = true;
    this.#events.onBroken();
  }
}

/** Of a frame in base64. */
const maxFrameChars = Math.ceil((limits.frameBytes + 1) / 3) * 4;
