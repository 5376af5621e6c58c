// Files that a session uploads to the shared folder: received through the channels of an offer like
// files from a person (handover/), written to their reserved place, and renamed when everything is
// verified. Resumes with the next channel after a lost connection.

import type { ShareOffer, Sharer, SharingEvent } from "../../../chat/sharing/sharing-port.ts";
import { ParleyError } from "../../../errors.ts";
import { DownloadClient } from "../../../files/download-client.ts";
import type { FetchEvent } from "../../../files/fetch-events.ts";
import { Channel } from "../../../handover/channel.ts";
import { encodeReceipt } from "../../../handover/channel-line.ts";
import { PersonSource } from "../../../handover/person-source.ts";
import { offers, sharing as limits } from "../../../limits.ts";
import { quoted } from "../../../text.ts";
import { nameProblem } from "./item-name.ts";
import type { SharedItem, Upload } from "./rows.ts";
import type { Arrived, UploadStore } from "./upload-store.ts";

export interface ChannelUploadOptions {
  readonly store: UploadStore;
  readonly upload: Upload;
  readonly offer: ShareOffer;
  /** How often the minimum amount must have arrived (default: limits.ts). */
  readonly leastEveryMs?: number | undefined;
  /** Why the disk can't store more, as an error for the sender. */
  readonly diskReason: (error: unknown) => ParleyError;
  /** The upload is over. */
  readonly onOver: (outcome: ParleyError | readonly SharedItem[], data: Data) => void;
}

/** What becomes of the received data: it stays on the disk for the sender, or not. */
export type Data = "kept" | "removed";

/** Errors whose messages are about the sender's actions, and contain no path of the server. */
const tellable: ReadonlySet<string> = new Set([
  "protocol",
  "integrity",
  "not-found",
  "muted",
  "banned",
  "full",
]);

export class ChannelUpload {
  readonly offer: ShareOffer;
  readonly #options: ChannelUploadOptions;
  readonly #source: PersonSource;
  readonly #client: DownloadClient;
  #sharer: Sharer;
  #tell: (event: SharingEvent) => void;
  #channel: Channel | undefined;
  #number = 0;
  #frameChars = 0;
  /** When its data was last measured. */
  #measuredChars = 0;
  /** Everything has arrived, and is being put into place. */
  #isFinishing = false;
  #isCancelled = false;
  #isOver = false;
  #awayTimer: Timer | undefined;
  /** Checks whether enough has arrived since the last time. */
  #pace: Timer | undefined;
  #pacedChars = 0;
  /** The server itself was busy with what had arrived. */
  #hasWorked = false;
  /** Resolves when the sender is back. */
  #returned = Promise.withResolvers<void>();
  /** Bytes of completed files, and of the one in progress. */
  #doneBytes = 0;
  #comingBytes = 0;
  #saidMs = 0;
  /** What is in the folders that have been listed. */
  readonly #listed = { files: 0, entries: 0, bytes: 0 };

