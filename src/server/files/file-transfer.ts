// One file being sent to one client: reads it chunk by chunk, releases tags only while the file is
// still the offered version, and sends what was requested over the control connection. The sender
// machine handles datagrams; transfer/sealed-chunks.ts decides how chunks are sealed.

import { files as limits, transfer as wire } from "../../limits.ts";
import { quoted } from "../../text.ts";
import type { SealCache } from "../../transfer/seal-cache.ts";
import { type SealChunk, SealedChunks } from "../../transfer/sealed-chunks.ts";
import type { ReadInto, SegmentSource } from "../../transfer/send-queue.ts";
import type { Failure } from "../../transfer/wire.ts";
import type { FileControl } from "./file-control.ts";
import type { OpenFile } from "./open-file.ts";
import type { SlotHolder } from "./transfer-slots.ts";

export interface FileTransferOptions {
  /** The transfer's number on its control connection. */
  readonly id: number;
  readonly file: OpenFile;
  readonly chunkBytes: number;
  readonly seal: SealChunk;
  readonly cache: SealCache;
  /** Memory for reading a chunk; its contents are only used synchronously. */
  readonly scratch: (bytes: number) => Uint8Array;
  readonly control: FileControl;
  /** The client has parts of the file from earlier transfers. */
  readonly isResumed: boolean;
  /**
   * The client is on another machine: tags may be lost on the way and should be sent ahead of the
   * data.
   */
  readonly leads: boolean;
  /** This many bytes of the file were sent over the control connection. */
  onSent(bytes: number): void;
  /** The file has changed or can't be read. The client has been notified. */
  onBroken(failure: Failure): void;
  /** The transfer has ended, for any reason. Called once. */
  onClose(transfer: FileTransfer): void;
}

/** Ranges that a client may have requested over the control connection at a time. */
const maxPulls = 16;

/** What `flush` has sent: everything, all that may be sent for now, or a part. */
export type Flushed = "all" | "waiting" | "more";

/** For the sealed bytes of one line: one buffer per line would create much garbage. */
const pulledBytes = Buffer.alloc(wire.pullLineBytes);

export class FileTransfer implements SlotHolder, SegmentSource {
  readonly id: number;
  readonly file: OpenFile;
  readonly #options: FileTransferOptions;
  readonly #chunks: SealedChunks;
  readonly #pulls: { offset: number; end: number }[] = [];
  #broken: Failure | undefined;
  /**
   * The times of the file can't prove that its content is unchanged: something was appended, or it
   * was changed shortly before it was opened. The last tag then waits until every chunk has been
   * sealed a second time with the same result.
   */
  #isDoubtful: boolean;
  #confirmed = 0;
  /** The end of the requested bytes, and the next chunk whose tag may be sent ahead. */
  #front = 0;
  #nextAhead: number;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #saidBusyAtMs = 0;
  /** Tags wait for more until then. */
  #gatherUntilMs: number | undefined;
  #hasSentError = false;
  #usedAtMs = performance.now();
  #hasRead = false;
  #closed = false;

  constructor(options: FileTransferOptions) {
    const { file, chunkBytes, seal, cache } = options;
    this.id = options.id;
    this.file = file;
    this.#options = options;
    this.#isDoubtful = file.isUnsettled && !options.isResumed;
    const readText = (offset: number, length: number) => this.#readText(offset, length);
    this.#chunks = new SealedChunks({ size: file.size, chunkBytes, seal, readText, cache });
    const { count } = this.#chunks;
    const lead = Math.ceil(limits.tagLeadBytes / chunkBytes);
    this.#nextAhead = options.leads ? Math.max(0, count - lead) : count;
  }

  /** As of the last `flush`. */
  get usedAtMs(): number {
    return this.#usedAtMs;
  }

  readonly read: ReadInto = (offset, into, at, length) => {
    this.#hasRead = true;
    this.#front = Math.max(this.#front, offset + length);
    return this.#chunks.read(offset, into, at, length);
  };

  get failure(): Failure | undefined {
    return this.#broken;
  }

