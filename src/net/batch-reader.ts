// Reads what waits in a UDP socket many datagrams a call (recvmmsg), into memory that is used again and again. Bun's own reader
// makes an array and an address for each, and takes eight a call: at 80 000 datagrams a second that is half of a processor.
// Linux on 64 bits, where the layout below holds; elsewhere there is no batch reader, and Bun's does it alone.

import { ptr } from "bun:ffi";
import { endianness } from "node:os";
import { udp as limits } from "../limits.ts";
import { type Libc, libc } from "./libc.ts";

/** sizeof struct mmsghdr and struct iovec, and the places of their fields, in words of 8 bytes (recvmmsg(2), recvmsg(2)). */
const messageWords = 8;
const messageVector = 2;
const messageVectorCount = 3;
const messageLength = 7;
const vectorWords = 2;
const dontWait = 0x40;

/** The bytes are only valid during the call. */
export type Visit = (bytes: Uint8Array, length: number) => void;

/** Where the kernel puts what it hands over: a slot for each datagram, and the structures that point there. */
class Slots {
  readonly bytes: readonly Uint8Array[];
  readonly messages: BigUint64Array;
  readonly lengths: Uint32Array;
  // only the kernel looks at them, but they must stay
  readonly #vectors: BigUint64Array;

  constructor(count: number) {
    this.bytes = Array.from({ length: count }, () => new Uint8Array(limits.maxBatchBytes));
    this.#vectors = new BigUint64Array(count * vectorWords);
    this.messages = new BigUint64Array(count * messageWords);
    this.lengths = new Uint32Array(this.messages.buffer);
    this.bytes.forEach((slot, i) => {
      this.#vectors.set([BigInt(ptr(slot)), BigInt(slot.length)], i * vectorWords);
      const at = i * messageWords;
      this.messages[at + messageVector] = BigInt(ptr(this.#vectors, i * vectorWords * 8));
      this.messages[at + messageVectorCount] = 1n;
    });
  }

  lengthOf(i: number): number {
    return this.lengths[(i * messageWords + messageLength) * 2] ?? 0;
  }
}

export class BatchReader {
  readonly #libc: Libc;
  readonly #fd: number;
  /** Made when first needed: it is 4 MiB, and most paths are slow. */
  #slots: Slots | undefined;

  private constructor(calls: Libc, fd: number) {
    this.#libc = calls;
    this.#fd = fd;
  }

  /** Undefined where it can't be had. */
  static open(fd: number): BatchReader | undefined {
    const is64 = process.arch === "x64" || process.arch === "arm64";
    const calls = is64 && endianness() === "LE" && fd >= 0 ? libc() : null;
    return calls === null ? undefined : new BatchReader(calls, fd);
  }

  /** Hands on what waits in the socket, up to a batch; returns how many datagrams (merged ones count once). Never blocks. */
  read(visit: Visit): number {
    const count = limits.batchDatagrams;
    const slots = (this.#slots ??= new Slots(count));
    // An error (there is nothing, or an ICMP answer) is no datagram; the next call reads on.
    const got = this.#libc.recvmmsg(this.#fd, ptr(slots.messages), count, dontWait, null);
    for (let i = 0; i < got; i++) visit(slots.bytes[i]!, slots.lengthOf(i));
    return Math.max(0, got);
  }
}
