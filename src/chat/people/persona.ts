// What IRC and user lists show about a person in addition to the name. Replaced as a whole when it
// changes, so that an event keeps what was true when it happened. Pure.

import type { ShareOwner } from "../../share-owner.ts";

export type Persona = {
  /** What a client says about itself, otherwise its dialect. */
  readonly user: string;
  /** Stands for the network without revealing it. */
  readonly host: string;
  /** The registered name that has been proved; empty if none. */
  readonly account: string;
  readonly realName: string;
  readonly isBot: boolean;
};

/** Rank in one room. */
export type RoomRank = { readonly isOperator: boolean; readonly isVoiced: boolean };

/** Somebody as others are told of them. */
export type ShownPerson = { readonly name: string; readonly persona: Persona | undefined };

/** The author of a change to a room. */
export type Changer = ShownPerson & {
  /** The session's number; 0: the server's own terminal; -1: somebody on another server. */
  readonly author: number;
  /** The accounts and keys that identify them, if any. */
  readonly ids: readonly string[];
  /** They can be recognized later, so that their decisions outlast the room. */
  readonly isKnown: boolean;
  /** Whose share their decisions use; undefined: nobody's, as of operators of the server. */
  readonly payer: ShareOwner | undefined;
};

/** `nick!user@host`, the form that masks are matched against. */
export function maskOf(name: string, { user, host }: Persona): string {
  return `${name}!${user}@${host}`;
}
