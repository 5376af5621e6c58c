// An offer on its recipient's side: opened if it is sealed, accepted into a folder, and fetched
// through one channel after another until everything is verified and in place.

import type { OfferEvent } from "../client/events.ts";
import { errorMessage, ParleyError } from "../errors.ts";
import { DownloadClient } from "../files/download-client.ts";
import type { FetchEvent } from "../files/fetch-events.ts";
import { makeFolder } from "../files/fetch-targets.ts";
import { offers as limits } from "../limits.ts";
import type {
  ChannelEnds,
  FileInfo,
  OfferContent,
  OfferEnd,
  OfferSummary,
} from "../protocol/messages.ts";
import { quoted } from "../text.ts";
import type { ChannelPeer } from "./channel.ts";
import { channelInfo, decodeContent, type Exchange } from "./exchange.ts";
import { type IncomingOfferEvent, isSamePath, pathName } from "./handover-events.ts";
import { PersonSource } from "./person-source.ts";
import { isAsOffered } from "./offered-list.ts";
import { type Receipt, ReceivedChannel } from "./received-channel.ts";
import { checkReceivedName, reasonForSender, savingFailures, SavePlace } from "./save-as.ts";

export interface IncomingOptions {
  /** The sender's number for the offer, and ours. */
  readonly offer: string;
  readonly id: number;
  readonly from: string;
  readonly exchange: Exchange;
  onEvent(event: IncomingOfferEvent): void;
  onFetch(event: FetchEvent): void;
}

const stopped = "Stopped; the part that has arrived is kept";

type Opened = { summary: OfferSummary; key: string | undefined; isVerified: boolean };

export class IncomingOffer {
  readonly offer: string;
  readonly id: number;
  readonly from: string;
  readonly #options: IncomingOptions;
  #opened: Opened | undefined;
  #source: PersonSource | undefined;
  #client: DownloadClient | undefined;
  #current: { number: number; channel: ReceivedChannel } | undefined;
  #outcome: Receipt | undefined;
  /** Bytes of completed files, and of the one in progress. */
  #doneBytes = 0;
  #comingBytes = 0;
  #folderFiles = 0;
  /** Why the first file of a folder could not be saved. */
  #firstFailure: string | undefined;
  /** What is in the folders that have been listed. */
  #treeEntries = 0;
  #saidMs = 0;
  #isOver = false;
  /** It was declined or stopped while there was no connection: the server will offer it again. */
  #isUntold = false;

  constructor(options: IncomingOptions) {
    this.offer = options.offer;
    this.id = options.id;
    this.from = options.from;
    this.#options = options;
  }

  /** The content of the offer; undefined until it is opened. */
  get summary(): OfferSummary | undefined {
    return this.#opened?.summary;
  }

  get isAccepted(): boolean {
    return this.#client !== undefined;
  }

  /** Everything is in place, which its sender may not have learned yet. */
  get isReceived(): boolean {
    return this.#outcome !== undefined;
  }

