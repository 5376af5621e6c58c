// One offer of files from one person to another, and the channel between them once it is accepted.
// Knows who its ends are, not how they are reached.

import type { OfferContent } from "../../protocol/messages.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { accountMailbox } from "../accounts/account-store.ts";
import { fold } from "../names/grammar.ts";
import type { OpenRelay } from "../relay-port.ts";
import { personKey, type Session } from "../session.ts";
import { FrameQueue } from "./frame-queue.ts";

/** An end of an offer: a person, and the session that takes part on their behalf. */
export type Party = {
  readonly person: string;
  /** As last seen. */
  readonly name: string;
  readonly folded: string;
  readonly isAccount: boolean;
  /** The device key that it has proved. */
  readonly proved: string | undefined;
  /** Identity key of the session; undefined if none takes part. */
  session: string | undefined;
};

/** The person of this session, which takes part. */
export function partyOf({ identity, proven }: Session): Party {
  return {
    person: personKey(identity),
    name: identity.name,
    folded: identity.folded,
    isAccount: identity.account !== "",
    proved: proven.key,
    session: identity.key,
  };
}

/** A person who is away. */
export function absentParty(
  name: string,
  { mailbox, isAccount }: { mailbox: string; isAccount: boolean },
): Party {
  const nothing = { proved: undefined, session: undefined };
  return { person: mailbox, name, folded: fold(name), isAccount, ...nothing };
}

/**
 * Whether the session belongs to that party: by account, session secret or device key. An account
 * is recognised under any name, but only by devices that have not been revoked.
 */
export function isPerson({ person, isAccount, proved }: Party, session: Session): boolean {
  if (person === personKey(session.identity)) return true;
  const { key, account = "" } = session.proven;
  const isDevice = proved !== undefined && proved === key;
  return isDevice && (!isAccount || person === accountMailbox(account));
}

/** Whether the session takes part for that end. Its secret alone does not make it an account's. */
export function takesPart(party: Party, session: Session): boolean {
  if (party.session !== session.identity.key) return false;
  return !party.isAccount || isPerson(party, session);
}

export class FileOffer {
  readonly id: string;
  /** The share owner whose limits it uses. */
  readonly owner: ShareOwner;
  from: Party;
  to: Party;
  content: OfferContent;
  isAccepted = false;
  /** The last channel; 0 if there was none. */
  channel = 0;
  isOpen = false;
  /** Forwards datagrams between the ends of the channel. */
  relay: OpenRelay | undefined;
  /** Since when its sender has been disconnected; undefined if it is connected. */
  awayMs: number | undefined;
  readonly toSender = new FrameQueue();
  readonly toRecipient = new FrameQueue();

  constructor(id: string, from: Party, to: Party, owner: ShareOwner, content: OfferContent) {
    this.id = id;
    this.from = from;
    this.to = to;
    this.owner = owner;
    this.content = content;
  }

  /** Which end the session is; undefined if it is neither. */
  endOf(session: Session): "sender" | "recipient" | undefined {
    if (takesPart(this.from, session)) return "sender";
    return takesPart(this.to, session) ? "recipient" : undefined;
  }

  /** Frames waiting for that end. */
  queueTo(end: "sender" | "recipient"): FrameQueue {
    return end === "sender" ? this.toSender : this.toRecipient;
  }
}
