// A file uploaded to the shared folder as the body of an HTTP request: written to its reserved
// place as it arrives, and renamed when it is complete. At most one piece is in memory.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Sharer, SharingEvent } from "../../../chat/sharing/sharing-port.ts";
import { ParleyError } from "../../../errors.ts";
import { quietly } from "../../../files/cleanup.ts";
import { WorkSlices } from "../../../files/work-slices.ts";
import { sharing as limits } from "../../../limits.ts";
import { entryOf } from "./channel-upload.ts";
import type { SharedItem, Upload } from "./rows.ts";
import type { UploadStore } from "./upload-store.ts";

export interface PutUploadOptions {
  readonly store: UploadStore;
  readonly upload: Upload;
  readonly name: string;
  readonly sharer: Sharer;
  /** How often the minimum amount must have arrived (default: limits.ts). */
  readonly leastEveryMs?: number;
  /** Why the disk can't store more, as an error for the sender. */
  readonly diskReason: (error: unknown) => ParleyError;
  readonly tell: (event: SharingEvent) => void;
  readonly onOver: (item: SharedItem | undefined) => void;
}

export class PutUpload {
  readonly #options: PutUploadOptions;
  /** Why nothing more is read. */
  #reason: ParleyError | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** Runs until the upload begins. */
  #waiting: Timer | undefined;
  #isOver = false;

  constructor(options: PutUploadOptions) {
    this.#options = options;
    this.#waiting = setTimeout(
      () => this.stop(new ParleyError("stalled", "It was not sent")),
      limits.ticketMs,
    );
  }

  get sharer(): Sharer {
    return this.#options.sharer;
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
    if (this.#waiting !== undefined) this.#end(undefined);
  }

  /** Call it once. @throws ParleyError why the file is not shared; then nothing of it is left */
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
        const problem = sharer.problem();
        if (problem !== undefined) throw problem;
      });
      if (item === undefined) throw new Error("A file that was placed is missing");
      this.#end(item);
      return item;
    } catch (error) {
      this.#end(undefined);
      throw error instanceof ParleyError ? error : diskReason(error);
    }
  }

  /** @throws ParleyError; the file system's errors */
  async #write(body: ReadableStream<Uint8Array> | null): Promise<void> {
    const { store, upload, leastEveryMs = limits.leastEveryMs } = this.#options;
    const file = openSync(store.pathOf(upload.id, 0), newFile, 0o644);
    this.#reader = body?.getReader();
    const slices = new WorkSlices();
    let bytes = 0;
    let seenBytes = 0;
    // A sender that sends too little in this time will not finish.
    const pace = setInterval(() => {
      if (bytes - seenBytes < limits.leastBytes) this.stop(tooSlow());
      seenBytes = bytes;
    }, leastEveryMs);
    try {
      for (;;) {
        const piece = await this.#next();
        if (piece === undefined) break;
        bytes += piece.length;
        if (bytes > upload.bytes) throw tooMuch(upload.bytes);
        for (let done = 0; done < piece.length;) done += writeSync(file, piece, done);
        // What has arrived already would be read to its end before anything else.
        if (slices.isOver) await slices.rest();
      }
      if (bytes < upload.bytes) throw cut(bytes, upload.bytes);
    } finally {
      clearInterval(pace);
      quietly(() => closeSync(file));
      void this.#reader?.cancel().catch(() => {});
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

  #end(item: SharedItem | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#waiting);
    const { onOver, tell } = this.#options;
    onOver(item);
    if (item !== undefined) tell({ type: "placed", entries: [entryOf(item)], isKnown: false });
  }
}

const newFile =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

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
  return new ParleyError("stalled", "It arrived too slowly: nothing is shared");
}
