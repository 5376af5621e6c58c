// What to request over the control connection when datagrams do not get through: ranges in order, a
// few at a time, within a byte rate. TCP does the rest. Pure.

import { transfer as limits } from "../limits.ts";
import { RangeSet } from "./ranges.ts";

export class PullSchedule {
  readonly #wanted: RangeSet;
  /** Requested but not yet received. */
  readonly #pending = new RangeSet();
  readonly #bytesPerMs: number;
  #horizon = Infinity;
  #credit = 0;
  #creditAtMs = -Infinity;
  receivedBytes = 0;

  constructor(
    wanted: readonly (readonly [start: number, end: number])[],
    limitBytesPerSecond = Infinity,
  ) {
    this.#wanted = new RangeSet(wanted);
    this.#bytesPerMs = limitBytesPerSecond / 1_000;
  }

  /** Some requested bytes have not arrived yet. */
  get isPending(): boolean {
    return !this.#pending.isEmpty;
  }

  /** Nothing is left to request. */
  get isEmpty(): boolean {
    return this.#wanted.isEmpty;
  }

  /** Nothing at or beyond this offset is requested. */
  setHorizon(offset: number): void {
    this.#horizon = offset;
  }

  /** Drops wanted ranges past the end of the file. */
  setSize(sizeBytes: number): void {
    this.#wanted.remove(sizeBytes, Infinity);
  }

  /**
   * Handles received bytes. Calls `deliver` for each part that was requested, so that every byte is
   * delivered once.
   */
  handleData(offset: number, length: number, deliver: (start: number, end: number) => void): void {
    this.receivedBytes += this.#pending.remove(offset, offset + length, deliver);
  }

  /** Requests bytes again that failed verification. */
  handleBadRange(offset: number, length: number): void {
    this.#wanted.add(offset, offset + length);
  }

  /** The next range to request now. */
  pollRequest(nowMs: number): { offset: number; length: number } | undefined {
    if (!this.#hasRoom) return undefined;
    const offset = this.#wanted.firstByte;
    const most = Math.min(this.#wanted.firstLength, limits.maxPullBytes, this.#horizon - offset);
    const length = Math.floor(Math.min(most, this.#allowance(nowMs)));
    if (length < Math.min(most, this.#stepBytes)) return undefined;
    this.#credit -= length;
    this.#wanted.remove(offset, offset + length);
    this.#pending.add(offset, offset + length);
    return { offset, length };
  }

  /** When to poll again even if nothing arrives, in ms; Infinity: never. */
  nextTimeoutMs(nowMs: number): number {
    if (this.#bytesPerMs === Infinity || !this.#hasRoom) return Infinity;
    const lacking = this.#stepBytes - this.#allowance(nowMs);
    return nowMs + Math.max(1, lacking / this.#bytesPerMs);
  }

  /** Something may be requested as far as the rate permits. */
  get #hasRoom(): boolean {
    const { firstByte, firstLength } = this.#wanted;
    const room = limits.maxPulls * limits.maxPullBytes - this.#pending.bytes;
    return firstByte < this.#horizon && room >= Math.min(limits.maxPullBytes, firstLength);
  }

  /** Step size: a rate-limited transfer makes requests worth 50 ms of the limit. */
  get #stepBytes(): number {
    if (this.#bytesPerMs === Infinity) return 1;
    return Math.max(1, Math.min(limits.maxPullBytes, this.#bytesPerMs * 50));
  }

  /** Bytes that the rate limit allows now. */
  #allowance(nowMs: number): number {
    if (this.#bytesPerMs === Infinity) return Infinity;
    const elapsedMs = Math.min(1_000, nowMs - this.#creditAtMs);
    this.#creditAtMs = nowMs;
    this.#credit = Math.min(this.#credit + elapsedMs * this.#bytesPerMs, 2 * this.#stepBytes);
    return this.#credit;
  }
}
