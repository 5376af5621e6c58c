// When a command runs: immediately, after earlier ones, at its sender's rate, or not at all.

import { connections, sender as limits } from "../../limits.ts";
import { ownerAt } from "../../share-owner.ts";
import { execute } from "../commands.ts";
import { endSession } from "../disconnect.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { passFrame } from "../offers/channel-frames.ts";
import { refuseCrowdedLogin } from "../login/refuse-login.ts";
import { count } from "../metrics/metrics.ts";
import { fold, lobby } from "../names/grammar.ts";
import { numberOf, refOf } from "../rejections.ts";
import type { Rates } from "./rate-budget.ts";
import { isOpenToOutside } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";

/**
 * Runs a command, queues it, or refuses it. `readChars`: length of the message that contained it.
 */
export function handleCommand(
  hub: HubState,
  session: Session,
  command: Command,
  readChars: number,
): void {
  const { queue, counter } = session;
  const n = numberOf(command);
  if (n !== undefined && counter.followsRefusal(n)) {
    return void chargeInput(hub, session, readChars);
  }
  if (command.type === "pass") {
    // Frames have bounds of their own (offers/) and are not ordered among other commands.
    if (passFrame(hub, session, command)) session.passedChars += readChars;
    else chargeIgnored(hub, session, readChars);
    return;
  }
  if (bypassesQueue(command)) {
    chargeIgnored(hub, session, readChars);
    return execute(hub, session, command);
  }
  if (queue.isClosing) return void chargeIgnored(hub, session, readChars);
  const { rates } = hub.options;
  const mustWait = queue.isBlocked || queue.length > 0;
  if (command.type === "quit") {
    // Queued messages are sent before the session ends.
    if (!mustWait) return execute(hub, session, command);
    return queue.push({ command, partner: undefined, readChars, sinceMs: hub.nowMs });
  }
  if (!mustWait) {
    const isHeld = mustLetOthersRead(hub, session, command);
    if (rates === undefined || (!isHeld && mayRun(hub, session, command, rates, readChars))) {
      return run(hub, session, command);
    }
    if (command.type === "say" || command.type === "tell") hub.options.metrics.messagesDelayed++;
    else if (!isHeld && command.type !== "login") {
      return refuse(hub, session, command, rates, readChars);
    }
  }
  if (!queue.hasRoomFor(readChars)) return refuse(hub, session, command, rates, readChars);
  queue.push({ command, partner: session.privateChat.partner, readChars, sinceMs: hub.nowMs });
  if (queue.isBlocked) return;
  if (mustLetOthersRead(hub, session, queue.first?.command)) hub.schedule.readsWaiting.add(session);
  else delay(hub, session);
}

/** `partner`: the private-chat partner at the time the command arrived. */
function run(hub: HubState, session: Session, command: Command, partner?: string): void {
  execute(hub, session, command, partner);
  if (!takesLong(command)) return;
  const payer = payerOf(session);
  if (payer !== undefined) hub.longReads.served.add(payer);
  if (session.queue.isBlocked) hub.longReads.began(session);
}

/** Whether it waits until others of its owner have their answers. */
function mustLetOthersRead(hub: HubState, session: Session, command: Command | undefined): boolean {
  if (hub.options.rates === undefined || !takesLong(command)) return false;
  return hub.longReads.mustWait(session);
}

/** Charges a command to the rates, and for the history of the room that it displaces. */
export function mayRun(
  hub: HubState,
  session: Session,
  command: Command,
  rates: Rates,
  readChars: number,
): boolean {
  const { past, nowMs, loginRates } = hub;
  const { shareOwner } = session;
  const room = roomOf(hub, session, command);
  if (room !== undefined && past.waitMs(room, shareOwner, nowMs) > 0) return false;
  const isLogin = isAnnounced(command) && session.phase === "new";
  // Nobody knows yet who it is.
  const place = isLogin ? ownerAt(session.peer.address) : undefined;
  if (place !== undefined && loginRates.waitMs(place, nowMs) > 0) return false;
  if (!session.queue.spend(command, rates, nowMs, readChars)) return false;
  if (place !== undefined) loginRates.take(place, nowMs);
  if (room !== undefined && "text" in command) {
    past.add(room, shareOwner, command.text ?? "", nowMs);
  }
  return true;
}

