// Records of complete and incomplete uploads, in a hidden folder inside the shared folder: rows
// contain owner and size, so that the accounting is correct after a crash and with several servers
// of one folder. No upload gets its name before it is complete. Knows no protocol.
//
//   .parley-shared/items/ID            a row: a file or folder that is in place
//   .parley-shared/uploads/ID/row      the reserved space of an upload in progress
//   .parley-shared/uploads/ID/data/N   its received data, by the position in its list
//   .parley-shared/clock               how far the clock is by which they age

import { lstatSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ParleyError } from "../../../errors.ts";
import { quietly } from "../../../files/cleanup.ts";
import { freeRoom } from "../../../files/free-room.ts";
import { WorkSlices } from "../../../files/work-slices.ts";
import { fileReason } from "../../../files/file-reason.ts";
import { sharing as limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import { secretBytes } from "../../../secrets.ts";
import type { ShareOwner } from "../../../share-owner.ts";
import { sizeText } from "../../../size-text.ts";
import { namesIn } from "../folder-names.ts";
import { foldedItem, freeName, nameProblem } from "./item-name.ts";
import { measureTree, syncFile } from "./measure.ts";
import { moveToPlace } from "./place.ts";
import {
  type Amount,
  chargeOf,
  decodeItem,
  decodeUpload,
  encodeRow,
  isSameOwner,
  type Owner,
  type SharedItem,
  type Upload,
} from "./rows.ts";
import { Leftovers } from "./leftovers.ts";
import { ifMissing, refreshRows } from "./row-files.ts";
import { SharedItems } from "./shared-items.ts";
import { SharedSpace } from "./shared-space.ts";
import { type StartClock, UploadClock } from "./upload-clock.ts";

/** Inside the shared folder; never shared, like all names that begin with a dot. */
const hiddenFolder = ".parley-shared";

export interface UploadStoreOptions {
  /** The shared folder; created with the first upload. */
  readonly folder: string;
  readonly quotaBytes: number;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  /** The clock by which uploads age (default: the system's, which can't be set). */
  readonly startClock?: StartClock;
  readonly log: Log;
  /** Something was added to the folder, or removed. */
  readonly onChange?: () => void;
}

/** A completely received entry: `place` in the list of its upload. */
export type Arrived = { readonly place: number; readonly name: string; readonly isFolder: boolean };

export class UploadStore {
  readonly #options: UploadStoreOptions;
  readonly #space: SharedSpace;
  readonly #items = new SharedItems();
  #refreshedMs = -Infinity;
  readonly #uploads = new Map<string, Upload>();
  /** The uploads that this server is receiving, with those whose share they use. */
  readonly #open = new Map<string, ShareOwner>();
  readonly #clock: UploadClock;
  readonly #leftovers = new Leftovers();
  /** Uploads whose data is being removed. */
  readonly #discarding = new Map<string, Promise<void>>();
  /** Serializes work on rows and names. */
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: UploadStoreOptions) {
    this.#options = options;
    this.#space = new SharedSpace(options.quotaBytes);
    const newestMs = () => this.#items.newestMs;
    this.#clock = new UploadClock(join(this.#root, "clock"), newestMs, options.startClock);
  }

  /** As of the last refresh. */
  get items(): Iterable<SharedItem> {
    return this.#items;
  }

  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  /** The path for an entry of an upload. Its folder exists while the upload is open. */
  pathOf(upload: string, place: number): string {
    return join(this.#uploadFolder(upload), "data", String(place));
  }

  /** Reads the rows, including those of other servers. */
  refresh(): Promise<void> {
    return this.#alone(() => this.#refresh());
  }

  /** The same, unless that was done a moment ago: anybody may cause it, as often as they like. */
  async freshen(): Promise<void> {
    const ageMs = () => Math.abs(this.#options.nowMs() - this.#refreshedMs);
    const read = async () => (ageMs() < limits.freshMs ? undefined : this.#refresh());
    if (ageMs() >= limits.freshMs) await this.#alone(read);
  }

  /**
   * Reserves space for an upload, which is open from then on: end it with `finish`, `leave` or
   * `discard`. An interrupted upload resumes where it was. `id`: a valid folder name.
   * @throws ParleyError `full`, `not-allowed`, `storage`
   */
  reserve(
    id: string,
    owner: Owner,
    payer: ShareOwner,
    amount: Amount,
    room?: string,
  ): Promise<Upload> {
    return this.#alone(async () => {
      // Otherwise it would resume data that is about to disappear.
      await this.#discarding.get(id);
      await this.#refresh();
      if (this.#open.has(id)) throw new ParleyError("not-allowed", "This is being sent already");
      const left = await this.#resume(id, owner, amount);
      const upload = left ?? { ...owner, ...amount, room, id, atMs: this.#options.nowMs() };
      if (left === undefined) await this.#begin(upload, payer);
      this.#open.set(id, payer);
      return upload;
    });
  }

  /**
   * Checks whether an open upload may put `entries` items at the top of the folder, before it is
   * received in vain. @throws ParleyError `full`
   */
  checkPlaces({ id }: Upload, entries: number): void {
    const payer = this.#open.get(id);
    // The upload itself counts as one.
    const refusal = payer && this.#space.placesRefusal(payer, entries - 1);
    if (refusal !== undefined) throw new ParleyError("full", refusal);
  }

  /** Whether an upload takes no more space than was reserved. Throws the file system's errors. */
  async isWithin(upload: Upload): Promise<boolean> {
    const found = await measureTree(join(this.#uploadFolder(upload.id), "data"));
    const most = chargeOf(upload) * (1 + 1 / limits.measuredParts) + limits.spareBytes;
    return chargeOf(found) <= most;
  }

  /**
   * Moves received entries to free names. The upload is over in any case. `check`: the final check
   * whether it is allowed; throws if not. @throws ParleyError
   */
  async finish(
    upload: Upload,
    arrived: readonly Arrived[],
    check: () => void,
  ): Promise<readonly SharedItem[]> {
    try {
      const amounts = await this.#amountsOf(upload, arrived);
      return await this.#alone(async () => {
        check();
        this.checkPlaces(upload, arrived.length);
        return await this.#placeAll(upload, arrived, amounts);
      });
    } finally {
      await this.discard(upload.id);
    }
  }

  /** Nobody is receiving it any more; its data is kept for a while. */
  leave(id: string): void {
    this.#open.delete(id);
  }

  /** Removes the data of an upload. */
  discard(id: string): Promise<void> {
    const running = this.#discarding.get(id);
    if (running !== undefined) return running;
    const discarding = this.#discard(id).finally(() => this.#discarding.delete(id));
    this.#discarding.set(id, discarding);
    return discarding;
  }

  async #discard(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    this.#open.delete(id);
    try {
      await rm(this.#uploadFolder(id), { recursive: true, force: true });
    } catch (error) {
      // It counts until it can be removed.
      return this.#options.log.warn(`Cannot remove an upload: ${fileReason(error)}`);
    }
    if (upload === undefined || !this.#uploads.delete(id)) return;
    this.#space.release(upload);
  }

  /** The entry with this name in the folder; undefined: no upload has put it there. */
  find(name: string): SharedItem | undefined {
    return this.#items.find(name);
  }

  /** All entries of that upload, if all of them still exist; otherwise none. */
  placedBy(upload: string): readonly SharedItem[] {
    const items = [...this.#items].filter((item) => item.upload === upload);
    const isWhole = items.length === items[0]?.parts && items.every((one) => this.#isInPlace(one));
    return isWhole ? items : [];
  }

  /** Removes an entry from the shared folder. False: it is no longer the uploaded one. */
  remove(item: SharedItem): Promise<boolean> {
    return this.#alone(async () => this.#remove(item));
  }

  /** Removes older entries, and the remains of interrupted uploads. Returns the former. */
  async sweep(keepMs: number | undefined): Promise<readonly SharedItem[]> {
    return await this.#alone(async () => {
      await this.#refresh();
      const { nowMs } = this.#clock;
      quietly(() => this.#clock.save());
      await this.#removeLeftovers(nowMs);
      const removed: SharedItem[] = [];
      const untilMs = keepMs === undefined ? -Infinity : nowMs - keepMs;
      // Another server may have just written a row, and be about to move its file into place.
      const settledMs = nowMs - limits.sweepMs;
      for (const item of this.#items) {
        if (item.clockMs < settledMs && !this.#isInPlace(item)) this.#forget(item);
        else if (item.clockMs < untilMs && (await this.#remove(item))) removed.push(item);
      }
      return removed;
    });
  }

  get #root(): string {
    return join(this.#options.folder, hiddenFolder);
  }

  #uploadFolder(id: string): string {
    return join(this.#root, "uploads", id);
  }

  #uploadRow(id: string): string {
    return join(this.#uploadFolder(id), "row");
  }

  #itemRow(id: string): string {
    return join(this.#root, "items", id);
  }

  #alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => {});
    return done;
  }

  async #refresh(): Promise<void> {
    try {
      this.#refreshedMs = this.#options.nowMs();
      await refreshRows({
        folder: join(this.#root, "items"),
        known: this.#items.byId,
        decode: decodeItem,
        pathOf: (id) => this.#itemRow(id),
        keep: (item) => {
          this.#items.keep(item);
          this.#space.take(item);
        },
        drop: (item) => {
          this.#items.drop(item);
          this.#space.release(item);
        },
      });
      await refreshRows({
        folder: join(this.#root, "uploads"),
        known: this.#uploads,
        isOwn: (id) => this.#open.has(id),
        // What is being removed may hold a file that its sender has named like a row.
        decode: (id, text) => (id.endsWith(removedEnd) ? undefined : decodeUpload(id, text)),
        pathOf: (id) => this.#uploadRow(id),
        keep: (upload) => {
          this.#uploads.set(upload.id, upload);
          this.#space.take(upload);
        },
        drop: (upload) => {
          this.#uploads.delete(upload.id);
          this.#space.release(upload);
        },
      });
      await this.#clock.sync();
    } catch (error) {
      throw this.#unusable(error);
    }
  }

  /** An interrupted upload of that user. Undefined: it starts anew. */
  async #resume(id: string, owner: Owner, amount: Amount): Promise<Upload | undefined> {
    const left = this.#uploads.get(id);
    if (left === undefined) return undefined;
    if (!isSameOwner(left, owner)) throw new ParleyError("not-allowed", "That number is in use");
    const isSame = left.bytes === amount.bytes && left.entries === amount.entries;
    // More than the reserved space: whatever it is, it is not the same upload.
    if (isSame && (await this.isWithin(left))) return left;
    await this.discard(id);
    return undefined;
  }

  /** @throws ParleyError `full`, `storage` */
  async #begin(upload: Upload, payer: ShareOwner): Promise<void> {
    const { folder } = this.#options;
    const refusal = this.#space.placesRefusal(payer) ?? this.#space.refusal(payer, upload);
    if (refusal !== undefined) throw new ParleyError("full", refusal);
    this.#writing(() => {
      mkdirSync(folder, { recursive: true });
      const room = freeRoom(folder);
      if (room !== undefined && chargeOf(upload) > room.bytes) {
        const there = `The server's disk has room for ${sizeText(room.bytes)}`;
        throw new ParleyError("storage", `${there}, and this takes ${sizeText(upload.bytes)}`);
      }
      for (const name of ["items", "uploads"]) {
        mkdirSync(join(this.#root, name), { recursive: true, mode: 0o700 });
      }
      const own = this.#uploadFolder(upload.id);
      try {
        mkdirSync(join(own, "data"), { recursive: true, mode: 0o700 });
        writeFileSync(this.#uploadRow(upload.id), encodeRow(upload), { mode: 0o600, flag: "wx" });
      } catch (error) {
        quietly(() => rmSync(own, { recursive: true, force: true }));
        throw error;
      }
    });
    this.#uploads.set(upload.id, upload);
    this.#space.take(upload);
    await this.#checkOthers(upload);
  }

  /** Another server of the same folder may have reserved the same space at the same time. */
  async #checkOthers(upload: Upload): Promise<void> {
    await this.#refresh();
    if (this.#space.usedBytes <= this.#space.quotaBytes) return;
    await this.discard(upload.id);
    throw new ParleyError("full", "Others are filling the shared folder just now: try again");
  }

  /**
   * The size of each received entry. @throws ParleyError `protocol` if it exceeds the announced
   * size
   */
  async #amountsOf(upload: Upload, arrived: readonly Arrived[]): Promise<Amount[]> {
    const amounts: Amount[] = [];
    const all = { bytes: 0, entries: 0 };
    for (const { place, name } of arrived) {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new ParleyError("protocol", problem);
      const path = this.pathOf(upload.id, place);
      const amount = await measureTree(path);
      if (amount.entries === 1 && amount.files === 1) await syncFile(path);
      all.bytes += amount.bytes;
      all.entries += amount.entries;
      amounts.push(amount);
    }
    if (all.bytes > upload.bytes || all.entries > upload.entries) {
      throw new ParleyError(
        "protocol",
        "More has arrived than was announced: none of it is shared",
      );
    }
    return amounts;
  }

  async #takenNames(): Promise<Set<string>> {
    const taken = new Set<string>();
    const slices = new WorkSlices();
    for (const name of await namesIn(this.#options.folder)) {
      if (slices.isOver) await slices.rest();
      taken.add(foldedItem(name));
    }
    return taken;
  }

  /** All entries, or none. */
  async #placeAll(
    upload: Upload,
    arrived: readonly Arrived[],
    amounts: readonly Amount[],
  ): Promise<readonly SharedItem[]> {
    const taken = await this.#takenNames();
    const placed: SharedItem[] = [];
    const parts = arrived.length;
    const slices = new WorkSlices();
    try {
      for (const [i, one] of arrived.entries()) {
        if (slices.isOver) await slices.rest();
        placed.push(this.#place({ ...upload, parts }, one, amounts[i]!, taken));
      }
    } catch (error) {
      for (const item of placed) await this.#remove(item);
      throw error;
    }
    return placed;
  }

  /** The row is written first: an entry without one would belong to nobody. */
  #place(
    { id: upload, parts, ...about }: Upload & { parts: number },
    { place, name, isFolder }: Arrived,
    amount: Amount,
    taken: Set<string>,
  ): SharedItem {
    const { by, person, device, shares, room } = about;
    const from = this.pathOf(upload, place);
    return this.#writing(() => {
      for (;;) {
        const free = freeName(name, (folded) => taken.has(folded));
        taken.add(foldedItem(free));
        const item: SharedItem = {
          id: Buffer.from(secretBytes(16)).toString("hex"),
          upload,
          parts,
          name: free,
          isFolder,
          version: versionOf(from) ?? "",
          by,
          person,
          device,
          shares,
          room,
          ...amount,
          atMs: this.#options.nowMs(),
          clockMs: this.#clock.nowMs,
        };
        const row = this.#itemRow(item.id);
        try {
          writeFileSync(row, encodeRow(item), { mode: 0o600, flag: "wx" });
          if (moveToPlace(from, join(this.#options.folder, free), isFolder)) {
            this.#items.keep(item);
            this.#space.take(item);
            this.#options.onChange?.();
            return item;
          }
        } catch (error) {
          quietly(() => rmSync(row, { force: true }));
          throw error;
        }
        rmSync(row);
      }
    });
  }

  #isInPlace({ name, version }: SharedItem): boolean {
    try {
      return isSameVersion(version, versionOf(join(this.#options.folder, name)));
    } catch {
      // Unknown: it stays.
      return true;
    }
  }

  async #remove(item: SharedItem): Promise<boolean> {
    const isThere = this.#isInPlace(item);
    if (isThere) {
      // Hidden in one step; removing a folder takes a while.
      const away = join(this.#root, "uploads", `${item.id}${removedEnd}`);
      try {
        if (!moveToPlace(join(this.#options.folder, item.name), away, item.isFolder)) return false;
        this.#options.onChange?.();
        await rm(away, { recursive: true, force: true });
      } catch (error) {
        throw this.#unusable(error);
      }
    }
    this.#forget(item);
    return isThere;
  }

  /** It no longer exists, or has been replaced. */
  #forget(item: SharedItem): void {
    quietly(() => rmSync(this.#itemRow(item.id), { force: true }));
    if (this.#items.drop(item)) this.#space.release(item);
  }

  /**
   * Removes uploads that nobody receives; a server that receives one updates it from time to time.
   */
  async #removeLeftovers(nowMs: number): Promise<void> {
    const now = new Date();
    for (const id of this.#open.keys()) quietly(() => utimesSync(this.#uploadRow(id), now, now));
    const folder = join(this.#root, "uploads");
    const ids = (await readdir(folder).catch(ifMissing)).filter((id) => !this.#open.has(id));
    for (const id of await this.#leftovers.expired(folder, ids, nowMs)) await this.discard(id);
  }

  #writing<Value>(work: () => Value): Value {
    try {
      return work();
    } catch (error) {
      throw this.#unusable(error);
    }
  }

  #unusable(error: unknown): ParleyError {
    if (error instanceof ParleyError) return error;
    const sentence = `The server cannot write to its shared folder: ${fileReason(error)}`;
    this.#options.log.warn(sentence);
    return new ParleyError("storage", sentence);
  }
}

/** Ends the names of folders that have been shared, and whose content is being removed. */
const removedEnd = ".removed";

/**
 * Identifies the content: size and time of a file, which survive a backup; the inode of a folder,
 * whose time changes with its content, and when it was created, where the file system knows: a
 * folder that replaces another one often gets its inode. Undefined: nothing is there. Throws the
 * disk's errors.
 */
function versionOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (found?.isDirectory() === true) {
    const { ino, birthtimeMs } = found;
    return birthtimeMs > 0n ? `folder ${ino} ${birthtimeMs}` : `folder ${ino}`;
  }
  return found?.isFile() === true ? `file ${found.size} ${found.mtimeMs}` : undefined;
}

/** Earlier versions, and other servers of the same folder, may not know when one was created. */
function isSameVersion(kept: string, found: string | undefined): boolean {
  if (found === undefined) return false;
  return kept === found || kept === withoutBirth(found) || withoutBirth(kept) === found;
}

function withoutBirth(version: string): string {
  return version.replace(/^(folder \d+) \d+$/, "$1");
}