  constructor(options: ChannelUploadOptions, sharer: Sharer, tell: (event: SharingEvent) => void) {
    this.#options = options;
    this.offer = options.offer;
    this.#sharer = sharer;
    this.#tell = tell;
    const { files, bytes } = options.upload;
    this.#source = new PersonSource({
      name: quoted(sharer.by),
      key: undefined,
      allowance: { files, bytes },
      slackBytes: 0,
    });
    this.#client = new DownloadClient({
      source: this.#source,
      retryForMs: offers.waitMs,
      force: true,
      aheadBytes: limits.aheadBytes,
      listBounds: { maxEntries: limits.maxEntries, maxNameChars: limits.maxNameChars },
      onEvent: (event) => this.#handleFetch(event),
      onWork: () => (this.#hasWorked = true),
    });
  }

  get sharer(): Sharer {
    return this.#sharer;
  }

  /** Starts receiving. */
  start(): void {
    const { leastEveryMs = limits.leastEveryMs } = this.#options;
    this.#pace = setInterval(() => this.#checkPace(), leastEveryMs);
    this.#openChannel();
    void this.#receive();
  }

  /** A sender that occupies a slot and sends next to nothing loses it; its data is kept. */
  #checkPace(): void {
    const isSlow = this.#frameChars - this.#pacedChars < limits.leastBytes && !this.#hasWorked;
    this.#pacedChars = this.#frameChars;
    this.#hasWorked = false;
    // An offline sender has a separate timeout.
    if (isSlow && this.#channel !== undefined) this.#end(tooSlow(), "kept");
  }

  /** The sender is back, with another session. */
  return(sharer: Sharer, tell: (event: SharingEvent) => void): void {
    this.#sharer = sharer;
    this.#tell = tell;
    clearTimeout(this.#awayTimer);
    this.#closeChannel();
    this.#openChannel();
    this.#returned.resolve();
    this.#returned = Promise.withResolvers();
  }

  handleFrame(number: number, data: string): boolean {
    if (this.#channel === undefined || number !== this.#number) return false;
    this.#frameChars += data.length;
    this.#channel.receive(data);
    const most = offers.resentTimes * this.#options.upload.bytes * 1.5 + offers.resentBytes;
    if (this.#frameChars > most) {
      const sentence = "Far more was sent than requested: none of it is shared";
      this.#end(new ParleyError("protocol", sentence), "removed");
    }
    const { bytes } = this.#options.upload;
    const stepChars = Math.max(bytes / limits.measuredParts, limits.measuredBytes);
    if (this.#frameChars - this.#measuredChars >= stepChars) void this.#measure();
    return true;
  }

  /**
   * Nothing that the sender says can be relied on: a file may be larger than it was in the list,
   * and what was left by an interrupted upload may be something else.
   */
  async #measure(): Promise<void> {
    const { store, upload } = this.#options;
    this.#measuredChars = this.#frameChars;
    try {
      if (this.#isFinishing || (await store.isWithin(upload)) || this.#isFinishing) return;
    } catch {
      // It is being written; the next time will tell.
      return;
    }
    const sentence = "More has arrived than was announced, and none of it is shared: send it again";
    this.#end(own(new ParleyError("protocol", sentence)), "removed");
  }

  /** The sender has lost the connection. */
  handleLost(): void {
    this.#closeChannel();
    // Everything is here: the sender is told on returning.
    if (this.#isFinishing) return;
    clearTimeout(this.#awayTimer);
    this.#awayTimer = setTimeout(() => this.#end(gone(), "kept"), limits.awayMs);
  }

  /** The server stops the upload. Its data is kept for the sender. */
  stop(reason: ParleyError): void {
    this.#end(own(reason), "kept");
  }

  /** The same for its sender, who wants nothing of it to be shared. */
  cancel(): void {
    this.#isCancelled = true;
    this.stop(cancelled());
  }

  #openChannel(): void {
    const number = ++this.#number;
    const tell = this.#tell;
    tell({ type: "channel", channel: number });
    const port = {
      pass: (data: string) => tell({ type: "passed", channel: number, data }),
      waitingBytes: () => 0,
    };
    const channel = new Channel(port, undefined, "recipient", {
      line: (text) => this.#source.handleLine(text),
      piece: (piece) => this.#source.handlePiece(piece),
      broken: (reason) => this.#end(reason, "removed"),
    });
    this.#channel = channel;
    this.#source.handleOpened(channel);
  }

  #closeChannel(): void {
    this.#channel?.close();
    this.#channel = undefined;
    this.#source.handleClosed();
  }

  async #receive(): Promise<void> {
    const { store, upload } = this.#options;
    try {
      const arrived = await this.#fetchAll();
      // The sender is connected when files are shared, so that they can be announced in the room.
      while (this.#channel === undefined && !this.#isOver) await this.#returned.promise;
      if (this.#isOver) return;
      clearInterval(this.#pace);
      this.#isFinishing = true;
      const items = await store.finish(upload, arrived, () => {
        const problem = this.#isCancelled ? cancelled() : this.#sharer.problem();
        if (problem !== undefined) throw problem;
      });
      this.#end(items, "removed");
    } catch (error) {
      this.#end(error, "removed");
    }
  }

  async #fetchAll(): Promise<readonly Arrived[]> {
    const { store, upload } = this.#options;
    const arrived: Arrived[] = [];
    for (const { name, size, isFolder } of await this.#list()) {
      const place = arrived.length;
      const path = store.pathOf(upload.id, place);
      await this.#client.save(isFolder ? `${name}/` : name, {
        kind: isFolder ? "folder" : "file",
        path,
      });
      arrived.push({ place, name, isFolder });
      this.#doneBytes += size;
      this.#comingBytes = 0;
    }
    return arrived;
  }

  /** Checked completely before anything is received. @throws ParleyError `protocol` */
  async #list(): Promise<readonly { name: string; size: number; isFolder: boolean }[]> {
    const found: { name: string; size: number; isFolder: boolean }[] = [];
    for await (const { name: listed, size } of this.#client.list()) {
      const isFolder = listed.endsWith("/");
      const name = isFolder ? listed.slice(0, -1) : listed;
      const problem = nameProblem(name);
      if (problem !== undefined) throw new ParleyError("protocol", problem);
      found.push({ name, size, isFolder });
      if (found.length > limits.maxTopEntries) {
        const most = `at most ${limits.maxTopEntries} files and folders can be shared at once`;
        throw new ParleyError("protocol", `${most}: share a folder with them in it`);
      }
    }
    const { store, upload } = this.#options;
    store.checkPlaces(upload, found.length);
    return found;
  }

  #handleFetch(event: FetchEvent): void {
    if (event.event === "tree") this.#checkTree(event);
    if (event.event !== "progress") return;
    this.#comingBytes = event.verifiedBytes;
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < offers.progressMs) return;
    this.#saidMs = nowMs;
    const line = encodeReceipt({ type: "progress", bytes: this.#doneBytes + this.#comingBytes });
    this.#channel?.sendLine(line);
  }

  /** Space is reserved for what was announced, in all folders together. @throws ParleyError */
  #checkTree({ files, folders, size }: Extract<FetchEvent, { event: "tree" }>): void {
    const { upload } = this.#options;
    const all = this.#listed;
    all.files += files;
    all.entries += files + folders;
    all.bytes += size;
    const isMore = all.files > upload.files || all.bytes > upload.bytes;
    if (!isMore && all.entries <= upload.entries) return;
    const sentence = `The folder has more in it than was said: ${all.files} files, ${all.bytes} bytes`;
    throw new ParleyError("protocol", sentence);
  }

  #end(outcome: unknown, data: Data): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#returned.resolve();
    clearTimeout(this.#awayTimer);
    clearInterval(this.#pace);
    this.#closeChannel();
    const { onOver } = this.#options;
    if (Array.isArray(outcome)) {
      const items = outcome as readonly SharedItem[];
      const entries = items.map(entryOf);
      onOver(items, "removed");
      this.#client.close();
      return this.#tell({ type: "placed", entries, isKnown: false });
    }
    const error = this.#readable(outcome);
    this.#client.stop(error);
    onOver(error, data);
    this.#tell({ type: "failed", error });
  }

  /** For the sender: without paths of this machine. */
  #readable(error: unknown): ParleyError {
    if (error instanceof ParleyError && error.code === "changed") return changed();
    if (error instanceof ParleyError && tellable.has(error.code)) return asSender(error);
    if (error instanceof ParleyError && ours.has(error)) return error;
    return this.#options.diskReason(error);
  }
}

export function entryOf({ name, isFolder, bytes: size, files, atMs: modified }: SharedItem) {
  return { name: isFolder ? `${name}/` : name, size, files, modified };
}

/**
 * Errors of this file, or of the caller that stops it; errors of a fetch with the same codes
 * contain paths.
 */
const ours = new WeakSet<ParleyError>();

function own(error: ParleyError): ParleyError {
  ours.add(error);
  return error;
}

export function cancelled(): ParleyError {
  return new ParleyError("interrupted", "Its sender cancelled it");
}

function gone(): ParleyError {
  return own(new ParleyError("stalled", "Its sender has disconnected"));
}

function changed(): ParleyError {
  return new ParleyError("changed", "Something has changed while it was sent: send it again");
}

/** A fetch calls the sender "the server". */
function asSender({ code, message }: ParleyError): ParleyError {
  return new ParleyError(code, message.replace(/^The server's /, "The sender's "));
}

function tooSlow(): ParleyError {
  const sentence =
    "Next to nothing has arrived for a while: what has arrived is kept for an hour, send it again";
  return own(new ParleyError("stalled", sentence));
}
