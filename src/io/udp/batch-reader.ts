// Reads many datagrams of a UDP socket per call (recvmmsg) into reused memory. Bun's own reader
// allocates an array and an address for each datagram: at 80 000 datagrams a second it does nothing
// else and does not return to the event loop until there is a pause. Therefore the socket can be
// taken away from it for a while. The kernel timestamps each arrival, so that a descheduled process
// does not attribute its own delay to the path; a socket with many peers need not know. 64-bit
// Linux only, as the struct layouts below require.

import { ptr } from "bun:ffi";
import { endianness } from "node:os";
import { udp as limits } from "../../limits.ts";
import { type Libc, libc } from "./libc.ts";
import { socketAddressBytes } from "./socket-address.ts";
import { option, setOption } from "./socket-options.ts";

/**
 * sizeof struct mmsghdr and struct iovec, and the offsets of their fields, in words of 8 bytes
 * (recvmmsg(2), recvmsg(2)).
 */
const messageWords = 8;
const messageName = 0;
const messageNameLength = 1;
const messageVector = 2;
const messageVectorCount = 3;
const messageControl = 4;
const messageControlLength = 5;
const messageLength = 7;
const vectorWords = 2;
const dontWait = 0x40;
const internet = 2;
const datagramNonBlocking = 2 | 0x800;
const closeOnExec = 0x80000;
/**
 * The first control message, a struct timespec (cmsg(3), socket(7): SO_TIMESTAMPNS); others are
 * truncated.
 */
const controlWords = 4;
const controlLevel = 2;
const controlType = 3;
const controlSeconds = 4;
const controlNanoseconds = 6;
const clockRealtime = 0;

/**
 * The bytes are only valid during the call. `agoUs`: how long ago they arrived; 0 if unknown.
 * `index`: for `nameAt` and `pointerAt`.
 */
export type Visit = (bytes: Uint8Array, length: number, agoUs: number, index: number) => void;

/** Where the kernel stores datagrams: one slot each, and the structures that point to the slots. */
class Slots {
  readonly bytes: readonly Uint8Array[];
  readonly pointers: readonly number[];
  /** Where each came from: a struct sockaddr. */
  readonly names: readonly Uint8Array[];
  readonly messages: BigUint64Array;
  /** The same memory as 32-bit words, to avoid bigints. */
  readonly #halves: Uint32Array;
  readonly #controls: Uint32Array;
  readonly #control: BigUint64Array;
  // Only read by the kernel, but must stay reachable for the garbage collector.
  readonly #vectors: BigUint64Array;
  /** 0: no times. */
  readonly #controlBytes: number;

