// Takes files of people into the shared folder: who sends what at the moment, how many at once, and how
// long what is there stays. Behind the hub's port.

import { statfsSync } from "node:fs";
import type { SharedListing, ShareOffer, Sharer, SharingEvent, SharingPort } from "../../../chat/sharing/sharing-port.ts";
import { BoundedMap } from "../../../bounded-map.ts";
import { ShareBuckets } from "../../../chat/share-buckets.ts";
import { ParleyError } from "../../../errors.ts";
import { sharing as limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import { ShareCounts } from "../../../share-counts.ts";
import { quoted } from "../../../text.ts";
import { ChannelUpload, entryOf } from "./channel-upload.ts";
import { isSameOwner, type Owner, type SharedItem } from "./rows.ts";
import { UploadStore } from "./upload-store.ts";

export interface UploadServiceOptions {
  readonly folder: string;
  readonly quotaBytes: number;
  /** How long what people have put there stays; undefined: until somebody removes it. */
  readonly keepMs?: number | undefined;
  readonly log: Log;
}

export class UploadService implements SharingPort {
  readonly store: UploadStore;
  /** Totals for /metrics. */
  readonly totals = { uploads: 0, receivedBytes: 0 };
  readonly #options: UploadServiceOptions;
  /** On their way, by the sender's number. */
  readonly #uploads = new Map<string, ChannelUpload>();
  /** Numbers for which room is being looked for, and whose sessions have gone meanwhile. */
  readonly #asked = new Map<string, Sharer>();
  readonly #owners = new ShareCounts(limits.maxPerOwner, limits.maxUploads / 2);
  readonly #rates = new ShareBuckets(
    { perSecond: limits.newPerMinute / 60, burst: limits.newAtOnce },
    limits.owners,
  );
  /** Uploads that are in place, and whose rooms have not been told: their senders had gone. */
  readonly #untold = new BoundedMap<string, true>(limits.maxUploads);
  #sweeping: Timer | undefined;
  #isClosed = false;

  constructor(options: UploadServiceOptions) {
    this.#options = options;
    const { folder, quotaBytes, log } = options;
    this.store = new UploadStore({ folder, quotaBytes, log, nowMs: Date.now });
  }

  /** Looks at what is there, and removes what is over from now on. */
  start(): void {
    void this.sweep();
    this.#sweeping = setInterval(() => void this.sweep(), limits.sweepMs);
    this.#sweeping.unref();
  }

  /** Uploads on their way. */
  get size(): number {
    return this.#uploads.size;
  }

  offer(sharer: Sharer, offer: ShareOffer, tell: (event: SharingEvent) => void): void {
    const running = this.#uploads.get(offer.id);
    if (running !== undefined) {
      if (!isSameOwner(ownerOf(running.sharer), ownerOf(sharer))) return tell(refused(inUse()));
      tell({ type: "taken" });
      return running.return(sharer, tell);
    }
    const problem = this.#problem(sharer, offer);
    if (problem !== undefined) return tell(refused(problem));
    this.#asked.set(offer.id, sharer);
    this.#owners.add(sharer.owner);
    this.#begin(sharer, offer, tell).catch((error: unknown) => {
      this.#owners.remove(sharer.owner);
      tell(refused(error));
    }).finally(() => this.#asked.delete(offer.id));
  }

  pass(session: number, offer: string, channel: number, data: string): boolean {
    const upload = this.#uploads.get(offer);
    if (upload === undefined || upload.sharer.session !== session) return false;
    return upload.handleFrame(channel, data);
  }

  end(session: number, offer: string): void {
    const upload = this.#uploads.get(offer);
    if (upload?.sharer.session !== session) return;
    upload.stop(new ParleyError("interrupted", "Its sender has stopped it"), true);
  }

  closed(session: number): void {
    for (const upload of this.#uploads.values()) {
      if (upload.sharer.session === session) upload.handleLost();
    }
  }

  listings(): readonly SharedListing[] {
    return Array.from(this.store.items, listingOf);
  }

  remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
    then: (outcome: SharedListing | ParleyError) => void,
  ): void {
    this.#remove(name, check).then(then, (error: unknown) => then(asParleyError(error)));
  }

  async #remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
  ): Promise<SharedListing> {
    await this.store.refresh();
    const item = this.store.find(name.replace(/\/$/, ""));
    if (item === undefined) throw new ParleyError("not-found", notShared(name));
    const listing = listingOf(item);
    const problem = check(listing);
    if (problem !== undefined) throw problem;
    if (await this.store.remove(item)) return listing;
    throw new ParleyError("not-found", notShared(name));
  }

  /** Removes what is over. */
  async sweep(): Promise<void> {
    try {
      const removed = await this.store.sweep(this.#options.keepMs);
      for (const { name, by } of removed) {
        this.#options.log.info("shared file expired", { file: name, name: by });
      }
    } catch (error) {
      this.#options.log.warn((error as Error).message);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    const reason = new ParleyError("interrupted", "The server is stopping: send it again");
    for (const upload of this.#uploads.values()) upload.stop(reason, true);
  }

  #problem({ owner }: Sharer, { id, files, folders }: ShareOffer): ParleyError | undefined {
    if (this.#asked.has(id)) return inUse();
    if (files + folders === 0) return new ParleyError("not-allowed", "There is nothing in it");
    if (files + folders > limits.maxEntries) {
      const most = `at most ${limits.maxEntries} files and folders can be shared at once`;
      return new ParleyError("full", `These are ${files + folders}, and ${most}`);
    }
    if (this.#uploads.size + this.#asked.size >= limits.maxUploads) {
      const sentence = "As many files are being shared as the server takes at once: try again later";
      return new ParleyError("full", sentence);
    }
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      const sentence = `${full.label} shares ${full.count} at once already: wait for one to end`;
      return new ParleyError("full", sentence);
    }
    if (this.#rates.take(owner, performance.now()) === 0) return undefined;
    return new ParleyError("rate", "You share too many one after another: try again in a minute");
  }

  async #begin(
    sharer: Sharer,
    offer: ShareOffer,
    tell: (event: SharingEvent) => void,
  ): Promise<void> {
    const { store } = this;
    const owner = ownerOf(sharer);
    const payer = sharer.owner;
    await store.refresh();
    const known = store.placedBy(offer.id);
    if (known.some((item) => isSameOwner(item, owner))) {
      this.#owners.remove(payer);
      tell({ type: "taken" });
      const isKnown = !this.#untold.delete(offer.id) && known[0]?.room === offer.room;
      return tell({ type: "placed", entries: known.map(entryOf), isKnown });
    }
    const { id, files, folders, bytes, room } = offer;
    const amount = { bytes, files, entries: files + folders };
    const upload = await store.reserve(id, owner, payer, amount, room);
    if (this.#isClosed || !sharer.isHere()) {
      store.leave(id);
      throw new ParleyError("stalled", "Its sender has gone");
    }
    const running: ChannelUpload = new ChannelUpload(
      {
        store,
        upload,
        offer,
        diskReason: () => this.#diskReason(),
        onOver: (outcome, isKept) => {
          this.#owners.remove(payer);
          this.#handleOver(running, outcome, isKept);
        },
      },
      sharer,
      tell,
    );
    this.#uploads.set(id, running);
    this.totals.uploads++;
    tell({ type: "taken" });
    running.start();
  }

  #handleOver(
    { offer: { id }, sharer }: ChannelUpload,
    outcome: ParleyError | readonly SharedItem[],
    isKept: boolean,
  ): void {
    this.#uploads.delete(id);
    if (outcome instanceof ParleyError) {
      if (isKept) this.store.leave(id);
      else void this.store.discard(id);
      if (outcome.code === "storage") this.#options.log.error(outcome.message);
      return;
    }
    this.totals.receivedBytes += outcome.reduce((sum, { bytes }) => sum + bytes, 0);
    if (!sharer.isHere()) this.#untold.set(id, true);
  }

  #diskReason(): string {
    try {
      const { bavail } = statfsSync(this.#options.folder);
      if (bavail === 0) return "The server's disk is full: nothing of it is shared";
    } catch {
      // It says no more than that.
    }
    return "The server cannot store it: its log says why";
  }
}

function ownerOf({ by, person, device, owner }: Sharer): Owner {
  return { by, person, device, shares: owner.kept.map(({ key }) => key) };
}

function refused(error: unknown): SharingEvent {
  return { type: "refused", error: asParleyError(error) };
}

function asParleyError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  return new ParleyError("storage", "The server cannot do it just now: its log says why");
}

function listingOf(item: SharedItem): SharedListing {
  const { by, person, device, atMs } = item;
  return { ...entryOf(item), by, person, device, atMs };
}

function notShared(name: string): string {
  return `Nobody has put ${quoted(name, 200)} into the shared folder, or it has been changed since`;
}

function inUse(): ParleyError {
  return new ParleyError("not-allowed", "Another transfer has that number already");
}
