// Files for everybody: what a session puts into the shared folder, and how its room is notified. A
// port receives the files; this file decides who may share them.

import { ParleyError } from "../../errors.ts";
import { sharing as limits } from "../../limits.ts";
import { sizeText } from "../../size-text.ts";
import { pastedWord } from "../../pasted-word.ts";
import { quoted } from "../../text.ts";
import type { Command, Ref } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { sayInRoom } from "../messages.ts";
import { fold } from "../names/grammar.ts";
import { reject, rejectNotInRoom } from "../rejections.ts";
import { silenceIn, speechProblem } from "../rooms/room-rights.ts";
import { personKey, type Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { banOf, banText, muteText, suspectOf } from "../suspect.ts";
import type { SharedEntry, Sharer, SharingEvent, SharingPort } from "./sharing-port.ts";

type ShareFiles = Extract<Command, { type: "share-files" }>;
type Upload = Extract<Command, { type: "upload" }>;

/** `room` undefined: nobody is notified. */
export function shareFiles(hub: HubState, session: Session, command: ShareFiles): void {
  const { offer, summary, ref } = command;
  const { files, folders = 0, bytes } = summary;
  admit(hub, session, command, (sharing, sharer, room) => {
    sharing.offer(sharer, { id: offer, files, folders, bytes, room }, (event) => {
      if (event.type === "placed" && !event.isKnown) tellRoom(hub, session, room, event.entries);
      if (session.phase === "member") tellSharer(hub, session, offer, ref, event);
    });
  });
}

/** The same for one file, which the session's browser sends by HTTP. */
export function uploadFile(hub: HubState, session: Session, command: Upload): void {
  const { offer: id, name, size, ref } = command;
  admit(hub, session, command, (sharing, sharer, room) => {
    sharing.upload(sharer, { id, name, size, room }, (event) => {
      if (event.type === "placed") return tellRoom(hub, session, room, event.entries);
      if (session.phase !== "member") return;
      if (event.type === "refused") return refuse(hub, session, ref, event.error);
      if (event.type !== "ticket") return;
      const from = event.from === 0 ? undefined : event.from;
      hub.send(session, { type: "upload", path: `/uploads/${event.ticket}`, from, ref });
    });
  });
}

function admit(
  hub: HubState,
  session: Session,
  { room: asked, ref }: ShareFiles | Upload,
  then: (sharing: SharingPort, sharer: Sharer, room: string | undefined) => void,
): void {
  const { sharing } = hub.options;
  if (sharing === undefined) return reject(hub, session, "not-allowed", takesNothing, { ref });
  const room = asked === undefined ? undefined : fold(asked);
  if (room !== undefined && !session.rooms.has(room)) {
    return rejectNotInRoom(hub, session, asked ?? "", ref);
  }
  const problem = shareProblem(hub, session, room);
  if (problem !== undefined) return reject(hub, session, problem.code, problem.message, { ref });
  then(sharing, sharerOf(hub, session, room), room);
}

export const takesNothing =
  "This server does not accept files into its shared folder: whoever runs it can allow it with --quota";

function sharerOf(hub: HubState, session: Session, room: string | undefined): Sharer {
  return {
    session: session.id,
    by: session.name,
    person: personKey(session.identity),
    device: session.proven.key,
    owner: session.shareOwner,
    problem: () => shareProblem(hub, session, room),
    isHere: () => session.phase === "member",
  };
}

/** Why somebody may not share files; undefined if they may. */
function shareProblem(
  hub: HubState,
  session: Session,
  room: string | undefined,
): ParleyError | undefined {
  const ban = banOf(hub, suspectOf(session));
  if (ban !== undefined) return new ParleyError("banned", banText(ban));
  const why = room === undefined ? muteText(hub, session) : silenceIn(hub, session, room);
  return why === undefined ? undefined : new ParleyError("muted", why);
}

function refuse(
  hub: HubState,
  session: Session,
  ref: Ref | undefined,
  { code, message }: ParleyError,
): void {
  hub.log.info("sharing refused", { ...sessionFields(session), code });
  reject(hub, session, code, message, { ref });
}

function tellSharer(
  hub: HubState,
  session: Session,
  offer: string,
  ref: Ref | undefined,
  event: SharingEvent,
): void {
  switch (event.type) {
    case "taken":
      return hub.send(session, { type: "sharing", offer, ref });
    case "refused":
      return refuse(hub, session, ref, event.error);
    case "ticket":
      return;
    case "channel":
      return hub.send(session, { type: "channel", offer, channel: event.channel, with: "" });
    case "passed": {
      const { channel, data } = event;
      return hub.send(session, { type: "passed", offer, channel, data });
    }
    case "placed": {
      const files = event.entries
        .slice(0, limits.namedEntries)
        .map(({ name, size, modified }) => ({ name, size, modified }));
      return hub.send(session, { type: "offer-ended", offer, reason: "done", files });
    }
    case "failed": {
      const { code, message } = event.error;
      hub.log.info("sharing failed", { ...sessionFields(session), code, why: message });
      return hub.send(session, { type: "offer-ended", offer, reason: "failed", code, message });
    }
  }
}

function tellRoom(
  hub: HubState,
  session: Session,
  room: string | undefined,
  entries: readonly SharedEntry[],
): void {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  const names = entries.map(({ name }) => quoted(name, 100)).slice(0, limits.namedEntries);
  const fields = { ...sessionFields(session), files: names.join(", "), bytes, room };
  hub.log.info("files shared", fields);
  if (room === undefined || session.phase !== "member") return;
  if (speechProblem(hub, session, room) !== undefined) return;
  sayInRoom(hub, session, room, { text: sharedText(entries), kind: "notice" });
}

/** `shares 'photos/' (41 files, 2.10 GB): parley fetch-file 'photos/'` */
export function sharedText(entries: readonly SharedEntry[]): string {
  const named = entries.slice(0, limits.namedEntries);
  const list = named.map(({ name, size, files }) => {
    const count = name.endsWith("/") ? `${files} file${files === 1 ? "" : "s"}, ` : "";
    return `${quoted(name, limits.maxNameBytes + 1)} (${count}${sizeText(size)})`;
  });
  const more = entries.length > named.length ? [`${entries.length - named.length} more`] : [];
  const [first] = named;
  const how = entries.length === 1 ? pastedWord(first?.name ?? "") : "NAME";
  return `shares ${listText([...list, ...more])}: parley fetch-file ${how}`;
}

function listText(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}
