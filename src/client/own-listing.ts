// What the server lists under the user's own name: whether this device's key is there, and which of
// the other keys this device knows by itself (siblings.ts). Pure.

import { fold } from "../chat/names/grammar.ts";
import { ParleyError } from "../errors.ts";
import { harmless } from "../text.ts";
import type { OwnDevices } from "../trust/own-devices.ts";
import type { SessionEvent } from "./events.ts";
import type { KeyLookup } from "./key-lookup.ts";
import type { SealingUser } from "./sealing-device.ts";
import { siblingsOf } from "./siblings.ts";

type Listing = {
  /** Others can learn whose key this device's is. */
  readonly isListed: boolean;
  /** Keys of the user's other devices, as far as this one knows them by itself. */
  readonly siblings: readonly string[];
  readonly problem?: undefined;
};

/** The server did not say, for that reason. */
type Unlisted = { readonly problem: string; readonly siblings?: undefined };

export class OwnListing {
  readonly #user: SealingUser;
  readonly #lookup: KeyLookup;
  #isRegistered = false;
  /** Undefined before the server was asked. */
  #listing: Listing | undefined;
  /** How often it was forgotten. */
  #forgotten = 0;

  constructor(user: SealingUser, lookup: KeyLookup) {
    this.#user = user;
    this.#lookup = lookup;
  }

  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  handleEvent(event: SessionEvent): void {
    switch (event.type) {
      case "online":
        this.#isRegistered = event.registered;
        this.#forget();
        // A device that has joined with a code looks for the other one's proof while it is valid.
        if (event.registered && this.remembered()?.secret !== undefined) void this.find();
        return;
      case "account-changed":
        return this.#forget();
      case "response":
        if (event.response.type === "registered") this.#isRegistered = true;
        // The answer `devices` may mean that one was revoked.
        if (["registered", "devices"].includes(event.response.type)) this.#forget();
    }
  }

  #forget(): void {
    this.#listing = undefined;
    this.#forgotten++;
  }

  /** Undefined: offline. */
  async find(): Promise<Listing | Unlisted | undefined> {
    if (this.#listing !== undefined) return this.#listing;
    const { device, note } = this.#user;
    const name = this.#user.name();
    const before = this.#forgotten;
    const answer = await this.#lookup.ask(name);
    if (answer === undefined) return undefined;
    // That does not mean that this device's key is not listed: the next message asks again.
    if (answer.type === "error" && answer.code !== "unknown-user") {
      return { problem: harmless(answer.message) };
    }
    const isOurs = answer.type === "keys" && answer.registered && fold(answer.name) === fold(name);
    const keys = isOurs ? answer.keys : [];
    const vouches = (isOurs ? answer.vouches : undefined) ?? [];
    let siblings: readonly string[] = [];
    try {
      siblings = siblingsOf(name, device, keys, vouches);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      note(error.message);
    }
    const listing = { isListed: keys.includes(device.key), siblings };
    if (before === this.#forgotten) this.#listing = listing;
    return listing;
  }

  /** Keys of the user's other devices: if the server does not say, those that were known before. */
  async siblings(): Promise<readonly string[]> {
    return (await this.find())?.siblings ?? this.remembered()?.keys ?? [];
  }

  /** What this device remembers of the user's others; undefined if that can't be read. */
  remembered(): OwnDevices | undefined {
    const { device, name, note } = this.#user;
    try {
      return device.own.find(name());
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      note(error.message);
      return undefined;
    }
  }
}