  constructor(count: number, isTimed: boolean) {
    this.#controlBytes = isTimed ? controlWords * 8 : 0;
    // In one buffer, of which only the pages that are used take memory and time.
    const bytes = new ArrayBuffer(count * limits.maxBatchBytes);
    this.bytes = Array.from(
      { length: count },
      (_, i) => new Uint8Array(bytes, i * limits.maxBatchBytes, limits.maxBatchBytes),
    );
    this.pointers = this.bytes.map((slot) => ptr(slot));
    // In one buffer: a small array of its own moves when a view of it is made.
    const names = new ArrayBuffer(count * socketAddressBytes);
    this.names = Array.from(
      { length: count },
      (_, i) => new Uint8Array(names, i * socketAddressBytes, socketAddressBytes),
    );
    this.#vectors = new BigUint64Array(count * vectorWords);
    this.messages = new BigUint64Array(count * messageWords);
    this.#halves = new Uint32Array(this.messages.buffer);
    this.#control = new BigUint64Array(count * controlWords);
    this.#controls = new Uint32Array(this.#control.buffer);
    this.bytes.forEach((slot, i) => {
      this.#vectors.set([BigInt(this.pointers[i]!), BigInt(slot.length)], i * vectorWords);
      const at = i * messageWords;
      this.messages[at + messageName] = BigInt(ptr(this.names[i]!));
      this.messages[at + messageVector] = BigInt(ptr(this.#vectors, i * vectorWords * 8));
      this.messages[at + messageVectorCount] = 1n;
      this.messages[at + messageControl] = BigInt(ptr(this.#control, i * controlWords * 8));
    });
    this.clear(count);
  }

  /** Resets the fields of the first `count` slots that the kernel has overwritten. */
  clear(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#halves[(i * messageWords + messageNameLength) * 2] = socketAddressBytes;
      this.#halves[(i * messageWords + messageControlLength) * 2] = this.#controlBytes;
      this.#controls[i * controlWords * 2 + controlLevel] = 0;
    }
  }

  lengthOf(i: number): number {
    return this.#halves[(i * messageWords + messageLength) * 2] ?? 0;
  }

  /** How long before this time the datagram arrived, in µs; 0 if unknown. */
  agoUs(i: number, seconds: number, nanoseconds: number): number {
    const at = i * controlWords * 2;
    const controls = this.#controls;
    if (controls[at + controlLevel] !== option.timestampNs.level) return 0;
    if (controls[at + controlType] !== option.timestampNs.name) return 0;
    const us =
      (seconds - (controls[at + controlSeconds] ?? 0)) * 1e6 +
      (nanoseconds - (controls[at + controlNanoseconds] ?? 0)) / 1e3;
    return us > 0 && us < limits.maxLateUs ? us : 0;
  }
}

export class BatchReader {
  readonly #libc: Libc;
  /** Bun's file descriptor for the socket; refers to an idle socket while the real one is taken. */
  readonly #fd: number;
  readonly #isTimed: boolean;
  #taken: number | undefined;
  /** Created on first use: most paths are slow. */
  #slots: Slots | undefined;
  /** A struct timespec: seconds and nanoseconds, of 8 bytes each. */
  readonly #time = new Uint32Array(4);

  private constructor(calls: Libc, fd: number, isTimed: boolean) {
    this.#libc = calls;
    this.#fd = fd;
    this.#isTimed = isTimed;
  }

  /**
   * Undefined if the platform does not support it. `isTimed`: `read` tells when each datagram
   * arrived.
   */
  static open(fd: number, isTimed: boolean): BatchReader | undefined {
    const is64 = process.arch === "x64" || process.arch === "arm64";
    const calls = is64 && endianness() === "LE" && fd >= 0 ? libc() : null;
    if (calls === null) return undefined;
    if (isTimed) setOption(fd, option.timestampNs, 1);
    return new BatchReader(calls, fd, isTimed);
  }

  get isTaken(): boolean {
    return this.#taken !== undefined;
  }

  /**
   * Puts an idle socket in place of this descriptor: Bun then finds nothing to read, and only
   * `read` and `send` use the real socket. Does nothing if there are no descriptors left.
   */
  take(): void {
    if (this.#taken !== undefined) return;
    const calls = this.#libc;
    const idle = calls.socket(internet, datagramNonBlocking | closeOnExec, 0);
    const own = calls.socket(internet, datagramNonBlocking | closeOnExec, 0);
    const canSwap = idle >= 0 && own >= 0 && calls.dup3(this.#fd, own, closeOnExec) >= 0;
    if (canSwap && calls.dup3(idle, this.#fd, closeOnExec) >= 0) this.#taken = own;
    else if (own >= 0) calls.close(own);
    if (idle >= 0) calls.close(idle);
  }

  /**
   * Returns the socket to Bun. Must be called before Bun closes it, because its event loop polls
   * the real one.
   */
  giveBack(): void {
    if (this.#taken === undefined) return;
    this.#libc.dup3(this.#taken, this.#fd, closeOnExec);
    this.#libc.close(this.#taken);
    this.#taken = undefined;
  }

  /**
   * Where the datagram that is being visited came from: a struct sockaddr, valid during the call.
   */
  nameAt(index: number): Uint8Array {
    return this.#slots!.names[index]!;
  }

  /** Of its bytes, valid as long as they are. */
  pointerAt(index: number): number {
    return this.#slots!.pointers[index]!;
  }

  /** Sends a datagram on a taken, connected socket; what the kernel does not accept is lost. */
  send(bytes: Uint8Array): void {
    if (this.#taken !== undefined) {
      this.#libc.send(this.#taken, ptr(bytes), BigInt(bytes.length), dontWait);
    }
  }

  /**
   * Reads up to a batch, or `most`; returns the number of datagrams (merged ones count once). Never
   * blocks.
   */
  read(visit: Visit, most: number): number {
    const count = Math.min(most, limits.batchDatagrams);
    const slots = (this.#slots ??= new Slots(limits.batchDatagrams, this.#isTimed));
    // Errors are ignored (nothing to read, or an ICMP error); the next call continues.
    const got = this.#libc.recvmmsg(
      this.#taken ?? this.#fd,
      ptr(slots.messages),
      count,
      dontWait,
      null,
    );
    if (got <= 0) return 0;
    const time = this.#time;
    if (this.#isTimed) this.#libc.clock_gettime(clockRealtime, ptr(time));
    for (let i = 0; i < got; i++) {
      visit(slots.bytes[i]!, slots.lengthOf(i), slots.agoUs(i, time[0]!, time[2]!), i);
    }
    slots.clear(got);
    return got;
  }
}
