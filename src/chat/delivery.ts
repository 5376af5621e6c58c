// What happens when a batch is settled. In the log: its messages have numbers, are acknowledged, and everybody hears them. Not in
// the log: who spoke is told, nobody hears it. Who came and went is heard in either case.

import type { ParleyError } from "../errors.ts";
import { sender } from "../limits.ts";
import { type HubState, renderPersonal, textsOf } from "./hub-state.ts";
import type { Settlement } from "./commit-pipeline.ts";
import type { PersonalEvent, PrivateMessage } from "./events.ts";
import { dropSlow, dropSlowest } from "./disconnect.ts";
import { type Aftermath, finishOutput, type RoomItem } from "./fan-out/recipient-group.ts";
import { insertPersonal } from "./fan-out/rendered-batch.ts";
import { count } from "./metrics.ts";
import type { Room } from "./room.ts";
import type { Session } from "./session.ts";
import type { SaidRun } from "./said-run.ts";
import type { RoomTurn, TimedPersonal, TurnBatch } from "./turn-batch.ts";

/** Delivers a batch whose outcome is certain. */
export function deliverBatch(chat: HubState, batch: TurnBatch, settlement: Settlement): void {
  if ("error" in settlement) withdraw(chat, batch, settlement.error);
  else confirm(chat, batch, settlement.mail);
  for (const settle of batch.beforeDelivery) settle();
  const after = newAftermath();
  for (const [session, personals] of batch.personals) {
    if (session.isOver) continue;
    for (const personal of personals) {
      const { order } = personal;
      for (const text of renderPersonal(session, personal))
        insertPersonal(session, { order, text });
    }
    session.output.answerChars = 0;
    after.composed.add(session);
  }
  for (const turn of batch.rooms.values()) deliverRoom(chat, turn.room, turn, after);
  finishDelivery(chat, after);
  for (const session of batch.ending) {
    if (session.phase === "gone") continue;
    chat.schedule.ending.add(session);
    chat.wake();
  }
}

/** A room has said this, here or on another server: its listeners hear it. */
function deliverRoom(
  chat: HubState,
  room: Room,
  { items, presence }: Pick<RoomTurn, "items" | "presence">,
  after: Aftermath,
): void {
  for (const { event } of items) {
    if (event?.type !== "said") continue;
    if (event.seq !== room.seq + 1) {
      throw new Error(`Message ${event.seq} of '${room.name}' follows ${room.seq}`);
    }
    room.seq += event.length;
    for (const tail of room.tails) tail.add(event);
  }
  const { nowMs, options } = chat;
  const delivery = { items, presence, names: () => room.names(), nowMs, after };
  for (const group of room.groups.values()) {
    options.metrics.deliveries += group.deliver(delivery);
    if (group.rosterDue) chat.schedule.rosters.add(room);
  }
}

/** Messages of a room that another server has committed. Numbers that are known already are passed over. */
export function deliverForeign(chat: HubState, room: Room, runs: readonly SaidRun[]): void {
  const items: RoomItem[] = [];
  for (const run of runs) {
    if (run.seq > room.seq) items.push({ order: chat.pipeline.nextOrder(), event: run });
  }
  const after = newAftermath();
  deliverRoom(chat, room, { items, presence: undefined }, after);
  finishDelivery(chat, after);
}

/** Sends what need not wait for the log, where the log has not answered by the end of the turn. */
export function deliverAnswers(chat: HubState): void {
  const { gathering, inFlight } = chat.pipeline;
  const after = newAftermath();
  for (const batch of [inFlight, gathering]) {
    if (batch === undefined) continue;
    for (const session of batch.personals.keys()) addAnswers(session, batch, after);
  }
  finishDelivery(chat, after);
}

/** The same for one session that has asked for very much in one turn. */
export function deliverAnswersOf(chat: HubState, session: Session): void {
  const { gathering, inFlight } = chat.pipeline;
  const after = newAftermath();
  if (inFlight !== undefined) addAnswers(session, inFlight, after);
  addAnswers(session, gathering, after);
  finishDelivery(chat, after);
}

