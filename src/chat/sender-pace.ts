// What one sender may do: its messages are taken at its rate, a few more wait for their turn, and what is beyond that is refused
// with the time after which it may try again. A flood is its sender's problem, never the room's. Pure.

import { message, sender as limits } from "../limits.ts";
import type { Command } from "./events.ts";
import { TokenBucket } from "./token-bucket.ts";

export type Rates = { messagesPerSecond: number; bytesPerSecond: number };

/** The rates for `--rate N`; undefined, no limit at all, for 0. */
export function ratesFor(messagesPerSecond: number): Rates | undefined {
  if (messagesPerSecond <= 0) return undefined;
  return { messagesPerSecond, bytesPerSecond: limits.bytesPerSecond };
}

/** A command that waits; `partner` is whom a `say` to the partner was for when it came. */
export type QueuedCommand = { command: Command; partner: string | undefined };

/** The commands of a session that wait for its rate, or for an answer of the store to the one before. */
export class CommandQueue {
  #waiting: QueuedCommand[] | undefined;
  #blocks = 0;
  #messages: TokenBucket | undefined;
  #bytes: TokenBucket | undefined;
  #refusals: TokenBucket | undefined;

  /** The session's last command waits for the store: those that follow wait for that one. */
  get isBlocked(): boolean {
    return this.#blocks > 0;
  }

  block(): void {
    this.#blocks++;
  }

  unblock(): void {
    if (this.#blocks === 0) throw new Error("A command queue was unblocked twice");
    this.#blocks--;
  }

  get length(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Whether its last words are said: what comes after a `quit` counts no more. */
  get isClosing(): boolean {
    return this.#waiting?.at(-1)?.command.type === "quit";
  }

  push(queued: QueuedCommand): void {
    (this.#waiting ??= []).push(queued);
  }

  get first(): QueuedCommand | undefined {
    return this.#waiting?.[0];
  }

  shift(): void {
    this.#waiting?.shift();
    if (this.#waiting?.length === 0) this.#waiting = undefined;
  }

  /** Forgets counted messages from `n` on: their sender goes back to `n`. */
  dropFrom(n: number): void {
    this.#waiting = this.#waiting?.filter(
      ({ command }) => !("n" in command) || (command.n ?? 0) < n,
    );
    if (this.#waiting?.length === 0) this.#waiting = undefined;
  }

  clear(): void {
    this.#waiting = undefined;
  }

  /** Takes what a command costs: everybody whom a message is for, and what is read and written, `readChars` at least. */
  spend(command: Command, rates: Rates, nowMs: number, readChars = 0): boolean {
    const { messagesPerSecond, bytesPerSecond } = rates;
    this.#messages ??= bucket(messagesPerSecond, nowMs);
    this.#bytes ??= bucket(bytesPerSecond, nowMs);
    const copies = command.type === "tell" ? Math.min(command.to.length, message.maxRecipients) : 1;
    if (this.#bytes.waitMs(nowMs) > 0) return false;
    if (!this.#messages.take(copies, nowMs)) return false;
    const textChars = "text" in command ? (command.text?.length ?? 0) : 0;
    this.#bytes.take(Math.max(copies * textChars, readChars), nowMs);
    return true;
  }

  /** Charges for output that the session has asked for. */
  charge(chars: number, rates: Rates, nowMs: number): void {
    this.#bytes ??= bucket(rates.bytesPerSecond, nowMs);
    this.#bytes.take(chars, nowMs);
  }

  /** After how many milliseconds a refused command may be tried again. */
  retryAfterMs(rates: Rates, nowMs: number): number {
    const queueMs = (this.length / rates.messagesPerSecond) * 1000;
    const waitMs = Math.max(this.#messages?.waitMs(nowMs) ?? 0, this.#bytes?.waitMs(nowMs) ?? 0);
    return Math.ceil(Math.max(waitMs, queueMs));
  }

  /** Whether one more refusal may be answered. */
  mayRefuse(nowMs: number): boolean {
    this.#refusals ??= new TokenBucket(limits.refusalsPerSecond, limits.refusalBurst, nowMs);
    return this.#refusals.take(1, nowMs);
  }
}

function bucket(perSecond: number, nowMs: number): TokenBucket {
  return new TokenBucket(perSecond, perSecond * limits.burstSeconds, nowMs);
}
