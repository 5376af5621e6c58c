// The download of one file over as many attempts as necessary: its partial file or buffer,
// progress, events and output. An attempt (attempt.ts) fetches bytes; this keeps them.

import { withoutPeriod } from "../text.ts";
import { ParleyError, unwritable } from "../errors.ts";
import { noOffload } from "../io/udp/udp.ts";
import { fetching as limits, journal, transfer as wire } from "../limits.ts";
import { chunkHash } from "../io/chunk-cipher.ts";
import { SmoothRate } from "../smooth-rate.ts";
import { Assembler, type ChunkStore } from "../transfer/assembler.ts";
import { chunkLength } from "../transfer/chunks.ts";
import type { Journal } from "../transfer/journal.ts";
import { RangeSet } from "../transfer/ranges.ts";
import type { ReceiverStats } from "../transfer/receiver.ts";
import type { FetchEvent, FetchOutput, FileTarget } from "./fetch-events.ts";
import type { FileOffer } from "../protocol/messages.ts";
import type { Incoming, Wanted } from "./incoming.ts";
import { PartialFile } from "./partial-file.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import type { Attempt } from "./attempt.ts";

export interface DownloadOptions {
  readonly resume: boolean;
  /** Certify the file by SHA-256. */
  readonly sha256: boolean;
  /** Bytes requested ahead of what has been written to a file (default: limits.ts). */
  readonly aheadBytes?: number | undefined;
  /** Pin of the server's verified key; undefined without TLS. */
  sender(): string | undefined;
  onEvent(event: FetchEvent): void;
}

export class Download implements Incoming {
  readonly #name: string;
  readonly #target: FileTarget;
  readonly #options: DownloadOptions;
  readonly #part: PartialFile | undefined;
  #stream: StreamBuffer | undefined;
  readonly #startedMs = performance.now();
  #assembler: Assembler | undefined;
  #offer: FileOffer | undefined;
  #isSealed = false;
  #resumedBytes = 0;
  #attempt: Attempt | undefined;
  #stats: ReceiverStats | undefined;
  #offload = noOffload;
  #over: Attempt["over"] = "udp";
  #versions = 0;
  #emitted = 0;
  #emitting = false;
  #horizonSet = 0;
  #recordedAtMs = 0;
  #recordedBytes = 0;
  #progressAtMs = 0;
  readonly #rate = new SmoothRate();

  /** Opens the partial file, if the target is a file. @throws ParleyError `locked`, `storage` */
  constructor(name: string, target: FileTarget, options: DownloadOptions) {
    this.#name = name;
    this.#target = target;
    this.#options = options;
    if (target.kind !== "file") return;
    this.#part = PartialFile.open(target.path, options.resume, target.mode);
  }

  /** Bytes received, verified or not. */
  get receivedBytes(): number {
    return this.#assembler?.receivedBytes ?? 0;
  }

  get progressBytes(): number {
    return this.#assembler?.lastingProgress ?? 0;
  }

