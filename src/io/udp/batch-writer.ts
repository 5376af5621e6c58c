// Sends many datagrams of a UDP socket per call (sendmmsg), to many peers, from memory that is
// already there: nothing is copied or made for a datagram. One entry may stand for several
// datagrams of one size (UDP_SEGMENT, by a control message). 64-bit Linux only, as in
// batch-reader.ts.

import { ptr } from "bun:ffi";
import { udp as limits } from "../../limits.ts";
import type { Libc } from "./libc.ts";
import { socketAddressBytes } from "./socket-address.ts";
import { option } from "./socket-options.ts";

/** Fields of struct mmsghdr and struct iovec, in halves of words of 8 bytes (sendmmsg(2)). */
const messageHalves = 16;
const at = { name: 0, nameLength: 2, vector: 4, vectorCount: 6, control: 8, controlLength: 10 };
const vectorHalves = 4;
/** struct cmsghdr with a 16-bit number (cmsg(3)): CMSG_LEN(2) and CMSG_SPACE(2). */
const controlHalves = 6;
const controlLength = 18;
const controlSpace = 24;
const ipv4Bytes = 16;
const dontWait = 0x40;
const half = 0x1_0000_0000;

/** An address that datagrams are sent to, as the kernel wants it. */
export class Destination {
  readonly pointer: number;
  readonly length: number;
  // Must stay alive.
  readonly bytes: Uint8Array;

  /** `name`: of socket-address.ts. */
  constructor(name: Uint8Array) {
    // A small array without a buffer of its own might move.
    this.bytes = new Uint8Array(new ArrayBuffer(name.length));
    this.bytes.set(name);
    this.pointer = ptr(this.bytes);
    this.length = name[0] === 2 ? ipv4Bytes : socketAddressBytes;
  }
}

export class BatchWriter {
  readonly #libc: Libc;
  readonly #messages = new Uint32Array(limits.batchDatagrams * messageHalves);
  readonly #vectors = new Uint32Array(limits.batchDatagrams * vectorHalves);
  readonly #controls = new Uint32Array(limits.batchDatagrams * controlHalves);
  /** What the kernel is to read must stay alive. */
  readonly #destinations: Destination[] = [];
  #count = 0;

  constructor(calls: Libc) {
    this.#libc = calls;
    for (let i = 0; i < limits.batchDatagrams; i++) {
      const message = i * messageHalves;
      setPointer(this.#messages, message + at.vector, ptr(this.#vectors, i * vectorHalves * 4));
      setPointer(this.#messages, message + at.control, ptr(this.#controls, i * controlHalves * 4));
      this.#messages[message + at.vectorCount] = 1;
      const control = i * controlHalves;
      this.#controls[control] = controlLength;
      this.#controls[control + 2] = option.udpSegment.level;
      this.#controls[control + 3] = option.udpSegment.name;
    }
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count === limits.batchDatagrams;
  }

  /**
   * Adds `length` bytes, which must not change before `flush`, as datagrams of `segmentBytes`.
   * False if there is no room. `pointer`: of the bytes.
   */
  add(pointer: number, length: number, segmentBytes: number, to: Destination): boolean {
    if (this.isFull) return false;
    const i = this.#count++;
    const message = i * messageHalves;
    const messages = this.#messages;
    setPointer(messages, message + at.name, to.pointer);
    messages[message + at.nameLength] = to.length;
    const vector = i * vectorHalves;
    setPointer(this.#vectors, vector, pointer);
    this.#vectors[vector + 2] = length;
    const isSplit = length > segmentBytes;
    messages[message + at.controlLength] = isSplit ? controlSpace : 0;
    if (isSplit) this.#controls[i * controlHalves + 4] = segmentBytes;
    this.#destinations[i] = to;
    return true;
  }

  /** Sends what was added; what the kernel does not take is lost. */
  flush(fd: number): void {
    let sent = 0;
    while (sent < this.#count) {
      const from = ptr(this.#messages, sent * messageHalves * 4);
      const got = this.#libc.sendmmsg(fd, from, this.#count - sent, dontWait);
      // An error concerns the first of them (too large for its path, a refusal, a full buffer).
      sent += Math.max(1, got);
    }
    this.#count = 0;
  }
}

function setPointer(into: Uint32Array, i: number, pointer: number): void {
  into[i] = pointer % half;
  into[i + 1] = Math.floor(pointer / half);
}
