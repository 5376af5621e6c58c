// One-time codes with which another device joins an account: 50 bits, valid for ten minutes, one
// per account at a time. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { accounts as limits } from "../../limits.ts";

/** Crockford's base 32: no letter resembles another letter or a digit. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const codeChars = 10;

/** A code of two groups, made from a random base64url text of at least the same length. */
export function writeCode(random: string): string {
  const chars = Array.from(random.slice(-codeChars), (char) => alphabet[valueOf(char) % 32]);
  return `${chars.slice(0, codeChars / 2).join("")}-${chars.slice(codeChars / 2).join("")}`;
}

/** Normalizes a typed code: case-insensitive, without the hyphen, with letters for digits. */
export function readCode(typed: string): string {
  const plain = typed.slice(0, limits.maxLabelChars).toLowerCase();
  const chars = plain.replaceAll(/[\s-]/g, "").replaceAll("o", "0").replaceAll(/[il]/g, "1");
  return `${chars.slice(0, codeChars / 2)}-${chars.slice(codeChars / 2)}`;
}

/** 1 to 64, for base64url; other characters do not occur. */
function valueOf(char: string): number {
  return base64url.indexOf(char) + 1;
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

type Code = { readonly account: string; readonly untilMs: number; isTaken: boolean };

export class DeviceCodes {
  /** Accounts by the code's hash, and vice versa. */
  readonly #accounts = new BoundedMap<string, Code>(limits.codes);
  readonly #hashes = new BoundedMap<string, string>(limits.codes);

  /** Replaces the account's code. */
  set(account: string, hash: string, nowMs: number): void {
    const before = this.#hashes.get(account);
    if (before !== undefined) this.#accounts.delete(before);
    this.#hashes.set(account, hash);
    this.#accounts.set(hash, { account, untilMs: nowMs + limits.codeMs, isTaken: false });
  }

  /** The account's code is no longer valid. */
  drop(account: string): void {
    const hash = this.#hashes.get(account);
    if (hash === undefined) return;
    this.#accounts.delete(hash);
    this.#hashes.delete(account);
  }

  /** The account of an unused code; the code is used up unless it is given back. */
  take(hash: string, nowMs: number): string | undefined {
    const found = this.#accounts.get(hash);
    if (found === undefined || found.isTaken || nowMs >= found.untilMs) return undefined;
    found.isTaken = true;
    return found.account;
  }

  /** Makes a taken code valid again, because it could not be used. */
  giveBack(hash: string): void {
    const found = this.#accounts.get(hash);
    if (found !== undefined) found.isTaken = false;
  }
}
