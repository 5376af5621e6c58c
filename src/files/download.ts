// The download of one file over as many attempts as it takes: its partial file or ring, progress,
// events and output. An attempt (download-attempt.ts) fetches bytes; this keeps them.

import { ParleyError, unwritable } from "../errors.ts";
import { fetching as limits, journal } from "../limits.ts";
import { Assembler, type ChunkStore } from "../transfer/assembler.ts";
import { RangeSet } from "../transfer/ranges.ts";
import type { ReceiverStats } from "../transfer/receiver.ts";
import type { FetchEvent, FetchOutput, FetchTarget } from "./fetch-events.ts";
import { MemoryRing } from "./memory-ring.ts";
import type { FileOffer } from "../protocol/messages.ts";
import { partPathOf } from "./part-path.ts";
import { PartialFile } from "./partial-file.ts";
import type { DownloadAttempt } from "./download-attempt.ts";

export interface DownloadOptions {
  readonly resume: boolean;
  onEvent(event: FetchEvent): void;
}

export class Download {
  readonly #name: string;
  readonly #target: FetchTarget;
  readonly #options: DownloadOptions;
  readonly #part: PartialFile | undefined;
  readonly #ring: MemoryRing | undefined;
  readonly #startedMs = performance.now();
  #assembler: Assembler | undefined;
  #offer: FileOffer | undefined;
  #resumedBytes = 0;
  #attempt: DownloadAttempt | undefined;
  #stats: ReceiverStats | undefined;
  #offload: DownloadAttempt["offload"] | undefined;
  #versions = 0;
  #emitted = 0;
  #emitting = false;
  #horizonSet = 0;
  #recordedAtMs = 0;
  #recordedBytes = 0;
  #progressAtMs = 0;
  #progressBytes = 0;
  #rate = 0;

  /** Opens the partial file, if the target is a file. @throws ParleyError `locked`, `storage` */
  constructor(name: string, target: FetchTarget, options: DownloadOptions) {
    this.#name = name;
    this.#target = target;
    this.#options = options;
    if (target.kind === "file") this.#part = PartialFile.open(target.path, options.resume);
    else this.#ring = new MemoryRing(limits.ringBytes);
  }

  /** Whether there was an offer. */
  get hasBegun(): boolean {
    return this.#offer !== undefined;
  }

  /** Bytes present, verified or not. */
  get receivedBytes(): number {
    return this.#assembler?.present.bytes ?? 0;
  }

