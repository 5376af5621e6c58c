// Commands about people and their answers: who they are, who is present, and what they say about
// themselves. Part of the vocabulary in events.ts. Types only.

import type { Ref } from "../../protocol/messages.ts";
import type { Persona, RoomRank, ShownPerson } from "./persona.ts";
import type { PrivateMessage } from "../private/private-message.ts";
import type { PastQuery } from "../rooms/room-events.ts";

export type PeopleCommand =
  /** Proves an account, before or after the login. */
  | { type: "authenticate"; account: string; password: string; ref?: Ref | undefined }
  /**
   * What a person says about themselves. `away` empty: no longer away; undefined fields stay as
   * they are.
   */
  | {
      type: "describe";
      away?: string | undefined;
      realName?: string | undefined;
      isBot?: boolean | undefined;
      /** Hidden from searches by people who share no room with them. */
      isHidden?: boolean | undefined;
      ref?: Ref | undefined;
    }
  /** Looks people up by name, as members of a room, or by a mask. */
  | { type: "people"; by: PeopleQuery; ref?: Ref | undefined }
  /** Who had the name before. */
  | { type: "former-people"; name: string; limit: number; ref?: Ref | undefined }
  /** How many people are here. */
  | { type: "census"; ref?: Ref | undefined }
  | { type: "motd"; ref?: Ref | undefined }
  /** Requests notifications when these names come online and go offline. */
  | { type: "watch"; names: readonly string[]; ref?: Ref | undefined }
  | { type: "unwatch"; names: readonly string[] | "all"; ref?: Ref | undefined }
  /** The watched names, or who of them is online. */
  | { type: "watched"; isStatus: boolean; ref?: Ref | undefined }
  /** Tags without a text, to a room or a person. */
  | { type: "signal"; to: string; isRoom: boolean; tags: string; ref?: Ref | undefined }
  | PastPrivate;

/** Requests what the session's person and another one have said in private. */
export type PastPrivate = {
  type: "past-private";
  with: string;
  query: PastQuery<MailPoint>;
  limit: number;
  ref?: Ref | undefined;
};

/** A private message, given by its time in Unix milliseconds and its ID, or by a time alone. */
export type MailPoint = { readonly timeMs: number; readonly id?: number | undefined };

export type PeopleQuery =
  | { names: readonly string[] }
  | { room: string }
  /**
   * With `*` and `?`, matched against names and, if it contains an `@`, against `name!user@host`.
   */
  | { mask: string };

/** A person, as far as the requester may know. */
export type PersonInfo = {
  readonly name: string;
  readonly persona: Persona;
  /** Operator of the server. */
  readonly isOperator: boolean;
  readonly isHidden: boolean;
  /** Undefined: not away. */
  readonly away: string | undefined;
  readonly isSecure: boolean;
  /** Milliseconds since the last message. */
  readonly idleMs: number;
  readonly sinceMs: number;
  /** The rooms that the requester may know of. */
  readonly rooms: readonly ({ readonly room: string } & RoomRank)[];
  /** Rank in the room that was asked about. */
  readonly rank: RoomRank | undefined;
};

export type PeopleAnswer =
  /** Answers `authenticate`. */
  | { type: "authenticated"; account: string; isOperator: boolean; ref: Ref | undefined }
  /** Answers `describe`. */
  | {
      type: "described";
      away: string | undefined;
      isBot: boolean;
      isHidden: boolean;
      persona: Persona;
      ref: Ref | undefined;
    }
  /** The session's own account or real name has changed. */
  | { type: "persona"; name: string; persona: Persona }
  | {
      type: "people";
      by: PeopleQuery;
      people: readonly PersonInfo[];
      /** Names that nobody has. */
      missing: readonly string[];
      /** There are more. */
      isCut?: boolean | undefined;
      ref: Ref | undefined;
    }
  | {
      type: "former-people";
      name: string;
      people: readonly FormerPerson[];
      ref: Ref | undefined;
    }
  | {
      type: "census";
      people: number;
      hidden: number;
      nameless: number;
      operators: number;
      rooms: number;
      most: number;
      timeMs: number;
      ref: Ref | undefined;
    }
  /** Answers `watch`, and reports names that come online and go offline. */
  | {
      type: "watched";
      here: readonly ShownPerson[];
      gone: readonly string[];
      /** Names beyond the number that a session may watch. */
      refused: readonly string[];
      ref: Ref | undefined;
    }
  /** Answers `watched`. */
  | { type: "watch-list"; names: readonly string[]; ref: Ref | undefined }
  /** A signal to this session only. */
  | {
      type: "signal";
      from: string;
      persona: Persona | undefined;
      to: string;
      isRoom: boolean;
      tags: string;
      timeMs: number;
      id: number;
    }
  /** Answers `past-private`; what the session's person has sent has numbers below 0. */
  | {
      type: "past-private";
      with: string;
      messages: readonly PrivateMessage[];
      /** How much was read to find them. */
      scannedChars: number;
      ref: Ref | undefined;
    }
  /** A signal of this session was sent. */
  | {
      type: "signalled";
      to: string;
      isRoom: boolean;
      tags: string;
      timeMs: number;
      id: number;
      ref: Ref | undefined;
    };

export type FormerPerson = { name: string; persona: Persona; timeMs: number };
