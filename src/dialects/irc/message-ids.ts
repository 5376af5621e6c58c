// IDs of messages, which say where in the log a message of a room is. Pure.

import { escapeTag } from "./line.ts";

/** Of the message number `seq` in a room. */
export function roomMessageId(log: string, room: string, seq: number): string {
  return escapeTag(`${log}-${seq}-${room}`);
}

/** Of a message or signal that no room keeps. */
export function passingId(log: string, id: number, timeMs: number): string {
  return `${log}-x${id}-${timeMs.toString(36)}`;
}

/** The number of a message in the room's log; undefined: it is not of that room or log. */
export function seqOf(log: string, room: string, msgid: string): number | undefined {
  const [first, seq = "", ...name] = msgid.split("-");
  if (first !== log || name.join("-") !== room) return undefined;
  return /^\d{1,15}$/.test(seq) ? Number(seq) : undefined;
}
