// Copies of sealed messages for the user's own other devices: sealed for those that this device
// knows by itself (own-listing.ts), and opened when they come from one of these. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { sealed as limits } from "../limits.ts";
import type { Sealed } from "../protocol/messages.ts";
import type { SessionEvent } from "./events.ts";
import type { OwnListing } from "./own-listing.ts";
import { decodeSealed, sealContext } from "./sealed-text.ts";
import type { SealingUser } from "./sealing-device.ts";

type Copied = Extract<SessionEvent, { type: "copied" }>;

export class SentCopies {
  readonly #user: SealingUser;
  readonly #listing: OwnListing;
  /** Devices of which the user knows that their copies are not shown. */
  readonly #strangers = new BoundedMap<string, true>(limits.maxSenders);

  constructor(user: SealingUser, listing: OwnListing) {
    this.#user = user;
    this.#listing = listing;
  }

  /**
   * The content sealed for the user's other devices; undefined if there are none. `usedChars`: what
   * the boxes for the recipient take.
   */
  async seal(
    to: string,
    content: Uint8Array,
    usedChars: number,
  ): Promise<Sealed["boxes"] | undefined> {
    const { device, note } = this.#user;
    const name = this.#user.name();
    const siblings = (await this.#listing.find())?.siblings ?? [];
    if (siblings.length === 0 || fold(to) === fold(name)) return undefined;
    const context = sealContext(name, to, "sent copy");
    const copies: { key: string; box: string }[] = [];
    let chars = usedChars;
    for (const key of siblings) {
      // An unusable key keeps its own device from getting copies, and nobody else.
      const box = await device.sealer.seal(content, key, context).catch(() => undefined);
      if (box === undefined) continue;
      chars += box.length;
      copies.push({ key, box });
    }
    if (chars <= limits.maxChars) return copies.length === 0 ? undefined : copies;
    note("The message is too long to be copied to your other devices");
    return undefined;
  }

  /** Undefined: it is not shown, because it is for others, came before, or can be anybody's. */
  async open(event: Copied): Promise<Copied | undefined> {
    const { device, name, note } = this.#user;
    const { sealed } = event;
    const box = sealed?.boxes.find(({ key }) => key === device.key)?.box;
    // This device has sent it itself, or it is for others.
    if (sealed === undefined || box === undefined || sealed.key === device.key) return undefined;
    const { key: from } = sealed;
    const siblings = await this.#listing.siblings();
    if (!siblings.includes(from)) {
      if (!this.#strangers.has(from)) note(strangeCopy);
      this.#strangers.set(from, true);
      return undefined;
    }
    const [to = ""] = event.to;
    const content = await device.sealer.open(box, from, sealContext(name(), to, "sent copy"));
    const found = content === undefined ? undefined : decodeSealed(content);
    if (found === undefined) return undefined;
    const { id, timeMs, text } = found;
    if (device.seen.check(from, id, timeMs) !== "fresh") return undefined;
    device.seen.add(from, id, timeMs, device.now());
    return { ...event, text };
  }
}

const strangeCopy =
  "A message that you are said to have sent from another device is not shown: this device does not " +
  "know that device. To connect the two, revoke one on the other (/devices revoke), and add it again";
