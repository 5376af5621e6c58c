// A call between two peers that the server relays because they may not reach each other: frames,
// and datagrams of the files that they send. It ends with the connection of either; the caller may
// go on with it by calling again.

import type { ShareOwner } from "../../share-owner.ts";
import type { OpenRelay } from "../relay-port.ts";
import type { Session } from "../session.ts";
import { FrameQueue } from "./frame-queue.ts";

export class Call {
  /** 16 random bytes in base64url, chosen by the caller. */
  readonly id: string;
  readonly caller: Session;
  readonly callee: Session;
  /** The share owner whose limits it uses: the caller's. */
  readonly owner: ShareOwner;
  /** Whom it is to (`placeOf`). */
  readonly place: string;
  /** Each new channel after a cut has a greater number. */
  readonly channel: number;
  readonly isOpen = true;
  relay: OpenRelay | undefined;
  readonly toSender = new FrameQueue();
  readonly toRecipient = new FrameQueue();

  constructor(
    { offer: id, channel }: { offer: string; channel: number },
    place: string,
    caller: Session,
    callee: Session,
  ) {
    this.id = id;
    this.channel = channel;
    this.place = place;
    this.caller = caller;
    this.callee = callee;
    this.owner = caller.shareOwner;
  }

  /** Which end the session is, the caller being the sender; undefined if it is neither. */
  endOf(session: Session): "sender" | "recipient" | undefined {
    if (this.caller === session) return "sender";
    return this.callee === session ? "recipient" : undefined;
  }

  at(end: "sender" | "recipient"): Session {
    return end === "sender" ? this.caller : this.callee;
  }

  /** Frames waiting for that end. */
  queueTo(end: "sender" | "recipient"): FrameQueue {
    return end === "sender" ? this.toSender : this.toRecipient;
  }
}
