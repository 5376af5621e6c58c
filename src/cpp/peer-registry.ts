// What a registry of peers is asked for, wherever it is kept: in this process, which answers at once
// (registry.ts), or in a database that several servers share. Types only.

import type { Contact } from "./codec.ts";

/**
 * A client's registration; it outlives the connection that made it. Times are the caller's clock.
 */
export type Registration = Contact & {
  readonly registeredAtMs: number;
  /** When this client began to wait for a peer, after a BRIDGE that found nobody. */
  readonly waitingSinceMs?: number;
  /** Given to another client since it last bridged or registered. */
  readonly handedOut: boolean;
};

export type RegistryRequest =
  | { readonly type: "REGISTER"; readonly contact: Contact }
  /** `wanted`: that client alone. */
  | { readonly type: "BRIDGE"; readonly id: string; readonly wanted: string | undefined };

export type RegistryOutcome =
  | { readonly did: "registered"; readonly contact: Contact }
  /** The ID belongs to a recently seen client of another network. */
  | { readonly did: "taken" }
  /** `self`: the registration of whoever asks, if it was made from the same network. */
  | {
      readonly did: "bridged";
      readonly found: Contact | undefined;
      readonly self: Contact | undefined;
    }
  /** The database does not answer: nothing was done. */
  | { readonly did: "nothing" };

export interface PeerRegistry {
  /** `network`: where the request comes from. Calls `then` once, at once or later. */
  request(
    request: RegistryRequest,
    nowMs: number,
    network: string,
    then: (outcome: RegistryOutcome) => void,
  ): void;
  /** All registrations, oldest first, as far as they are known here. */
  entries(): readonly Registration[];
  /** Removes every registration for which `isBanned`, given its ID and where it was made from. */
  dropBanned(isBanned: (id: string, address: string) => boolean): void;
}
