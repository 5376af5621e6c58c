// Serves the files that this page offers through one channel: lists, offers and sends them on
// request. The requester may be hostile: queues are bounded, and a channel with too many requests
// is closed.

import { errorMessage } from "../../errors.ts";
import { fromBase64, toBase64 } from "../../bytes.ts";
import type { Channel } from "../../handover/channel.ts";
import { listLine } from "../../handover/offered-list.ts";
import { pageFiles, transfer as wire } from "../../limits.ts";
import { encodeServer } from "../../protocol/encode.ts";
import type { FetchRequest, FileOffer, Ref, ServerMessage } from "../../protocol/messages.ts";
import { decodeRecipient } from "../../protocol/recipient-request.ts";
import { quoted } from "../../text.ts";
import { chunkBytesFor } from "../../transfer/chunks.ts";
import { ChunkCipher } from "./chunk-cipher.ts";
import type { PassWindow } from "./pass-window.ts";
import { FileChanged, ServedFile } from "./served-file.ts";

/** An offered file: its name in the offer, and its state when it was chosen. */
export type OutgoingFile = {
  readonly name: string;
  readonly file: File;
  /** Unique for each file that was ever chosen. */
  readonly version: string;
};

export interface ChannelServerOptions {
  readonly files: readonly OutgoingFile[];
  readonly channel: Channel;
  readonly window: PassWindow;
  /** This many bytes of files have been sent. */
  onSent(bytes: number): void;
  /** The other end violates the protocol. */
  onBroken(reason: string): void;
}

export class ChannelServer {
  readonly #options: ChannelServerOptions;
  readonly #transfers = new Map<number, ServedFile>();
  /** Never used twice in a channel: keys depend on it. */
  #lastTransfer = 0;
  #isSending = false;
  #isWanted = false;
  #isClosed = false;

  constructor(options: ChannelServerOptions) {
    this.#options = options;
  }

  handleLine(text: string): void {
    if (this.#isClosed) return;
    const message = decodeRecipient(text);
    switch (message?.type) {
      case "files":
        return this.#list(message.after, message.ref);
      case "fetch":
        return this.#fetch(message);
      case "tree":
        return this.#refuse(message.name, message.ref);
      case "pull":
        this.#transfers.get(message.transfer)?.pull(message.offset, message.length);
        return this.#wake();
      case "fetched":
        this.#transfers.delete(message.transfer);
        return;
      case "ping":
        return this.#send({ type: "pong", ref: message.ref });
      case "pong":
        this.#options.window.handlePong(performance.now());
        this.#ping();
        return this.#wake();
      default:
      // Not a request of a recipient.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#transfers.clear();
  }

  #list(after: string | undefined, ref: Ref | undefined): void {
    const { files: listed, next } = listLine(this.#options.files, after);
    const files = listed.map(({ name, file: { size, lastModified } }) => {
      return { name, size, modified: lastModified };
    });
    this.#send({ type: "files", files, next, ref });
  }

  #fetch({ name, token: text, check, batch, ref }: FetchRequest): void {
    const found = this.#options.files.find((one) => one.name === name);
    if (found === undefined || batch !== undefined) return this.#refuse(name, ref);
    const transfer = ++this.#lastTransfer;
    if (check !== true) {
      const token = fromBase64(
        (text ?? "").replaceAll("-", "+").replaceAll("_", "/").padEnd(24, "="),
      );
      if (token?.length !== wire.tokenBytes)
        return this.#error("protocol", "A fetch needs a token", ref);
      if (this.#transfers.size >= pageFiles.maxTransfers) {
        return this.#error("full", "Too many files at once: finish one first", ref);
      }
      this.#transfers.set(
        transfer,
        new ServedFile(found.file, ChunkCipher.derive(token, transfer)),
      );
    }
    this.#send(offerOf(found, transfer, ref));
  }

  /**
   * Sends the data that may be sent now, including requests that arrive meanwhile, even within the
   * same task.
   */
  #wake(): void {
    this.#isWanted = true;
    if (!this.#isSending) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isSending = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#sendAll();
    }
    this.#isSending = false;
  }

  /** Transfers take turns, a piece at a time. */
  async #sendAll(): Promise<void> {
    for (let isAny = true; isAny;) {
      isAny = false;
      for (const [transfer, file] of this.#transfers) {
        if (this.#isClosed || !this.#options.window.hasRoom) return;
        if (!file.isPulled) continue;
        isAny = true;
        await this.#sendNext(transfer, file);
      }
    }
  }

  async #sendNext(transfer: number, file: ServedFile): Promise<void> {
    try {
      const next = await file.next();
      // The channel may have closed, or the transfer may be over.
      if (next === undefined || this.#isClosed || this.#transfers.get(transfer) !== file) return;
      const { offset, bytes, tags } = next;
      if (tags !== undefined) {
        this.#send({ type: "tags", transfer, from: tags.from, data: toBase64(tags.packed) });
      }
      this.#options.channel.sendPiece({ transfer, offset, bytes });
      this.#options.onSent(bytes.length);
      this.#count(Math.ceil(((bytes.length + frameBytes) * 4) / 3) + lineChars);
    } catch (error) {
      this.#transfers.delete(transfer);
      const code = isChange(error) ? "changed" : "unreadable";
      const why = errorMessage(error);
      const message = code === "changed" ? "The file has changed since it was chosen" : why;
      this.#send({ type: "error", code, transfer, message });
    }
  }

  #refuse(name: string, ref: Ref | undefined): void {
    this.#error("not-found", `${quoted(name, 200)} is not offered`, ref);
  }

  #error(code: string, message: string, ref: Ref | undefined): void {
    this.#send({ type: "error", code, message, ref });
  }

  #send(message: ServerMessage): void {
    if (this.#isClosed) return;
    const line = encodeServer(message).trimEnd();
    this.#options.channel.sendLine(line);
    this.#count(Math.ceil((line.length * 4) / 3) + lineChars);
  }

  #count(chars: number): void {
    const { window, onBroken } = this.#options;
    window.handleSent(chars);
    if (window.isOverrun) return onBroken("asks for more than it takes");
    this.#ping();
  }

  #ping(): void {
    const { window, channel } = this.#options;
    if (window.pollPing(performance.now())) channel.sendLine(ping);
  }
}

/** The approximate overhead of a frame and its line for a piece. */
const frameBytes = 11;
const lineChars = 90;
const ping = JSON.stringify({ type: "ping" });

/** How browsers report that a file has changed since it was chosen. */
function isChange(error: unknown): boolean {
  if (error instanceof FileChanged) return true;
  return error instanceof DOMException && error.name === "NotReadableError";
}

function offerOf(
  { name, file, version }: OutgoingFile,
  transfer: number,
  ref: Ref | undefined,
): FileOffer {
  return {
    type: "offer",
    ref,
    transfer,
    name,
    size: file.size,
    modified: file.lastModified,
    version,
    chunkBytes: chunkBytesFor(file.size),
    udpPort: 1,
    maxSegmentBytes: wire.maxSegmentBytes,
  };
}
