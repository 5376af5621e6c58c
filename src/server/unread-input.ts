// The input of a connection that waits for its turn (reading-turns.ts): what has been read from the
// socket and, before it, the lines of a piece that were left when the last turn was over.

import { reading as limits } from "../limits.ts";

export class UnreadInput {
  /** Never empty; undefined, as most of the time, if nothing waits. */
  #reads: Uint8Array[] | undefined;
  #rest: Uint8Array | undefined;

  get isEmpty(): boolean {
    return this.#reads === undefined && this.#rest === undefined;
  }

  get restBytes(): number {
    return this.#rest?.length ?? 0;
  }

  add(read: Uint8Array): void {
    (this.#reads ??= []).push(read);
  }

  /** Copies what was added last: the caller may reuse its buffer. */
  keep(): void {
    const reads = this.#reads;
    if (reads !== undefined) reads.push(new Uint8Array(reads.pop()!));
  }

  /** Copies the lines that were left: the caller may reuse the buffer. */
  putBack(rest: Uint8Array): void {
    this.#rest = new Uint8Array(rest);
  }

  takeRest(): Uint8Array | undefined {
    const rest = this.#rest;
    this.#rest = undefined;
    return rest;
  }

  /** The next read, or a piece of it if it `mayBeCut`. */
  takePiece(mayBeCut: boolean): Uint8Array | undefined {
    const reads = this.#reads;
    const first = reads?.[0];
    if (reads === undefined || first === undefined) return undefined;
    const isCut = mayBeCut && first.length > limits.pieceBytes;
    if (isCut) reads[0] = first.subarray(limits.pieceBytes);
    else reads.shift();
    if (reads.length === 0) this.#reads = undefined;
    return isCut ? first.subarray(0, limits.pieceBytes) : first;
  }

  clear(): void {
    this.#reads = undefined;
    this.#rest = undefined;
  }
}
