// A person as a source of files: the channels of an offer, one after the other, as control connections
// for downloads. Waits for the next channel while there is none.

import { ParleyError } from "../errors.ts";
import type { Attempt, AttemptOptions } from "../files/attempt.ts";
import { ControlAttempt } from "../files/control-attempt.ts";
import { ControlClient, type ControlLink } from "../files/control-client.ts";
import type { FileSource } from "../files/file-source.ts";
import { offers as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import type { Channel } from "./channel.ts";
import type { Piece } from "./frames.ts";

export interface PersonSourceOptions {
  readonly name: string;
  /** The device's key that the offer is sealed with; undefined: nothing is sealed. */
  readonly key: string | undefined;
  /** What may come, as it was offered. */
  readonly files: number;
  readonly bytes: number;
  /** What may come besides: a log grows meanwhile. */
  readonly slackBytes?: number;
}

export class PersonSource implements FileSource {
  readonly isBlocked = true;
  readonly isCurrent = true;
  /** Whatever happens to one channel, there may be another. */
  readonly hasAnswered = true;
  readonly #options: PersonSourceOptions;
  #control: ControlClient | undefined;
  #channel: Channel | undefined;
  /** Resolves with the next channel's connection. */
  #next = Promise.withResolvers<ControlClient>();
  /** Sizes of the files that have been offered one by one. */
  readonly #sizes = new Map<string, number>();
  #allBytes = 0;

  constructor(options: PersonSourceOptions) {
    this.#options = options;
    this.#next.promise.catch(() => {});
  }

  get sender(): string | undefined {
    return this.#options.key;
  }

  get isSealed(): boolean {
    return this.#options.key !== undefined;
  }

  /** A channel is open. */
  handleOpened(channel: Channel): void {
    const control = ControlClient.over(linkOf(channel), this.#options.name);
    this.#channel = channel;
    this.#control = control;
    this.#next.resolve(control);
    this.#next = Promise.withResolvers();
    this.#next.promise.catch(() => {});
  }

  handleClosed(): void {
    this.#channel = undefined;
    const name = quoted(this.#options.name);
    this.#control?.handleLost(new ParleyError("cannot-connect", `${name} is away.`));
    this.#control = undefined;
  }

  handleLine(text: string): void {
    this.#control?.receive(text);
  }

  handlePiece({ transfer, offset, bytes }: Piece): void {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
    this.#control?.receive({ type: "data", transfer, offset, data });
  }

  /** The channel there is, for what is not a request for files. */
  get channel(): Channel | undefined {
    return this.#channel;
  }

  connect(): Promise<ControlClient> {
    if (this.#control !== undefined && !this.#control.isClosed)
      return Promise.resolve(this.#control);
    return this.#next.promise;
  }

  async openAttempt(options: AttemptOptions): Promise<Attempt> {
    return new ControlAttempt({
      ...options,
      onOffer: (offer, isSecured) => {
        this.#checkSize(offer.name, offer.size);
        return options.onOffer(offer, isSecured);
      },
    });
  }

  learn(): void {}

  close(): void {
    this.#control?.close();
    this.#control = undefined;
    const name = quoted(this.#options.name);
    this.#next.reject(new ParleyError("interrupted", `Stopped taking files from ${name}.`));
  }

  /** What was accepted is all that comes. @throws ParleyError `protocol` */
  #checkSize(file: string, size: number): void {
    const { name, bytes, files, slackBytes = limits.slackBytes } = this.#options;
    this.#allBytes += size - (this.#sizes.get(file) ?? 0);
    this.#sizes.set(file, size);
    const isMore = this.#allBytes > bytes + slackBytes || this.#sizes.size > files;
    if (!isMore) return;
    const sentence = `${quoted(name)} sends more than was offered: ${this.#sizes.size} files, ${this.#allBytes} bytes instead of ${files} files, ${bytes} bytes.`;
    throw new ParleyError("protocol", sentence);
  }
}

function linkOf(channel: Channel): ControlLink {
  return {
    isSecured: channel.isSealed,
    exportedKey: () => channel.exported,
    send: (text) => channel.sendLine(text.trimEnd()),
    end() {},
  };
}
