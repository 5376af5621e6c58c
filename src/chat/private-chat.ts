// Private chat by consent: who asked whom, who talks with whom. A person is in at most one private chat, has asked at most
// one other, and is asked by at most one; whoever is any of that is busy. Pure state on sessions, events to both sides.

import type { ErrorCode } from "../errors.ts";
import type { ChatState } from "./events.ts";
import type { Session } from "./session.ts";

/** Tells one member about its private chat. */
export type TellChat = (session: Session, state: ChatState, withName: string) => void;

export type ChatRefusal = { code: ErrorCode; message: string } | undefined;

/** Asks `other` for a private chat. Busy people are left alone; the asker is told. */
export function invite(asker: Session, other: Session, tell: TellChat): ChatRefusal {
  if (other === asker) return refusal("You can't have a private chat with yourself");
  if (asker.partner !== undefined) return refusal("You are in a private chat: leave it first");
  if (asker.asks !== undefined) return refusal(`You have asked ${asker.asks.name} already: wait`);
  if (asker.askedBy === other) return accept(asker, tell);
  if (isBusy(other)) {
    tell(asker, "busy", other.name);
    return undefined;
  }
  asker.asks = other;
  other.askedBy = asker;
  tell(asker, "asked", other.name);
  tell(other, "invited", asker.name);
  return undefined;
}

export function accept(session: Session, tell: TellChat): ChatRefusal {
  const asker = session.askedBy;
  if (asker === undefined) return refusal("Nobody has asked you for a private chat");
  // Whoever the session has asked itself is let go: there is one chat at a time.
  withdraw(session, tell, "left");
  clearInvitation(asker, session);
  // Whoever has asked the asker meanwhile is told that it is busy now.
  const third = asker.askedBy;
  if (third !== undefined) {
    clearInvitation(third, asker);
    tell(third, "busy", asker.name);
  }
  session.partner = asker;
  asker.partner = session;
  tell(asker, "started", session.name);
  tell(session, "started", asker.name);
  return undefined;
}

export function reject(session: Session, tell: TellChat): ChatRefusal {
  const asker = session.askedBy;
  if (asker === undefined) return refusal("Nobody has asked you for a private chat");
  clearInvitation(asker, session);
  tell(asker, "rejected", session.name);
  tell(session, "rejected", asker.name);
  return undefined;
}

/** Ends the chat, or takes back the question. */
export function leave(session: Session, tell: TellChat): ChatRefusal {
  const { partner } = session;
  if (partner !== undefined) {
    part(session, partner);
    tell(partner, "left", session.name);
    tell(session, "left", partner.name);
    return undefined;
  }
  if (session.asks !== undefined) {
    const asked = session.asks.name;
    withdraw(session, tell, "left");
    tell(session, "left", asked);
    return undefined;
  }
  return refusal("You are in no private chat");
}

/** The session is gone: its partner, whom it asked and who asked it are told. */
export function dissolve(session: Session, tell: TellChat, state: "left" | "lost"): void {
  const { partner, askedBy } = session;
  if (partner !== undefined) {
    part(session, partner);
    tell(partner, state, session.name);
  }
  withdraw(session, tell, state);
  if (askedBy !== undefined) {
    clearInvitation(askedBy, session);
    tell(askedBy, state, session.name);
  }
}

function isBusy(session: Session): boolean {
  return (
    session.partner !== undefined || session.askedBy !== undefined || session.asks !== undefined
  );
}

function withdraw(asker: Session, tell: TellChat, state: "left" | "lost"): void {
  const asked = asker.asks;
  if (asked === undefined) return;
  clearInvitation(asker, asked);
  tell(asked, state, asker.name);
}

function clearInvitation(asker: Session, asked: Session): void {
  asker.asks = undefined;
  asked.askedBy = undefined;
}

function part(one: Session, other: Session): void {
  one.partner = undefined;
  other.partner = undefined;
}

function refusal(message: string): ChatRefusal {
  return { code: "protocol", message };
}
