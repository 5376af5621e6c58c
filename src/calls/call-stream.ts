// A stream of bytes in both directions between the two ends of a relayed call (docs/dialects.md,
// "cpp"): in order, and never more than the other end has room for. Frames take it through the
// server; once there is a direct path, datagrams take most of it, and what one of them loses
// follows in a frame. An end keeps what the other has not read: if a connection to the server is
// lost, and the frames on their way with it, what is missing is sent again when the call goes on.
// Sealing is not its business: TLS runs inside. Pure.

import { fromBase64, toBase64 } from "../bytes.ts";
import { calls as limits } from "../limits.ts";
import { readU48, writeU48 } from "../transfer/big-endian.ts";

/** The kind of a frame or datagram: its first byte. Numbers after it have 6 bytes. */
const kind = {
  /** Where the bytes begin, and the bytes. */
  bytes: 0,
  /** How many bytes this end has read so far: as many more may be sent. */
  read: 1,
  /** How many bytes there are in all. */
  end: 2,
  /** Answers a datagram: how many bytes have arrived without a gap, and where its bytes begin. */
  arrived: 3,
  /** After a cut: how many bytes have arrived without a gap, and how many this end has read. */
  again: 4,
} as const;

const numberBytes = 6;
const headBytes = 1 + numberBytes;

export interface CallStreamEvents {
  /** Sends a frame, in base64. */
  pass(frame: string): void;
  /** Sends a datagram on the direct path. */
  passDatagram(bytes: Uint8Array): void;
  /** Report with `handleRead` what has been read. */
  onBytes(bytes: Uint8Array): void;
  /** Everything written so far is on its way. */
  onRoom(): void;
  /** The other end writes nothing more. */
  onEnd(): void;
  /** After a cut: the other end is back, and what it lacks is on its way. */
  onBack(): void;
  /** The other end, or a man in the middle, violates the protocol. */
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
  /** Pieces sent since then, by position and in order; they are sent again as they are. */
  readonly #kept = new Map<number, Uint8Array>();
  /** Frames may have been lost: none are sent until the other end has said what it has. */
  #isCut = false;
  #hasPath = false;
  /** When the unanswered datagrams were sent, by where they begin; the oldest first. */
  readonly #unanswered = new Map<number, number>();
  /** Smoothed; undefined: none was measured. */
  #rttMs: number | undefined;
  #arrivedBytes = 0;
  /** Pieces that arrived after a gap, by position. */
  readonly #early = new Map<number, Uint8Array>();
  #readBytes = 0;
  #reportedBytes = 0;
  /** This end writes nothing more, and has said so. */
  #isEnding = false;
  #hasSaidEnd = false;
  /** How many bytes the other end has written in all; undefined: it is still writing. */
  #wholeBytes: number | undefined;
  #isOver = false;

  constructor(events: CallStreamEvents) {
    this.#events = events;
  }

  /** Bytes that have not been sent yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** When `handleTimeout` is due. */
  get nextTimeoutMs(): number | undefined {
    const [oldestMs] = this.#unanswered.values();
    return oldestMs === undefined ? undefined : oldestMs + this.#patienceMs;
  }

  /** The other end writes nothing more, and everything has arrived. */
  get hasEnded(): boolean {
    return this.#wholeBytes === this.#arrivedBytes;
  }

