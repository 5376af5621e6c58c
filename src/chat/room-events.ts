// Commands about rooms that have operators, and their answers. Part of the vocabulary in events.ts.
// Types only.

import type { Ref } from "../protocol/messages.ts";
import type { Said } from "./said.ts";
import type { Persona, RoomRank } from "./persona.ts";
import type { RoomChange, RoomFlag } from "./room-change.ts";

/** A message of a room's log, by its number or by a time in Unix milliseconds. */
export type PastPoint = { seq: number } | { timeMs: number };

export type PastQuery =
  /** The newest, after a point if there is one. */
  | { which: "latest"; after?: PastPoint | undefined }
  | { which: "before" | "after" | "around"; point: PastPoint }
  /** From `from` on towards `to`; neither is part of it. */
  | { which: "between"; from: PastPoint; to: PastPoint };

export type RoomCommand =
  | { type: "change-room"; room: string; changes: readonly RoomChange[]; ref?: Ref | undefined }
  /** Undefined: asks for it. */
  | { type: "set-topic"; room: string; topic: string | undefined; ref?: Ref | undefined }
  | { type: "put-out"; room: string; name: string; text: string; ref?: Ref | undefined }
  | { type: "call-in"; room: string; name: string; ref?: Ref | undefined }
  /** What the room's operators have decided. */
  | { type: "room-state"; room: string; ref?: Ref | undefined }
  | { type: "past"; room: string; query: PastQuery; limit: number; ref?: Ref | undefined }
  /** The session's rooms in which something was said between two times. */
  | { type: "past-rooms"; fromMs: number; toMs: number; limit: number; ref?: Ref | undefined };

/** What a room is like, for its members. */
export type RoomState = {
  readonly room: string;
  readonly flags: readonly RoomFlag[];
  /** Undefined: none, or whoever asks is no member. */
  readonly key: string | undefined;
  readonly hasKey: boolean;
  readonly limit: number | undefined;
  readonly openedMs: number;
  readonly topic: string;
  readonly topicBy: string;
  readonly topicMs: number;
  readonly bans: readonly RoomBan[];
};

export type RoomBan = { readonly mask: string; readonly by: string; readonly atMs: number };

export type RosterEntry = {
  readonly name: string;
  readonly persona: Persona | undefined;
} & RoomRank;

export type RoomAnswer =
  /** The session is in the room now; only where `Dialect.listsOnEntry`. */
  | {
      type: "entry";
      name: string;
      persona: Persona | undefined;
      state: RoomState;
      members: readonly RosterEntry[];
      /** False: it was there already. */
      isNew: boolean;
      ref: Ref | undefined;
    }
  /** Answers `names` there. */
  | {
      type: "roster";
      room: string;
      isSecret: boolean;
      members: readonly RosterEntry[];
      ref: Ref | undefined;
    }
  /** Answers `room-state`, and `set-topic` without a topic. */
  | {
      type: "room-state";
      state: RoomState;
      isMember: boolean;
      isOperator: boolean;
      ref: Ref | undefined;
    }
  /** What was asked for is done; those concerned have been told. */
  | { type: "done"; ref: Ref | undefined }
  | {
      type: "called-in";
      room: string;
      name: string;
      away: string | undefined;
      ref: Ref | undefined;
    }
  /** Somebody has invited this session into a room. */
  | { type: "call"; room: string; from: string; persona: Persona | undefined }
  /** The session's own message is in the log. */
  | { type: "echo"; message: Said; ref: Ref | undefined }
  /** Answers `past`. */
  | { type: "past"; room: string; messages: readonly Said[]; ref: Ref | undefined }
  | {
      type: "past-rooms";
      rooms: readonly { room: string; timeMs: number }[];
      ref: Ref | undefined;
    };
