// Decides which keys are trusted: how a message may be sent to somebody, and whether a received one
// was sealed with its sender's key. Remembers the keys, and what the user decides about
// them. Pure; the remembered keys are stored elsewhere.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { harmless } from "../text.ts";
import { areVouched, type Vouch } from "../trust/device-vouch.ts";
import { compareKeys, type KnownKeys } from "../trust/known-keys.ts";
import { type KeyLookup, type KeysAnswer, keysIn } from "./key-lookup.ts";
import type { OwnListing } from "./own-listing.ts";
import type { SealingUser } from "./sealing-device.ts";

/** How to send something to one person. */
export type SendDecision =
  | { how: "plain"; name: string }
  /** `isNew`: nothing was known of that person before. */
  | { how: "sealed"; name: string; known: KnownKeys; isNew: boolean }
  | { how: "refused"; why: string }
  /** The connection was lost: retry later. */
  | { how: "offline" };

/** Nobody can learn whose key this device's is. */
const unlisted = { isListed: false, problem: undefined } as const;

export class KeyTrust {
  readonly #user: SealingUser;
  readonly #lookup: KeyLookup;
  readonly #listing: OwnListing;
  /** Untrusted keys, kept until they are accepted. By folded name. */
  readonly #refused = new BoundedMap<string, readonly string[]>(limits.maxSenders);

  constructor(user: SealingUser, lookup: KeyLookup, listing: OwnListing) {
    this.#user = user;
    this.#lookup = lookup;
    this.#listing = listing;
  }

  async judge(name: string): Promise<SendDecision> {
    if (fold(name) === "all") return { how: "plain", name };
    const { people } = this.#user.device;
    try {
      const own = this.#listing.isRegistered ? await this.#listing.find() : unlisted;
      if (own === undefined) return { how: "offline" };
      if (own.problem !== undefined) return { how: "refused", why: own.problem };
      if (!own.isListed) return withoutKey(name, people.find(name));
      const answer = await this.#lookup.ask(name);
      if (answer === undefined) return { how: "offline" };
      return this.#judgeAnswer(name, answer, people.find(name));
    } catch (error) {
      if (error instanceof ParleyError) return { how: "refused", why: error.message };
      throw error;
    }
  }

  /** For the user's own other devices: those that this one knows by itself. */
  async judgeSelf(name: string): Promise<SendDecision> {
    if (!this.#listing.isRegistered) return { how: "plain", name };
    const listing = await this.#listing.find();
    if (listing === undefined) return { how: "offline" };
    if (listing.problem !== undefined) return { how: "refused", why: listing.problem };
    const { isListed, siblings } = listing;
    if (!isListed) return { how: "plain", name };
    if (siblings.length === 0) return { how: "refused", why: noSiblings };
    return { how: "sealed", name, known: { keys: siblings, isVerified: true }, isNew: false };
  }

  #judgeAnswer(name: string, answer: KeysAnswer, known: KnownKeys | undefined): SendDecision {
    if (answer.type === "error") {
      // The server will repeat this error for the message itself.
      if (known === undefined && answer.code === "unknown-user") return { how: "plain", name };
      return { how: "refused", why: harmless(answer.message) };
    }
    const keys = keysIn(answer, name);
    if (keys === undefined) {
      return { how: "refused", why: `the server gives no valid keys for ${harmless(name)}` };
    }
    const { people } = this.#user.device;
    if (known === undefined) {
      if (keys.length === 0) return { how: "plain", name };
      const first = { keys, isVerified: false };
      people.remember(name, first);
      return { how: "sealed", name, known: first, isNew: true };
    }
    const now = { ...known, keys };
    const change = compareKeys(known.keys, keys);
    if (change === "changed" && this.#areVouched(name, known, keys, answer.vouches)) {
      this.#acceptVouched(name, now);
    } else if (change === "changed") {
      this.#refused.set(fold(name), keys);
      return { how: "refused", why: this.#changedText(name, known, keys) };
    }
    if (change === "fewer") people.remember(name, now);
    return { how: "sealed", name, known: now, isNew: false };
  }

  /**
   * Whether known devices vouch for all new ones. What was said of or by a device that is gone no
   * longer counts: a server could repeat it.
   */
  #areVouched(
    name: string,
    known: KnownKeys,
    keys: readonly string[],
    vouches: readonly Vouch[] = [],
  ): boolean {
    if (keys.length === 0) return false;
    const gone = new Set(known.gone);
    const counting = vouches.filter(({ key, by }) => !gone.has(key) && !gone.has(by));
    return areVouched(name, known.keys, keys, counting, this.#user.device.verify);
  }

  #acceptVouched(name: string, known: KnownKeys): void {
    if (!this.#remember(name, known)) return;
    this.#refused.delete(fold(name));
    const shown = harmless(name);
    this.#user.note(`${shown} has a new device; a device that you know vouches for it`);
  }

  #changedText(name: string, known: KnownKeys, keys: readonly string[]): string {
    const shown = harmless(name);
    if (keys.length === 0) {
      return (
        `${shown} had a key, and the server now says that there is none. Ask ${shown} in another ` +
        `way. After /accept-key ${shown}, the server can read what you send`
      );
    }
    const added = keys.filter((key) => !known.keys.includes(key)).length;
    const what = added === keys.length ? "other keys than before" : "a new device";
    const words = this.#user.device.wordsOf(keys);
    return (
      `${shown} has ${what}, or the server is slipping in a key of its own. Ask ${shown}, best with ` +
      `/verify ${shown} (the new words: ${words}). Then /accept-key ${shown}`
    );
  }

