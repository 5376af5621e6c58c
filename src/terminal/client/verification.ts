// `/verify NAME`: requests both sides' keys from the server and shows them as words, for two people
// to compare. Knows no screen and no hash.

import { fold } from "../../chat/names/grammar.ts";
import { harmless } from "../../text.ts";
import type { SessionResponse } from "../../client/events.ts";

type Keys = Extract<SessionResponse, { type: "keys" }>;

export type VerificationParts = {
  /** This device's public key; undefined if it has none. */
  ownKey: string | undefined;
  ownName: () => string;
  wordsOf: (keys: readonly string[]) => string;
  /** Requests the keys of that person from the server. */
  ask: (name: string) => void;
  /** The user confirms that the words were the same. */
  confirmed: (name: string, keys: readonly string[]) => void;
  say: (text: string) => void;
};

export class Verification {
  readonly #parts: VerificationParts;
  /** Whose keys are awaited, and the user's own, once they have arrived. */
  #awaited: { name: string; own?: Keys; other?: Keys } | undefined;
  /** The keys whose words were shown last. */
  #shown: Keys | undefined;

  constructor(parts: VerificationParts) {
    this.#parts = parts;
  }

  start(name: string): void {
    const { ownKey, ownName, ask, say } = this.#parts;
    if (ownKey === undefined) return say("This device has no key, so there is nothing to compare");
    this.#awaited = { name };
    ask(ownName());
    ask(name);
  }

  /** The words shown for that person were the same on both sides. */
  confirm(name: string): void {
    const { confirmed, say } = this.#parts;
    const shown = this.#shown;
    if (shown === undefined || fold(shown.name) !== fold(name)) {
      return say(`Compare first: /verify ${harmless(name)} shows the words`);
    }
    this.#shown = undefined;
    confirmed(shown.name, shown.keys);
  }

  handle(keys: Keys): void {
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    const answered = fold(keys.name);
    if (answered === fold(this.#parts.ownName())) awaited.own = keys;
    // Any other name was asked for by an earlier /verify.
    if (answered === fold(awaited.name)) awaited.other = keys;
    this.#shown = undefined;
    const { own, other } = awaited;
    if (own === undefined || other === undefined) return;
    this.#awaited = undefined;
    this.#show(own, other);
  }

  #show(own: Keys, other: Keys): void {
    const { ownKey = "", say } = this.#parts;
    const name = harmless(other.name);
    if (!own.keys.includes(ownKey)) {
      return say(
        "The server does not know this device's key as yours: there is nothing to compare",
      );
    }
    if (other.keys.length === 0) {
      return say(`${name} has no key (a browser, or a client without one): nothing to compare`);
    }
    if (own.name === other.name) return say("Compare with somebody else: name them");
    say(
      `Read these words to ${name} in a way you trust, such as a call. If both of you see the same, ` +
        "nobody is in between. They change when one of you adds or loses a device.",
    );
    // The same order on both sides.
    for (const side of [own, other].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const devices = side.keys.length === 1 ? "1 device" : `${side.keys.length} devices`;
      say(`  ${harmless(side.name)} (${devices}): ${this.#parts.wordsOf(side.keys)}`);
    }
    if (!other.registered) return;
    say(`Then type /verified ${name}: what you send to ${name} is sealed to these keys alone.`);
    this.#shown = other;
  }
}
