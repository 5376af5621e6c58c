// Fetches one file of an offer and writes it, over as many channels as needed: written data is
// verified, and stays. Knows neither the sender nor the destination.

import { fromBase64, toBase64Url } from "../../bytes.ts";
import { ParleyError } from "../../errors.ts";
import { checkOffer } from "../../files/offer.ts";
import type { Piece } from "../../transfer/piece.ts";
import { pageFiles as limits, transfer as wire } from "../../limits.ts";
import type { FileOffer, TransferMessage } from "../../protocol/messages.ts";
import { secretBytes } from "../../secrets.ts";
import { quoted } from "../../text.ts";
import {
  type ChannelControl,
  ChannelLost,
  type Channels,
  errorOf,
  type TransferListener,
} from "./channel-control.ts";
import { ChunkCipher } from "./chunk-cipher.ts";
import { ChunkIntake } from "./chunk-intake.ts";
import type { FileSink } from "./saving.ts";

export interface FetchHooks {
  /** Called with the announced size. @throws ParleyError if it exceeds the accepted one */
  checkSize(name: string, size: number): void;
  /** Bytes of this file that are written. */
  onProgress(writtenBytes: number): void;
}

export class FileFetch {
  readonly #name: string;
  readonly #sink: FileSink;
  readonly #hooks: FetchHooks;
  #version: string | undefined;
  #versions = 0;
  #size = 0;
  #writtenBytes = 0;

  constructor(name: string, sink: FileSink, hooks: FetchHooks) {
    this.#name = name;
    this.#sink = sink;
    this.#hooks = hooks;
    if (sink.kept === undefined) return;
    const { version, size, bytes } = sink.kept;
    this.#version = version;
    this.#versions = 1;
    this.#size = size;
    this.#writtenBytes = bytes;
  }

  /**
   * Resolves when everything is written. @throws ParleyError; the reason why the channels were
   * stopped
   */
  async run(channels: Channels): Promise<void> {
    for (;;) {
      const control = await channels.next();
      try {
        return await this.#attempt(control);
      } catch (error) {
        if (!(error instanceof ChannelLost)) throw error;
      }
    }
  }

  async #attempt(control: ChannelControl): Promise<void> {
    const token = secretBytes(wire.tokenBytes).slice();
    const held = this.#writtenBytes > 0 ? { held: true } : {};
    const request = {
      type: "fetch",
      name: this.#name,
      token: toBase64Url(token),
      ...held,
    } as const;
    let coming: Coming | undefined;
    await control.ask(request, (answer) => {
      if (answer.type !== "offer") return;
      const { transfer } = answer;
      coming = new Coming(checkOffer(answer));
      // Data of this transfer may follow immediately.
      control.transfers.set(transfer, coming);
    });
    if (coming === undefined)
      throw new ParleyError("protocol", "it did not offer the file it was asked for");
    const { transfer } = coming.offer;
    try {
      await this.#begin(coming.offer);
      const { size, chunkBytes } = coming.offer;
      const intake = new ChunkIntake(size, chunkBytes, this.#writtenBytes);
      coming.into(intake);
      await this.#take(
        control,
        coming,
        intake,
        await ChunkCipher.derive(token, transfer, control.channel.exported),
      );
    } finally {
      control.transfers.delete(transfer);
      control.send({ type: "fetched", transfer });
    }
  }

  /** Starts over if the file has changed. */
  async #begin({ version, size, chunkBytes }: FileOffer): Promise<void> {
    this.#hooks.checkSize(this.#name, size);
    const isWhole = this.#writtenBytes === size || this.#writtenBytes % chunkBytes === 0;
    if (version === this.#version && size === this.#size && isWhole) return;
    if (this.#versions++ >= wire.maxVersions) {
      throw new ParleyError("changed", `${quoted(this.#name, 200)} keeps changing`);
    }
    if (this.#writtenBytes > 0) await this.#sink.restart();
    this.#version = version;
    this.#size = size;
    this.#writtenBytes = 0;
    this.#sink.begin?.(version, size);
  }

  async #take(
    control: ChannelControl,
    coming: Coming,
    intake: ChunkIntake,
    cipher: ChunkCipher,
  ): Promise<void> {
    const { transfer } = coming.offer;
    while (!intake.isWhole) {
      for (;;) {
        const range = intake.pollRequest(performance.now());
        if (range === undefined) break;
        control.send({ type: "pull", transfer, ...range });
      }
      coming.check();
      if (!(await this.#write(intake, cipher))) await coming.next();
    }
    this.#hooks.onProgress(this.#writtenBytes);
  }

  /** Opens and writes the available chunks; false: there are none. */
  async #write(intake: ChunkIntake, cipher: ChunkCipher): Promise<boolean> {
    const chunks = intake.ready(limits.writeBytes);
    if (chunks.length === 0) return false;
    const opened = await Promise.all(chunks.map(({ index, bytes }) => cipher.open(index, bytes)));
    const bad = opened.indexOf(undefined);
    const texts = opened
      .slice(0, bad < 0 ? opened.length : bad)
      .filter((text) => text !== undefined);
    if (texts.length > 0) await this.#sink.write(texts);
    intake.handleWritten(texts.length);
    this.#writtenBytes = intake.writtenBytes;
    this.#hooks.onProgress(this.#writtenBytes);
    if (bad >= 0 && !intake.handleBad()) {
      const sentence = `a part of ${quoted(this.#name, 200)} came damaged ${wire.maxBadCopies} times`;
      throw new ParleyError("integrity", sentence);
    }
    return true;
  }
}

/** The incoming messages of one transfer, from its offer on. */
class Coming implements TransferListener {
  readonly offer: FileOffer;
  #intake: ChunkIntake | undefined;
  /** Tags that arrived before there was an intake: at most one line of each kind. */
  #early: TransferMessage[] = [];
  #problem: Error | undefined;
  #hasNews = false;
  #wake: (() => void) | undefined;

  constructor(offer: FileOffer) {
    this.offer = offer;
  }

  into(intake: ChunkIntake): void {
    this.#intake = intake;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.handleMessage(message);
  }

  handleMessage(message: TransferMessage): void {
    if (this.#intake === undefined) {
      if (this.#early.length < limits.earlyLines) this.#early.push(message);
      return;
    }
    if (message.type === "error") this.#fail(errorOf(message));
    if (message.type === "tags" && !this.#acceptTags(message.from, message.data)) {
      this.#fail(new ParleyError("protocol", "it sent tags of chunks that do not exist"));
    }
    this.#tell();
  }

  handlePiece({ offset, bytes }: Piece): void {
    this.#intake?.handlePiece(offset, bytes);
    this.#tell();
  }

  handleLost(): void {
    this.#fail(new ChannelLost());
    this.#tell();
  }

  /** @throws ParleyError; ChannelLost */
  check(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Resolves when something has arrived since the last call. */
  async next(): Promise<void> {
    if (!this.#hasNews) await new Promise<void>((go) => (this.#wake = go));
    this.#hasNews = false;
  }

  #acceptTags(from: number, data: string): boolean {
    const packed = fromBase64(data);
    return packed !== undefined && this.#intake?.acceptTags(from, packed) === true;
  }

  #fail(problem: Error): void {
    this.#problem ??= problem;
  }

  #tell(): void {
    this.#hasNews = true;
    this.#wake?.();
    this.#wake = undefined;
  }
}
