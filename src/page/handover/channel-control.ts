// Requests to the sender of files through one channel, and its answers; and the wait for the next
// channel when one is lost. All input is hostile. Needs neither session nor disk.

import { ParleyError } from "../../errors.ts";
import type { Channel } from "../../handover/channel.ts";
import type { Piece } from "../../transfer/piece.ts";
import { decodeServer } from "../../protocol/decode-server.ts";
import { encodeClient } from "../../protocol/encode.ts";
import type {
  ClientMessage,
  ErrorMessage,
  ServerMessage,
  TransferMessage,
} from "../../protocol/messages.ts";
import { harmless } from "../../text.ts";

/** The channel has closed; another may follow. */
export class ChannelLost extends Error {}

type Request = Extract<ClientMessage, { type: "files" | "fetch" | "tree" }>;
type Pending = {
  /** Called immediately with each answer: data that follows it may have arrived already. */
  onAnswer: (answer: ServerMessage) => void;
  resolve: () => void;
  reject: (reason: Error) => void;
};

/** Receives the messages about one transfer. */
export interface TransferListener {
  handleMessage(message: TransferMessage): void;
  handlePiece(piece: Piece): void;
  /** Nothing more will arrive. */
  handleLost(): void;
}

export class ChannelControl {
  readonly channel: Channel;
  /** By the number of the transfer. */
  readonly transfers = new Map<number, TransferListener>();
  readonly #pending = new Map<number, Pending>();
  #lastRef = 0;
  #isLost = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  send(message: ClientMessage): void {
    if (!this.#isLost) this.channel.sendLine(encodeClient(message).trimEnd());
  }

  /**
   * Resolves when the complete answer has been passed to `onAnswer`.
   * @throws ParleyError the other end's; ChannelLost
   */
  ask(request: Request, onAnswer: (answer: ServerMessage) => void): Promise<void> {
    if (this.#isLost) return Promise.reject(new ChannelLost());
    const ref = ++this.#lastRef;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.set(ref, { onAnswer, resolve, reject });
    this.send({ ...request, ref });
    return promise;
  }

  handleLine(text: string): void {
    const message = decodeServer(text);
    switch (message.type) {
      case "undecodable":
        return this.#refuse(
          message.ref,
          new ParleyError("protocol", `it sent a bad answer: ${message.message}`),
        );
      case "ping":
        return this.send({ type: "pong" });
      case "files":
      case "offer":
      case "tree":
        return this.#answer(message);
      case "error":
        if (message.transfer === undefined) return this.#refuse(message.ref, errorOf(message));
        return this.transfers.get(message.transfer)?.handleMessage(message);
      case "tags":
      case "digest":
        return this.transfers.get(message.transfer)?.handleMessage(message);
      default:
      // Not an answer to any request.
    }
  }

  handlePiece(piece: Piece): void {
    this.transfers.get(piece.transfer)?.handlePiece(piece);
  }

  /** The channel has closed, or is no longer needed. */
  handleLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    for (const { reject } of this.#pending.values()) reject(new ChannelLost());
    this.#pending.clear();
    for (const transfer of this.transfers.values()) transfer.handleLost();
    this.transfers.clear();
  }

  #answer(message: Extract<ServerMessage, { type: "files" | "offer" | "tree" }>): void {
    const { ref } = message;
    const pending = typeof ref === "number" ? this.#pending.get(ref) : undefined;
    if (pending === undefined || typeof ref !== "number") return;
    try {
      pending.onAnswer(message);
    } catch (error) {
      return this.#refuse(ref, error instanceof Error ? error : new Error(String(error)));
    }
    if (message.type === "tree" && message.more === true) return;
    this.#pending.delete(ref);
    pending.resolve();
  }

  #refuse(ref: unknown, reason: Error): void {
    const pending = typeof ref === "number" ? this.#pending.get(ref) : undefined;
    if (pending === undefined || typeof ref !== "number") return;
    this.#pending.delete(ref);
    pending.reject(reason);
  }
}

/** The channels of an offer, one after another. */
export class Channels {
  #current: ChannelControl | undefined;
  #stopped: Error | undefined;
  #waiting: PromiseWithResolvers<ChannelControl> | undefined;

  get current(): ChannelControl | undefined {
    return this.#current;
  }

  /** The current channel, or the next one. @throws the reason of `stop` */
  next(): Promise<ChannelControl> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (this.#current?.isLost === false) return Promise.resolve(this.#current);
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  handleOpened(control: ChannelControl): void {
    this.handleClosed();
    this.#current = control;
    this.#waiting?.resolve(control);
    this.#waiting = undefined;
  }

  handleClosed(): void {
    this.#current?.channel.close();
    this.#current?.handleLost();
    this.#current = undefined;
  }

  /** Current and future waiters get that reason. */
  stop(reason: Error): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.handleClosed();
    // There may be no waiter.
    this.#waiting?.promise.catch(() => {});
    this.#waiting?.reject(reason);
  }
}

/** An error reported by the other end. */
export function errorOf({ code, message }: ErrorMessage): ParleyError {
  const shown = harmless(message).slice(0, 300);
  const known = ofOneFile.find((one) => one === code) ?? "failed";
  return new ParleyError(known, shown === "" ? code : shown);
}

/** Errors that concern only one file; the others end the transfer. */
export const ofOneFile = ["not-found", "changed", "usage"] as const;
