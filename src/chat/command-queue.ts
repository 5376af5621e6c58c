// The commands of one session that wait for its rate limit or for the store, and the budget that
// pays for them. Commands past the queue's bound are refused with a retry time, so a flood slows
// down its sender and never the room. Pure.

import { message, sender as limits } from "../limits.ts";
import type { Command } from "./events.ts";
import { type Rates, RateBudget } from "./rate-budget.ts";

/** A waiting command. `partner` is the private-chat partner at the time a `say` to it arrived. */
export type QueuedCommand = { command: Command; partner: string | undefined };

/** Commands that wait for the session's rate, or for the store to answer the one before. */
export class CommandQueue {
  #waiting: QueuedCommand[] | undefined;
  #blocks = 0;
  #own: RateBudget | undefined;
  readonly #shared: readonly RateBudget[];

  /** `shared`: the budgets of the networks the session connects from. */
  constructor(shared: readonly RateBudget[]) {
    this.#shared = shared;
  }

  /** Whether the last command waits for the store; later ones queue behind it. */
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

  /** Whether a `quit` is queued; anything after it is ignored. */
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

  /** Drops counted messages from `n` on; the sender resends them. */
  dropFrom(n: number): void {
    this.#waiting = this.#waiting?.filter(
      ({ command }) => !("n" in command) || (command.n ?? 0) < n,
    );
    if (this.#waiting?.length === 0) this.#waiting = undefined;
  }

  clear(): void {
    this.#waiting = undefined;
  }

  /**
   * Charges a command: text bytes times recipients, but at least `readChars`. False if over the
   * rate.
   */
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

  /** Charges for work beyond the command itself, such as a long answer. */
  charge(chars: number, nowMs: number): void {
    this.#own?.charge(chars, nowMs);
    for (const budget of this.#shared) budget.charge(chars, nowMs);
  }

  /** Milliseconds until the next command may be charged; 0 if now. */
  waitMs(nowMs: number): number {
    let waitMs = this.#own?.waitMs(nowMs) ?? 0;
    for (const budget of this.#shared) waitMs = Math.max(waitMs, budget.waitMs(nowMs));
    return waitMs;
  }

  /** Milliseconds after which a refused command may be retried. */
  retryAfterMs(rates: Rates, nowMs: number): number {
    const queueMs = (this.length / rates.messagesPerSecond) * 1000;
    return Math.ceil(Math.max(this.waitMs(nowMs), queueMs));
  }

  /** Whether another refusal may be answered. Once this is false, the session is disconnected. */
  mayRefuse(rates: Rates, nowMs: number): boolean {
    this.#own ??= new RateBudget(rates, limits.burstSeconds, 1, nowMs);
    if (this.#own.debtSeconds(nowMs) > limits.maxDebtSeconds) return false;
    return [this.#own, ...this.#shared].every((budget) => budget.mayRefuse(nowMs));
  }
}
