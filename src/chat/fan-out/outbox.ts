// Output that a session's link has not accepted yet. Blocks are shared: what a hundred slow readers
// wait for exists once. Knows no dialect; looks at bytes only to find a line ending when giving up.

import type { Link } from "../link.ts";

/** Small waiting blocks are joined up to this size, to save writes. */
const joinBytes = 64 * 1024;

/** Immutable bytes that several sessions may be waiting for. */
export class Block {
  /** Number of outboxes that hold it. */
  holders = 0;

  constructor(readonly bytes: Uint8Array) {}
}

/** Total backlog of all outboxes, counting each block once. */
export class Backlog {
  bytes = 0;

  hold(block: Block): Block {
    if (block.holders++ === 0) this.bytes += block.bytes.length;
    return block;
  }

  release(block: Block): void {
    if (--block.holders === 0) this.bytes -= block.bytes.length;
  }
}

export class Outbox {
  #link: Link;
  readonly #backlog: Backlog;
  #blocks: Block[] | undefined;
  /** Bytes of the first block that have been sent. */
  #sent = 0;
  #head = 0;
  /** Bytes waiting here, not counting the kernel's buffers. */
  lagBytes = 0;
  /** Waiting bytes accepted by the link so far; if this does not grow, the peer is not reading. */
  takenBytes = 0;

  constructor(link: Link, backlog: Backlog) {
    this.#link = link;
    this.#backlog = backlog;
  }

  /** True while output is waiting; the link calls `drained` when it accepts more. */
  get blocked(): boolean {
    return this.#blocks !== undefined;
  }

  /**
   * Sends what fits and keeps the rest. `bytes` must not change afterwards; `shared` is their block
   * if other sessions receive it too.
   */
  send(bytes: Uint8Array, shared?: Block): void {
    if (bytes.length === 0) return;
    if (this.#blocks !== undefined) {
      this.#blocks.push(this.#backlog.hold(shared ?? new Block(bytes)));
      this.lagBytes += bytes.length;
      return;
    }
    const written = this.#link.write(bytes);
    if (written >= bytes.length) return;
    this.#blocks = [this.#backlog.hold(shared ?? new Block(bytes))];
    this.#head = 0;
    this.#sent = Math.max(0, written);
    this.lagBytes = bytes.length - this.#sent;
  }

  /** Continues after the link has drained. */
  drained(): void {
    while (this.#blocks !== undefined) {
      const block = this.#nextBlock(this.#blocks);
      const written = Math.max(0, this.#link.write(block));
      this.lagBytes -= written;
      this.takenBytes += written;
      if (written < block.length) {
        this.#sent += written;
        return;
      }
      this.#advance(this.#blocks);
    }
  }

  /** Discards the backlog, except the rest of a partly sent line, and appends `last`. */
  abandon(last: Uint8Array): void {
    const blocks = this.#blocks;
    if (blocks === undefined) {
      this.send(last);
      return;
    }
    const rest = blocks[this.#head]!.bytes.subarray(this.#sent);
    const lineEnd = rest.indexOf(0x0a);
    const kept = this.#sent === 0 ? new Uint8Array(0) : rest.slice(0, lineEnd + 1);
    this.#releaseAll();
    this.#blocks = [this.#backlog.hold(new Block(Buffer.concat([kept, last])))];
    this.#head = 0;
    this.#sent = 0;
    this.lagBytes = kept.length + last.length;
  }

  /** Discards the backlog. */
  clear(): void {
    this.#releaseAll();
    this.#blocks = undefined;
    this.lagBytes = 0;
  }

  #releaseAll(): void {
    for (const block of this.#blocks ?? []) if (block !== gone) this.#backlog.release(block);
  }

  #nextBlock(blocks: Block[]): Uint8Array {
    const first = blocks[this.#head]!.bytes;
    if (first.length - this.#sent >= joinBytes || this.#head + 1 >= blocks.length) {
      return first.subarray(this.#sent);
    }
    let end = this.#head + 1;
    let bytes = first.length - this.#sent;
    while (end < blocks.length && bytes + blocks[end]!.bytes.length <= joinBytes) {
      bytes += blocks[end++]!.bytes.length;
    }
    const joined = Buffer.concat([
      first.subarray(this.#sent),
      ...blocks.slice(this.#head + 1, end).map((block) => block.bytes),
    ]);
    // The joined block replaces its parts.
    for (let i = this.#head; i < end; i++) this.#release(blocks, i);
    blocks[end - 1] = this.#backlog.hold(new Block(joined));
    this.#head = end - 1;
    this.#sent = 0;
    return joined;
  }

  #advance(blocks: Block[]): void {
    this.#release(blocks, this.#head++);
    this.#sent = 0;
    if (this.#head === blocks.length) {
      this.#blocks = undefined;
      this.#head = 0;
    } else if (this.#head > 1024) {
      blocks.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #release(blocks: Block[], at: number): void {
    this.#backlog.release(blocks[at]!);
    blocks[at] = gone;
  }
}

/** Placeholder for a block that has been sent. */
const gone = new Block(new Uint8Array(0));