/** A login with a name, which is announced to everybody in a room. */
function isAnnounced(command: Command): boolean {
  return command.type === "listen" || (command.type === "login" && command.visitor !== true);
}

/** The room that a command adds a message to. */
function roomOf(hub: HubState, session: Session, command: Command): string | undefined {
  let name: string | undefined;
  if (command.type === "say" && command.to === undefined) name = command.room ?? lobby;
  else if (command.type === "tell" && command.to.some((to) => fold(to) === "all")) name = lobby;
  if (name === undefined) return undefined;
  // Most clients send the folded name.
  const folded = session.rooms.has(name) ? name : fold(name);
  if (session.rooms.has(folded)) return folded;
  return isOpenToOutside(hub, session, folded) ? folded : undefined;
}

/**
 * Runs queued commands as far as the rate allows. False: one that takes long has to wait for
 * another turn, since `mayTakeLong` says so.
 */
export function releaseCommands(
  hub: HubState,
  session: Session,
  mayTakeLong: () => boolean,
): boolean {
  const { queue } = session;
  for (;;) {
    if (!queue.isBlocked && takesLong(queue.first?.command) && !mayTakeLong()) return false;
    const outcome = releaseNext(hub, session);
    if (outcome === "ran") continue;
    if (outcome !== "waits") return true;
    delay(hub, session);
    return true;
  }
}

/**
 * Runs delayed commands as far as rates allow. Sessions take turns, one command at a time: those of
 * one owner share its rate, however many commands each has queued. An answer from the store is
 * charged only when it arrives, so each owner may ask for one in each pass.
 */
export function releaseDelayed(hub: HubState): void {
  const { delayed } = hub.schedule;
  const ran: Session[] = [];
  const asking = new Set<string>();
  do {
    // Sessions that had their turn go to the end of the queue.
    for (const session of ran) delayed.delete(session);
    for (const session of ran.splice(0)) delayed.add(session);
    for (const session of delayed) {
      const payer = payerOf(session);
      if (payer !== undefined && asking.has(payer)) continue;
      const outcome = releaseNext(hub, session);
      if (outcome === "ran" && payer !== undefined && session.queue.isBlocked) asking.add(payer);
      if (outcome === "ran") ran.push(session);
      else if (outcome !== "waits") delayed.delete(session);
    }
  } while (ran.length > 0);
}

/**
 * Runs the next queued command. `none`: there is none, or the store has to answer this or another
 * session first.
 */
function releaseNext(hub: HubState, session: Session): "ran" | "waits" | "none" {
  const { queue } = session;
  const { rates } = hub.options;
  const next = queue.first;
  if (next === undefined || queue.isBlocked) return "none";
  const { command, partner, readChars, sinceMs } = next;
  const isFree = rates === undefined || command.type === "quit";
  if (!isFree && mustLetOthersRead(hub, session, command)) {
    hub.schedule.readsWaiting.add(session);
    return "none";
  }
  if (!isFree && !mayRun(hub, session, command, rates, readChars)) {
    if (command.type !== "login" || hub.nowMs - sinceMs < connections.loginTurnMs) return "waits";
    queue.shift();
    refuseCrowdedLogin(hub, session, command.name);
    return "ran";
  }
  // Running it may change the queue.
  queue.shift();
  run(hub, session, command, partner);
  return "ran";
}

/**
 * Charges for input that requests nothing. It was read nevertheless, so a session that floods it is
 * disconnected: false.
 */
