// Decodes a request to `/rooms/…` into the only command of its conversation. Pure.

import type { Command, MessageKind } from "../../chat/events.ts";
import { FieldReader, parseObject } from "../../protocol/field-reader.ts";
import { readKind } from "../../protocol/read-kind.ts";

export type RoomRequest = { accessToken: string; room: string } & (
  | { type: "post"; text: string; kind?: MessageKind | undefined }
  /** `isToSpeak`: refused as well if the token's name may not speak in the room. */
  | {
      type: "read";
      after?: number | undefined;
      before?: number | undefined;
      limit: number;
      isToSpeak?: boolean | undefined;
    }
  /** `since`: the ID of the last event the client received. */
  | { type: "listen"; since?: string | undefined }
);

export function encodeRequest(request: RoomRequest): string {
  return JSON.stringify(request);
}

/** Undefined if the message is not a request. */
export function decodeRequest(message: string): Command | undefined {
  const fields = parseObject(message, { maxValues: 16 });
  if (fields === undefined) return undefined;
  const r = new FieldReader(fields);
  const command = read(r, r.text("type"));
  return r.problem === undefined ? command : undefined;
}

function read(r: FieldReader, type: string): Command | undefined {
  const whose = { accessToken: r.text("accessToken"), room: r.text("room") };
  switch (type) {
    case "post":
      return { type, ...whose, text: r.text("text"), kind: readKind(r) };
    case "read": {
      const [after, before] = [r.optionalCount("after"), r.optionalCount("before")];
      const isToSpeak = r.optionalFlag("isToSpeak");
      return { type, ...whose, after, before, limit: r.count("limit", 1), isToSpeak };
    }
    case "listen":
      return { type, ...whose, since: readPosition(r.optionalText("since") ?? "") };
    default:
      return undefined;
  }
}

/** The ID of an event: the log's epoch and the number of the room's last message at that point. */
export function positionText(epoch: string, seq: number): string {
  return `${epoch}:${seq}`;
}

/** Undefined if the ID is not one of ours; the client then starts afresh. */
function readPosition(text: string): { epoch: string; seq: number } | undefined {
  const [, epoch, seq] = /^([\x21-\x7e]{1,64}):(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) };
}
