// One file being fetched, over as many tries as it takes: its partial file or ring, what has come, what has been told and written out.
// A try (pull.ts) brings bytes; this keeps them.

import { ParleyError, unwritable } from "../errors.ts";
import { fetching as limits, journal } from "../limits.ts";
import { Assembly, type Store } from "../transfer/assembler.ts";
import { RangeSet } from "../transfer/ranges.ts";
import type { ReceiverStats } from "../transfer/receiver-machine.ts";
import type { FetchEvent, FetchOutput, FetchTarget } from "./fetch-events.ts";
import { MemoryRing } from "./memory-ring.ts";
import type { Offer } from "./offer.ts";
import { partPathOf } from "./part-path.ts";
import { PartialFile } from "./partial-file.ts";
import type { Pull } from "./download-attempt.ts";

export interface FetchingOptions {
  readonly resume: boolean;
  onEvent(event: FetchEvent): void;
}

export class Fetching {
  readonly #name: string;
  readonly #target: FetchTarget;
  readonly #options: FetchingOptions;
  readonly #part: PartialFile | undefined;
  readonly #ring: MemoryRing | undefined;
  readonly #startedMs = performance.now();
  #assembly: Assembly | undefined;
  #offer: Offer | undefined;
  #resumedBytes = 0;
  #pull: Pull | undefined;
  #stats: ReceiverStats | undefined;
  #offload: Pull["offload"] | undefined;
  #emitted = 0;
  #emitting = false;
  #horizonTold = 0;
  #notedAtMs = 0;
  #notedBytes = 0;
  #progressAtMs = 0;
  #progressBytes = 0;
  #rate = 0;

  /** Takes the partial file, if it is to be one. @throws ParleyError `locked`, `storage` */
  constructor(name: string, target: FetchTarget, options: FetchingOptions) {
    this.#name = name;
    this.#target = target;
    this.#options = options;
    if (target.kind === "file") this.#part = PartialFile.open(target.path, options.resume);
    else this.#ring = new MemoryRing(limits.ringBytes);
  }

  /** An offer has come at least once. */
  get hasBegun(): boolean {
    return this.#offer !== undefined;
  }

  /** Bytes that are there, right or not. */
  get receivedBytes(): number {
    return this.#assembly?.present.bytes ?? 0;
  }

  /** What a try has to ask for. */
  wanted(): { wanted?: [number, number][]; heldBytes: number } {
    const size = this.#offer?.size ?? this.#part?.left?.head.size;
    const present = this.#assembly?.present ?? this.#part?.left?.present;
    if (size === undefined || present === undefined) return { heldBytes: 0 };
    const missing = new RangeSet([[0, size]]);
    const held = present.toArray();
    for (const [start, end] of held) missing.remove(start, end);
    return { wanted: missing.toArray(), heldBytes: held.at(-1)?.[1] ?? 0 };
  }

