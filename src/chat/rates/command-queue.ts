// The commands of one session that wait for its rate limit or for the store, and the budget that
// pays for them. Commands beyond the queue's bound are refused with a retry time, so that a flood
// slows down its sender and never the room. Pure.

import { message, sender as limits } from "../../limits.ts";
import type { Command } from "../events.ts";
import { type Rates, RateBudget } from "./rate-budget.ts";

/**
 * A waiting command. `partner`: the private-chat partner at the time a `say` to it arrived.
 * `readChars`: the length of the message that contained it, received at `sinceMs`.
 */
export type QueuedCommand = {
  command: Command;
  partner: string | undefined;
  readChars: number;
  sinceMs: number;
};

/** Commands that wait for the session's rate, or for the store to answer the previous one. */
export class CommandQueue {
  #waiting: QueuedCommand[] | undefined;
  #waitingChars = 0;
  #blocks = 0;
  #own: RateBudget | undefined;
  /** No command was charged yet. */
  #isFresh = true;
  #shared: readonly RateBudget[];

  /** `shared`: the budgets of the owners that pay for the session. */
  constructor(shared: readonly RateBudget[]) {
    this.#shared = shared;
  }

  /** Other owners pay for the session from now on. */
  shareWith(shared: readonly RateBudget[]): void {
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

  /** Whether a command of `readChars` may be queued after those already waiting. */
  hasRoomFor(readChars: number): boolean {
    if (this.length === 0) return true;
    const chars = this.#waitingChars + readChars;
    return this.length < limits.maxDelayed && chars <= limits.maxDelayedChars;
  }

  push(queued: QueuedCommand): void {
    (this.#waiting ??= []).push(queued);
    this.#waitingChars += queued.readChars;
  }

  get first(): QueuedCommand | undefined {
    return this.#waiting?.[0];
  }

  shift(): void {
    this.#waitingChars -= this.#waiting?.shift()?.readChars ?? 0;
    if (this.#waiting?.length === 0) this.#waiting = undefined;
  }

  /** Drops counted messages from `n` on; the sender will resend them. */
  dropFrom(n: number): void {
    const rest = (this.#waiting ?? []).filter(
      ({ command }) => !("n" in command) || (command.n ?? 0) < n,
    );
    this.clear();
    for (const queued of rest) this.push(queued);
  }

  clear(): void {
    this.#waiting = undefined;
    this.#waitingChars = 0;
  }

  /**
   * Charges a command: text bytes times recipients, but at least `readChars`. False if it exceeds
   * the rate. A session's first login need not wait for others.
   */
  spend(command: Command, rates: Rates, nowMs: number, readChars = 0): boolean {
    const own = this.#ownBudget(rates, nowMs);
    const isLogin = this.#isFresh && command.type === "login";
    const isFree = isLogin && readChars <= limits.firstLoginChars;
    const waitMs = isFree ? own.waitMs(nowMs) : this.waitMs(nowMs);
    if (waitMs > 0) return false;
    this.#isFresh = false;
    const copies = command.type === "tell" ? Math.min(command.to.length, message.maxRecipients) : 1;
    const textChars = "text" in command ? (command.text?.length ?? 0) : 0;
    const bytes = Math.max(copies * textChars, readChars);
    own.spend(copies, bytes, nowMs);
    for (const budget of this.#shared) budget.spend(copies, bytes, nowMs);
    return true;
  }

  /** Charges for work beyond the command itself, such as a long answer. */
  charge(chars: number, rates: Rates | undefined, nowMs: number): void {
    if (rates === undefined) return;
    this.#ownBudget(rates, nowMs).charge(chars, nowMs);
    for (const budget of this.#shared) budget.charge(chars, nowMs);
  }

  /** Charges a command of which so many rooms are told: each counts like a message to it. */
  chargeRooms(rooms: number, rates: Rates | undefined, nowMs: number): void {
    // The command itself has been charged.
    const more = rooms - 1;
    if (rates === undefined || more <= 0) return;
    this.#ownBudget(rates, nowMs).chargeMessages(more, nowMs);
    for (const budget of this.#shared) budget.chargeMessages(more, nowMs);
  }

  /**
   * Charges for input that was read and then refused. Other sessions of the owner need not wait for
   * it.
   */
  chargeRefused(chars: number, rates: Rates | undefined, nowMs: number): void {
    if (rates === undefined) return;
    this.#ownBudget(rates, nowMs).charge(chars, nowMs);
    for (const budget of this.#shared) budget.chargeRefused(chars, nowMs);
  }

  /**
   * Whether the session keeps sending although nothing is accepted, alone or together with other
   * sessions of its owner.
   */
  isOverdrawn(rates: Rates, nowMs: number): boolean {
    const own = this.#ownBudget(rates, nowMs);
    if (own.isOverdrawn(nowMs)) return true;
    return own.waitMs(nowMs) > 0 && this.#shared.some((budget) => budget.isOverdrawn(nowMs));
  }

  /** Milliseconds until the next command may be charged; 0 if now. */
  waitMs(nowMs: number): number {
    let waitMs = this.#own?.waitMs(nowMs) ?? 0;
    for (const budget of this.#shared) waitMs = Math.max(waitMs, budget.waitMs(nowMs));
    return waitMs;
  }

  /**
   * Milliseconds after which a refused command may be retried. `eachMs`: additional wait for each
   * command before it.
   */
  retryAfterMs(rates: Rates, nowMs: number, eachMs: number): number {
    const queueMs = this.length * Math.max(1000 / rates.messagesPerSecond, eachMs);
    return Math.ceil(Math.max(this.waitMs(nowMs), queueMs));
  }

  /** Whether another refusal may be answered. Once this is false, the session is disconnected. */
  mayRefuse(rates: Rates, nowMs: number): boolean {
    if (this.isOverdrawn(rates, nowMs)) return false;
    const budgets = [this.#ownBudget(rates, nowMs), ...this.#shared];
    return budgets.every((budget) => budget.mayRefuse(nowMs));
  }

  #ownBudget(rates: Rates, nowMs: number): RateBudget {
    return (this.#own ??= new RateBudget(rates, limits.burstSeconds, 1, nowMs));
  }
}
