// Private chat by consent. A person has at most one partner, one outgoing and one incoming
// invitation; anyone with one of these is busy. People are identified by key, which survives
// renames. The other side may be on another server: then each server keeps the state of its own
// side, and a step that no longer fits is answered with `left`, so that no side is left alone.

import { senderOf } from "../elsewhere/directory-entry.ts";
import type { ChatState as PrivateChatStep } from "../events.ts";
import { type ForeignPerson, holderAt } from "../elsewhere/foreign-person.ts";
import type { ChatSignal, ChatStep } from "../elsewhere/hub-signal.ts";
import type { HubState } from "../hub-state.ts";
import { PartnerNames } from "../names/partner-names.ts";
import type { Refusal } from "../refusal.ts";
import { type ChatPeer, personKey, type Session } from "../session.ts";

/** The other side, here or on another server. */
type Peer = { readonly session: Session } | { readonly elsewhere: ChatPeer };

/**
 * Invites somebody who is here. If they are busy, only the inviter is told. Like the following
 * requests it returns why it does not apply; undefined if it succeeded.
 */
export function invite(hub: HubState, asker: Session, other: Session): Refusal | undefined {
  const peer: Peer = { session: other };
  const problem = inviteProblem(hub, asker, personKey(other.identity));
  if (problem !== undefined) return problem;
  const own = asker.ownPrivateChat;
  if (own.invitedBy === keyOf(peer)) return accept(hub, asker);
  if (isBusy(other)) {
    notify(hub, asker, "busy", peer);
    return undefined;
  }
  own.invited = other.identity.key;
  other.ownPrivateChat.invitedBy = asker.identity.key;
  notify(hub, asker, "asked", peer);
  notify(hub, other, "invited", { session: asker });
  return undefined;
}

/** Invites somebody on another server, who answers later. */
export function inviteElsewhere(
  hub: HubState,
  asker: Session,
  { server, key, name, folded, person }: ForeignPerson,
): Refusal | undefined {
  const exchange = [`${asker.identity.folded}:${hub.pipeline.nextOrder()}`];
  const peer: Peer = { elsewhere: { server, key, name, folded, person, exchange } };
  const problem = inviteProblem(hub, asker, person);
  if (problem !== undefined) return problem;
  const own = asker.ownPrivateChat;
  if (own.invitedBy === keyOf(peer)) return accept(hub, asker);
  own.invited = keyOf(peer);
  know(hub, asker, peer.elsewhere);
  signal(hub, asker, peer.elsewhere, "invite");
  return undefined;
}

function inviteProblem(hub: HubState, asker: Session, person: string): Refusal | undefined {
  const own = asker.privateChat;
  if (person === personKey(asker.identity))
    return refusal("You can't have a private chat with yourself");
  if (own.partner !== undefined) return refusal("You are in a private chat: leave it first");
  const invited = peerOf(hub, asker, own.invited);
  if (invited === undefined) return undefined;
  return refusal(`You have already invited ${nameOf(invited)}: wait for an answer`);
}

