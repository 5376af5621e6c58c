// A person as a source of files: the channels of an offer, one after another, as control
// connections for downloads. Waits for the next channel while there is none.

import { ParleyError } from "../errors.ts";
import type { Attempt, AttemptOptions, AttemptOutcome } from "../files/attempt.ts";
import { ControlAttempt } from "../files/control-attempt.ts";
import { ControlClient, type ControlLink } from "../files/control-client.ts";
import { DownloadAttempt } from "../files/download-attempt.ts";
import type { FileSource } from "../files/file-source.ts";
import { offers as limits, paths as pathLimits } from "../limits.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import type { Piece } from "../transfer/piece.ts";
import type { Channel } from "./channel.ts";
import { otherEnd } from "./paths/link-socket.ts";
import type { PersonLink } from "./paths/person-link.ts";

export interface PersonSourceOptions {
  /** Its name at the beginning of sentences. */
  readonly name: string;
  /** The key that seals the data, such as a device's key; undefined: nothing is sealed. */
  readonly key: string | undefined;
  /** The amount of data that was offered. */
  readonly allowance: Allowance;
  /** How much more may arrive: a log may grow meanwhile. */
  readonly slackBytes?: number;
  /** Looks whether the connection to the server still works. */
  readonly checkAlive?: () => void;
}

type Allowance = { readonly files: number; readonly bytes: number };

export class PersonSource implements FileSource {
  /** Whatever happens to one channel, another may follow. */
  readonly hasAnswered = true;
  readonly #options: PersonSourceOptions;
  #allowance: Allowance;
  #control: ControlClient | undefined;
  #channel: Channel | undefined;
  #link: PersonLink | undefined;
  /** Whether the other end accepts datagrams, according to this channel or an earlier one. */
  #isAnswered = false;
  /** Whether this channel has already waited for a path. */
  #hasWaited = false;
  /** Whether datagrams have failed to get through in this channel. */
  #isBlocked = false;
  /** The most recently opened attempt, and its channel. */
  #attempt: DownloadAttempt | ControlAttempt | undefined;
  #attemptChannel: Channel | undefined;
  /** Resolves when there is a path, or when there will be none. */
  #pathChange = Promise.withResolvers<void>();
  #goneTimer: Timer | undefined;
  /** Resolves with the next channel's connection. */
  #next = Promise.withResolvers<ControlClient>();
  /** Sizes of what has been offered, by what was requested (`requestOf`). */
  readonly #sizes = new Map<string, number>();
  #allBytes = 0;

  constructor(options: PersonSourceOptions) {
    this.#options = options;
    this.#allowance = options.allowance;
    this.#next.promise.catch(() => {});
  }

  get sender(): string | undefined {
    return this.#options.key;
  }

  get isSealed(): boolean {
    return this.#options.key !== undefined;
  }

  /** Whether there is no path for datagrams, or they do not get through. */
  get isBlocked(): boolean {
    return this.#isBlocked || this.#link?.path === undefined;
  }

  get isCurrent(): boolean {
    return this.#channel !== undefined && this.#channel === this.#attemptChannel;
  }

  /** The current path; undefined: everything is sent in frames. */
  get path(): Path | undefined {
    return this.#isBlocked ? undefined : this.#link?.path;
  }

  /** Sets the amount that may arrive, if it is known only after listing. */
  allow(allowance: Allowance): void {
    this.#allowance = allowance;
  }

