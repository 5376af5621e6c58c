// Somebody who is connected to another server that uses the same store, as stored there.

import type { Persona } from "../people/persona.ts";

/** What others may see of somebody, wherever they are connected. */
export type PublicPerson = {
  readonly persona: Persona;
  /** The mailbox, which identifies them when they return; undefined: they have none. */
  readonly person?: string | undefined;
  /** Accounts and keys by which decisions identify them (room-rights.ts). */
  readonly ids: readonly string[];
  /** Undefined: not away. */
  readonly away?: string | undefined;
  readonly isHidden: boolean;
  readonly isSecure: boolean;
  /** When they logged in and, to the minute, when they last spoke, in Unix milliseconds. */
  readonly sinceMs: number;
  readonly spokeMs: number;
};

/** A row of the directory: who has a name on one server. */
export type DirectoryEntry = {
  readonly folded: string;
  readonly name: string;
  /** Identity key of the session; for several devices, of the one that logged in last. */
  readonly key: string;
  /** The person: a mailbox, or that key (session.ts). */
  readonly person: string;
  readonly about: DirectoryPerson;
};

export type DirectoryPerson = PublicPerson & {
  /** Which a ban by the name also applies to (rights/network.ts). Shown to nobody. */
  readonly network?: string | undefined;
  /** The key that the session has proved. */
  readonly proved?: string | undefined;
  /** Whether one of their clients there takes files. */
  readonly takesFiles?: boolean | undefined;
};

/** Connection numbers are only unique together with their server. */
export function holderAt(server: string, holder: string): string {
  return holder.startsWith("#") ? `${server}${holder}` : holder;
}

/** `person`: in the form that other servers write to, so that a key includes its server. */
export type ForeignPerson = DirectoryEntry & {
  readonly server: string;
  /** Where clients reach that server, as `HOST:PORT`; empty if it does not announce this. */
  readonly address: string;
  readonly rooms: readonly string[];
};
