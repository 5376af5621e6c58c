// All bans and mutes of a server. Pure.

import { rights as limits } from "../../limits.ts";
import { type NewNumber, numbersAfter } from "./row-numbers.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";
import {
  isOver,
  isSameSubject,
  mentions,
  type Sanction,
  type SanctionKind,
  type Subject,
  type Suspect,
} from "./sanction.ts";
import { SanctionIndex } from "./sanction-index.ts";

export class Sanctions {
  readonly #journal: RightsJournal;
  #all: Sanction[];
  readonly #newNumber: NewNumber;
  #indexes: Record<SanctionKind, SanctionIndex>;

  constructor(rows: Iterable<RightsRow>, journal: RightsJournal, numbers?: NewNumber) {
    this.#journal = journal;
    this.#all = readRows(rows, rowKind, (rest, fields) => ({
      id: Number(rest),
      kind: fields.text("kind") === "mute" ? ("mute" as const) : ("ban" as const),
      name: fields.optionalText("name"),
      network: fields.optionalText("network"),
      key: fields.optionalText("key"),
      account: fields.optionalText("account"),
      reason: fields.text("reason"),
      by: fields.text("by"),
      atMs: fields.number("atMs"),
      untilMs: fields.optionalCount("untilMs"),
    })).sort((a, b) => a.id - b.id);
    this.#newNumber = numbersAfter(this.#all.at(-1)?.id ?? 0, numbers);
    this.#indexes = this.#indexed();
  }

  /** The ban or mute that currently applies to somebody. */
  find(kind: SanctionKind, suspect: Suspect, nowMs: number): Sanction | undefined {
    return this.#indexes[kind].find(suspect, nowMs);
  }

  /** False: nobody needs to be checked. */
  has(kind: SanctionKind): boolean {
    return !this.#indexes[kind].isEmpty;
  }

  /** Sanctions in force, oldest first. */
  list(kind: SanctionKind, nowMs: number): readonly Sanction[] {
    return this.#all.filter((sanction) => sanction.kind === kind && !isOver(sanction, nowMs));
  }

  /**
   * Replaces one of the same kind and subject. Undefined: there are too many. Expired sanctions are
   * kept as long as there is room, since the clock may be wrong at the moment.
   */
  impose(terms: Omit<Sanction, "id">): Sanction | undefined {
    const { kind, atMs } = terms;
    const isReplaced = (one: Sanction) => one.kind === kind && isSameSubject(one, terms);
    const others = this.list(kind, atMs).filter((one) => !isReplaced(one));
    // The old one stays in force unless the new one fits.
    const number = others.length < limits.maxSanctions ? this.#newNumber() : undefined;
    if (number === undefined) return undefined;
    this.#remove(isReplaced);
    if (this.#all.length >= maxKept) this.#remove((one) => isOver(one, atMs));
    const sanction = { ...terms, id: number };
    this.#all.push(sanction);
    const { id, ...fields } = sanction;
    this.#journal.put(`${rowKind}/${id}`, fields);
    this.#indexes[kind].add(sanction);
    return sanction;
  }

  /** Lifts the sanctions that mention what `subject` contains, or the one with this number. */
  lift(kind: SanctionKind, which: Subject & { id?: number | undefined }): readonly Sanction[] {
    return this.#remove(
      (one) => one.kind === kind && (one.id === which.id || mentions(one, which)),
    );
  }

  #remove(isMeant: (sanction: Sanction) => boolean): readonly Sanction[] {
    const removed = this.#all.filter(isMeant);
    if (removed.length === 0) return removed;
    for (const { id } of removed) this.#journal.remove(`${rowKind}/${id}`);
    this.#all = this.#all.filter((sanction) => !removed.includes(sanction));
    this.#indexes = this.#indexed();
    return removed;
  }

  #indexed(): Record<SanctionKind, SanctionIndex> {
    const of = (kind: SanctionKind) =>
      new SanctionIndex(this.#all.filter((sanction) => sanction.kind === kind));
    return { ban: of("ban"), mute: of("mute") };
  }
}

const rowKind = "sanction";

/** Bans and mutes together, including expired ones. */
const maxKept = 3 * limits.maxSanctions;
