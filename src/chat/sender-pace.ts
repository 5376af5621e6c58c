// What one sender may do: its messages are taken at its rate, a few more wait for their turn, and what is beyond that is refused
// with the time after which it may try again. A flood is its sender's problem, never the room's. Pure.

import { message, sender as limits } from "../limits.ts";
import type { Command } from "./events.ts";
import { type Rates, RateBudget } from "./rate-budget.ts";

/** A command that waits; `partner` is whom a `say` to the partner was for when it came. */
export type QueuedCommand = { command: Command; partner: string | undefined };

/** The commands of a session that wait for its rate, or for an answer of the store to the one before. */
export class CommandQueue {
  #waiting: QueuedCommand[] | undefined;
  #blocks = 0;
  #own: RateBudget | undefined;
  readonly #shared: readonly RateBudget[];

  /** `shared`: the budgets of the networks that the session comes from. */
  constructor(shared: readonly RateBudget[]) {
    this.#shared = shared;
  }

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
    this.#own ??= new RateBudget(rates, limits.burstSeconds, 1, nowMs);
    if (this.waitMs(nowMs) > 0) return false;
    const copies = command.type === "tell" ? Math.min(command.to.length, message.maxRecipients) : 1;
    const textChars = "text" in command ? (command.text?.length ?? 0) : 0;
    const bytes = Math.max(copies * textChars, readChars);
    this.#own.spend(copies, bytes, nowMs);
    for (const budget of this.#shared) budget.spend(copies, bytes, nowMs);
    return true;
  }

  /** Charges for what the session has made the server read, or write, beyond the command itself. */
  charge(chars: number, nowMs: number): void {
    this.#own?.charge(chars, nowMs);
    for (const budget of this.#shared) budget.charge(chars, nowMs);
  }

  /** Milliseconds until something may be spent; 0: now. */
  waitMs(nowMs: number): number {
    let waitMs = this.#own?.waitMs(nowMs) ?? 0;
    for (const budget of this.#shared) waitMs = Math.max(waitMs, budget.waitMs(nowMs));
    return waitMs;
  }

  /** After how many milliseconds a refused command may be tried again. */
  retryAfterMs(rates: Rates, nowMs: number): number {
    const queueMs = (this.length / rates.messagesPerSecond) * 1000;
    return Math.ceil(Math.max(this.waitMs(nowMs), queueMs));
  }

  /** Whether one more refusal may be answered: of so many refused, or of so much owed, nothing more is read. */
  mayRefuse(rates: Rates, nowMs: number): boolean {
    this.#own ??= new RateBudget(rates, limits.burstSeconds, 1, nowMs);
    if (this.#own.debtSeconds(nowMs) > limits.maxDebtSeconds) return false;
    return [this.#own, ...this.#shared].every((budget) => budget.mayRefuse(nowMs));
  }
}