  wanted(): Wanted {
    if (this.#assembler !== undefined && this.#offer !== undefined) {
      const wanted = this.#assembler.missing();
      const missingBytes = wanted.reduce((sum, [start, end]) => sum + end - start, 0);
      return { wanted, heldBytes: this.#offer.size - missingBytes };
    }
    const left = this.#part?.left;
    return left === undefined ? { heldBytes: 0 } : missingOf(left);
  }

  attach(attempt: Attempt): void {
    this.#attempt = attempt;
    this.#offload = attempt.offload;
    this.#over = attempt.over;
    attempt.setHorizon((this.#horizonSet = this.#horizon()));
  }

  detach(): void {
    this.#stats = this.#attempt?.stats() ?? this.#stats;
    this.#attempt = undefined;
    this.#record(true);
  }

  /**
   * Returns where the bytes of this offer go; undefined if the bytes present belonged to another
   * version or another server and were discarded.
   */
  handleOffer(offer: FileOffer, isSealed: boolean): Assembler | undefined {
    const { size, version, chunkBytes } = offer;
    const known = this.#offer;
    this.#offer = offer;
    this.#isSealed = isSealed;
    const isSame = known?.version === version && known.size === size;
    if (isSame && this.#assembler?.chunkBytes === chunkBytes) return this.#assembler;
    if (++this.#versions > wire.maxVersions) {
      throw new ParleyError(
        "changed",
        `'${this.#name}' keeps changing on the server: gave up after ${wire.maxVersions} versions.`,
      );
    }
    if (this.#emitted > 0) {
      throw new ParleyError(
        "changed",
        `'${this.#name}' changed on the server after part of it was written to the output.`,
      );
    }
    const left = this.#part?.left;
    const sender = (isSealed ? this.#options.sender() : undefined) ?? null;
    const fits =
      left?.head.version === version &&
      left.head.sender === sender &&
      left.head.size === size &&
      left.head.chunkBytes === chunkBytes;
    this.#part?.checkRoom(size);
    if (!fits) this.#part?.begin({ name: this.#name, size, version, chunkBytes, sender });
    const held = fits ? left.chunks : new Map<number, string>();
    const hasher = this.#options.sha256 ? { hasher: new Bun.CryptoHasher("sha256") } : {};
    const store = this.#storeFor(chunkBytes);
    this.#assembler = new Assembler({
      size,
      chunkBytes,
      store,
      hashOf: chunkHash,
      held,
      ...hasher,
    });
    this.#resumedBytes = this.#assembler.receivedBytes;
    this.#progressAtMs = performance.now();
    this.#rate.at(this.#resumedBytes, this.#progressAtMs);
    this.#options.onEvent({
      event: "offer",
      name: this.#name,
      size,
      modified: offer.modified,
      version,
      sealed: isSealed,
      resumedBytes: this.#resumedBytes,
      offload: this.#offload,
    });
    // The attempt's requests left out bytes that were present but belong to another version.
    const isMisled = (known !== undefined || left !== undefined) && !fits;
    return isMisled ? undefined : this.#assembler;
  }

  /**
   * Records, writes and reports progress; called after each turn of an attempt.
   * @throws ParleyError `storage`, `failed` if the output was closed
   */
  handleTurn(): void {
    this.#record(false);
    this.#emit();
    this.#raiseHorizon();
    this.#progress();
  }

  /**
   * Everything is verified: moves the file into place, or finishes writing the output.
   * @throws ParleyError `differs` if the name is taken by now, unless `replace`
   */
  async finish(replace: boolean): Promise<void> {
    const { size, modified } = this.#offer ?? { size: 0, modified: 0 };
    while (this.#stream !== undefined && this.#emitted < size) {
      this.#emit();
      await this.#output?.relief();
      await new Promise<void>((go) => setImmediate(go));
    }
    // At exit the process waits a second at most; a reader may be slower.
    await this.#output?.flush(limits.outputFlushMs);
    if (this.#output?.closed === true) throw outputLost(this.#output);
    this.#part?.finish(replace, modified);
    this.#options.onEvent(this.#done());
  }

  /** Closes the partial file, which stays for the next fetch. */
  close(): void {
    this.#part?.close();
  }

  /** The error of a download that has run out of retries. */
  stalled(reason: ParleyError): ParleyError {
    const isKept = this.#part !== undefined && (this.#offer ?? this.#part.left) !== undefined;
    const kept = isKept
      ? `; the partial file '${this.#part?.part}' is kept: fetch again to resume`
      : "";
    const progress =
      this.#offer === undefined
        ? `'${this.#name}' was not offered`
        : `No progress at ${this.receivedBytes} of ${this.#offer.size} bytes of '${this.#name}'`;
    const why = withoutPeriod(reason.message);
    return new ParleyError("stalled", `${progress}: ${why}${kept}`);
  }

  get #output(): FetchOutput | undefined {
    return this.#target.kind === "stream" ? this.#target.output : undefined;
  }

  #storeFor(chunkBytes: number): ChunkStore {
    return this.#part ?? (this.#stream = new StreamBuffer(chunkBytes));
  }

  /** Records received chunks in the journal: when due, or `now`. */
  #record(now: boolean): void {
    const assembler = this.#assembler;
    if (this.#part === undefined || assembler === undefined) return;
    const nowMs = performance.now();
    const bytes = assembler.verifiedBytes;
    const due =
      bytes - this.#recordedBytes >= journal.everyBytes ||
      nowMs - this.#recordedAtMs >= journal.everyMs;
    if (!now && !due) return;
    this.#recordedAtMs = nowMs;
    this.#recordedBytes = bytes;
    this.#part.record(assembler.takeNewChunks());
  }

