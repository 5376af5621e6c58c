// All open codes, by number and by the IDs that their ends use, within bounds. Decides nothing
// (code-commands.ts).

import { codes as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { ShareBuckets } from "../rates/share-buckets.ts";
import type { Session } from "../session.ts";
import type { CodeOffer } from "./code-offer.ts";

export class CodeBook {
  readonly #byNumber = new Map<number, CodeOffer>();
  /** Keyed by the IDs of both ends. */
  readonly #byId = new Map<string, CodeOffer>();
  /** Numbers that are being claimed, and for which ID; one for each session that opens a code. */
  readonly claiming = new Map<number, string>();
  readonly #owners = new ShareCounts(limits.maxPerOwner, limits.maxOpen / 3);
  readonly #rates = new ShareBuckets(
    { perSecond: limits.newPerMinute / 60, burst: limits.newAtOnce },
    limits.owners,
  );

  get size(): number {
    return this.#byNumber.size;
  }

  [Symbol.iterator](): Iterator<CodeOffer> {
    return this.#byNumber.values();
  }

  get(id: string): CodeOffer | undefined {
    return this.#byId.get(id);
  }

  numbered(number: number): CodeOffer | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * Why that session can't open another code; undefined if it can, which uses up one of its new
   * codes.
   */
  refusal(session: Session, owner: ShareOwner, nowMs: number): string | undefined {
    if (this.size >= limits.maxOpen) {
      return "The server has as many codes as it can hold: try again later";
    }
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      return `${full.label} has ${full.count} codes already: wait for one to be used`;
    }
    let mine = 0;
    for (const { from } of this) if (from.session === session) mine++;
    if (mine >= limits.maxPerSession) {
      return `You have ${mine} codes already: wait for one to be used`;
    }
    if (this.#rates.take(owner, nowMs) > 0) {
      return "Too many codes in a row: try again in a minute";
    }
    return undefined;
  }

  /** Whether no code has that number, or is about to; except the one with that ID. */
  isFree(number: number, id?: string): boolean {
    const claimer = this.claiming.get(number);
    return !this.#byNumber.has(number) && (claimer === undefined || claimer === id);
  }

  /** A free number, searching from `start`. */
  freeNumber(start: number, most: number): number {
    for (let tried = 0; tried <= this.size + this.claiming.size; tried++) {
      const number = 1 + ((start + tried) % most);
      if (this.isFree(number)) return number;
    }
    throw new Error("There are more codes than numbers");
  }

  add(code: CodeOffer): void {
    this.#byNumber.set(code.number, code);
    this.#byId.set(code.from.id, code);
    this.#owners.add(code.owner);
  }

  /** Somebody has tried the code: it can be found by the ID of that end. */
  addGuest(code: CodeOffer): void {
    if (code.to !== undefined) this.#byId.set(code.to.id, code);
  }

  /** False: it was already removed. */
  remove(code: CodeOffer): boolean {
    if (!this.#byNumber.delete(code.number)) return false;
    this.#byId.delete(code.from.id);
    if (code.to !== undefined) this.#byId.delete(code.to.id);
    this.#owners.remove(code.owner);
    return true;
  }
}