  takeSealedBytes(): number {
    return this.#chunks.takeSealedBytes();
  }

  /**
   * The client requests sealed bytes over the control connection. Requests beyond the limits are
   * ignored.
   */
  pull(offset: number, length: number): void {
    if (offset >= this.file.size || this.#pulls.length >= maxPulls) return;
    this.#pulls.push({ offset, end: Math.min(this.file.size, offset + length) });
  }

  /**
   * Sends new tags as far as the connection accepts them; ends the transfer if the file has
   * changed. `more`: call it again, or `sendPulled` if `mayPull`.
   */
  flush(nowMs: number): Flushed {
    if (this.#hasRead) this.#used(nowMs);
    if (this.#closed || this.#hasSentError) return "all";
    const mayTell = !this.#isGathering(nowMs);
    if (!this.#isIntact(nowMs, mayTell && this.#chunks.freshCount > 0)) {
      this.#sendError();
      return "all";
    }
    if (mayTell) this.#sendTags(nowMs);
    const heldBack = this.#isHoldingBack ? 1 : 0;
    const hasMore = this.#chunks.freshCount > heldBack || this.#chunks.hasChanged;
    const isWaiting = this.#isCongested || this.#gatherUntilMs !== undefined;
    if (hasMore) return isWaiting ? "waiting" : "more";
    if (this.#pulls.length === 0) return "all";
    return this.#mustPause ? "waiting" : "more";
  }

  /** Whether pulled data can be sent. */
  get mayPull(): boolean {
    const isOpen = !this.#closed && !this.#hasSentError && !this.#chunks.hasChanged;
    return isOpen && this.#pulls.length > 0 && !this.#mustPause;
  }

  /**
   * Sends one piece of pulled data, so that no client monopolizes the server. Tags of chunks sealed
   * for it are only sent after the next check of the file, in `flush`.
   */
  sendPulled(nowMs: number): void {
    const pull = this.#pulls[0];
    if (pull === undefined) return;
    const bytes = pulledBytes.subarray(0, Math.min(wire.pullLineBytes, pull.end - pull.offset));
    // The next check of the file reports the reason.
    if (this.#chunks.read(pull.offset, bytes, 0, bytes.length) !== bytes.length) return;
    this.#chunks.takeSealedBytes();
    const { control } = this.#options;
    const at = { transfer: this.id, offset: pull.offset };
    if (control.sendPiece !== undefined) control.sendPiece({ ...at, bytes });
    else control.send({ type: "data", ...at, data: bytes.toString("base64") });
    pull.offset += bytes.length;
    this.#options.onSent(bytes.length);
    this.#used(nowMs);
    if (pull.offset === pull.end) this.#pulls.shift();
  }

  /** All chunks have been sealed, and must be sealed again before the last tag may be sent. */
  get isConfirming(): boolean {
    return this.#isOpen && this.#isHoldingBack && this.#chunks.isComplete;
  }

  /** The end of the file is near, and some of its tags are unknown. */
  get isTagDue(): boolean {
    const isNear = this.#front > Math.max(0, this.file.size - 2 * limits.tagLeadBytes);
    return isNear && this.#nextAhead < this.#chunks.count && this.#isOpen;
  }

  /** Seals the next chunk just for its tag. */
  tagNext(): void {
    this.#chunks.tagAhead(this.#nextAhead++);
    // Not requested by the client, hence not counted.
    this.#chunks.takeSealedBytes();
  }

  /** Seals the next chunk a second time. */
  confirmNext(): void {
    if (this.#chunks.confirm(this.#confirmed)) this.#confirmed++;
    // Not requested by the client, hence not counted.
    this.#chunks.takeSealedBytes();
  }

  /**
   * Ends the transfer to make room. A client that still misses data will request it, learn that the
   * transfer is unknown, and fetch again; a client that does not read its tags is notified.
   */
  giveWay(): void {
    if (this.#chunks.freshCount > 0 && !this.#hasSentError) {
      const name = quoted(this.file.name);
      const message = `The tags of ${name} were not read for too long: fetch it again.`;
      this.#options.control.send({ type: "error", code: "stalled", transfer: this.id, message });
    }
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks.close();
    this.file.close();
    this.#options.onClose(this);
  }

  get #isOpen(): boolean {
    return !this.#closed && !this.#hasSentError && !this.#chunks.hasChanged;
  }

  get #isHoldingBack(): boolean {
    return this.#isDoubtful && this.#confirmed < this.#chunks.count;
  }

  /** Checked before each release of tags (`tellsTags`), and periodically. */
  #isIntact(nowMs: number, tellsTags: boolean): boolean {
    if (this.#chunks.hasChanged) this.#broken ??= "changed";
    if (this.#broken !== undefined) return false;
    const isDue = nowMs - this.#checkedAtMs >= limits.checkFileMs;
    if (!isDue && !tellsTags) return true;
    this.#checkedAtMs = nowMs;
    try {
      if (this.file.unchanged()) return true;
      // Earlier transfers of this content can no longer be confirmed.
      const mayConfirm = this.file.sizeNow() > this.file.size && !this.#options.isResumed;
      if (mayConfirm) this.#isDoubtful = true;
      else this.#broken = "changed";
    } catch {
      this.#broken = "unreadable";
    }
    return this.#broken === undefined;
  }

  #sendTags(nowMs: number): void {
    const { control } = this.#options;
    const heldBack = this.#isHoldingBack ? 1 : 0;
    for (;;) {
      const most = Math.min(wire.maxTagsPerLine, this.#chunks.freshCount - heldBack);
      if (most > 0 && this.#isCongested) return;
      const run = this.#chunks.takeTags(most);
      if (run === undefined) break;
      const data = Buffer.from(run.packed).toString("base64");
      control.send({ type: "tags", transfer: this.id, from: run.from, data });
      this.#used(nowMs);
    }
    if (this.isConfirming && nowMs - this.#saidBusyAtMs >= limits.stillBusyMs) {
      this.#saidBusyAtMs = nowMs;
      control.send({ type: "tags", transfer: this.id, from: 0, data: "" });
      this.#used(nowMs);
    }
  }

  /**
   * Whether new tags wait for more: each line costs both ends, and a server between two people as
   * much as many datagrams. A client far away needs them no sooner.
   */
  #isGathering(nowMs: number): boolean {
    const { freshCount, isComplete } = this.#chunks;
    const mayGather = this.#options.leads && !isComplete && this.#pulls.length === 0;
    if (!mayGather || freshCount >= limits.gatheredTags) this.#gatherUntilMs = undefined;
    else if (freshCount > 0) this.#gatherUntilMs ??= nowMs + limits.gatherTagsMs;
    if (nowMs >= (this.#gatherUntilMs ?? 0)) this.#gatherUntilMs = undefined;
    return this.#gatherUntilMs !== undefined;
  }

  get #isCongested(): boolean {
    return (this.#options.control.waitingBytes?.() ?? 0) > limits.maxControlBytes;
  }

  get #mustPause(): boolean {
    return this.#isCongested || this.#options.control.mustPause?.() === true;
  }

  #readText(offset: number, length: number): Uint8Array | undefined {
    const target = this.#options.scratch(length);
    try {
      for (let got = 0; got < length;) {
        const rest = got === 0 ? target : target.subarray(got);
        const more = this.file.read(rest, offset + got);
        // The file is shorter than when it was offered.
        if (more === 0) return undefined;
        got += more;
      }
      return target;
    } catch {
      this.#broken ??= "unreadable";
      return undefined;
    }
  }

  #used(nowMs: number): void {
    this.#usedAtMs = nowMs;
    this.#hasRead = false;
  }

  #sendError(): void {
    this.#hasSentError = true;
    const code = this.#broken ?? "changed";
    const name = quoted(this.file.name);
    const message =
      code === "changed"
        ? `The file ${name} changed while it was being sent: fetch it again.`
        : `The file ${name} can't be read any more at the other end: a disk may have failed there.`;
    this.#options.control.send({ type: "error", code, transfer: this.id, message });
    this.#options.onBroken(code);
  }
}
