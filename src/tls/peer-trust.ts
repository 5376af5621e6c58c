// Which key a peer must have: the one remembered from earlier calls, or the registry's. A known key
// is never replaced by another one, nor dropped.

import { ParleyError } from "../errors.ts";
import { quoted } from "../text.ts";
import type { KeyState } from "../cpp/peer-event.ts";
import type { KnownKeysFile } from "./known-keys-file.ts";

/** How to call a peer: in plain text if no key is known. */
export type CallPlan =
  | { how: "plain" }
  | { how: "secured"; key: string; state: KeyState }
  | { how: "refused"; why: string };

export class PeerTrust {
  readonly #people: KnownKeysFile;
  /** The path of the file with the keys, for messages. */
  readonly #path: string;

  constructor(people: KnownKeysFile, path: string) {
    this.#people = people;
    this.#path = path;
  }

  /** Whether a call in that name needs a key. */
  isKnown(id: string): boolean {
    try {
      return this.#people.find(id) !== undefined;
    } catch {
      // A damaged line is not the same as a missing one.
      return true;
    }
  }

  /** Whether two people have compared the key. */
  isVerified(id: string): boolean {
    try {
      return this.#people.find(id)?.isVerified === true;
    } catch {
      return false;
    }
  }

  /** `listed`: the registry's key. */
  planFor(id: string, listed: string | undefined): CallPlan {
    return this.#guard(() => {
      const known = this.#people.find(id);
      if (known === undefined) {
        if (listed === undefined) return { how: "plain" };
        return { how: "secured", key: listed, state: "new" };
      }
      const [key = ""] = known.keys;
      if (listed !== undefined && !known.keys.includes(listed)) {
        return { how: "refused", why: this.#changed(id) };
      }
      const state = known.isVerified ? "verified" : "known";
      return { how: "secured", key: listed ?? key, state };
    });
  }

  /** Judges a caller; `look` asks the registry for the key of an unknown ID. */
  async judgeCaller(
    id: string,
    key: string,
    look: () => Promise<string | undefined>,
  ): Promise<{ state: KeyState } | { why: string }> {
    const known = this.#judgeKnown(id, key);
    if (known !== undefined) return known;
    const listed = await look();
    if (listed === undefined || listed === key) {
      // A call to that ID may have made it known meanwhile.
      return this.#judgeKnown(id, key) ?? { state: "new" };
    }
    return {
      why: `${id} called with a different key from the one that the registry has for ${id}`,
    };
  }

  /** Undefined: no key is known for that ID. */
  #judgeKnown(id: string, key: string): { state: KeyState } | { why: string } | undefined {
    const plan = this.planFor(id, undefined);
    if (plan.how === "refused") return { why: plan.why };
    if (plan.how === "plain") return undefined;
    return plan.key === key ? { state: plan.state } : { why: this.#changed(id) };
  }

  /**
   * A peer that the user has called has shown this key for the first time. Returns a sentence if it
   * can't be stored.
   */
  remember(id: string, key: string): string | undefined {
    return this.#keep(id, key, false);
  }

  /** The same for a peer that has called, as long as such peers may be remembered. */
  rememberCaller(id: string, key: string): string | undefined {
    try {
      return this.#people.takesStrangers ? this.#keep(id, key, false) : undefined;
    } catch (error) {
      if (error instanceof ParleyError) return error.message;
      throw error;
    }
  }

  /** Two users have compared the key. Returns a sentence if that can't be stored. */
  confirm(id: string, key: string): string | undefined {
    return this.#keep(id, key, true);
  }

  #keep(id: string, key: string, isVerified: boolean): string | undefined {
    try {
      const known = isVerified ? undefined : this.#people.find(id);
      // Another call, or another program, has met the peer since this one was judged.
      if (known !== undefined) return known.keys.includes(key) ? undefined : this.#changed(id);
      this.#people.remember(id, { keys: [key], isVerified });
      return undefined;
    } catch (error) {
      if (error instanceof ParleyError) return error.message;
      throw error;
    }
  }

  #guard(plan: () => CallPlan): CallPlan {
    try {
      return plan();
    } catch (error) {
      if (error instanceof ParleyError) return { how: "refused", why: error.message };
      throw error;
    }
  }

  #changed(id: string): string {
    return (
      `${id} has a different key from the one that you know. Somebody else may have taken that ID. ` +
      `If ${id} has a new key, remove the old one from ${quoted(this.#path, 300)}`
    );
  }
}
