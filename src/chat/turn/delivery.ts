// Delivers a settled batch. If it was committed, its messages are acknowledged and sent to their
// recipients; if not, their authors get an error. Joins and leaves are announced in either case.

import type { ParleyError } from "../../errors.ts";
import { sender } from "../../limits.ts";
import { type HubState, renderPersonal, textsOf } from "../hub-state.ts";
import type { Settlement } from "./commit-pipeline.ts";
import type { PersonalEvent, PresenceEvent, PrivateMessage } from "../events.ts";
import { dropSlow, dropSlowest } from "../disconnect.ts";
import {
  type FlushPlan,
  finishOutput,
  type RoomDelivery,
  type RoomItem,
} from "../fan-out/recipient-group.ts";
import { insertPersonal } from "../fan-out/rendered-batch.ts";
import { count } from "../metrics/metrics.ts";
import { isRosterChange, spansRooms } from "../rooms/presence.ts";
import type { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import type { MailItem, RoomTurn, TimedPersonal, TurnBatch } from "./turn-batch.ts";

/** Delivers a settled batch. */
export function deliverBatch(hub: HubState, batch: TurnBatch, settlement: Settlement): void {
  if ("error" in settlement) withdraw(hub, batch, settlement.error);
  else confirm(hub, batch, settlement.mail);
  for (const settle of batch.beforeDelivery) settle();
  const plan = newFlushPlan(batch.spansRooms);
  for (const [session, personals] of batch.personals) {
    if (session.isOver) continue;
    for (const personal of personals) {
      const { order } = personal;
      for (const text of renderPersonal(session, personal))
        insertPersonal(session, { order, text });
    }
    session.output.answerChars = 0;
    plan.composed.add(session);
  }
  for (const turn of batch.rooms.values()) deliverRoom(hub, turn.room, turn, plan);
  finishDelivery(hub, plan);
  for (const session of batch.ending) {
    if (session.phase === "gone") continue;
    hub.schedule.ending.add(session);
    hub.wake();
  }
}

/** Delivers one room's events to its listeners, whether they were committed here or elsewhere. */
function deliverRoom(
  hub: HubState,
  room: Room,
  { items, presence }: Pick<RoomTurn, "items" | "presence">,
  plan: FlushPlan,
): void {
  for (const { event } of items) {
    if (event?.type !== "said") continue;
    if (event.seq !== room.seq + 1) {
      throw new Error(`Message ${event.seq} of '${room.name}' follows ${room.seq}`);
    }
    hub.store.erasures.eraseIn(event);
    room.seq += event.length;
    for (const tail of room.tails) tail.add(event);
  }
  const { nowMs, options } = hub;
  const delivery = { items, presence, names: () => room.names(), nowMs, plan };
  for (const group of room.groups.values()) {
    options.metrics.deliveries += group.deliver(delivery);
    if (group.rosterDue) hub.schedule.rosters.add(room);
  }
}

/** Something in a room that another server has committed. */
export type ForeignItem = { readonly room: Room; readonly event: SaidRun | PresenceEvent };

/**
 * Delivers what one commit on another server brought about, in the order given: for each room,
 * messages that follow the last known one, and other events. Whatever is unsettled here comes after
 * it, so a member whose departure is unsettled still receives it: it may have a message in the same
 * batch, with a higher number.
 */
export function deliverForeign(hub: HubState, happened: readonly ForeignItem[]): void {
  const plan = newFlushPlan(happened.some(({ event }) => spansRooms(event)));
  const rooms = new Map<Room, RoomItem[]>();
  for (const [i, { room, event }] of happened.entries()) {
    const items = rooms.get(room) ?? [];
    rooms.set(room, items);
    items.push({ order: i - happened.length, event });
  }
  for (const [room, items] of rooms) {
    deliverRoom(hub, room, { items, presence: lastRosterChange(items) }, plan);
  }
  finishDelivery(hub, plan);
}

function lastRosterChange(items: readonly RoomItem[]): RoomDelivery["presence"] {
  for (const { order, event } of items.toReversed()) {
    if (event !== undefined && isRosterChange(event)) return { order, event };
  }
  return undefined;
}

/** Sends answers that do not depend on the store if it has not replied by the end of the turn. */
export function deliverAnswers(hub: HubState): void {
  const { gathering, inFlight } = hub.pipeline;
  const plan = newFlushPlan();
  for (const batch of [inFlight, gathering]) {
    if (batch === undefined) continue;
    for (const session of batch.personals.keys()) addAnswers(session, batch, plan);
  }
  finishDelivery(hub, plan);
}

/** The same for one session, when its answers within a single turn become too long. */
export function deliverAnswersOf(hub: HubState, session: Session): void {
  const { gathering, inFlight } = hub.pipeline;
  const plan = newFlushPlan();
  if (inFlight !== undefined) addAnswers(session, inFlight, plan);
  addAnswers(session, gathering, plan);
  finishDelivery(hub, plan);
}

/**
 * Sends something that must go out before later events of other servers: a list of members, for
 * example, would undo a join that the client has already seen. With other servers, it is sent at
 * once instead of at the end of the turn.
 */
export function sendAhead(hub: HubState, session: Session, event: PersonalEvent): void {
  hub.send(session, event);
  if (!hub.isAlone) deliverAnswersOf(hub, session);
}

/** Sends a page of history immediately, ahead of everything unsettled. */
export function deliverPast(hub: HubState, session: Session, page: readonly PersonalEvent[]): void {
  if (session.isOver) return;
  const plan = newFlushPlan();
  for (const event of page) {
    for (const text of textsOf(session, event)) session.output.addText({ text });
  }
  plan.composed.add(session);
  finishDelivery(hub, plan);
}

/** Sends a room's overdue user lists. True if one is still overdue. */
export function sendDueRosters(hub: HubState, room: Room): boolean {
  const plan = newFlushPlan();
  let isOverdue = false;
  for (const group of room.groups.values()) {
    if (group.sendDueRoster(() => room.names(), hub.nowMs, plan)) isOverdue = true;
  }
  finishDelivery(hub, plan);
  return isOverdue;
}

function addAnswers(session: Session, batch: TurnBatch, plan: FlushPlan): void {
  const answers: readonly TimedPersonal[] = batch.takeAnswers(session);
  if (answers.length === 0 || session.isOver) return;
  for (const answer of answers) {
    for (const text of renderPersonal(session, answer)) session.output.addText({ text });
  }
  session.output.answerChars = 0;
  plan.composed.add(session);
}

function newFlushPlan(spansRooms = false): FlushPlan {
  return { spansRooms, composed: new Set(), slow: [], gaps: [] };
}

function finishDelivery(hub: HubState, plan: FlushPlan): void {
  for (const session of plan.composed) finishOutput(session, hub.nowMs, plan);
  for (const session of plan.gaps) hub.schedule.gaps.add(session);
  for (const session of plan.slow) dropSlow(hub, session);
  dropSlowest(hub);
}

function confirm(hub: HubState, batch: TurnBatch, mailNumbers: readonly number[]): void {
  for (const [id, departure] of batch.departed) hub.names.noteDeparture({ id, departure });
  const { metrics } = hub.options;
  metrics.roomMessages += batch.messages;
  metrics.privateMessages += batch.mail.filter(isForOther).length;
  // Their messages can be read only now.
  for (const { id } of batch.mailboxes) {
    for (const session of hub.names.readers(id)) {
      if (!session.awaitsWelcome) readOn(hub, session);
    }
  }
  let stored = 0;
  for (const item of batch.mail) {
    const { recipient, message, live, order } = item;
    if (item.stored) item.mail = mailNumbers[stored++]!;
    if (item.isCopy === true) continue;
    for (const session of hub.names.readers(recipient)) {
      if (item.stored) {
        deliverMail(hub, batch, session, { ...message, ...live, mail: item.mail }, order);
      }
      // Without a mailbox there is no replay, so the message has to wait for the welcome.
      else if (session.awaitsWelcome) {
        const event = { ...message, ...live, mail: 0 };
        batch.addPersonal(session, { order, event, timing: "committed" });
      } else
        addPersonals(batch, session, textsOf(session, { ...message, ...live, mail: 0 }), order);
    }
  }
  const last = hub.pipeline.nextOrder();
  for (const [session, { n, run, index }] of batch.counted) {
    session.counter.settle(n);
    const seq = run === undefined ? undefined : run.seq + index;
    const ack = { type: "ack" as const, n, room: run?.room, seq };
    addPersonals(batch, session, textsOf(session, ack), last);
  }
}

/** Not for the sender's own history and devices. */
function isForOther({ isCopy, message }: MailItem): boolean {
  return isCopy !== true && message.isOwn !== true;
}

/** A private message was stored for a connected session. */
function deliverMail(
  hub: HubState,
  batch: TurnBatch,
  session: Session,
  message: PrivateMessage,
  order: number,
): void {
  const isReady = session.phase !== "entering" && !session.awaitsWelcome;
  const isReplaying = session.mailbox.replayedTo !== undefined;
  if (session.mailbox.arrived(message.mail, isReady)) {
    addPersonals(batch, session, textsOf(session, message), order);
  } else if (isReady && !isReplaying) {
    // Another server stored a message before this one.
    readOn(hub, session);
  }
}

function readOn(hub: HubState, session: Session): void {
  hub.schedule.replaying.add(session);
  hub.wake();
}

function addPersonals(
  batch: TurnBatch,
  session: Session,
  texts: readonly string[],
  order: number,
): void {
  for (const text of texts) batch.addPersonal(session, { order, text, timing: "committed" });
}

function withdraw(hub: HubState, batch: TurnBatch, error: ParleyError): void {
  const { options, pipeline } = hub;
  const speakers = new Set([...batch.speakers, ...batch.counted.keys()]);
  count(options.metrics.messagesRefused, error.code, batch.messages);
  batch.withdraw();
  for (const session of speakers) {
    const first = session.counter.withdraw();
    if (first > 0) {
      session.queue.dropFrom(first);
      pipeline.gathering.withdrawCounted(session);
    }
    const retry = first > 0 ? { n: first, retryAfterMs: sender.storageRetryMs } : {};
    const { code, message } = error;
    hub.send(session, { type: "error", code, message, ...retry });
  }
  // Failed records are written with the next batch.
  pipeline.gathering.mailboxes.push(...batch.mailboxes);
  for (const session of batch.records) {
    if (session.phase === "member") pipeline.gathering.records.add(session);
  }
  pipeline.gathering.putBack(batch);
  for (const [id, departure] of batch.departed) {
    // A session that has returned already has a newer record.
    const isBack = hub.names.byKey(id)?.phase === "member";
    if (isBack || pipeline.gathering.departed.has(id)) continue;
    pipeline.gathering.departed.set(id, departure);
  }
  hub.log.warn(error.message);
}