  /** It was declined, was stopped, failed or was ended by its sender: nothing more comes of it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is over, and the server does not know. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** Whether there is a channel. */
  get isReceiving(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Opens the offer and reports it, unless it ends meanwhile. Returns a sentence if it can't be
   * opened.
   */
  async open({ summary, sealed }: OfferContent): Promise<string | undefined> {
    if (this.#opened !== undefined) return undefined;
    const { exchange, onEvent, id, from } = this.#options;
    if (summary !== undefined) {
      this.#opened = { summary, key: undefined, isVerified: false };
    } else if (sealed !== undefined) {
      const found = (await exchange.mail?.openOffer(from, sealed)) ?? "this client has no key";
      if (this.#isOver) return undefined;
      if (typeof found === "string") return found;
      const content = decodeContent(this.offer, found.content);
      if (content === undefined) return "it is damaged";
      this.#opened = { summary: content, key: sealed.key, isVerified: found.state === "verified" };
    }
    const opened = this.#opened;
    if (opened === undefined) return "it is empty";
    const { files, bytes: size, names } = opened.summary;
    const [isSealed, verified] = [opened.key !== undefined, opened.isVerified];
    onEvent({ event: "offer-received", id, from, files, size, names, sealed: isSealed, verified });
    return undefined;
  }

  /**
   * Receives the files into `folder`, which is created if needed. Resolves when the offer is over.
   */
  async accept(folder: string): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined || this.isAccepted || this.#isOver) return;
    const { files, bytes } = opened.summary;
    const source = new PersonSource({
      name: quoted(this.from),
      key: opened.key,
      allowance: { files, bytes },
      checkAlive: () => this.#options.exchange.datagrams?.checkAlive(),
    });
    this.#source = source;
    const client = new DownloadClient({
      source,
      retryForMs: limits.waitMs,
      onEvent: (event) => this.#handleFetch(event),
    });
    this.#client = client;
    this.answer();
    await this.#receive(client, folder);
  }

  /** Accepts, for the first time or after a lost connection. */
  answer(): void {
    const { exchange } = this.#options;
    exchange.session.request({ type: "answer-files", offer: this.offer, accept: true });
    exchange.applyOutputs();
  }

  decline(): void {
    this.#isOver = true;
    this.tellOver();
  }

  /** Stops receiving; data that has arrived is kept. */
  stop(reason = new ParleyError("interrupted", stopped)): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.tellOver();
    this.#closeChannel();
    this.#client?.stop(reason);
  }

  /** Tells the server that this end has declined or stopped it, or as soon as it asks again. */
  tellOver(): void {
    const { exchange } = this.#options;
    const { session } = exchange;
    this.#isUntold = !session.online;
    if (this.isAccepted) session.endOffer(this.offer, "cancelled");
    else session.request({ type: "answer-files", offer: this.offer, accept: false });
    exchange.applyOutputs();
  }

  handleOffer(event: OfferEvent): void {
    switch (event.type) {
      case "channel":
        return this.#openChannel(event.channel, event.relay);
      case "channel-lost":
        if (event.channel === this.#current?.number) this.#closeChannel();
        return;
      case "passed":
        if (event.channel === this.#current?.number) this.#current.channel.receive(event.data);
        return;
      case "offer-ended":
        return this.#handleEnd(event.reason);
      case "offered":
    }
  }

  /** The connection to the server was lost. */
  handleOffline(): void {
    this.#closeChannel();
  }

  #handleEnd(reason: OfferEnd): void {
    const wasOver = this.#isOver || this.#outcome !== undefined;
    this.#isOver = true;
    this.#closeChannel();
    // Nobody has been told of it yet.
    if (this.#opened === undefined) return;
    const { onEvent, id, from } = this.#options;
    if (!wasOver || reason !== "done") onEvent({ event: "offer-ended", id, from, reason });
    const sentence = `${quoted(from)} has ended it. What has arrived is kept: the transfer resumes if it is sent again`;
    if (this.#outcome === undefined) this.#client?.stop(new ParleyError("interrupted", sentence));
  }

  #openChannel(number: number, relay: ChannelEnds["relay"]): void {
    const source = this.#source;
    if (source === undefined || this.#isOver) return;
    this.#closeChannel();
    const { exchange, id, from, onEvent } = this.#options;
    let said = pathName(undefined, exchange.frames);
    const channel: ReceivedChannel = new ReceivedChannel({
      port: exchange.port(this.offer, number),
      peer: this.#peer(number),
      source,
      datagrams: exchange.datagrams,
      relay,
      onPath(path) {
        const next = pathName(path, exchange.frames);
        if (!isSamePath(next, said)) onEvent({ event: "path", id, from, ...next });
        said = next;
      },
      onBroken: (reason) => this.#handleBroken(channel, reason),
    });
    this.#current = { number, channel };
    if (this.#outcome !== undefined) channel.tellReceived(this.#outcome);
  }

  #peer(number: number): ChannelPeer | undefined {
    const { sealer } = this.#options.exchange;
    const key = this.#opened?.key;
    if (key === undefined || sealer === undefined) return undefined;
    return { sealer, key, info: channelInfo(this.offer, number) };
  }

  #handleBroken(channel: ReceivedChannel, reason: ParleyError): void {
    if (this.#current?.channel !== channel) return;
    this.#options.exchange.session.endOffer(this.offer, "cancelled");
    this.#options.exchange.applyOutputs();
    this.#isOver = true;
    this.#closeChannel();
    this.#client?.stop(reason);
  }

  #closeChannel(): void {
    this.#current?.channel.close();
    this.#current = undefined;
  }

  async #receive(client: DownloadClient, folder: string): Promise<void> {
    const startedMs = performance.now();
    const { onEvent, id, from } = this.#options;
    try {
      const removeFolder = makeFolder(folder, "another folder");
      try {
        this.#outcome = await this.#fetchAll(client, folder);
        if (this.#outcome.files === 0) removeFolder();
      } catch (error) {
        removeFolder();
        throw error;
      }
      // Repeated in each channel, until the sender has received it.
      this.#current?.channel.tellReceived(this.#outcome);
      const { files, failed } = this.#outcome;
      const seconds = Math.round(performance.now() - startedMs) / 1_000;
      const way = pathName(this.#source?.path, this.#options.exchange.frames);
      onEvent({ event: "received", id, from, files, failed, folder, seconds, ...way });
    } catch (error) {
      if (!this.#isOver) this.stop();
      const reason = errorMessage(error);
      onEvent({ event: "offer-refused", from, reason });
    }
  }

  /** Fetches one file after another; a failed file does not stop the others. */
  async #fetchAll(client: DownloadClient, folder: string): Promise<Receipt> {
    const outcome = { files: 0, failed: 0, reason: "" };
    const list = await this.#list(client);
    const place = new SavePlace(folder, this.from);
    for (const [i, file] of list.entries()) {
      try {
        const kind = file.name.endsWith("/") ? "folder" : "file";
        await place.save(file, (path) => client.save(file.name, { kind, path }));
        // A folder counts its files, also if one of them fails.
        if (kind === "file") outcome.files++;
      } catch (error) {
        if (!(error instanceof ParleyError) || !savingFailures.has(error.code)) throw error;
        outcome.failed++;
        if (outcome.reason === "") {
          // If a folder fails, its first failed file says more than the folder as a whole.
          outcome.reason = reasonForSender(this.#firstFailure ?? error.message, folder);
        }
        this.#options.onFetch({
          event: "failed",
          name: file.name,
          code: error.code,
          message: error.message,
        });
        if (error.code === "storage") {
          // The disk is full, or the folder is gone: nothing else will get there either.
          outcome.failed += list.length - 1 - i;
          break;
        }
      }
      this.#doneBytes += file.size;
      this.#comingBytes = 0;
    }
    outcome.files += this.#folderFiles;
    return outcome;
  }

  /** Checked completely before anything is saved. @throws ParleyError `protocol` */
  async #list(client: DownloadClient): Promise<readonly FileInfo[]> {
    const { summary } = this.#opened!;
    const most = summary.files + (summary.folders ?? 0) + limits.slackEntries;
    const list: FileInfo[] = [];
    for await (const file of client.list()) {
      checkReceivedName(file.name, this.from);
      list.push(file);
      if (list.length > most) throw this.#isOther();
    }
    if (!isAsOffered(list, summary, true)) throw this.#isOther();
    return list;
  }

  /** A folder may have grown since it was offered, but not without end. @throws ParleyError */
  #checkTree({ files, folders, links, others }: Extract<FetchEvent, { event: "tree" }>): void {
    const { summary } = this.#opened!;
    const most = 2 * (summary.files + (summary.folders ?? 0)) + limits.slackEntries;
    this.#treeEntries += files + folders + links + others;
    if (this.#treeEntries > most) throw this.#isOther();
  }

  #isOther(): ParleyError {
    const sentence = `${quoted(this.from)} sends something other than was offered, or more: nothing of that was saved.`;
    return new ParleyError("protocol", sentence);
  }

  #handleFetch(event: FetchEvent): void {
    if (event.event === "tree") this.#checkTree(event);
    if (event.event === "failed") this.#firstFailure ??= event.message;
    this.#options.onFetch(event);
    if (event.event === "folder") this.#folderFiles += event.files + event.unchanged;
    if (event.event !== "progress") return;
    this.#comingBytes = event.verifiedBytes;
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < limits.progressMs) return;
    this.#saidMs = nowMs;
    const bytes = this.#doneBytes + this.#comingBytes;
    this.#current?.channel.tellProgress(bytes);
  }
}
