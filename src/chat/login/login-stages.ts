// What is known of a login: as it is asked for, with what the store knows, and once it is granted.
// Types only.

import type { Account } from "../accounts/account-store.ts";
import type { LoginCommand, RoomAsked } from "../events.ts";
import type { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import type { RoomBounds, SessionRecord, SessionTaken } from "../turn/store.ts";

/** A login whose command has been checked and whose name is reserved. */
export type LoginAttempt = {
  readonly command: LoginCommand;
  readonly name: string;
  readonly alias: string | undefined;
  readonly secret: string;
  /** Empty: the client does not want to return. */
  readonly recordId: string;
  /** The user's previous connection, if still open. */
  readonly previous: Session | undefined;
  /** By folded name. */
  readonly rooms: ReadonlyMap<string, RoomAsked>;
};

export type LoginFacts = {
  /** The numbers of the rooms, which are held. */
  readonly bounds: Map<string, RoomBounds>;
  readonly record: SessionRecord | undefined;
  /** The sessions that had the name and the alias last. */
  readonly holder: SessionRecord | undefined;
  readonly aliasHolder: SessionRecord | undefined;
  /** The accounts that own the name and the alias, and those that the key and token belong to. */
  readonly owner: Account | undefined;
  readonly aliasOwner: Account | undefined;
  readonly ofKey: Account | undefined;
  readonly ofToken: Account | undefined;
};

/** A login whose user is authenticated. */
export type AuthenticatedLogin = {
  readonly facts: LoginFacts;
  /** Number of the last message in the user's mailbox. */
  readonly lastMail: number;
  /** All private messages that the client has missed are stored. */
  readonly isMailKept: boolean;
  /** A new token for the client that proves the name from the next login on. */
  readonly newToken: string | undefined;
};

export type GrantedLogin = AuthenticatedLogin & {
  readonly attempt: LoginAttempt;
  /** The rooms to enter, as far as their operators allow that. */
  readonly rooms: readonly Room[];
  /** The record, claimed for this server. */
  readonly taken: SessionTaken | undefined;
};
