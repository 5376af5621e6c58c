// What a device needs to seal private messages, and to open them. Types only.

import type { KnownKeys } from "../trust/known-keys.ts";
import type { Verify } from "../trust/device-vouch.ts";
import type { Freshness } from "../trust/seen-messages.ts";
import type { MessageSealer } from "./sealed-text.ts";
import type { OwnKeys } from "./siblings.ts";

/** The store of known keys. All of it may throw a `ParleyError`. */
export interface KnownPeople {
  find(name: string): KnownKeys | undefined;
  /** Whether there is room to remember people who write first. */
  readonly takesStrangers: boolean;
  /** Undefined: forgets the keys. */
  remember(name: string, known: KnownKeys | undefined): void;
}

/** What this device needs to seal messages. */
export type SealingDevice = {
  /** Its Ed25519 public key. */
  key: string;
  sealer: MessageSealer;
  people: KnownPeople;
  seen: {
    check(key: string, id: string, timeMs: number): Freshness;
    /** `nowMs`: the receiving device's clock. */
    add(key: string, id: string, timeMs: number, nowMs: number): void;
    /** The latest time of that sender's messages, or -1. */
    latestMs(key: string): number;
  };
  /** The time in Unix milliseconds, and 16 random bytes in base64url. */
  now: () => number;
  newId: () => string;
  wordsOf: (keys: readonly string[]) => string;
  verify: Verify;
  own: OwnKeys;
};

/** The user of a sealing device. */
export type SealingUser = {
  readonly device: SealingDevice;
  /** The name in the session; empty before the first login. */
  readonly name: () => string;
  /** Shows a sentence. */
  readonly note: (text: string) => void;
};
