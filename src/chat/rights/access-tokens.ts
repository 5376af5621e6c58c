// Access tokens: each lets a program speak and listen as the owner of a registered name, over HTTP.
// Only their hashes are stored. Pure.

import { rights as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import { asKept, ownerOfKept, type ShareOwner } from "../../share-owner.ts";
import { type NewNumber, numbersAfter } from "./row-numbers.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

export type AccessToken = {
  /** Unique among the tokens of this server. */
  id: number;
  hash: string;
  /** The ID and name of the account. */
  account: string;
  name: string;
  by: string;
  /** Keys of the owners whose share it uses (`ShareOwner.kept`). */
  shares: readonly string[];
  /** Unix milliseconds. */
  atMs: number;
  /** Infinity: until it is revoked. */
  untilMs: number;
};

export class AccessTokens {
  readonly #journal: RightsJournal;
  readonly #byHash = new Map<string, AccessToken>();
  readonly #newNumber: NewNumber;

  constructor(rows: Iterable<RightsRow>, journal: RightsJournal, numbers?: NewNumber) {
    this.#journal = journal;
    const tokens = readRows(rows, rowKind, (hash, fields) => ({
      id: fields.count("id", 1),
      hash,
      account: fields.text("account"),
      name: fields.text("name"),
      by: fields.text("by"),
      shares: fields.optionalTexts("shares") ?? [],
      atMs: fields.number("atMs"),
      untilMs: fields.optionalCount("untilMs") ?? Infinity,
    }));
    for (const token of tokens.sort((a, b) => a.id - b.id)) {
      this.#byHash.set(token.hash, token);
    }
    this.#newNumber = numbersAfter(tokens.at(-1)?.id ?? 0, numbers);
  }

  /**
   * Undefined: there are too many, of that account, of `payer` or in total. Expired tokens are kept
   * as long as there is room, since the clock may be wrong at the moment. `payer`: whose share it
   * uses; undefined: nobody's, since an owner of the server has asked for it.
   */
  issue(terms: Omit<AccessToken, "id" | "shares">, payer?: ShareOwner): AccessToken | undefined {
    const valid = this.list(terms.atMs);
    const own = valid.filter(({ account }) => account === terms.account);
    if (own.length >= limits.maxTokensPerName || valid.length >= limits.maxTokens) {
      return undefined;
    }
    if (payer !== undefined && isFull(payer, valid)) return undefined;
    if (this.#byHash.size >= maxKept) {
      for (const token of this.#byHash.values()) {
        if (token.untilMs <= terms.atMs) this.#remove(token);
      }
    }
    const id = this.#newNumber();
    if (id === undefined) return undefined;
    const shares = payer?.kept.map(({ key }) => key) ?? [];
    const token = { ...terms, id, shares };
    this.#byHash.set(token.hash, token);
    const { hash, untilMs, ...fields } = token;
    const end = untilMs === Infinity ? undefined : untilMs;
    this.#journal.put(`${rowKind}/${hash}`, { ...fields, untilMs: end });
    return token;
  }

  find(hash: string, nowMs: number): AccessToken | undefined {
    const token = this.#byHash.get(hash);
    return token === undefined || token.untilMs <= nowMs ? undefined : token;
  }

  /** Valid tokens, oldest first. */
  list(nowMs: number): readonly AccessToken[] {
    return [...this.#byHash.values()].filter(({ untilMs }) => untilMs > nowMs);
  }

  revoke(token: AccessToken): void {
    this.#remove(token);
  }

  /** The account was deleted. */
  forgetAccount(account: string): void {
    for (const token of this.#byHash.values()) if (token.account === account) this.#remove(token);
  }

  #remove({ hash }: AccessToken): void {
    if (this.#byHash.delete(hash)) this.#journal.remove(`${rowKind}/${hash}`);
  }
}

/** Whether a network has its share of them, under however many names. */
function isFull(payer: ShareOwner, tokens: readonly AccessToken[]): boolean {
  const counts = new ShareCounts(limits.maxTokensPerOwner, limits.maxTokens / 2);
  for (const { shares } of tokens) counts.add(ownerOfKept(shares));
  return counts.full(asKept(payer)) !== undefined;
}

/** Including expired tokens. */
const maxKept = 2 * limits.maxTokens;
const rowKind = "token";