  attach(pull: Pull): void {
    this.#pull = pull;
    this.#offload = pull.offload;
    if (this.#ring !== undefined) pull.setHorizon((this.#horizonTold = this.#horizon(this.#ring)));
  }

  detach(): void {
    this.#stats = this.#pull?.stats() ?? this.#stats;
    this.#pull = undefined;
    this.#note(true);
  }

  /** Where the bytes of this offer go; undefined when what was kept is of another version: it has been thrown away. */
  offered(offer: Offer): Assembly | undefined {
    const { size, version, chunkBytes } = offer;
    const known = this.#offer;
    this.#offer = offer;
    if (this.#assembly !== undefined && known?.version === version && known.size === size) {
      return this.#assembly;
    }
    if (this.#emitted > 0) {
      throw new ParleyError(
        "changed",
        `'${this.#name}' changed on the server after a part of it was written out.`,
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
    this.#assembly = new Assembly({
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
    // what was kept of another version has told the try to leave out the wrong bytes
    const misled = (known !== undefined || left !== undefined) && !fits;
    return misled ? undefined : this.#assembly;
  }

  /** After each turn of a try. @throws ParleyError `storage`, `failed` when nobody reads the output any more */
  turn(): void {
    this.#note(false);
    this.#emit();
    this.#progress();
  }

  /** All is verified: the file gets its name. @throws ParleyError `differs` where something has it by now, unless `replace` */
  async finish(replace: boolean): Promise<void> {
    const { size } = this.#offer ?? { size: 0 };
    while (this.#ring !== undefined && this.#emitted < size) {
      this.#emit();
      await this.#output?.relief();
      await new Promise<void>((go) => setImmediate(go));
    }
    // whoever ends the process after us waits a second at most; a reader may be slower
    await this.#output?.flush(limits.outputFlushMs);
    if (this.#output?.closed === true) throw outputLost(this.#output);
    const sha256 = Buffer.from(this.#assembly?.check.whole ?? []).toString("hex");
    this.#part?.finish(replace);
    this.#options.onEvent(this.#done(sha256));
  }

  /** Leaves a partial file for the next time. */
  close(): void {
    this.#part?.close();
  }

  /** The error of a fetch that has given up coming back. */
  stalled(reason: ParleyError): ParleyError {
    const kept =
      this.#target.kind === "file"
        ? `; the partial file '${partPathOf(this.#target.path)}' is kept, fetch again to go on`
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

  #store(): Store {
    const store = this.#part ?? this.#ring;
    if (store === undefined) throw new ParleyError("failed", "Nowhere to put the file.");
    return store;
  }

  /** Writes down in the journal what has come, now and then. */
  #note(now: boolean): void {
    const assembly = this.#assembly;
    if (this.#part === undefined || assembly === undefined) return;
    const nowMs = performance.now();
    const bytes = assembly.present.bytes;
    const due =
      bytes - this.#notedBytes >= journal.everyBytes || nowMs - this.#notedAtMs >= journal.everyMs;
    if (!now && !due) return;
    this.#notedAtMs = nowMs;
    this.#notedBytes = bytes;
    assembly.flush();
    this.#part.note(assembly.takeFreshChunks());
  }

  /** Hands verified bytes to the output while it takes them. */
  #emit(): void {
    const ring = this.#ring;
    const output = this.#output;
    const check = this.#assembly?.check;
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
          this.#pull?.wake();
        });
        break;
      }
    }
    // in large steps, so that each is worth a request
    const horizon = this.#horizon(ring);
    if (horizon - this.#horizonTold < ring.size / limits.horizonSteps) return;
    this.#horizonTold = horizon;
    this.#pull?.setHorizon(horizon);
  }

  /** What was handed out is read from the ring until it has left, which is less than `unsentBytes` at any time. */
  #horizon(ring: MemoryRing): number {
    return Math.max(0, this.#emitted - limits.unsentBytes) + ring.size;
  }

  #progress(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#progressAtMs;
    if (this.#assembly === undefined || elapsedMs < limits.progressMs) return;
    const { size } = this.#assembly.check;
    const receivedBytes = this.receivedBytes;
    const now = ((receivedBytes - this.#progressBytes) / elapsedMs) * 1000;
    // smoothed over about a second, so that the time left does not jump
    this.#rate =
      this.#rate === 0 ? now : this.#rate + (now - this.#rate) * Math.min(1, elapsedMs / 1000);
    this.#progressAtMs = nowMs;
    this.#progressBytes = receivedBytes;
    const stats = this.#pull?.stats();
    const secondsLeft = this.#rate > 0 ? (size - receivedBytes) / this.#rate : null;
    this.#options.onEvent({
      event: "progress",
      name: this.#name,
      size,
      receivedBytes,
      verifiedBytes: this.#assembly.check.verifiedBytes,
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
      lossShare: rounded((stats?.lostSegments ?? 0) / Math.max(1, stats?.askedSegments ?? 0)),
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
  return new ParleyError("failed", "Nobody reads the output any more.");
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
