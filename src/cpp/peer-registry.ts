// Requests to a registry of peers, wherever it is stored: in this process, which answers
// synchronously (registry.ts), or in a database that several servers share. Types only.

import type { Contact } from "./codec.ts";

/**
 * A client's registration; it outlives the connection that made it. Times are by the caller's
 * clock.
 */
export type Registration = Contact & {
  readonly registeredAtMs: number;
  /** When this client started waiting for a peer, after a BRIDGE that found nobody. */
  readonly waitingSinceMs?: number;
  /** Handed out to another client since it last bridged or registered. */
  readonly handedOut: boolean;
};

export type RegistryRequest =
  | { readonly type: "REGISTER"; readonly contact: Contact; readonly key?: string | undefined }
  /** `wanted`: only this client will do. */
  | { readonly type: "BRIDGE"; readonly id: string; readonly wanted: string | undefined }
  /** Asks for a key without handing anybody out. */
  | { readonly type: "LOOK"; readonly id: string };

export type RegistryOutcome =
  | { readonly did: "registered"; readonly contact: Contact }
  /** The ID belongs to a recently seen client of another network. */
  | { readonly did: "taken" }
  /** `self`: the requester's registration, if it was made from the same network. */
  | {
      readonly did: "bridged";
      readonly found: Contact | undefined;
      readonly self: Contact | undefined;
      /** Of `found`; undefined: it was registered without one. */
      readonly key?: string | undefined;
    }
  /** Undefined: nobody with a key is registered under that ID. */
  | { readonly did: "looked"; readonly found: { contact: Contact; key: string } | undefined }
  /** The database does not respond; nothing was changed. */
  | { readonly did: "nothing" };

export type IsBanned = (id: string, address: string, key?: string) => boolean;

export interface PeerRegistry {
  /** `network`: the origin of the request. Calls `then` once, either synchronously or later. */
  request(
    request: RegistryRequest,
    nowMs: number,
    network: string,
    then: (outcome: RegistryOutcome) => void,
  ): void;
  /** All registrations known to this server, oldest first. */
  entries(): readonly Registration[];
  /**
   * Removes every registration for which `isBanned` returns true, given its ID, the address it was
   * made from, and its key.
   */
  dropBanned(isBanned: IsBanned): void;
}
