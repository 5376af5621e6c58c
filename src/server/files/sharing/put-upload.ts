// A file uploaded to the shared folder as the body of an HTTP request: written to its reserved
// place as it arrives, and renamed when it is complete. At most one piece is in memory.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Sharer, SharingEvent } from "../../../chat/sharing/sharing-port.ts";
import { ParleyError } from "../../../errors.ts";
import { quietly } from "../../../files/cleanup.ts";
import { WorkSlices } from "../../../files/work-slices.ts";
import { sharing as limits } from "../../../limits.ts";
import { cancelled, entryOf } from "./channel-upload.ts";
import type { SharedItem, Upload } from "./rows.ts";
import type { UploadStore } from "./upload-store.ts";

export interface PutUploadOptions {
  readonly store: UploadStore;
  readonly upload: Upload;
  readonly name: string;
  readonly sharer: Sharer;
  /** Bytes that are already there. */
  readonly from?: number;
  /** How often the minimum amount must have arrived (default: limits.ts). */
  readonly leastEveryMs?: number;
  /** Why the disk can't store more, as an error for the sender. */
  readonly diskReason: (error: unknown) => ParleyError;
  readonly tell: (event: SharingEvent) => void;
  /** `leftBytes`: so much has arrived, and the sender may continue; undefined: it can't. */
  readonly onOver: (item: SharedItem | undefined, leftBytes: number | undefined) => void;
}

export class PutUpload {
  readonly #options: PutUploadOptions;
  /** Why nothing more is read. */
  #reason: ParleyError | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** Runs until the upload begins. */
  #waiting: Timer | undefined;
  #isCancelled = false;
  #isOver = false;
  #bytes: number;
  readonly #over = Promise.withResolvers<void>();

  constructor(options: PutUploadOptions) {
    this.#options = options;
    this.#bytes = options.from ?? 0;
    this.#waiting = setTimeout(
      () => this.stop(new ParleyError("stalled", "It was not sent")),
      limits.ticketMs,
    );
  }

  get sharer(): Sharer {
    return this.#options.sharer;
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** The sender's session has closed: an upload that has begun may still finish. */
  handleLost(): void {
    if (this.#waiting !== undefined)
      this.stop(new ParleyError("stalled", "Its sender has disconnected"));
  }

  stop(reason: ParleyError): void {
    if (this.#isOver) return;
    this.#reason ??= reason;
    // This ends a pending read.
    void this.#reader?.cancel().catch(() => {});
    if (this.#waiting !== undefined) this.#end(undefined, reason);
  }

  /** Its sender wants nothing of it to be shared. */
  cancel(): void {
    this.#isCancelled = true;
    this.stop(cancelled());
  }

  /** Call it once. @throws ParleyError why the file is not shared */
  async receive(body: ReadableStream<Uint8Array> | null): Promise<SharedItem> {
    if (this.#waiting === undefined || this.#isOver) {
      throw new ParleyError("not-found", "It has been sent already, or not in time: ask again");
    }
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const { store, upload, name, sharer, diskReason } = this.#options;
    try {
      await this.#write(body);
      const arrived = [{ place: 0, name, isFolder: false }];
      const [item] = await store.finish(upload, arrived, () => {
        const problem = this.#isCancelled ? cancelled() : sharer.problem();
        if (problem !== undefined) throw problem;
      });
      if (item === undefined) throw new Error("A file that was placed is missing");
      this.#end(item, undefined);
      return item;
    } catch (error) {
      const reason = error instanceof ParleyError ? error : diskReason(error);
      this.#end(undefined, reason);
      throw reason;
    }
  }

  /** @throws ParleyError; the file system's errors */
  async #write(body: ReadableStream<Uint8Array> | null): Promise<void> {
    const { store, upload, leastEveryMs = limits.leastEveryMs } = this.#options;
    const flags = this.#bytes === 0 ? newFile : openedFile;
    const file = openSync(store.pathOf(upload.id, 0), flags, 0o644);
    this.#reader = body?.getReader();
    const slices = new WorkSlices();
    let seenBytes = this.#bytes;
    let isWhole = false;
    // A sender that sends too little in this time will not finish.
    const pace = setInterval(() => {
      if (this.#bytes - seenBytes < limits.leastBytes) this.stop(tooSlow());
      seenBytes = this.#bytes;
    }, leastEveryMs);
    try {
      for (;;) {
        const piece = await this.#next();
        if (piece === undefined) break;
        if (this.#bytes + piece.length > upload.bytes) throw tooMuch(upload.bytes);
        for (let done = 0; done < piece.length;) {
          const written = writeSync(file, piece, done, piece.length - done, this.#bytes);
          done += written;
          this.#bytes += written;
        }
        // Let other work run: everything that has arrived already would be read first.
        if (slices.isOver) await slices.rest();
      }
      if (this.#bytes < upload.bytes) throw cut(this.#bytes, upload.bytes);
      isWhole = true;
    } finally {
      clearInterval(pace);
      void this.#reader?.cancel().catch(() => {});
      // A network file system may report only now that it could not store everything.
      if (isWhole) closeSync(file);
      else quietly(() => closeSync(file));
    }
  }

  /** Undefined: that was everything. @throws ParleyError */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    let piece: Uint8Array | undefined;
    try {
      piece = (await this.#reader.read()).value;
    } catch {
      throw (
        this.#reason ??
        new ParleyError("stalled", "The connection was lost before everything had arrived")
      );
    }
    if (this.#reason !== undefined) throw this.#reason;
    return piece;
  }

  #end(item: SharedItem | undefined, reason: ParleyError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#waiting);
    const { onOver, tell } = this.#options;
    onOver(item, reason?.code === "stalled" ? this.#bytes : undefined);
    this.#over.resolve();
    if (item !== undefined) tell({ type: "placed", entries: [entryOf(item)], isKnown: false });
  }
}

const openedFile = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);
const newFile = openedFile | constants.O_CREAT | constants.O_TRUNC;

function tooMuch(bytes: number): ParleyError {
  return new ParleyError(
    "protocol",
    `More than the ${bytes} bytes arrived that were announced: nothing is shared`,
  );
}

function cut(bytes: number, of: number): ParleyError {
  return new ParleyError("stalled", `Only ${bytes} of ${of} bytes have arrived: nothing is shared`);
}

function tooSlow(): ParleyError {
  return new ParleyError("stalled", "It arrived too slowly: nothing was shared");
}