/** Sends a page of the past at once: it comes before whatever is not settled yet. */
export function deliverPast(
  chat: HubState,
  session: Session,
  page: readonly PersonalEvent[],
): void {
  if (session.isOver) return;
  const after = newAftermath();
  for (const event of page) {
    for (const text of textsOf(session, event)) session.output.addText(text);
  }
  after.composed.add(session);
  finishDelivery(chat, after);
}

/** Pays the lists of users that a room owes; true while one is still owed. */
export function payRosters(chat: HubState, room: Room): boolean {
  const after = newAftermath();
  let owed = false;
  for (const group of room.groups.values()) {
    if (group.payRoster(() => room.names(), chat.nowMs, after)) owed = true;
  }
  finishDelivery(chat, after);
  return owed;
}

function addAnswers(session: Session, batch: TurnBatch, after: Aftermath): void {
  const answers: readonly TimedPersonal[] = batch.takeAnswers(session);
  if (answers.length === 0 || session.isOver) return;
  for (const answer of answers) {
    for (const text of renderPersonal(session, answer)) session.output.addText(text);
  }
  session.output.answerChars = 0;
  after.composed.add(session);
}

function newAftermath(): Aftermath {
  return { composed: new Set(), slow: [], gaps: [] };
}

function finishDelivery(chat: HubState, after: Aftermath): void {
  for (const session of after.composed) finishOutput(session, chat.nowMs, after);
  for (const session of after.gaps) chat.schedule.gaps.add(session);
  for (const session of after.slow) dropSlow(chat, session);
  dropSlowest(chat);
}

function confirm(chat: HubState, batch: TurnBatch, mailNumbers: readonly number[]): void {
  const { metrics } = chat.options;
  metrics.roomMessages += batch.messages;
  metrics.privateMessages += batch.mail.length;
  let stored = 0;
  for (const item of batch.mail) {
    const { recipient, message, order } = item;
    if (item.stored) item.mail = mailNumbers[stored++]!;
    const session = chat.names.person(recipient);
    if (session === undefined) continue;
    if (item.stored) hearMail(batch, session, { ...message, mail: item.mail }, order);
    // Whoever has no mailbox, and is not welcomed yet, hears it after that.
    else if (session.awaitsWelcome) {
      const event = { ...message, mail: 0 };
      batch.addPersonal(session, { order, event, timing: "committed" });
    } else addPersonals(batch, session, textsOf(session, { ...message, mail: 0 }), order);
  }
  const last = chat.pipeline.nextOrder();
  for (const [session, { n, run, index }] of batch.counted) {
    session.counter.settle(n);
    const seq = run === undefined ? undefined : run.seq + index;
    const ack = { type: "ack" as const, n, room: run?.room, seq };
    addPersonals(batch, session, textsOf(session, ack), last);
  }
}

/** A private message is in the mailbox of somebody who is here. */
function hearMail(
  batch: TurnBatch,
  session: Session,
  message: PrivateMessage,
  order: number,
): void {
  const { mailbox } = session;
  mailbox.last = message.mail;
  // While the past is being told, this comes with it.
  if (mailbox.replayed !== undefined) return;
  if (session.phase === "entering" || session.awaitsWelcome) mailbox.replayed = message.mail - 1;
  else addPersonals(batch, session, textsOf(session, message), order);
}

function addPersonals(
  batch: TurnBatch,
  session: Session,
  texts: readonly string[],
  order: number,
): void {
  for (const text of texts) batch.addPersonal(session, { order, text, timing: "committed" });
}

function withdraw(chat: HubState, batch: TurnBatch, error: ParleyError): void {
  const { options, pipeline } = chat;
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
    chat.tell(session, { type: "error", code, message, ...retry });
  }
  // The next batch that is written has these records too.
  for (const session of batch.records) {
    if (session.phase === "member") pipeline.gathering.records.add(session);
  }
  for (const [id, departure] of batch.departed) {
    // Whoever is back has a newer record.
    const isBack = chat.names.person(id)?.phase === "member";
    if (isBack || pipeline.gathering.departed.has(id)) continue;
    pipeline.gathering.departed.set(id, departure);
  }
  options.log.warn(error.message);
}