  /** A channel has opened. Without a link, everything is sent in frames. */
  handleOpened(channel: Channel, link?: PersonLink): void {
    const control = ControlClient.over(this.#linkOf(channel), this.#options.name);
    this.#channel = channel;
    this.#link = link;
    this.#isBlocked = false;
    this.#hasWaited = false;
    this.#control = control;
    this.#next.resolve(control);
    this.#next = Promise.withResolvers();
    this.#next.promise.catch(() => {});
  }

  handleClosed(): void {
    this.#channel = undefined;
    clearTimeout(this.#goneTimer);
    this.#goneTimer = undefined;
    this.#link?.close();
    this.#link = undefined;
    this.#tellPath();
    const { name } = this.#options;
    this.#control?.handleLost(new ParleyError("cannot-connect", `${name} is away.`));
    this.#control = undefined;
  }

  /** Datagrams now take another path, or none. */
  handlePath(): void {
    const link = this.#link;
    const attempt = this.#attempt;
    clearTimeout(this.#goneTimer);
    this.#goneTimer = undefined;
    if (link?.path === undefined) {
      this.#goneTimer = setTimeout(() => this.#giveUp(), pathLimits.goneMs);
      return;
    }
    this.#tellPath();
    if (attempt instanceof DownloadAttempt) attempt.handleNewPath(link.isLoopback);
    else if (!this.#isBlocked) attempt?.giveWay();
  }

  handleLine(text: string): void {
    this.#control?.receive(text);
  }

  handlePiece(piece: Piece): void {
    this.#control?.receivePiece(piece);
  }

  /** The current channel, for anything other than requests for files. */
  get channel(): Channel | undefined {
    return this.#channel;
  }

  connect(): Promise<ControlClient> {
    if (this.#control !== undefined && !this.#control.isClosed)
      return Promise.resolve(this.#control);
    return this.#next.promise;
  }

  async openAttempt(given: AttemptOptions): Promise<Attempt> {
    const options: AttemptOptions = {
      ...given,
      onOffer: (offer, isSecured) => {
        this.#checkSize(requestOf(given), offer.size);
        return given.onOffer(offer, isSecured);
      },
    };
    await this.connect();
    const [link, channel] = [this.#link, this.#channel];
    await this.#pathOrTimeout();
    const isUsable = link?.path !== undefined && !this.#isBlocked && link === this.#link;
    const attempt = isUsable ? await overLink(link, options) : new ControlAttempt(options);
    this.#attempt = attempt;
    this.#attemptChannel = channel;
    return attempt;
  }

  learn({ how }: AttemptOutcome): void {
    if (how === "blocked") this.#isBlocked = true;
  }

  close(): void {
    clearTimeout(this.#goneTimer);
    this.#link?.close();
    this.#tellPath();
    this.#control?.close();
    this.#control = undefined;
    const { name } = this.#options;
    this.#next.reject(new ParleyError("interrupted", `Stopped taking files from ${name}.`));
  }

  /**
   * The sender announces datagrams before it answers anything else: if it has not, it does not
   * accept them.
   */
  async #pathOrTimeout(): Promise<void> {
    this.#isAnswered ||= this.#link?.isAnswered === true;
    const mayCome = this.#link !== undefined && this.#isAnswered && !this.#hasWaited;
    if (!mayCome || this.#link?.path !== undefined) return;
    this.#hasWaited = true;
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, pathLimits.waitMs);
    const either = Promise.race([this.#pathChange.promise, timeout.promise]);
    await either.finally(() => clearTimeout(timer));
  }

  #tellPath(): void {
    this.#pathChange.resolve();
    this.#pathChange = Promise.withResolvers();
  }

  /** There has been no path for a while; the sender may be asleep, and there may be one again. */
  #giveUp(): void {
    if (this.#attempt instanceof DownloadAttempt) this.#attempt.giveWay();
  }

  #linkOf(channel: Channel): ControlLink {
    return {
      isSecured: channel.isSealed,
      exportedKey: () => channel.exported,
      send: (text) => channel.sendLine(text.trimEnd()),
      get waitingBytes() {
        return channel.waitingBytes;
      },
      checkAlive: () => this.#options.checkAlive?.(),
      end() {},
    };
  }

  /** No more may arrive than was accepted. @throws ParleyError `protocol` */
  #checkSize(request: string, size: number): void {
    const { name, slackBytes = limits.slackBytes } = this.#options;
    const { bytes, files } = this.#allowance;
    this.#allBytes += size - (this.#sizes.get(request) ?? 0);
    this.#sizes.set(request, size);
    // A file that has just changed arrives twice: as zeros in a batch, and then by itself.
    const isMore = this.#allBytes > 2 * bytes + slackBytes || this.#sizes.size > 2 * files;
    if (!isMore) return;
    const sentence = `${name} sends more than was offered: ${this.#sizes.size} files, ${this.#allBytes} bytes instead of ${files} files, ${bytes} bytes.`;
    throw new ParleyError("protocol", sentence);
  }
}

/**
 * A file, or one batch of a folder. The name in the offer does not count: a sender could give all
 * of them the same.
 */
function requestOf({ name, batch }: AttemptOptions): string {
  return batch === undefined ? name : `${name}/\0${batch.after ?? ""}`;
}

/** Opens an attempt whose datagrams use the link. */
function overLink(link: PersonLink, options: AttemptOptions): Promise<DownloadAttempt> {
  return DownloadAttempt.open({
    ...options,
    udpPort: otherEnd.port,
    loopback: link.isLoopback,
    open: async (events) => {
      link.attach(events);
      return {
        offload: link.offload,
        hasBatches: false,
        send: (bytes, segmentBytes) => link.send(bytes, segmentBytes),
        readAlone() {},
        readMore: () => 0,
        mute: () => false,
        unmute() {},
        nap() {},
        close: () => link.detach(events),
      };
    },
  });
}
