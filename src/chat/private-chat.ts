// Private chat by consent: who asked whom, who talks with whom. A person is in at most one private chat, has invited at most one
// other, and is invited by at most one; whoever is any of that is busy. People are known by what stays the same of them.

import type { ErrorCode } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import type { ChatState as PrivateChatStep } from "./events.ts";
import { PartnerNames } from "./names/partner-names.ts";
import type { Session } from "./session.ts";

/** Why a request fits no state; undefined: it went through. */
export type ChatRefusal = { code: ErrorCode; message: string } | undefined;

/** Asks `other` for a private chat. Busy people are left alone; the asker is told. */
export function invite(chat: HubState, asker: Session, other: Session): ChatRefusal {
  const own = asker.privateChat;
  if (other === asker) return refusal("You can't have a private chat with yourself");
  if (own.partner !== undefined) return refusal("You are in a private chat: leave it first");
  const invited = person(chat, own.invited);
  if (invited !== undefined) return refusal(`You have asked ${invited.name} already: wait`);
  if (own.invitedBy === other.identity.key) return accept(chat, asker);
  if (isBusy(other)) {
    tell(chat, asker, "busy", other);
    return undefined;
  }
  own.invited = other.identity.key;
  other.privateChat.invitedBy = asker.identity.key;
  tell(chat, asker, "asked", other);
  tell(chat, other, "invited", asker);
  return undefined;
}

export function accept(chat: HubState, session: Session): ChatRefusal {
  const asker = person(chat, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has asked you for a private chat");
  // An invitation of its own is taken back: there is one chat at a time.
  withdraw(chat, session, "left");
  clearInvitation(asker, session);
  // Whoever has asked the asker meanwhile is told that it is busy now.
  const third = person(chat, asker.privateChat.invitedBy);
  if (third !== undefined) {
    clearInvitation(third, asker);
    tell(chat, third, "busy", asker);
  }
  session.privateChat.partner = asker.identity.key;
  asker.privateChat.partner = session.identity.key;
  tell(chat, asker, "started", session);
  tell(chat, session, "started", asker);
  return undefined;
}

export function reject(chat: HubState, session: Session): ChatRefusal {
  const asker = person(chat, session.privateChat.invitedBy);
  if (asker === undefined) return refusal("Nobody has asked you for a private chat");
  clearInvitation(asker, session);
  tell(chat, asker, "rejected", session);
  tell(chat, session, "rejected", asker);
  return undefined;
}

/** Ends the chat, or takes back the invitation. */
export function leave(chat: HubState, session: Session): ChatRefusal {
  const partner = person(chat, session.privateChat.partner);
  if (partner !== undefined) {
    separate(session, partner);
    tell(chat, partner, "left", session);
    tell(chat, session, "left", partner);
    return undefined;
  }
  const invited = person(chat, session.privateChat.invited);
  if (invited === undefined) return refusal("You are in no private chat");
  withdraw(chat, session, "left");
  tell(chat, session, "left", invited);
  return undefined;
}

/** The session is gone: its partner, whom it invited and who invited it are told. */
export function dissolve(chat: HubState, session: Session, how: "left" | "lost"): void {
  const partner = person(chat, session.privateChat.partner);
  if (partner !== undefined) {
    separate(session, partner);
    tell(chat, partner, how, session);
  }
  withdraw(chat, session, how);
  const asker = person(chat, session.privateChat.invitedBy);
  if (asker !== undefined) {
    clearInvitation(asker, session);
    tell(chat, asker, how, session);
  }
}

/** Those who know the session by a private chat, or an invitation to one. */
export function chatMates(chat: HubState, session: Session): Session[] {
  const { partner, invited, invitedBy } = session.privateChat;
  return [partner, invited, invitedBy].flatMap((key) => person(chat, key) ?? []);
}

/** What `session` still writes to `other` by its name of this moment is for nobody else. */
export function rememberName(chat: HubState, session: Session, other: Session): void {
  const { privateChat } = session;
  privateChat.names ??= new PartnerNames();
  privateChat.names.remember(other.identity.folded, other.identity.key, chat.nowMs);
}

function person(chat: HubState, key: string | undefined): Session | undefined {
  return key === undefined ? undefined : chat.names.person(key);
}

function tell(chat: HubState, session: Session, state: PrivateChatStep, other: Session): void {
  if (state === "left" || state === "lost") rememberName(chat, session, other);
  chat.tell(session, { type: "chat", state, with: other.name });
}

function isBusy({ privateChat }: Session): boolean {
  const { partner, invitedBy, invited } = privateChat;
  return partner !== undefined || invitedBy !== undefined || invited !== undefined;
}

function withdraw(chat: HubState, asker: Session, how: "left" | "lost"): void {
  const invited = person(chat, asker.privateChat.invited);
  if (invited === undefined) return;
  clearInvitation(asker, invited);
  tell(chat, invited, how, asker);
}

function clearInvitation(asker: Session, invited: Session): void {
  asker.privateChat.invited = undefined;
  invited.privateChat.invitedBy = undefined;
}

function separate(one: Session, other: Session): void {
  one.privateChat.partner = undefined;
  other.privateChat.partner = undefined;
}

function refusal(message: string): ChatRefusal {
  return { code: "protocol", message };
}
