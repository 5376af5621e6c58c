// Uploads to the shared folder: who is uploading what, how many uploads run at once, and how long
// files stay. It is behind the hub's port.

import { statSync } from "node:fs";
import type {
  FileToPut,
  SharedListing,
  ShareOffer,
  Sharer,
  SharingEvent,
  SharingPort,
} from "../../../chat/sharing/sharing-port.ts";
import { BoundedMap } from "../../../bounded-map.ts";
import { ShareBuckets } from "../../../chat/rates/share-buckets.ts";
import { errorMessage, ParleyError } from "../../../errors.ts";
import { sharing as limits } from "../../../limits.ts";
import { fileReason } from "../../../files/file-reason.ts";
import { freeRoom } from "../../../files/free-room.ts";
import { secretText } from "../../../secrets.ts";
import type { Log } from "../../../log.ts";
import { ShareCounts } from "../../../share-counts.ts";
import { quoted } from "../../../text.ts";
import { ChannelUpload, type Data, entryOf } from "./channel-upload.ts";
import { nameProblem } from "./item-name.ts";
import { PutUpload } from "./put-upload.ts";
import { isSameOwner, type Owner, type SharedItem, type Upload } from "./rows.ts";
import { UploadStore } from "./upload-store.ts";

export interface UploadServiceOptions {
  readonly folder: string;
  readonly quotaBytes: number;
  /** How long uploaded files stay; undefined: until somebody removes them. */
  readonly keepMs?: number | undefined;
  readonly log: Log;
  /** Something was added to the folder, or removed. */
  readonly onChange?: () => void;
  /** How often the minimum amount of an upload must have arrived (default: limits.ts). */
  readonly leastEveryMs?: number;
}

