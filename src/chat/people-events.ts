// Commands about people, and their answers: who they are, who is there, and what one says about
// oneself. Part of the vocabulary in events.ts. Types only.

import type { Ref } from "../protocol/messages.ts";
import type { Persona, RoomRank } from "./persona.ts";

export type PeopleCommand =
  /** Proves an account before the login, or after it. */
  | { type: "authenticate"; account: string; password: string; ref?: Ref | undefined }
  /** What one says about oneself. `away` empty: is back; undefined fields stay as they are. */
  | {
      type: "describe";
      away?: string | undefined;
      realName?: string | undefined;
      isBot?: boolean | undefined;
      /** Searches by those who share no room do not find it. */
      isHidden?: boolean | undefined;
      ref?: Ref | undefined;
    }
  /** Looks people up: by name, as members of a room, or by a mask. */
  | { type: "people"; by: PeopleQuery; ref?: Ref | undefined }
  /** Who had the name before. */
  | { type: "former-people"; name: string; limit: number; ref?: Ref | undefined }
  /** How many are here. */
  | { type: "census"; ref?: Ref | undefined }
  | { type: "motd"; ref?: Ref | undefined }
  /** Asks to be told when these names come and go. */
  | { type: "watch"; names: readonly string[]; ref?: Ref | undefined }
  | { type: "unwatch"; names: readonly string[] | "all"; ref?: Ref | undefined }
  /** The names that are watched, or who of them is here. */
  | { type: "watched"; isStatus: boolean; ref?: Ref | undefined }
  /** Tags without a text, to a room or a person. */
  | { type: "signal"; to: string; isRoom: boolean; tags: string; ref?: Ref | undefined };

export type PeopleQuery =
  | { names: readonly string[] }
  | { room: string }
  /** `*` and `?`, matched against names and, if it has an `@`, against `name!user@host`. */
  | { mask: string };

/** Somebody who is here, as far as whoever asks may know. */
export type PersonInfo = {
  readonly name: string;
  readonly persona: Persona;
  /** Of the server. */
  readonly isOperator: boolean;
  readonly isHidden: boolean;
  /** Undefined: is there. */
  readonly away: string | undefined;
  readonly isSecure: boolean;
  /** Since the last message. */
  readonly idleMs: number;
  readonly sinceMs: number;
  /** The rooms that whoever asks may know of. */
  readonly rooms: readonly ({ readonly room: string } & RoomRank)[];
  /** In the room that was asked for. */
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
  /** Answers `watch`, and tells of those who come and go. */
  | {
      type: "watched";
      here: readonly { name: string; persona: Persona | undefined }[];
      gone: readonly string[];
      /** More than a session may watch. */
      refused: readonly string[];
      ref: Ref | undefined;
    }
  /** Answers `watched` and `unwatch`. */
  | { type: "watch-list"; names: readonly string[]; ref: Ref | undefined }
  /** A signal to this session alone. */
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
  /** A signal of this session is on its way. */
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