  /** Grows with every byte that arrives or is verified. */
  get progressBytes(): number {
    return this.receivedBytes + (this.#assembler?.check.verifiedBytes ?? 0);
  }

  /** What the next attempt has to request. */
  wanted(): { wanted?: [number, number][]; heldBytes: number } {
    const size = this.#offer?.size ?? this.#part?.left?.head.size;
    const present = this.#assembler?.present ?? this.#part?.left?.present;
    if (size === undefined || present === undefined) return { heldBytes: 0 };
    const missing = new RangeSet([[0, size]]);
    const held = present.toArray();
    for (const [start, end] of held) missing.remove(start, end);
    return { wanted: missing.toArray(), heldBytes: held.at(-1)?.[1] ?? 0 };
  }

  attach(attempt: DownloadAttempt): void {
    this.#attempt = attempt;
    this.#offload = attempt.offload;
    if (this.#ring !== undefined) attempt.setHorizon((this.#horizonSet = this.#horizon(this.#ring)));
  }

  detach(): void {
    this.#stats = this.#attempt?.stats() ?? this.#stats;
    this.#attempt = undefined;
    this.#record(true);
  }

  /**
   * Returns where the bytes of this offer go; undefined if those present belonged to another
   * version and were discarded.
   */
  handleOffer(offer: FileOffer): Assembler | undefined {
    const { size, version, chunkBytes } = offer;
    const known = this.#offer;
    this.#offer = offer;
    if (this.#assembler !== undefined && known?.version === version && known.size === size) {
      return this.#assembler;
    }
    if (++this.#versions > limits.maxVersions) {
      throw new ParleyError(
        "changed",
        `'${this.#name}' keeps changing on the server: gave up after ${limits.maxVersions} versions.`,
      );
    }
    if (this.#emitted > 0) {
      throw new ParleyError(
        "changed",
        `'${this.#name}' changed on the server after part of it was written to the output.`,
      );
    }
    const left = this.#part?.left;
    const fits =
      left?.head.version === version &&
      left.head.size === size &&
      left.head.chunkBytes === chunkBytes;
    if (!fits) this.#part?.begin({ name: this.#name, size, version, chunkBytes });
    const present = fits ? left.present : new RangeSet();
    this.#resumedBytes = present.bytes;
    this.#assembler = new Assembler({
      size,
      chunkBytes,
      newHasher: () => new Bun.CryptoHasher("sha256"),
      store: this.#store(),
      present,
      ahead: this.#part !== undefined,
    });
    const { modified } = offer;
    const { resumedBytes, name } = { resumedBytes: this.#resumedBytes, name: this.#name };
    this.#progressAtMs = performance.now();
    this.#progressBytes = resumedBytes;
    const offload = this.#report();
    this.#options.onEvent({ event: "offer", name, size, modified, version, resumedBytes, offload });
    // The attempt's requests left out bytes that were present of another version.
    const isMisled = (known !== undefined || left !== undefined) && !fits;
    return isMisled ? undefined : this.#assembler;
  }

  /**
   * Records, writes out and reports; called after each turn of an attempt.
   * @throws ParleyError `storage`, `failed` if the output was closed
   */
  handleTurn(): void {
    this.#record(false);
    this.#emit();
    this.#progress();
  }

  /**
   * Everything is verified: moves the file into place, or finishes writing it out.
   * @throws ParleyError `differs` if the name is taken by now, unless `replace`
   */
  async finish(replace: boolean): Promise<void> {
    const { size } = this.#offer ?? { size: 0 };
    while (this.#ring !== undefined && this.#emitted < size) {
      this.#emit();
      await this.#output?.relief();
      await new Promise<void>((go) => setImmediate(go));
    }
    // At exit the process waits a second at most; a reader may be slower.
    await this.#output?.flush(limits.outputFlushMs);
    if (this.#output?.closed === true) throw outputLost(this.#output);
    const sha256 = Buffer.from(this.#assembler?.check.whole ?? []).toString("hex");
    this.#part?.finish(replace);
    this.#options.onEvent(this.#done(sha256));
  }

  /** Closes the partial file, which stays for the next fetch. */
  close(): void {
    this.#part?.close();
  }

  /** The error of a download that has run out of retries. */
  stalled(reason: ParleyError): ParleyError {
    const kept =
      this.#target.kind === "file"
        ? `; the partial file '${partPathOf(this.#target.path)}' is kept: fetch again to resume`
        : "";
    const size = this.#offer?.size ?? 0;
    return new ParleyError(
      "stalled",
      `No progress at ${this.receivedBytes} of ${size} bytes of '${this.#name}': ${reason.message}${kept}`,
    );
  }

  get #output(): FetchOutput | undefined {
    return this.#target.kind === "stream" ? this.#target.output : undefined;
  }

  #store(): ChunkStore {
    const store = this.#part ?? this.#ring;
    if (store === undefined) throw new ParleyError("failed", "The file has no destination.");
    return store;
  }

  /** Records in the journal what has arrived: when due, or `now`. */
  #record(now: boolean): void {
    const assembler = this.#assembler;
    if (this.#part === undefined || assembler === undefined) return;
    const nowMs = performance.now();
    const bytes = assembler.present.bytes;
    const due =
      bytes - this.#recordedBytes >= journal.everyBytes || nowMs - this.#recordedAtMs >= journal.everyMs;
    if (!now && !due) return;
    this.#recordedAtMs = nowMs;
    this.#recordedBytes = bytes;
    assembler.flush();
    this.#part.record(assembler.takeNewChunks());
  }

  /** Writes verified bytes to the output while it accepts them. */
  #emit(): void {
    const ring = this.#ring;
    const output = this.#output;
    const check = this.#assembler?.check;
    if (ring === undefined || output === undefined || check === undefined || this.#emitting) return;
    while (this.#emitted < check.verifiedBytes) {
      if (output.closed) throw outputLost(output);
      const end = Math.min(check.verifiedBytes, this.#emitted + limits.outputBytes);
      const part = ring.part(this.#emitted, end);
      this.#emitted += part.length;
      if (!output.data(part)) {
        this.#emitting = true;
        void output.relief().then(() => {
          this.#emitting = false;
          this.#attempt?.wake();
        });
        break;
      }
    }
    // Raise the horizon in large steps, so that each is worth a REQUEST.
    const horizon = this.#horizon(ring);
    if (horizon - this.#horizonSet < ring.size / limits.horizonSteps) return;
    this.#horizonSet = horizon;
    this.#attempt?.setHorizon(horizon);
  }

  /** The output still reads up to `unsentBytes` of emitted bytes from the ring. */
  #horizon(ring: MemoryRing): number {
    return Math.max(0, this.#emitted - limits.unsentBytes) + ring.size;
  }

  #progress(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#progressAtMs;
    if (this.#assembler === undefined || elapsedMs < limits.progressMs) return;
    const { size } = this.#assembler.check;
    const receivedBytes = this.receivedBytes;
    const now = ((receivedBytes - this.#progressBytes) / elapsedMs) * 1000;
    // Smooth over about a second, so that the time left does not jump.
    this.#rate =
      this.#rate === 0 ? now : this.#rate + (now - this.#rate) * Math.min(1, elapsedMs / 1000);
    this.#progressAtMs = nowMs;
    this.#progressBytes = receivedBytes;
    const stats = this.#attempt?.stats();
    const secondsLeft = this.#rate > 0 ? (size - receivedBytes) / this.#rate : null;
    this.#options.onEvent({
      event: "progress",
      name: this.#name,
      size,
      receivedBytes,
      verifiedBytes: this.#assembler.check.verifiedBytes,
      bytesPerSecond: Math.round(this.#rate),
      secondsLeft: secondsLeft === null ? null : rounded(secondsLeft),
      rttMs: rounded((stats?.rttUs ?? 0) / 1000),
      segmentBytes: stats?.segmentBytes ?? 0,
    });
  }

  #done(sha256: string): FetchEvent {
    const stats = this.#stats;
    const size = this.#offer?.size ?? 0;
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const fetchedBytes = size - this.#resumedBytes;
    return {
      event: "done",
      name: this.#name,
      path: this.#target.kind === "file" ? this.#target.path : "-",
      size,
      sha256,
      seconds: rounded(seconds),
      goodputBytesPerSecond: Math.round(fetchedBytes / seconds),
      resumedBytes: this.#resumedBytes,
      rttMs: rounded((stats?.rttUs ?? 0) / 1000),
      minRttMs: rounded((stats?.minRttUs ?? 0) / 1000),
      lossShare: rounded((stats?.lostSegments ?? 0) / Math.max(1, stats?.requestedSegments ?? 0)),
      retransmittedShare: rounded(stats?.retransmittedShare ?? 0),
      segmentBytes: stats?.segmentBytes ?? 0,
      offload: this.#report(),
    };
  }

  #report() {
    const none = { segment: false, merge: false, dontFragment: false, receiveBufferBytes: 0 };
    return this.#offload ?? none;
  }
}

function outputLost({ failure }: FetchOutput): ParleyError {
  if (failure !== undefined) return unwritable(failure);
  return new ParleyError("failed", "The output was closed.");
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