export function accept(hub: HubState, session: Session): Refusal | undefined {
  const asker = peerOf(hub, session, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has invited you to a private chat");
  // The session's own invitation is withdrawn: one chat at a time.
  withdraw(hub, session, "left");
  const own = session.ownPrivateChat;
  own.invitedBy = undefined;
  own.partner = keyOf(asker);
  if ("session" in asker) start(hub, asker.session, { session });
  else signal(hub, session, asker.elsewhere, "accept");
  notify(hub, session, "started", asker);
  return undefined;
}

/** The person whom the session invited has accepted. */
function start(hub: HubState, session: Session, partner: Peer): void {
  const own = session.ownPrivateChat;
  own.invited = undefined;
  own.partner = keyOf(partner);
  // Anyone who has invited the inviter meanwhile learns that it is busy.
  const third = peerOf(hub, session, own.invitedBy);
  if (third !== undefined) answerInvitation(hub, session, third, "busy");
  notify(hub, session, "started", partner);
}

export function reject(hub: HubState, session: Session): Refusal | undefined {
  const asker = peerOf(hub, session, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has invited you to a private chat");
  answerInvitation(hub, session, asker, "rejected");
  notify(hub, session, "rejected", asker);
  return undefined;
}

/** Ends the chat, or withdraws the invitation. */
export function leave(hub: HubState, session: Session): Refusal | undefined {
  const { partner, invited } = session.privateChat;
  const peer = peerOf(hub, session, partner) ?? peerOf(hub, session, invited);
  if (peer === undefined) return refusal("You are not in a private chat");
  end(hub, session, peer, "left");
  notify(hub, session, "left", peer);
  return undefined;
}

/** The session has ended: notifies its partner and the other sides of its invitations. */
export function dissolve(hub: HubState, session: Session, how: "left" | "lost"): void {
  for (const peer of privateChatPeers(hub, session)) end(hub, session, peer, how);
}

/** The session has another name now: notifies those who share no room with it. */
export function tellRenamed(hub: HubState, session: Session, from: string): void {
  for (const peer of privateChatPeers(hub, session)) {
    if ("elsewhere" in peer) signal(hub, session, peer.elsewhere, "renamed");
    else hearRenamed(hub, peer.session, { session }, from);
  }
}

/** Remembers former names before anybody else can take them. */
export function rememberNames(hub: HubState, session: Session): void {
  for (const peer of privateChatPeers(hub, session)) {
    if ("session" in peer && peer.session.privateChat.partner === session.identity.key) {
      rememberName(hub, peer.session, { session });
    }
  }
}

function hearRenamed(hub: HubState, mate: Session, other: Peer, from: string): void {
  const isShared =
    "session" in other
      ? [...other.session.rooms].some(({ room }) => mate.rooms.has(room))
      : [...mate.rooms].some(({ room }) =>
          hub.rooms.get(room)?.elsewhere?.has(other.elsewhere.folded),
        );
  if (!isShared) hub.send(mate, { type: "renamed", from, to: nameOf(other), chat: true });
}

/** The partner, if on another server. */
export function partnerElsewhere({ privateChat }: Session): ChatPeer | undefined {
  const { partner, elsewhere } = privateChat;
  return partner === undefined ? undefined : elsewhere?.get(partner);
}

/** Servers of the other sides. */
export function serversOfChats(hub: HubState): readonly string[] {
  const servers = new Set<string>();
  for (const { privateChat } of hub.chatsElsewhere) {
    for (const { server } of privateChat.elsewhere?.values() ?? []) servers.add(server);
  }
  return [...servers];
}

/** That server has ended: everybody there is disconnected. */
export function loseServer(hub: HubState, server: string): void {
  for (const session of hub.chatsElsewhere) {
    for (const peer of session.privateChat.elsewhere?.values() ?? []) {
      if (peer.server === server) handleStep(hub, session, peer, "lost");
    }
  }
}

/** A step from somebody on another server. */
export function handleChatSignal(hub: HubState, server: string, event: ChatSignal): void {
  const { to, step, exchange, from } = event;
  const peer = { ...from, server, person: holderAt(server, from.person), exchange };
  const session = hub.names.byKey(to);
  if (session?.phase === "member") return handleStep(hub, session, peer, step);
  // The addressee has left: the sender is told so, unless it was ending the chat itself.
  const answer = { key: to, name: "", folded: "", person: "" };
  if (step === "invite" || step === "accept") {
    hub.signal(server, { type: "chat", to: from.key, step: "gone", exchange, from: answer });
  }
}

function handleStep(hub: HubState, session: Session, from: ChatPeer, step: ChatStep): void {
  if (step === "invite") return hearInvitation(hub, session, from);
  const key = qualified(from);
  const { partner, invited, elsewhere } = session.privateChat;
  const known = elsewhere?.get(key);
  if (known === undefined || !from.exchange.some((id) => known.exchange.includes(id))) {
    // There is no such invitation or chat, which the other side does not know yet.
    if (step === "asked" || step === "accept") signal(hub, session, from, "left");
    return;
  }
  const peer: Peer = { elsewhere: { ...known, name: from.name || known.name } };
  const [mine = ""] = known.exchange;
  if (endsIt(step) && invited === key && !from.exchange.includes(mine)) {
    // Their own invitation has ended, not this one.
    const exchange = known.exchange.filter((id) => !from.exchange.includes(id));
    return know(hub, session, { ...known, exchange });
  }
  switch (step) {
    case "asked":
      if (invited === key) return notify(hub, session, "asked", peer);
      if (partner !== key) return;
      // Two invitations have started a chat only on this side: the one over there was withdrawn.
      end(hub, session, peer, "left");
      return notify(hub, session, "left", peer);
    case "accept":
      if (invited === key) start(hub, session, peer);
      return;
    case "renamed":
      if (partner === key) rememberName(hub, session, { elsewhere: known });
      know(hub, session, { ...from, exchange: known.exchange });
      return hearRenamed(hub, session, { elsewhere: from }, known.name);
    case "busy":
    case "rejected":
    case "left":
      forget(hub, session, key);
      return notify(hub, session, step, peer);
    case "gone":
    case "lost":
      forget(hub, session, key);
      return notify(hub, session, "lost", peer);
  }
}

function endsIt(step: ChatStep): boolean {
  return step === "left" || step === "lost" || step === "gone";
}

function hearInvitation(hub: HubState, session: Session, from: ChatPeer): void {
  const peer: Peer = { elsewhere: from };
  const own = session.privateChat.elsewhere?.get(keyOf(peer));
  if (own !== undefined && session.privateChat.invited === keyOf(peer)) {
    return hearCrossing(hub, session, own, from);
  }
  if (own !== undefined) {
    // Nobody invites a partner: the relation over there must have ended.
    forget(hub, session, keyOf(peer));
    notify(hub, session, "left", peer);
  }
  if (isBusy(session)) return signal(hub, session, from, "busy");
  session.ownPrivateChat.invitedBy = keyOf(peer);
  know(hub, session, from);
  signal(hub, session, from, "asked");
  notify(hub, session, "invited", peer);
}

/**
 * Both have invited each other. One of the two invitations counts, the same one for both sides, and
 * the other one serves as its acceptance. The side with the other one waits for that, and remembers
 * theirs in addition.
 */
function hearCrossing(hub: HubState, session: Session, own: ChatPeer, from: ChatPeer): void {
  const [mine = ""] = own.exchange;
  const [theirs = ""] = from.exchange;
  const known = { ...from, exchange: [...own.exchange, theirs] };
  know(hub, session, known);
  if (theirs < mine) return;
  start(hub, session, { elsewhere: known });
  signal(hub, session, { ...from, exchange: [mine] }, "accept");
}

/** The session's partner and the other sides of its invitations. */
function privateChatPeers(hub: HubState, session: Session): Peer[] {
  const { partner, invited, invitedBy } = session.privateChat;
  return [partner, invited, invitedBy].flatMap((key) => peerOf(hub, session, key) ?? []);
}

/** Reserves the current name of `other`, as used by `session`, for that person only. */
function rememberName(hub: HubState, session: Session, other: Peer): void {
  const own = session.ownPrivateChat;
  own.names ??= new PartnerNames();
  const { folded, person } = "session" in other ? senderOf(other.session) : other.elsewhere;
  own.names.remember(folded, person, hub.nowMs);
}

function peerOf(hub: HubState, session: Session, key: string | undefined): Peer | undefined {
  if (key === undefined) return undefined;
  const elsewhere = session.privateChat.elsewhere?.get(key);
  if (elsewhere !== undefined) return { elsewhere };
  const here = hub.names.byKey(key);
  return here && { session: here };
}

/** Session keys contain no slash. */
function qualified({ server, key }: ChatPeer): string {
  return `${server}/${key}`;
}

function keyOf(peer: Peer): string {
  return "session" in peer ? peer.session.identity.key : qualified(peer.elsewhere);
}

function nameOf(peer: Peer): string {
  return "session" in peer ? peer.session.name : peer.elsewhere.name;
}

function notify(hub: HubState, session: Session, state: PrivateChatStep, other: Peer): void {
  if (state === "left" || state === "lost") rememberName(hub, session, other);
  hub.send(session, { type: "chat", state, with: nameOf(other) });
}

function signal(hub: HubState, session: Session, to: ChatPeer, step: ChatStep): void {
  const { server, key, exchange } = to;
  hub.signal(server, { type: "chat", to: key, step, exchange, from: senderOf(session) });
}

function isBusy({ privateChat }: Session): boolean {
  const { partner, invitedBy, invited } = privateChat;
  return partner !== undefined || invitedBy !== undefined || invited !== undefined;
}

function withdraw(hub: HubState, asker: Session, how: "left" | "lost"): void {
  const invited = peerOf(hub, asker, asker.privateChat.invited);
  if (invited !== undefined) end(hub, asker, invited, how);
}

/** Ends whatever there is between the two, and tells the other side how. */
function end(hub: HubState, session: Session, peer: Peer, how: "left" | "lost"): void {
  forget(hub, session, keyOf(peer));
  if ("elsewhere" in peer) return signal(hub, session, peer.elsewhere, how);
  forget(hub, peer.session, session.identity.key);
  notify(hub, peer.session, how, { session });
}

/** The person who has invited the session gets no chat. */
function answerInvitation(
  hub: HubState,
  session: Session,
  asker: Peer,
  answer: "busy" | "rejected",
): void {
  forget(hub, session, keyOf(asker));
  if ("elsewhere" in asker) return signal(hub, session, asker.elsewhere, answer);
  forget(hub, asker.session, session.identity.key);
  notify(hub, asker.session, answer, { session });
}

/** Records the state shared with somebody on another server, and their current name. */
function know(hub: HubState, session: Session, peer: ChatPeer): void {
  const own = session.ownPrivateChat;
  own.elsewhere = new Map(own.elsewhere).set(qualified(peer), peer);
  hub.chatsElsewhere.add(session);
}

/** The session no longer shares any state with that person. */
function forget(hub: HubState, session: Session, key: string): void {
  const own = session.ownPrivateChat;
  if (own.partner === key) own.partner = undefined;
  if (own.invited === key) own.invited = undefined;
  if (own.invitedBy === key) own.invitedBy = undefined;
  if (own.elsewhere?.has(key) !== true) return;
  const others = new Map(own.elsewhere);
  others.delete(key);
  own.elsewhere = others.size === 0 ? undefined : others;
  if (others.size === 0) hub.chatsElsewhere.delete(session);
}

function refusal(message: string): Refusal {
  return { code: "protocol", message };
}
