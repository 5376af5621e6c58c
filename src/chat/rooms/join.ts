// Entering a room: the store reports where its log begins and ends, then the answer is placed in
// the order of all events, so that no event of the room is received twice or missed.

import { ParleyError } from "../../errors.ts";
import { names as nameLimits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { type HubState, textsOf } from "../hub-state.ts";
import type { Command } from "../events.ts";
import {
  holdRoom,
  enterRoom,
  noteBounds,
  openRoom,
  settleEntry,
  releaseRoom,
} from "./membership.ts";
import { fold, roomProblem } from "../names/grammar.ts";
import { refuseIfOverfull, reject, rejectUnread } from "../rejections.ts";
import { tellEntry } from "./room-commands.ts";
import { entryProblem, mayEnter } from "./room-rights.ts";
import { tellNews } from "./room-access.ts";
import type { Session } from "../session.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { RoomBounds } from "../turn/store.ts";

type Join = Extract<Command, { type: "join" }>;

export function join(hub: HubState, session: Session, command: Join): void {
  const { room: name, since, key, ref } = command;
  const problem = roomProblem(name);
  if (problem !== undefined) {
    return reject(hub, session, "room-invalid", problem, { ref, subject: name });
  }
  const folded = fold(name);
  const most = nameLimits.maxRoomsPerSession;
  if (!session.rooms.has(folded) && session.rooms.size >= most) {
    const message = `You are in ${most} rooms already: leave one first`;
    return reject(hub, session, "full", message, { ref, subject: name });
  }
  if (!mayEnter(hub, session, folded)) return rejectPrivate(hub, session, name, ref);
  const closed = session.rooms.has(folded) ? undefined : entryProblem(hub, session, folded, key);
  if (closed !== undefined) {
    return reject(hub, session, closed.code, closed.message, { ref, subject: name });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  const queries = new StoreQueries(hub, session);
  let bounds: RoomBounds = { first: 1, last: 0 };
  holdRoom(hub, folded);
  const read = since?.epoch === hub.options.epoch ? since.seq : undefined;
  queries.ask({ type: "room-bounds", room: folded, since: read }, (found) => {
    bounds = found;
    noteBounds(hub, folded, found);
  });
  const enter = (error: ParleyError | undefined): void => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (session.phase !== "member") return;
    // It may have become private meanwhile.
    if (!mayEnter(hub, session, folded)) return rejectPrivate(hub, session, name, ref);
    const room = openRoom(hub, session, folded, bounds);
    if (typeof room === "string") return reject(hub, session, "full", room, { ref, subject: name });
    const isNew = !session.rooms.has(folded);
    // Only now are the members at other servers known.
    const full = isNew ? entryProblem(hub, session, folded, key) : undefined;
    if (full !== undefined) {
      return reject(hub, session, full.code, full.message, { ref, subject: name });
    }
    const membership = session.rooms.get(folded) ?? enterRoom(hub, session, room, false);
    membership.charge();
    const order = isNew ? membership.hearsFrom : hub.pipeline.nextOrder();
    const { epoch } = hub.options;
    hub.pipeline.gathering.beforeDelivery.push(() => {
      const state = settleEntry(hub, room, membership, order, since, bounds);
      for (const text of textsOf(session, { type: "entered", epoch, ref, ...state })) {
        hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
    });
    if (session.dialect.showsPersonas === true) tellEntry(hub, session, room, isNew, ref);
    else if (isNew) tellNews(hub, session, folded, since !== undefined, since, bounds.erased);
    hub.wake();
  };
  queries.whenAnswered((error) => {
    enter(error);
    releaseRoom(hub, folded);
  }, "even-if-ended");
}

function rejectPrivate(hub: HubState, session: Session, room: string, ref: Join["ref"]): void {
  const message = `The room ${quoted(room)} is private: an operator can let you in`;
  reject(hub, session, "not-allowed", message, { ref, subject: room });
}