  /** Writes verified bytes to the output while it accepts them. */
  #emit(): void {
    const stream = this.#stream;
    const output = this.#output;
    const assembler = this.#assembler;
    if (stream === undefined || output === undefined || assembler === undefined) return;
    while (!this.#emitting && this.#emitted < assembler.verifiedFront) {
      if (output.closed) throw outputLost(output);
      const part = stream.take(this.#emitted, assembler.verifiedFront);
      if (part === undefined) break;
      this.#emitted += part.length;
      if (output.data(part)) continue;
      this.#emitting = true;
      void output.relief().then(() => {
        this.#emitting = false;
        this.#attempt?.wake();
      });
    }
  }

  /** Lets the attempt request more, in large steps, so that each is worth a REQUEST. */
  #raiseHorizon(): void {
    const horizon = this.#horizon();
    if (horizon - this.#horizonSet < this.#aheadBytes / limits.horizonSteps) return;
    this.#horizonSet = horizon;
    this.#attempt?.setHorizon(horizon);
  }

  /**
   * Beyond this, requested chunks that are incomplete, or whose turn has not come, would fill the
   * memory.
   */
  #horizon(): number {
    const isStream = this.#target.kind === "stream";
    const front = isStream ? this.#emitted : (this.#assembler?.presentFront ?? this.#leftFront());
    return front + this.#aheadBytes;
  }

  #leftFront(): number {
    return this.wanted().wanted?.[0]?.[0] ?? 0;
  }

  get #aheadBytes(): number {
    const { aheadBytes = limits.aheadBytes } = this.#options;
    const usual = this.#target.kind === "stream" ? limits.streamAheadBytes : aheadBytes;
    return Math.max(usual, 2 * (this.#assembler?.chunkBytes ?? 0));
  }

  #progress(): void {
    const nowMs = performance.now();
    if (this.#assembler === undefined || nowMs - this.#progressAtMs < limits.progressMs) return;
    this.#progressAtMs = nowMs;
    const { size } = this.#assembler;
    const receivedBytes = this.receivedBytes;
    const bytesPerSecond = this.#rate.at(receivedBytes, nowMs);
    const stats = this.#attempt?.stats();
    this.#options.onEvent({
      event: "progress",
      name: this.#name,
      size,
      receivedBytes,
      verifiedBytes: this.#assembler.verifiedBytes,
      bytesPerSecond,
      secondsLeft: this.#rate.secondsFor(size - receivedBytes),
      rttMs: rounded((stats?.rttUs ?? 0) / 1000),
      segmentBytes: stats?.segmentBytes ?? 0,
    });
  }

  #done(): FetchEvent {
    const stats = this.#stats;
    const digest = this.#assembler?.digest;
    const sha256 = digest === undefined ? {} : { sha256: Buffer.from(digest).toString("hex") };
    const size = this.#offer?.size ?? 0;
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const fetchedBytes = size - this.#resumedBytes;
    return {
      event: "done",
      name: this.#name,
      path: this.#target.path ?? "-",
      size,
      ...sha256,
      sealed: this.#isSealed,
      over: this.#over,
      seconds: rounded(seconds),
      goodputBytesPerSecond: Math.round(fetchedBytes / seconds),
      resumedBytes: this.#resumedBytes,
      rttMs: rounded((stats?.rttUs ?? 0) / 1000),
      minRttMs: rounded((stats?.minRttUs ?? 0) / 1000),
      lossShare: rounded((stats?.lostSegments ?? 0) / Math.max(1, stats?.requestedSegments ?? 0)),
      retransmittedShare: rounded(stats?.retransmittedShare ?? 0),
      segmentBytes: stats?.segmentBytes ?? 0,
      offload: this.#offload,
    };
  }
}

/** What an earlier fetch has not fetched yet. */
function missingOf({ head, chunks }: Journal): { wanted: [number, number][]; heldBytes: number } {
  const { size, chunkBytes } = head;
  const missing = new RangeSet([[0, size]]);
  for (const index of chunks.keys()) {
    const offset = index * chunkBytes;
    missing.remove(offset, offset + chunkLength(index, size, chunkBytes));
  }
  return { wanted: missing.toArray(), heldBytes: size - missing.bytes };
}

function outputLost({ failure }: FetchOutput): ParleyError {
  if (failure !== undefined) return unwritable(failure);
  return new ParleyError("failed", "The output was closed.");
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
