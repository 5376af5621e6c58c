// What a session has still to send. Blocks are shared between all sessions that lag behind the same turn, so a block that a
// hundred slow readers wait for exists once. Knows no dialect; bytes are opaque except for line ends when it gives up.

import type { Link } from "../link.ts";

/** Small blocks that wait are joined up to this size, so that draining takes few writes. */
const joinBytes = 64 * 1024;

/** Bytes that may wait for several sessions at once. They must not change any more. */
export class Block {
  /** Outboxes in which it waits. */
  holders = 0;

  constructor(readonly bytes: Uint8Array) {}
}

/** What waits in all outboxes together: the bytes of each block once. */
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
  /** Bytes of the first block that have left already. */
  #sent = 0;
  #head = 0;
  /** Bytes that wait here, the system's own buffers not counted. */
  lagBytes = 0;
  /** Bytes that the link has taken of what had to wait; while this stays the same, the other side reads nothing. */
  takenBytes = 0;

  constructor(link: Link, backlog: Backlog) {
    this.#link = link;
    this.#backlog = backlog;
  }

  /** True while something waits; the link then calls `drained` when it can take more. */
  get blocked(): boolean {
    return this.#blocks !== undefined;
  }

  /** Sends now what fits and keeps the rest. The bytes must not change any more; `shared` is the block of them, if others get it. */
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

  /** Goes on after the link could take no more. */
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

  /** Forgets all that waits, but for the rest of a line that has partly left, and ends with `last`. */
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

  /** Forgets all that waits. */
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
    // What has been joined is not needed apart any more.
    for (let i = this.#head; i < end; i++) this.#leave(blocks, i);
    blocks[end - 1] = this.#backlog.hold(new Block(joined));
    this.#head = end - 1;
    this.#sent = 0;
    return joined;
  }

  #advance(blocks: Block[]): void {
    this.#leave(blocks, this.#head++);
    this.#sent = 0;
    if (this.#head === blocks.length) {
      this.#blocks = undefined;
      this.#head = 0;
    } else if (this.#head > 1024) {
      blocks.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #leave(blocks: Block[], at: number): void {
    this.#backlog.release(blocks[at]!);
    blocks[at] = gone;
  }
}

/** In the place of a block that has left. */
const gone = new Block(new Uint8Array(0));
