// Message IDs, which encode a message's position in the log of its room. Pure.

import { escapeTag } from "./line.ts";

/** The ID of message `seq` in a room. */
export function roomMessageId(log: string, room: string, seq: number): string {
  return escapeTag(`${log}-${seq}-${room}`);
}

/** The ID of a message or signal that no room stores. */
export function passingId(log: string, id: number, timeMs: number): string {
  return `${log}-x${id}-${timeMs.toString(36)}`;
}

/** The message that such an ID was made for; undefined if the ID is another one. */
export function passingOf(log: string, msgid: string): { timeMs: number; id: number } | undefined {
  const [first, id = "", time = "", ...more] = msgid.split("-");
  if (first !== log || more.length > 0) return undefined;
  if (!/^x\d{1,15}$/.test(id) || !/^[0-9a-z]{1,10}$/.test(time)) return undefined;
  return { timeMs: Number.parseInt(time, 36), id: Number(id.slice(1)) };
}

/** The message's number in the room's log; undefined if the ID belongs to another room or log. */
export function seqOf(log: string, room: string, msgid: string): number | undefined {
  const [first, seq = "", ...name] = msgid.split("-");
  if (first !== log || name.join("-") !== room) return undefined;
  return /^\d{1,15}$/.test(seq) ? Number(seq) : undefined;
}
