// Passes: codes that admit people to a closed server, for a limited time and number of people. Only
// their hashes are stored. Pure.

import { rights as limits } from "../../limits.ts";
import { type NewNumber, numbersAfter } from "./row-numbers.ts";
import { type RightsChange, type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

export type Pass = {
  /** Unique among the passes of this server. */
  id: number;
  /** The hash of its code. */
  hash: string;
  /** The number of people that it admits. */
  uses: number;
  used: number;
  /** IDs of those who have used it and may return with it: of their sessions, and of their keys. */
  guests: readonly string[];
  by: string;
  /** Unix milliseconds. */
  atMs: number;
  untilMs: number;
};

export class Passes {
  readonly #journal: RightsJournal;
  readonly #byHash = new Map<string, Pass>();
  /** By key: the values of rows, with the changes to be stored. */
  readonly #texts = new Map<string, string>();
  readonly #newNumber: NewNumber;

  constructor(rows: readonly RightsRow[], journal: RightsJournal, numbers?: NewNumber) {
    this.#journal = journal;
    const passes = this.#read(rows);
    this.#newNumber = numbersAfter(passes.at(-1)?.id ?? 0, numbers);
  }

  /**
   * Undefined: there are too many. Expired passes are kept as long as there is room, since the
   * clock may be wrong at the moment.
   */
  issue(terms: Pick<Pass, "hash" | "uses" | "by" | "atMs" | "untilMs">): Pass | undefined {
    if (this.list(terms.atMs).length >= limits.maxPasses) return undefined;
    if (this.#byHash.size >= maxKept) {
      for (const pass of this.#byHash.values()) if (pass.untilMs <= terms.atMs) this.#remove(pass);
    }
    const id = this.#newNumber();
    if (id === undefined) return undefined;
    const pass = { ...terms, id, used: 0, guests: [] };
    this.#byHash.set(pass.hash, pass);
    const { hash, ...fields } = pass;
    const key = passRow(hash);
    this.#texts.set(key, this.#journal.put(key, fields));
    return pass;
  }

  /** Whether there is such a pass, used up or not. */
  isValid(hash: string, nowMs: number): boolean {
    const pass = this.#byHash.get(hash);
    return pass !== undefined && pass.untilMs > nowMs;
  }

  /**
   * Whether the pass admits this guest: neither expired nor used up by others. `guest`: the IDs by
   * any of which a returning guest is recognized; none: each time counts as somebody new.
   */
  admits(hash: string, guest: readonly string[], nowMs: number): boolean {
    const pass = this.#byHash.get(hash);
    if (pass === undefined || pass.untilMs <= nowMs) return false;
    return pass.used < pass.uses || isGuest(pass, guest);
  }

  /** Which of its uses admits this guest, counted from 0; undefined: none is needed. */
  nextUse(hash: string, guest: readonly string[]): number | undefined {
    const pass = this.#byHash.get(hash);
    return pass === undefined || isGuest(pass, guest) ? undefined : pass.used;
  }

  /** Admits a guest who is allowed by the pass. True if that used up one of its uses. */
  redeem(hash: string, guest: readonly string[]): boolean {
    const pass = this.#byHash.get(hash);
    if (pass === undefined || isGuest(pass, guest)) return false;
    this.#update({ ...pass, used: pass.used + 1, guests: [...pass.guests, ...guest] });
    return true;
  }

  /** Undoes `redeem`, because it could not be stored. */
  giveBack(hash: string, guest: readonly string[]): void {
    const pass = this.#byHash.get(hash);
    if (pass === undefined) return;
    const guests = pass.guests.filter((other) => !guest.includes(other));
    this.#update({ ...pass, used: Math.max(0, pass.used - 1), guests });
  }

  /** Passes that are still usable, oldest first. */
  list(nowMs: number): readonly Pass[] {
    return [...this.#byHash.values()].filter(({ untilMs }) => untilMs > nowMs);
  }

  /** False: there is none with this number. */
  revoke(id: number): boolean {
    const pass = [...this.#byHash.values()].find((pass) => pass.id === id);
    if (pass !== undefined) this.#remove(pass);
    return pass !== undefined;
  }

  /** Another server has changed this row of a pass, or deleted it. */
  replace({ key, value }: RightsChange): void {
    this.#byHash.delete(key.slice(rowKind.length + 1));
    if (value !== undefined) this.#read([{ key, value }]);
  }

  #read(rows: readonly RightsRow[]): Pass[] {
    const passes = readRows(rows, rowKind, (hash, fields) => ({
      id: fields.count("id", 1),
      hash,
      uses: fields.count("uses", 1),
      used: fields.count("used"),
      guests: fields.texts("guests"),
      by: fields.text("by"),
      atMs: fields.number("atMs"),
      untilMs: fields.number("untilMs"),
    }));
    for (const pass of passes.sort((a, b) => a.id - b.id)) this.#byHash.set(pass.hash, pass);
    for (const { key, value } of rows) {
      if (key.startsWith(`${rowKind}/`)) this.#texts.set(key, value);
    }
    return passes;
  }

  /** Another server may have used or revoked it: this must not undo that. */
  #update(pass: Pass): void {
    this.#byHash.set(pass.hash, pass);
    const { hash, ...fields } = pass;
    const key = passRow(hash);
    this.#texts.set(key, this.#journal.update(key, fields, this.#texts.get(key)));
  }

  #remove({ hash }: Pass): void {
    const key = passRow(hash);
    this.#byHash.delete(hash);
    this.#texts.delete(key);
    this.#journal.remove(key);
  }
}

function isGuest(pass: Pass, guest: readonly string[]): boolean {
  return guest.some((id) => pass.guests.includes(id));
}

const rowKind = "pass";

/** The key of the row of a pass. */
export function passRow(hash: string): string {
  return `${rowKind}/${hash}`;
}

/** Including expired passes. */
const maxKept = 2 * limits.maxPasses;
