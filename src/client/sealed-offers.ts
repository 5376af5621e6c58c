// Seals offers of files for their recipient, and opens those that arrive. Pure.

import { fold } from "../chat/names/grammar.ts";
import type { Sealed } from "../protocol/messages.ts";
import { harmless } from "../text.ts";
import { firstContact, type KeyTrust } from "./key-trust.ts";
import type { OwnListing } from "./own-listing.ts";
import { sealBoxes, sealContext } from "./sealed-text.ts";
import type { SealingUser } from "./sealing-device.ts";

/**
 * The outcome of sealing an offer: the server can read it (`plain`), it is sealed, or it can't be
 * made.
 */
export type SealOutcome =
  | { how: "plain" }
  | { how: "sealed"; sealed: Sealed; isVerified: boolean }
  | { how: "refused"; why: string }
  | { how: "offline" };

/** An opened offer, or a sentence that explains why it can't be opened. */
export type OpenedOffer = { content: Uint8Array; state: "verified" | "unverified" } | string;

export class SealedOffers {
  readonly #user: SealingUser;
  readonly #trust: KeyTrust;
  readonly #listing: OwnListing;

  constructor(user: SealingUser, trust: KeyTrust, listing: OwnListing) {
    this.#user = user;
    this.#trust = trust;
    this.#listing = listing;
  }

  async seal(name: string, content: Uint8Array): Promise<SealOutcome> {
    const { device, note } = this.#user;
    const verdict = await (this.#isSelf(name)
      ? this.#trust.judgeSelf(name)
      : this.#trust.judge(name));
    if (verdict.how !== "sealed") return verdict;
    const { known, isNew } = verdict;
    try {
      const context = sealContext(this.#user.name(), name, "file offer");
      const boxes = await sealBoxes(device.sealer, known.keys, content, context);
      if (isNew) note(firstContact(name));
      return { how: "sealed", sealed: { key: device.key, boxes }, isVerified: known.isVerified };
    } catch {
      return { how: "refused", why: `a key of ${harmless(name)} can't be used` };
    }
  }

  async open(from: string, { key, boxes }: Sealed): Promise<OpenedOffer> {
    const { device } = this.#user;
    const box = boxes.find((one) => one.key === device.key)?.box;
    if (box === undefined) return "it is for other devices of yours";
    const context = sealContext(from, this.#user.name(), "file offer");
    const content = await device.sealer.open(box, key, context);
    if (content === undefined) return `it is damaged, or not from ${harmless(from)} to you`;
    if (this.#isSelf(from)) {
      const siblings = await this.#listing.siblings();
      return siblings.includes(key) ? { content, state: "verified" } : strangeDevice;
    }
    const state = await this.#trust.stateOf(from, key);
    if (state !== "changed") return { content, state };
    const advice = `ask ${harmless(from)}, best with /verify ${harmless(from)}`;
    return `it was sealed with a key of ${harmless(from)} that you do not know: ${advice}`;
  }

  #isSelf(name: string): boolean {
    return fold(name) === fold(this.#user.name());
  }
}

const strangeDevice =
  "it is said to be from another device of yours, which this one does not know: to connect the two, " +
  "revoke one on the other (/devices revoke), and add it again";