  /** Whether `key`, with which something has arrived, is a known key of that person. */
  async stateOf(name: string, key: string): Promise<"verified" | "unverified" | "changed"> {
    const { people } = this.#user.device;
    try {
      const known = people.find(name);
      if (known === undefined) {
        if (people.takesStrangers) await this.#meet(name, key);
        return "unverified";
      }
      if (!known.keys.includes(key) && !(await this.#isNewDevice(name, key, known))) {
        return "changed";
      }
      // The user may have compared the keys meanwhile.
      return people.find(name)?.isVerified === true ? "verified" : "unverified";
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#user.note(error.message);
      return "unverified";
    }
  }

  /** Remembers the key of somebody who wrote first, if the server confirms it. */
  async #meet(name: string, key: string): Promise<void> {
    const answer = await this.#lookup.ask(name);
    if (answer?.type !== "keys") return;
    const keys = keysIn(answer, name);
    const { people } = this.#user.device;
    // Something may have been sent to them meanwhile.
    if (keys?.includes(key) !== true || people.find(name) !== undefined) return;
    people.remember(name, { keys, isVerified: false });
    this.#user.note(firstContact(name));
  }

  /** Whether an unknown key belongs to a device that known devices vouch for. */
  async #isNewDevice(name: string, key: string, before: KnownKeys): Promise<boolean> {
    const { people } = this.#user.device;
    // Otherwise what they send could fill the list; writing to them accepts the device, too.
    if (!before.isVerified && !people.takesStrangers) return false;
    const answer = await this.#lookup.ask(name);
    const known = people.find(name);
    if (known?.keys.includes(key) === true) return true;
    if (known === undefined || answer?.type !== "keys") return false;
    const keys = keysIn(answer, name);
    if (keys?.includes(key) !== true) return false;
    if (!this.#areVouched(name, known, keys, answer.vouches)) return false;
    this.#acceptVouched(name, { ...known, keys });
    return true;
  }

  /** The user accepts the last refused keys as that person's. */
  accept(name: string): void {
    const keys = this.#refused.get(fold(name));
    if (keys === undefined) return this.#user.note(nothingToAccept(name));
    const known = keys.length === 0 ? undefined : { keys, isVerified: false };
    if (!this.#remember(name, known)) return;
    this.#refused.delete(fold(name));
    this.#user.note(
      known === undefined
        ? `${harmless(name)} no longer has a key: the server can read what you send`
        : `Accepted: send the message again. /verify ${harmless(name)} compares the new keys`,
    );
  }

  /** Marks keys that two people have compared as verified. */
  verify(name: string, keys: readonly string[]): void {
    if (!this.#remember(name, { keys, isVerified: true })) return;
    this.#refused.delete(fold(name));
    this.#user.note(`The keys of ${harmless(name)} are verified now, and remembered`);
  }

  #remember(name: string, known: KnownKeys | undefined): boolean {
    try {
      this.#user.device.people.remember(name, known);
      return true;
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#user.note(error.message);
      return false;
    }
  }
}

/** People with a known key never receive plain text unless the user accepts that. */
function withoutKey(name: string, known: KnownKeys | undefined): SendDecision {
  if (known === undefined) return { how: "plain", name };
  const why =
    `you know a key of ${harmless(name)}'s, but your own name is not registered with this device's ` +
    "key, so the message can't be sealed: /register, or log in with your registered name";
  return { how: "refused", why };
}

export function nothingToAccept(name: string): string {
  return `There is no changed key of ${harmless(name)} to be accepted`;
}

export function firstContact(name: string): string {
  const shown = harmless(name);
  return `First contact with ${shown}: trusting the key that the server reports. /verify ${shown} compares it`;
}

const noSiblings =
  "this device knows no other device of yours: /devices add on one of them connects the two";