export class UploadService implements SharingPort {
  readonly store: UploadStore;
  /** Totals for /metrics. */
  readonly totals = { uploads: 0, receivedBytes: 0 };
  readonly #options: UploadServiceOptions;
  /** Uploads in progress, by the sender's number. */
  readonly #uploads = new Map<string, ChannelUpload>();
  /** Uploads by HTTP, by their tickets. */
  readonly #puts = new Map<string, PutUpload>();
  /**
   * Interrupted uploads by HTTP: how much of each has arrived. Not after a restart: without hashes
   * nobody knows what a disk has kept of a file that was being written.
   */
  readonly #left = new BoundedMap<string, { bytes: number; session: number }>(limits.maxUploads);
  /** Numbers and tickets of uploads for which space is being reserved. */
  readonly #asked = new Set<string>();
  readonly #owners = new ShareCounts(limits.maxPerOwner, limits.maxUploads / 3);
  readonly #rates = new ShareBuckets(
    { perSecond: limits.newPerMinute / 60, burst: limits.newAtOnce },
    limits.owners,
  );
  /** Completed uploads that have not been announced, because their senders had left. */
  readonly #untold = new BoundedMap<string, true>(limits.maxUploads);
  #sweeping: Timer | undefined;
  #isClosed = false;

  constructor(options: UploadServiceOptions) {
    this.#options = options;
    const { folder, quotaBytes, log, onChange = () => {} } = options;
    this.store = new UploadStore({ folder, quotaBytes, log, onChange, nowMs: Date.now });
  }

  /** Reads the existing uploads, and removes expired ones from now on. */
  start(): void {
    void this.sweep();
    const { keepMs = Infinity } = this.#options;
    const everyMs = Math.min(limits.sweepMs, Math.max(limits.leastSweepMs, keepMs));
    this.#sweeping = setInterval(() => void this.sweep(), everyMs);
    this.#sweeping.unref();
  }

  /** The number of uploads in progress. */
  get size(): number {
    return this.#uploads.size + this.#puts.size;
  }

  offer(sharer: Sharer, offer: ShareOffer, tell: (event: SharingEvent) => void): void {
    const running = this.#uploads.get(offer.id);
    if (running !== undefined) {
      if (!isSameOwner(ownerOf(running.sharer), ownerOf(sharer))) return tell(refused(inUse()));
      tell({ type: "taken" });
      return running.return(sharer, tell);
    }
    const left = this.#admit(sharer, offer.id, offer.files + offer.folders);
    if (left instanceof ParleyError) return tell(refused(left));
    this.#begin(sharer, offer, tell, left)
      .catch((error: unknown) => {
        left();
        tell(refused(this.#refusal(error)));
      })
      .finally(() => this.#asked.delete(offer.id));
  }

  upload(sharer: Sharer, file: FileToPut, tell: (event: SharingEvent) => void): void {
    this.keepPlace(sharer, file, tell).then(
      (place) => tell({ type: "ticket", ...place }),
      (error: unknown) => tell(refused(this.#refusal(error))),
    );
  }

  /**
   * Reserves a place for an upload by HTTP. Returns the ticket with which `take` finds it, once.
   * @throws ParleyError
   */
  async keepPlace(
    sharer: Sharer,
    { id: own, name, size: bytes, room }: FileToPut,
    tell: (event: SharingEvent) => void,
  ): Promise<{ ticket: string; from: number }> {
    const problem = nameProblem(name);
    if (problem !== undefined) throw new ParleyError("protocol", problem);
    const id = own ?? secretText(24);
    if (own !== undefined) {
      await this.#endOther(own, sharer);
      const placed = await this.placed(own);
      if (placed !== undefined && !isSameOwner(placed, ownerOf(sharer))) throw inUse();
      if (placed !== undefined) {
        const isUntold = this.#untold.delete(id);
        if (isUntold) tell({ type: "placed", entries: [entryOf(placed)], isKnown: false });
        return { ticket: id, from: placed.bytes };
      }
    }
    const left = this.#admit(sharer, id, 1);
    if (left instanceof ParleyError) throw left;
    const { store } = this;
    let upload: Upload | undefined;
    try {
      const amount = { bytes, files: 1, entries: 1 };
      upload = await store.reserve(id, ownerOf(sharer), sharer.owner, amount, room);
      const from = this.#arrived(id);
      const onOver = (item: SharedItem | undefined, leftBytes: number | undefined): void => {
        this.#puts.delete(id);
        left();
        if (item !== undefined) {
          this.totals.receivedBytes += item.bytes;
          if (!sharer.isHere()) this.#untold.set(id, true);
        } else if (own === undefined || !leftBytes) void store.discard(id);
        else {
          this.#left.set(id, { bytes: leftBytes, session: sharer.session });
          store.leave(id);
        }
      };
      const diskReason = (error: unknown) => this.#diskError(error);
      const put = new PutUpload({ store, upload, name, sharer, from, diskReason, tell, onOver });
      this.#puts.set(id, put);
      if (this.#isClosed || !sharer.isHere()) put.handleLost();
      this.totals.uploads++;
      return { ticket: id, from };
    } catch (error) {
      if (upload !== undefined) store.leave(id);
      left();
      throw error;
    } finally {
      this.#asked.delete(id);
    }
  }

  /** How much there is of an interrupted upload, unless it was too long ago. */
  #arrived(id: string): number {
    const bytes = this.#left.get(id)?.bytes ?? 0;
    this.#left.delete(id);
    const file = statSync(this.store.pathOf(id, 0), { throwIfNoEntry: false });
    return file !== undefined && file.size >= bytes ? bytes : 0;
  }

  /** Its sender has lost the connection, which this end has not noticed yet. */
  async #endOther(id: string, sharer: Sharer): Promise<void> {
    const running = this.#puts.get(id);
    if (this.#uploads.has(id)) throw inUse();
    if (running === undefined) return;
    if (!isSameOwner(ownerOf(running.sharer), ownerOf(sharer))) throw inUse();
    running.stop(new ParleyError("stalled", "Its sender continues in another request"));
    await running.over;
  }

  /** The file of an upload by HTTP that is in place; undefined: none. */
  async placed(ticket: string): Promise<SharedItem | undefined> {
    await this.store.freshen();
    return this.store.placedBy(ticket)[0];
  }

  /** The reserved place of a file. */
  take(ticket: string): PutUpload | undefined {
    return this.#puts.get(ticket);
  }

  pass(session: number, offer: string, channel: number, data: string): boolean {
    const upload = this.#uploads.get(offer);
    if (upload === undefined || upload.sharer.session !== session) return false;
    return upload.handleFrame(channel, data);
  }

  end(session: number, offer: string): void {
    const put = this.#puts.get(offer);
    if (put?.sharer.session === session) return put.cancel();
    if (this.#left.get(offer)?.session === session) {
      this.#left.delete(offer);
      return void this.store.discard(offer);
    }
    const upload = this.#uploads.get(offer);
    if (upload?.sharer.session === session) upload.cancel();
  }

  closed(session: number): void {
    for (const upload of this.#uploads.values()) {
      if (upload.sharer.session === session) upload.handleLost();
    }
    for (const put of this.#puts.values()) if (put.sharer.session === session) put.handleLost();
  }

  listings(): readonly SharedListing[] {
    return Array.from(this.store.items, listingOf);
  }

  remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
    then: (outcome: SharedListing | ParleyError) => void,
  ): void {
    this.#remove(name, check).then(then, (error: unknown) => then(this.#refusal(error)));
  }

  async #remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
  ): Promise<SharedListing> {
    const known = name.replace(/\/$/, "");
    if (this.store.find(known) === undefined) await this.store.freshen();
    const item = this.store.find(known);
    if (item === undefined) throw new ParleyError("not-found", notShared(name));
    const listing = listingOf(item);
    const problem = check(listing);
    if (problem !== undefined) throw problem;
    if (await this.store.remove(item)) return listing;
    throw new ParleyError("not-found", notShared(name));
  }

  /** Removes expired uploads. */
  async sweep(): Promise<void> {
    try {
      const removed = await this.store.sweep(this.#options.keepMs);
      for (const { name, by } of removed) {
        this.#options.log.info("shared file expired", { file: name, name: by });
      }
    } catch (error) {
      this.#options.log.warn(errorMessage(error));
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    const reason = new ParleyError("interrupted", "The server is stopping: send it again");
    for (const upload of this.#uploads.values()) upload.stop(reason);
    for (const put of this.#puts.values()) put.stop(reason);
  }

  /**
   * Counts an upload until the returned function is called; or returns why there can't be another
   * one.
   */
  #admit({ owner }: Sharer, id: string, entries: number): (() => void) | ParleyError {
    if (this.#asked.has(id)) return inUse();
    if (entries === 0) return new ParleyError("not-allowed", "There is nothing in it");
    if (entries > limits.maxEntries) {
      const most = `at most ${limits.maxEntries} files and folders can be shared at once`;
      return new ParleyError("full", `These are ${entries}, and ${most}`);
    }
    if (this.size + this.#asked.size >= limits.maxUploads) {
      const sentence = "Too many files are being shared at once: try again later";
      return new ParleyError("full", sentence);
    }
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      const sentence = `${full.label} shares ${full.count} at once already: wait for one to end`;
      return new ParleyError("full", sentence);
    }
    if (this.#rates.take(owner, performance.now()) > 0) {
      return new ParleyError("rate", "You are sharing too many in a row: try again in a minute");
    }
    this.#asked.add(id);
    this.#owners.add(owner);
    return () => this.#owners.remove(owner);
  }

  async #begin(
    sharer: Sharer,
    offer: ShareOffer,
    tell: (event: SharingEvent) => void,
    left: () => void,
  ): Promise<void> {
    const { store } = this;
    const owner = ownerOf(sharer);
    await store.refresh();
    const known = store.placedBy(offer.id);
    if (known.some((item) => isSameOwner(item, owner))) {
      left();
      tell({ type: "taken" });
      const isKnown = !this.#untold.delete(offer.id) && known[0]?.room === offer.room;
      return tell({ type: "placed", entries: known.map(entryOf), isKnown });
    }
    const { id, files, folders, bytes, room } = offer;
    const amount = { bytes, files, entries: files + folders };
    const upload = await store.reserve(id, owner, sharer.owner, amount, room);
    if (this.#isClosed || !sharer.isHere()) {
      store.leave(id);
      throw new ParleyError("stalled", "Its sender has disconnected");
    }
    const running: ChannelUpload = new ChannelUpload(
      {
        store,
        upload,
        offer,
        leastEveryMs: this.#options.leastEveryMs,
        diskReason: (error) => this.#diskError(error),
        onOver: (outcome, data) => {
          left();
          this.#handleOver(running, outcome, data);
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
    data: Data,
  ): void {
    this.#uploads.delete(id);
    if (outcome instanceof ParleyError) {
      if (data === "kept") this.store.leave(id);
      else void this.store.discard(id);
      return;
    }
    this.totals.receivedBytes += outcome.reduce((sum, { bytes }) => sum + bytes, 0);
    if (!sharer.isHere()) this.#untold.set(id, true);
  }

  /** The error for the sender: without paths of this machine, which are logged. */
  #diskError(error: unknown): ParleyError {
    const why = error instanceof ParleyError ? error.message : fileReason(error);
    this.#options.log.warn(`An upload failed: ${why}`);
    return new ParleyError("storage", this.#diskReason());
  }

  /** The same for a request that could not be carried out, unless the error is for its sender. */
  #refusal(error: unknown): ParleyError {
    if (error instanceof ParleyError) return error;
    this.#options.log.warn(`The shared folder cannot be used: ${fileReason(error)}`);
    return new ParleyError("storage", "The server cannot do it just now: its log says why");
  }

  #diskReason(): string {
    if (freeRoom(this.#options.folder)?.bytes === 0) {
      return "The server's disk is full: nothing of it is shared";
    }
    return "The server cannot store it: its log says why";
  }
}

function ownerOf({ by, person, device, owner }: Sharer): Owner {
  return { by, person, device, shares: owner.kept.map(({ key }) => key) };
}

function refused(error: ParleyError): SharingEvent {
  return { type: "refused", error };
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
