// Somebody who is connected to another server that uses the same store, as the store has it.

import type { Persona } from "./persona.ts";

/** What others may be shown of somebody, wherever they are connected. */
export type PublicPerson = {
  readonly persona: Persona;
  /** Accounts and keys by which decisions know them (room-rights.ts). */
  readonly ids: readonly string[];
  /** Undefined: is there. */
  readonly away?: string | undefined;
  readonly isHidden: boolean;
  readonly isSecure: boolean;
  /** When they logged in and, to the minute, last said something: Unix milliseconds. */
  readonly sinceMs: number;
  readonly spokeMs: number;
};

/** A row of the directory: who has a name at one server. */
export type DirectoryEntry = {
  readonly folded: string;
  readonly name: string;
  /** Identity key of the session; of several devices the one that came last. */
  readonly key: string;
  /** Whose it is: a mailbox, or that key (session.ts). */
  readonly person: string;
  readonly about: PublicPerson;
};

/** Numbers of connections are unique with their server only. */
export function holderAt(server: string, holder: string): string {
  return holder.startsWith("#") ? `${server}${holder}` : holder;
}

/** `person`: as other servers write to it, so a key comes with its server. */
export type ForeignPerson = DirectoryEntry & {
  readonly server: string;
  /** Where clients reach that server, as `HOST:PORT`; empty: it does not say. */
  readonly address: string;
  readonly rooms: readonly string[];
};
