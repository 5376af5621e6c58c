// Files from one person to another: offering, answering, ending, and what happens when one of them
// disconnects or returns. The ends are people, identified by account, session secret or device key,
// so an offer survives lost connections and restarted programs on both sides. The server keeps
// offers in memory only: a sender that returns makes the same offer again.

import { offers as limits } from "../../limits.ts";
import type { Command, LeaveReason } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { findPerson } from "../people/find-person.ts";
import { type About, reject, rejectUnknownUser, rejectUnread } from "../rejections.ts";
import { personKey, type Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { muteText } from "../suspect.ts";
import type { OfferEnd } from "../../protocol/messages.ts";
import { endCall } from "./call-commands.ts";
import { answerCode, endCode } from "./code-commands.ts";
import { closeChannel, closeRelay, openChannel } from "./channel.ts";
import { absentParty, FileOffer, isPerson, partyOf, type Party } from "./file-offer.ts";
import type { EndedOffer } from "./offer-book.ts";
import { clientsOf, isFor, recipient, sender } from "./offer-ends.ts";
import { findRecipient, followRecipient, rejectElsewhere } from "./offers-elsewhere.ts";

type OfferFiles = Extract<Command, { type: "offer-files" }>;
type AnswerFiles = Extract<Command, { type: "answer-files" }>;
type EndFiles = Extract<Command, { type: "end-files" }>;

export function offerFiles(hub: HubState, session: Session, command: OfferFiles): void {
  const { offer: id, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const known = hub.offers.get(id);
  if (hub.codes.get(id) !== undefined || hub.calls.get(id) !== undefined) {
    return reject(hub, session, "protocol", "There is an offer with this number", { ref });
  }
  if (known !== undefined) return offerAgain(hub, session, command, known);
  const ended = endedMeanwhile(hub, session, id);
  if (ended !== undefined) {
    ended.told = toldOn(session);
    hub.send(session, { type: "offering", offer: id, to: command.to, here: true, ref });
    return tellEnd(hub, session, ended, ended.reason);
  }
  findPerson(hub, session, command.to, (person, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (session.phase !== "member") return;
    const since = muteText(hub, session);
    if (since !== undefined) return reject(hub, session, "muted", since, { ref });
    if (person === undefined) return rejectUnknownUser(hub, session, command.to, { ref });
    const to =
      "here" in person
        ? { ...partyOf(person.here), session: undefined }
        : absentParty(command.to, person);
    offerHere(hub, session, command, to);
  });
}

/** Makes the offer at this server, unless the recipient is at another one. */
function offerHere(hub: HubState, session: Session, command: OfferFiles, to: Party): void {
  const { offer: id, ref } = command;
  findRecipient(hub, session, { from: partyOf(session), to }, (elsewhere, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (session.phase !== "member") return;
    // Asking the store may have taken a while.
    const made = hub.offers.get(id);
    if (made !== undefined) return offerAgain(hub, session, command, made);
    if (elsewhere === undefined) return makeOffer(hub, session, command, to);
    rejectElsewhere(hub, session, elsewhere, { ref, subject: command.to });
  });
}

function makeOffer(hub: HubState, session: Session, command: OfferFiles, to: Party): void {
  const { offer: id, to: name, summary, sealed, ref } = command;
  if (to.person === personKey(session.identity) && !to.isAccount) {
    const message =
      "You can't send files to yourself: name somebody else, or register your name, which several devices can then use";
    return reject(hub, session, "not-allowed", message, { ref });
  }
  const { shareOwner } = session;
  const refusal = hub.offers.refusal(personKey(session.identity), to.person, shareOwner, hub.nowMs);
  if (refusal !== undefined) return reject(hub, session, "full", refusal, { ref });
  const offer = new FileOffer(id, partyOf(session), to, shareOwner, { summary, sealed });
  hub.offers.add(offer);
  hub.log.info("files offered", { ...sessionFields(session), to: name });
  answerSender(hub, session, offer, name, { ref });
}

/** The sender has reconnected, or starts again. */
function offerAgain(
  hub: HubState,
  session: Session,
  { to, summary, sealed, ref }: OfferFiles,
  offer: FileOffer,
): void {
  if (!isPerson(offer.from, session)) {
    // Nobody else can know the ID, but it must not be used to disturb the offer either.
    return reject(hub, session, "protocol", "There is an offer with this number", { ref });
  }
  if (offer.from.session !== session.identity.key) {
    const before = sender(hub, offer);
    if (before !== undefined) tellEnd(hub, before, offer, "elsewhere");
  }
  closeChannel(hub, offer);
  offer.from = partyOf(session);
  offer.content = { summary, sealed };
  offer.awayMs = undefined;
  answerSender(hub, session, offer, to, { ref });
  followRecipient(hub, offer);
}

function answerSender(
  hub: HubState,
  session: Session,
  offer: FileOffer,
  to: string,
  { ref }: About,
): void {
  const isOpening = offer.isAccepted && recipient(hub, offer) !== undefined;
  const told = isOpening ? "here" : tellRecipients(hub, offer);
  const online = told === "online" ? { online: true } : {};
  const here = told === "here";
  hub.send(session, { type: "offering", offer: offer.id, to, here, ...online, ref });
  if (isOpening) openChannel(hub, offer);
}

/**
 * Notifies all clients of the person that accept files. If there are none, the others (`online`)
 * say what to do; undefined: the person is away.
 */
function tellRecipients(hub: HubState, offer: FileOffer): "here" | "online" | undefined {
  const found = clientsOf(hub, offer);
  const told = found.filter(({ takesFiles }) => takesFiles);
  for (const session of told) tellOffer(hub, session, offer);
  if (told.length > 0) return "here";
  const { name: from } = offer.from;
  const bytes = offer.content.summary?.bytes;
  for (const session of found) hub.send(session, { type: "files-wait", from, bytes });
  return found.length > 0 ? "online" : undefined;
}

function tellOffer(hub: HubState, session: Session, offer: FileOffer): void {
  const { id, from, content } = offer;
  const name = sender(hub, offer)?.name ?? from.name;
  hub.send(session, { type: "offered", offer: id, from: name, ...content });
}

export function answerFiles(hub: HubState, session: Session, command: AnswerFiles): void {
  const { offer: id, accept, ref } = command;
  if (answerCode(hub, session, command)) return;
  const offer = hub.offers.get(id);
  if (offer === undefined || session.phase !== "member" || !isFor(hub, offer, session)) {
    const message = "There is no such offer for you, or no longer";
    return reject(hub, session, "not-found", message, { ref, subject: id });
  }
  if (!accept) return endOffer(hub, offer, "declined", session);
  const other = recipient(hub, offer);
  if (other !== undefined && other !== session) {
    const message = "You accepted that in another client";
    return reject(hub, session, "not-allowed", message, { ref, subject: id });
  }
  const isNew = !offer.isAccepted;
  closeChannel(hub, offer);
  offer.to = partyOf(session);
  offer.isAccepted = true;
  if (isNew) {
    hub.log.info("files accepted", { ...sessionFields(session), from: offer.from.name });
    for (const device of hub.names.otherDevices(session)) {
      if (device.takesFiles && isFor(hub, offer, device)) {
        tellEnd(hub, device, offer, "elsewhere");
      }
    }
  }
  openChannel(hub, offer);
}

export function endFiles(hub: HubState, session: Session, { offer: id, reason }: EndFiles): void {
  const code = hub.codes.get(id);
  if (code?.endOf(session) !== undefined) return endCode(hub, code, reason, session);
  const call = hub.calls.get(id);
  if (call?.endOf(session) !== undefined) return endCall(hub, call, reason, session);
  const offer = hub.offers.get(id);
  if (offer === undefined) return hub.options.sharing?.end(session.id, id);
  if (offer.endOf(session) === undefined) return;
  endOffer(hub, offer, reason, session);
}

/** `by` already knows. */
export function endOffer(hub: HubState, offer: FileOffer, reason: OfferEnd, by?: Session): void {
  const from = sender(hub, offer);
  const isBySender = by !== undefined && by === from;
  const knows = from === undefined ? undefined : toldOn(from);
  hub.offers.end(offer, { reason, isBySender, told: knows }, hub.nowMs);
  closeRelay(offer);
  const told = new Set(from === undefined ? [] : [from]);
  const taker = recipient(hub, offer);
  if (taker !== undefined) told.add(taker);
  else for (const reader of hub.names.readers(offer.to.person)) told.add(reader);
  if (taker === undefined && !offer.to.isAccount) {
    const holder = hub.names.holder(offer.to.folded);
    if (holder !== undefined) told.add(holder);
  }
  for (const session of told) {
    if (session !== by && session.phase === "member") tellEnd(hub, session, offer, reason);
  }
  const [who, whom] = [offer.from.name, offer.to.name];
  hub.log.info("offer ended", { from: who, to: whom, reason });
}

function tellEnd(
  hub: HubState,
  session: Session,
  { id }: Pick<FileOffer, "id">,
  reason: OfferEnd,
): void {
  hub.send(session, { type: "offer-ended", offer: id, reason });
}

/**
 * Somebody has logged in: repeats the offers made to them, including accepted ones, and the end of
 * those that the client may still show.
 */
export function returnToOffers(hub: HubState, session: Session): void {
  if (!session.takesFiles) return;
  for (const offer of hub.offers) {
    if (!isFor(hub, offer, session)) continue;
    const taker = recipient(hub, offer);
    if (taker === undefined || taker === session) tellOffer(hub, session, offer);
    else tellEnd(hub, session, offer, "elsewhere");
  }
  for (const offer of hub.offers.ended(hub.nowMs)) {
    if (isFor(hub, offer, session)) tellEnd(hub, session, offer, offer.reason);
  }
}

/**
 * An offer that ended while its sender was disconnected and is now repeating it. A sender that was
 * told about the end is making a new offer.
 */
function endedMeanwhile(hub: HubState, session: Session, id: string): EndedOffer | undefined {
  const ended = hub.offers.endedOffer(id, hub.nowMs);
  // After "lost" the sender has returned too late, and makes a new one.
  if (ended === undefined || ended.isBySender || ended.reason === "lost") return undefined;
  if (!isPerson(ended.from, session)) return undefined;
  return knowsEnd(ended, session) ? undefined : ended;
}

/** What a session was told on a connection that broke may be lost; a new program starts anew. */
function knowsEnd({ told }: EndedOffer, { id, identity }: Session): boolean {
  return told !== undefined && (told.connection === id || told.key !== identity.key);
}

function toldOn({ id, identity }: Session): { connection: number; key: string } {
  return { connection: id, key: identity.key };
}

/** A member leaves or loses its connection. */
export function leaveOffers(hub: HubState, session: Session, reason: LeaveReason): void {
  const isAway = reason === "lost" || reason === "slow" || reason === "replaced";
  for (const offer of hub.offers) {
    const end = offer.endOf(session);
    if (end === undefined) continue;
    closeChannel(hub, offer, session);
    if (end === "sender") {
      if (!isAway) endOffer(hub, offer, "lost", session);
      else offer.awayMs = hub.nowMs;
    } else if (!isAway) {
      // Another client of that person may take over.
      offer.isAccepted = false;
      offer.to.session = undefined;
    }
  }
}

/** Ends offers whose sender does not return. */
export function expireOffers(hub: HubState): void {
  for (const offer of hub.offers) {
    const isOver = offer.awayMs !== undefined && hub.nowMs - offer.awayMs > limits.awayMs;
    if (isOver) endOffer(hub, offer, "lost");
  }
}