  /** False: nothing more should be written before `onRoom`. */
  write(bytes: Uint8Array, nowMs: number): boolean {
    if (this.#isEnding || this.#isOver) return true;
    for (let at = 0; at < bytes.length; at += limits.frameBytes) {
      this.#waiting.push(bytes.slice(at, at + limits.frameBytes));
    }
    this.#waitingBytes += bytes.length;
    this.#flush(nowMs);
    return this.#waitingBytes === 0;
  }

  /** Nothing more is written. */
  end(nowMs: number): void {
    this.#isEnding = true;
    this.#flush(nowMs);
  }

  /** The call is over: nothing more is sent or reported. */
  close(): void {
    this.#isOver = true;
    this.#unanswered.clear();
    this.#kept.clear();
  }

  /** A connection to the server was lost, and with it possibly frames in both directions. */
  handleCut(): void {
    this.#isCut = true;
  }

  /** Frames pass again, none of them from before. */
  handleAgain(): void {
    if (this.#isOver) return;
    this.#isCut = true;
    this.#reportedBytes = this.#readBytes;
    const numbers = [this.#arrivedBytes, this.#readBytes];
    this.#events.pass(toBase64(message(kind.again, numbers)));
  }

  /** Whether there is a direct path from now on. */
  setPath(hasPath: boolean): void {
    this.#hasPath = hasPath;
    this.#rttMs = undefined;
    if (!hasPath) this.#resend(Number.POSITIVE_INFINITY);
  }

  /** Sends again, in frames, whatever was not acknowledged in time. */
  handleTimeout(nowMs: number): void {
    this.#resend(nowMs - this.#patienceMs);
  }

  /** Bytes from `onBytes` have been read: the other end may send as many more. */
  handleRead(bytes: number): void {
    this.#readBytes += bytes;
    this.#report();
  }

  /** Not during a cut: nothing would repeat it, and the other end could wait for it for ever. */
  #report(): void {
    const unreported = this.#readBytes - this.#reportedBytes;
    if (unreported < limits.windowBytes / 4 || this.#isCut || this.#isOver) return;
    this.#reportedBytes = this.#readBytes;
    this.#pass(message(kind.read, [this.#readBytes]));
  }

  /** A frame has arrived. */
  receive(data: string, nowMs: number): void {
    if (this.#isOver) return;
    const frame = data.length > maxFrameChars ? undefined : fromBase64(data);
    if (frame === undefined || frame.length < headBytes) return this.#break();
    const number = readU48(frame, 1);
    if (this.#isCut !== (frame[0] === kind.again)) return this.#break();
    switch (frame[0]) {
      case kind.again:
        if (frame.length !== headBytes + numberBytes) return this.#break();
        return this.#handleOther(number, readU48(frame, headBytes), nowMs);
      case kind.bytes:
        return this.#handleBytes(number, frame.subarray(headBytes));
      case kind.read:
        return this.#handleReport(number, nowMs);
      case kind.end:
        // Said again after a cut.
        if (number === this.#wholeBytes) return;
        if (this.#wholeBytes !== undefined || number < this.#arrivedBytes) return this.#break();
        this.#wholeBytes = number;
        return this.#checkEnd();
      default:
        return this.#break();
    }
  }

  /** A datagram from the other end has arrived, possibly again or late. */
  receiveDatagram(datagram: Uint8Array, nowMs: number): void {
    if (this.#isOver || datagram.length < headBytes) return;
    const number = readU48(datagram, 1);
    if (datagram[0] === kind.bytes) {
      this.#handleBytes(number, datagram.slice(headBytes));
      if (this.#isOver) return;
      this.#events.passDatagram(message(kind.arrived, [this.#arrivedBytes, number]));
    } else if (datagram[0] === kind.arrived && datagram.length === headBytes + numberBytes) {
      this.#handleArrived(number, readU48(datagram, headBytes), nowMs);
    }
  }

  get #patienceMs(): number {
    const threeMs = 3 * (this.#rttMs ?? limits.maxPatienceMs);
    return Math.min(Math.max(threeMs, limits.minPatienceMs), limits.maxPatienceMs);
  }

  #handleBytes(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    const isOver = end > this.#reportedBytes + limits.windowBytes;
    if (bytes.length === 0 || isOver || end > (this.#wholeBytes ?? end)) return this.#break();
    // A datagram and the frame that repeats it may both arrive.
    if (end <= this.#arrivedBytes || this.#early.has(at)) return;
    if (at < this.#arrivedBytes || this.#early.size >= limits.maxEarly) return this.#break();
    this.#early.set(at, bytes);
    for (;;) {
      const next = this.#early.get(this.#arrivedBytes);
      if (next === undefined) break;
      this.#early.delete(this.#arrivedBytes);
      this.#arrivedBytes += next.length;
      this.#events.onBytes(next);
    }
    this.#checkEnd();
  }

  #checkEnd(): void {
    if (this.hasEnded) this.#events.onEnd();
  }

  #handleReport(readBytes: number, nowMs: number): void {
    if (readBytes <= this.#readThereBytes || readBytes > this.#sentBytes) return this.#break();
    this.#handleReadThere(readBytes, nowMs);
  }

  #handleReadThere(readBytes: number, nowMs: number): void {
    this.#readThereBytes = readBytes;
    for (const [at, bytes] of this.#kept) {
      if (at + bytes.length > readBytes) break;
      this.#kept.delete(at);
    }
    const wasWaiting = this.#waitingBytes > 0;
    this.#flush(nowMs);
    if (wasWaiting && this.#waitingBytes === 0) this.#events.onRoom();
  }

  /** The other end has told what it has: what it lacks follows. */
  #handleOther(arrivedBytes: number, readBytes: number, nowMs: number): void {
    const isPossible =
      readBytes >= this.#readThereBytes &&
      readBytes <= arrivedBytes &&
      arrivedBytes <= this.#sentBytes;
    if (!isPossible) return this.#break();
    this.#isCut = false;
    this.#unanswered.clear();
    for (const [at, bytes] of this.#kept) {
      if (at >= arrivedBytes) this.#pass(message(kind.bytes, [at], bytes));
    }
    if (this.#hasSaidEnd) this.#pass(message(kind.end, [this.#sentBytes]));
    this.#report();
    this.#events.onBack();
    this.#handleReadThere(readBytes, nowMs);
  }

  #handleArrived(allBytes: number, at: number, nowMs: number): void {
    const sentMs = this.#unanswered.get(at);
    if (sentMs !== undefined) {
      const rttMs = nowMs - sentMs;
      this.#rttMs = this.#rttMs === undefined ? rttMs : (7 * this.#rttMs + rttMs) / 8;
    }
    this.#unanswered.delete(at);
    // Pieces arrive whole.
    for (const begin of this.#unanswered.keys()) {
      if (begin < allBytes) this.#unanswered.delete(begin);
    }
  }

  #resend(sentUntilMs: number): void {
    for (const [at, sentMs] of this.#unanswered) {
      if (sentMs > sentUntilMs) return;
      this.#unanswered.delete(at);
      const bytes = this.#kept.get(at);
      if (bytes !== undefined) this.#pass(message(kind.bytes, [at], bytes));
    }
  }

  #flush(nowMs: number): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && !this.#isOver;
      next = this.#waiting[0]
    ) {
      const isDirect = this.#hasPath && this.#unanswered.size < limits.maxUnanswered;
      const bytes = isDirect ? next.subarray(0, limits.datagramBytes) : next;
      if (this.#sentBytes - this.#readThereBytes + bytes.length > limits.windowBytes) return;
      if (bytes.length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(bytes.length);
      this.#waitingBytes -= bytes.length;
      const at = this.#sentBytes;
      this.#sentBytes += bytes.length;
      this.#kept.set(at, bytes);
      if (isDirect) {
        this.#unanswered.set(at, nowMs);
        this.#events.passDatagram(message(kind.bytes, [at], bytes));
      } else this.#pass(message(kind.bytes, [at], bytes));
    }
    if (!this.#isEnding || this.#hasSaidEnd || this.#isOver) return;
    this.#hasSaidEnd = true;
    // Nobody waits for the answers any more.
    this.#resend(Number.POSITIVE_INFINITY);
    this.#pass(message(kind.end, [this.#sentBytes]));
  }

  /** While the call is cut, frames are not passed on: they are sent again once it continues. */
  #pass(frame: Uint8Array): void {
    if (!this.#isCut) this.#events.pass(toBase64(frame));
  }

  #break(): void {
    this.close();
    this.#events.onBroken();
  }
}

function message(
  what: number,
  numbers: readonly number[],
  bytes: Uint8Array = nothing,
): Uint8Array {
  const made = new Uint8Array(1 + numbers.length * numberBytes + bytes.length);
  made[0] = what;
  for (const [i, number] of numbers.entries()) writeU48(made, 1 + i * numberBytes, number);
  made.set(bytes, 1 + numbers.length * numberBytes);
  return made;
}

const nothing = new Uint8Array(0);

/** The longest frame in base64. */
const maxFrameChars = Math.ceil((limits.frameBytes + headBytes) / 3) * 4;
