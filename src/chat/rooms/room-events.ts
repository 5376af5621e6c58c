// Commands about rooms with operators, and their answers. Part of the vocabulary in events.ts.
// Types only.

import type { Ref } from "../../protocol/messages.ts";
import type { Said } from "./said.ts";
import type { Persona, RoomRank } from "../people/persona.ts";
import type { RoomChange, RoomFlag } from "./room-change.ts";

/** A message of a room's log, given by its number or by a time in Unix milliseconds. */
export type PastPoint = { seq: number } | { timeMs: number };

export type PastQuery<Point = PastPoint> =
  /** The newest messages, after a point if there is one. */
  | { which: "latest"; after?: Point | undefined }
  | { which: "before" | "after" | "around"; point: Point }
  /** Starting at `from` in the direction of `to`, both exclusive. */
  | { which: "between"; from: Point; to: Point };

export type RoomCommand =
  | { type: "change-room"; room: string; changes: readonly RoomChange[]; ref?: Ref | undefined }
  /** Undefined: requests the topic. */
  | { type: "set-topic"; room: string; topic: string | undefined; ref?: Ref | undefined }
  | { type: "remove-member"; room: string; name: string; text: string; ref?: Ref | undefined }
  | { type: "call-in"; room: string; name: string; ref?: Ref | undefined }
  /** Requests the settings of the room. */
  | { type: "room-state"; room: string; ref?: Ref | undefined }
  | { type: "past"; room: string; query: PastQuery; limit: number; ref?: Ref | undefined }
  /** The session's rooms, and people, whose last message is between two times. */
  | { type: "past-targets"; fromMs: number; toMs: number; limit: number; ref?: Ref | undefined };

/** A room's settings, for its members. */
export type RoomState = {
  readonly room: string;
  readonly flags: readonly RoomFlag[];
  /** Undefined: there is none, or the requester is not a member. */
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

/** A room or a person, and the time of the last message there. */
export type PastTarget = { readonly timeMs: number } & (
  { readonly room: string } | { readonly name: string }
);

export type RoomAnswer =
  /** The session has entered the room; only if `Dialect.showsPersonas`. */
  | {
      type: "entry";
      name: string;
      persona: Persona | undefined;
      state: RoomState;
      members: readonly RosterEntry[];
      /** False: it was already in the room. */
      isNew: boolean;
      ref: Ref | undefined;
    }
  /** Answers `names` in those dialects. */
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
  /** The request was carried out, and the people concerned have been notified. */
  | { type: "done"; ref: Ref | undefined }
  | {
      type: "called-in";
      room: string;
      name: string;
      away: string | undefined;
      ref: Ref | undefined;
    }
  /** Somebody has invited this session to a room. */
  | { type: "call"; room: string; from: string; persona: Persona | undefined }
  /** The session's own message is in the log. */
  | { type: "echo"; message: Said; ref: Ref | undefined }
  /** Answers `past`. */
  | { type: "past"; room: string; messages: readonly Said[]; ref: Ref | undefined }
  | {
      type: "past-targets";
      targets: readonly PastTarget[];
      /** How much private mail was read to find them. */
      scannedChars: number;
      ref: Ref | undefined;
    };