export function chargeIgnored(hub: HubState, session: Session, readChars: number): boolean {
  return chargeInput(hub, session, Math.max(readChars, limits.minIgnoredBytes));
}

function chargeInput(hub: HubState, session: Session, bytes: number): boolean {
  const { nowMs, options } = hub;
  const { rates } = options;
  if (rates === undefined) return true;
  session.queue.chargeRefused(bytes, rates, nowMs);
  if (!session.queue.isOverdrawn(rates, nowMs)) return true;
  endFlood(hub, session);
  return false;
}

/** The owner who pays for a session; undefined: nobody has to. */
export function payerOf({ shareOwner }: Session): string | undefined {
  return shareOwner.kept.at(-1)?.key;
}

/** Whether it reads much from the store: some milliseconds. */
function takesLong(command: Command | undefined): boolean {
  switch (command?.type) {
    case "history":
    case "past":
    case "search":
    case "past-private":
    case "past-targets":
    case "admin":
      return true;
    default:
      return false;
  }
}

/** Commands that request nothing, or only release something. */
function bypassesQueue(command: Command): boolean {
  if (command.type === "alive" || command.type === "prove") return true;
  return command.type === "transfer" && command.request.type === "fetched";
}

function delay(hub: HubState, session: Session): void {
  if (hub.schedule.delayed.size === 0) hub.wake();
  hub.schedule.delayed.add(session);
}

function refuse(
  hub: HubState,
  session: Session,
  command: Command,
  rates: Rates | undefined,
  readChars: number,
): void {
  const { queue, counter } = session;
  const { nowMs, options } = hub;
  const room = roomOf(hub, session, command);
  const pastMs = room === undefined ? 0 : hub.past.waitMs(room, session.shareOwner, nowMs);
  const retryAfterMs =
    rates === undefined ? limits.storageRetryMs : queue.retryAfterMs(rates, nowMs, pastMs);
  const why = whyRefused(hub, session, pastMs);
  count(options.metrics.messagesRefused, "rate");
  hub.log.debug("message refused", { ...sessionFields(session), code: "rate" });
  // A refused message was read nevertheless.
  queue.chargeRefused(readChars, rates, nowMs);
  if (rates !== undefined && !queue.mayRefuse(rates, nowMs)) return endFlood(hub, session);
  if (command.type === "reply" && command.isPong === true) return execute(hub, session, command);
  const n = numberOf(command);
  if (n !== undefined) counter.refuse(n);
  hub.send(session, {
    type: "error",
    code: "rate",
    message: `${why} the message was not sent, retry after ${tenthsUp(retryAfterMs)} s`,
    retryAfterMs,
    n,
    ref: refOf(command),
  });
}

/** Seconds with one decimal, rounded up: never 0.0. */
function tenthsUp(ms: number): string {
  return (Math.ceil(ms / 100) / 10).toFixed(1);
}

/** `pastMs`: how long the room's history makes the sender wait. */
function whyRefused(
  { options: { rates }, schedule, nowMs }: HubState,
  session: Session,
  pastMs: number,
): string {
  const { queue, proven } = session;
  if (pastMs > 0) {
    const payer = proven.account === undefined ? "network" : "account";
    return `Too fast: your ${payer} fills the room's history faster than its share;`;
  }
  // However slowly they come: what waits before them waits for the store, for example.
  const isUnanswered = queue.isBlocked || schedule.readsWaiting.has(session);
  if (isUnanswered && queue.waitMs(nowMs) === 0) {
    return "The server has yet to answer an earlier request of yours:";
  }
  if (rates === undefined) return "Too fast:";
  return `Too fast: at most ${rates.messagesPerSecond} messages a second are allowed;`;
}

/** Disconnects a client that sends far more than it may. */
export function endFlood(hub: HubState, session: Session): void {
  if (session.phase === "ending") return;
  const message = "Too many messages over the limit: connect again, and slow down";
  hub.send(session, { type: "error", code: "rate", message });
  endSession(hub, session, "flooding");
}
