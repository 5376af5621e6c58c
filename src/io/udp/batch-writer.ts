// Sends many datagrams of a UDP socket per call (sendmmsg), to many peers, from existing memory:
// nothing is copied or allocated for a datagram. One entry may stand for several datagrams of one
// size (UDP_SEGMENT, by a control message), and consists of the parts that were added. 64-bit Linux
// only, as in batch-reader.ts.

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

/** The kernel's limits for one entry that it splits, as in transfer/send-queue.ts. */
const maxRunDatagrams = 64;
const maxRunBytes = 65_487;

export class BatchWriter {
  readonly #libc: Libc;
  /** Whether the kernel splits entries (UDP_SEGMENT). */
  readonly #maySplit: boolean;
  readonly #messages = new Uint32Array(limits.batchDatagrams * messageHalves);
  readonly #vectors = new Uint32Array(limits.batchDatagrams * vectorHalves);
  readonly #controls = new Uint32Array(limits.batchDatagrams * controlHalves);
  /** For sending the parts of one entry again. */
  readonly #one = new Uint32Array(messageHalves);
  /** What the kernel is to read must stay alive. */
  readonly #destinations: Destination[] = [];
  /** Entries, and the parts that they consist of. */
  #count = 0;
  #parts = 0;
  /** Of the last entry; 0 bytes a datagram: nothing can be added to it. */
  readonly #run = { datagramBytes: 0, datagrams: 0, bytes: 0 };

  constructor(calls: Libc, maySplit: boolean) {
    this.#libc = calls;
    this.#maySplit = maySplit;
    for (let i = 0; i < limits.batchDatagrams; i++) {
      const message = i * messageHalves;
      setPointer(this.#messages, message + at.control, ptr(this.#controls, i * controlHalves * 4));
      const control = i * controlHalves;
      this.#controls[control] = controlLength;
      this.#controls[control + 2] = option.udpSegment.level;
      this.#controls[control + 3] = option.udpSegment.name;
    }
  }

  get isEmpty(): boolean {
    return this.#parts === 0;
  }

  get isFull(): boolean {
    return this.#parts === limits.batchDatagrams;
  }

  /**
   * Adds `length` bytes, which must not change before `flush`, as datagrams of `segmentBytes`.
   * False if there is no room. `pointer`: of the bytes.
   */
  add(pointer: number, length: number, segmentBytes: number, to: Destination): boolean {
    if (this.isFull) return false;
    const part = this.#parts++;
    const vector = part * vectorHalves;
    setPointer(this.#vectors, vector, pointer);
    this.#vectors[vector + 2] = length;
    const last = this.#count - 1;
    if (last >= 0 && this.#destinations[last] === to && this.#extend(length, segmentBytes)) {
      const message = last * messageHalves;
      this.#messages[message + at.vectorCount]!++;
      this.#messages[message + at.controlLength] = controlSpace;
      this.#controls[last * controlHalves + 4] = this.#run.datagramBytes;
    } else this.#begin(part, length, segmentBytes, to);
    if (length % segmentBytes !== 0) this.#run.datagramBytes = 0;
    return true;
  }

  /**
   * Whether the last entry can take these as well: datagrams of one size, one after another, cost
   * the kernel little more than a single one.
   */
  #extend(length: number, segmentBytes: number): boolean {
    const run = this.#run;
    const datagrams = run.datagrams + Math.ceil(length / segmentBytes);
    const bytes = run.bytes + length;
    const isSame = Math.min(length, segmentBytes) === run.datagramBytes;
    if (!isSame || datagrams > maxRunDatagrams || bytes > maxRunBytes) return false;
    run.datagrams = datagrams;
    run.bytes = bytes;
    return true;
  }

  #begin(part: number, length: number, segmentBytes: number, to: Destination): void {
    const i = this.#count++;
    const message = i * messageHalves;
    const messages = this.#messages;
    setPointer(messages, message + at.name, to.pointer);
    messages[message + at.nameLength] = to.length;
    setPointer(messages, message + at.vector, ptr(this.#vectors, part * vectorHalves * 4));
    messages[message + at.vectorCount] = 1;
    const isSplit = length > segmentBytes;
    messages[message + at.controlLength] = isSplit ? controlSpace : 0;
    if (isSplit) this.#controls[i * controlHalves + 4] = segmentBytes;
    this.#destinations[i] = to;
    const run = this.#run;
    run.datagramBytes = this.#maySplit ? Math.min(length, segmentBytes) : 0;
    run.datagrams = Math.ceil(length / segmentBytes);
    run.bytes = length;
  }

  /** Sends what was added; what the kernel does not take is lost. */
  flush(fd: number): void {
    let sent = 0;
    while (sent < this.#count) {
      const from = ptr(this.#messages, sent * messageHalves * 4);
      const got = this.#libc.sendmmsg(fd, from, this.#count - sent, dontWait);
      // An error concerns the first of them (too large for its path, a refusal, a full buffer).
      if (got <= 0) this.#sendParts(fd, sent);
      sent += Math.max(1, got);
    }
    this.#count = 0;
    this.#parts = 0;
    this.#run.datagramBytes = 0;
  }

  /**
   * Sends the parts of an entry one by one: some network devices can't be given what the kernel
   * splits, and a refusal of something earlier must not cost all of them.
   */
  #sendParts(fd: number, i: number): void {
    const message = i * messageHalves;
    const parts = this.#messages[message + at.vectorCount]!;
    if (parts < 2) return;
    const vectors =
      this.#messages[message + at.vector]! + this.#messages[message + at.vector + 1]! * half;
    const first = (vectors - ptr(this.#vectors)) / (vectorHalves * 4);
    const datagramBytes = this.#controls[i * controlHalves + 4]!;
    const one = this.#one;
    one.set(this.#messages.subarray(message, message + messageHalves));
    one[at.vectorCount] = 1;
    for (let part = first; part < first + parts; part++) {
      setPointer(one, at.vector, ptr(this.#vectors, part * vectorHalves * 4));
      const isSplit = this.#vectors[part * vectorHalves + 2]! > datagramBytes;
      one[at.controlLength] = isSplit ? controlSpace : 0;
      if (this.#libc.sendmmsg(fd, ptr(one), 1, dontWait) <= 0) return;
    }
  }
}

function setPointer(into: Uint32Array, i: number, pointer: number): void {
  into[i] = pointer % half;
  into[i + 1] = Math.floor(pointer / half);
}
