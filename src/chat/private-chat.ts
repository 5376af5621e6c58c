// Private chat by consent. A person has at most one partner, one outgoing and one incoming
// invitation; anyone with one of these is busy. People are identified by key, which survives
// renames and reconnects.

import type { ErrorCode } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import type { ChatState as PrivateChatStep } from "./events.ts";
import { PartnerNames } from "./names/partner-names.ts";
import { personKey, type Session } from "./session.ts";

/** Why a request does not apply; undefined if it succeeded. */
export type ChatRefusal = { code: ErrorCode; message: string } | undefined;

/** Invites `other`. If `other` is busy, only the inviter hears of it. */
export function invite(hub: HubState, asker: Session, other: Session): ChatRefusal {
  const own = asker.ownPrivateChat;
  if (personKey(other.identity) === personKey(asker.identity))
    return refusal("You can't have a private chat with yourself");
  if (own.partner !== undefined) return refusal("You are in a private chat: leave it first");
  const invited = sessionOf(hub, own.invited);
  if (invited !== undefined)
    return refusal(`You have already invited ${invited.name}: wait for an answer`);
  if (own.invitedBy === other.identity.key) return accept(hub, asker);
  if (isBusy(other)) {
    notify(hub, asker, "busy", other);
    return undefined;
  }
  own.invited = other.identity.key;
  other.ownPrivateChat.invitedBy = asker.identity.key;
  notify(hub, asker, "asked", other);
  notify(hub, other, "invited", asker);
  return undefined;
}

export function accept(hub: HubState, session: Session): ChatRefusal {
  const asker = sessionOf(hub, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has invited you to a private chat");
  // The session's own invitation is withdrawn: one chat at a time.
  withdraw(hub, session, "left");
  clearInvitation(asker, session);
  // Anyone who has invited the inviter meanwhile learns that it is busy.
  const third = sessionOf(hub, asker.privateChat.invitedBy);
  if (third !== undefined) {
    clearInvitation(third, asker);
    notify(hub, third, "busy", asker);
  }
  session.ownPrivateChat.partner = asker.identity.key;
  asker.ownPrivateChat.partner = session.identity.key;
  notify(hub, asker, "started", session);
  notify(hub, session, "started", asker);
  return undefined;
}

export function reject(hub: HubState, session: Session): ChatRefusal {
  const asker = sessionOf(hub, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has invited you to a private chat");
  clearInvitation(asker, session);
  notify(hub, asker, "rejected", session);
  notify(hub, session, "rejected", asker);
  return undefined;
}

/** Ends the chat, or withdraws the invitation. */
export function leave(hub: HubState, session: Session): ChatRefusal {
  const partner = sessionOf(hub, session.privateChat.partner);
  if (partner !== undefined) {
    separate(session, partner);
    notify(hub, partner, "left", session);
    notify(hub, session, "left", partner);
    return undefined;
  }
  const invited = sessionOf(hub, session.privateChat.invited);
  if (invited === undefined) return refusal("You are not in a private chat");
  withdraw(hub, session, "left");
  notify(hub, session, "left", invited);
  return undefined;
}

/** The session is gone: its partner and the other sides of its invitations are told. */
export function dissolve(hub: HubState, session: Session, how: "left" | "lost"): void {
  const partner = sessionOf(hub, session.privateChat.partner);
  if (partner !== undefined) {
    separate(session, partner);
    notify(hub, partner, how, session);
  }
  withdraw(hub, session, how);
  const asker = sessionOf(hub, session.privateChat.invitedBy);
  if (asker !== undefined) {
    clearInvitation(asker, session);
    notify(hub, asker, how, session);
  }
}

/** The session's partner and the other sides of its invitations. */
export function privateChatPeers(hub: HubState, session: Session): Session[] {
  const { partner, invited, invitedBy } = session.privateChat;
  return [partner, invited, invitedBy].flatMap((key) => sessionOf(hub, key) ?? []);
}

/** Reserves `other`'s present name, as used by `session`, for that person alone. */
export function rememberName(hub: HubState, session: Session, other: Session): void {
  const own = session.ownPrivateChat;
  own.names ??= new PartnerNames();
  own.names.remember(other.identity.folded, personKey(other.identity), hub.nowMs);
}

function sessionOf(hub: HubState, key: string | undefined): Session | undefined {
  return key === undefined ? undefined : hub.names.byKey(key);
}

function notify(hub: HubState, session: Session, state: PrivateChatStep, other: Session): void {
  if (state === "left" || state === "lost") rememberName(hub, session, other);
  hub.send(session, { type: "chat", state, with: other.name });
}

function isBusy({ privateChat }: Session): boolean {
  const { partner, invitedBy, invited } = privateChat;
  return partner !== undefined || invitedBy !== undefined || invited !== undefined;
}

function withdraw(hub: HubState, asker: Session, how: "left" | "lost"): void {
  const invited = sessionOf(hub, asker.privateChat.invited);
  if (invited === undefined) return;
  clearInvitation(asker, invited);
  notify(hub, invited, how, asker);
}

function clearInvitation(asker: Session, invited: Session): void {
  asker.ownPrivateChat.invited = undefined;
  invited.ownPrivateChat.invitedBy = undefined;
}

function separate(one: Session, other: Session): void {
  one.ownPrivateChat.partner = undefined;
  other.ownPrivateChat.partner = undefined;
}

function refusal(message: string): ChatRefusal {
  return { code: "protocol", message };
}
