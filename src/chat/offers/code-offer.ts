// Files offered by code, and the channel between the two ends. The server only knows the code's
// number: whether the other end knows its words is for the sender to find out. Each end resumes
// with an ID of its own choice, which nobody else can know.

import type { ShareOwner } from "../../share-owner.ts";
import type { OpenRelay } from "../relay-port.ts";
import type { Session } from "../session.ts";
import type { Asked, NameClaim } from "../turn/store.ts";
import { FrameQueue } from "./frame-queue.ts";

/** One end of the channel. */
type CodeEnd = {
  /** Its own 16 random bytes in base64url: the ID of the offer in its messages. */
  readonly id: string;
  /** Undefined: disconnected. */
  session: Session | undefined;
  /** When it disconnected or connected. */
  sinceMs: number;
};

export class CodeOffer {
  readonly number: number;
  /** The share owner whose limits it uses. */
  readonly owner: ShareOwner;
  readonly from: CodeEnd & { asked: Asked };
  #to: (CodeEnd & { address: string }) | undefined;
  /** The sender has confirmed that the other end knows the code. */
  isAccepted = false;
  /** By which other servers find it. */
  claim: NameClaim | undefined;
  /** The last channel; 0 if there was none. */
  channel = 0;
  isOpen = false;
  /** Relays datagrams between the ends of the open channel; undefined if there is none. */
  relay: OpenRelay | undefined;
  readonly toSender = new FrameQueue();
  readonly toRecipient = new FrameQueue();

  constructor(number: number, id: string, session: Session, asked: Asked, nowMs: number) {
    this.number = number;
    this.owner = session.shareOwner;
    this.from = { id, session, sinceMs: nowMs, asked };
  }

  /** The end that has tried the code; undefined if nobody has. */
  get to(): (CodeEnd & { readonly address: string }) | undefined {
    return this.#to;
  }

  /** Somebody tries the code. Nobody else can do so afterwards. */
  join(id: string, session: Session, nowMs: number): void {
    if (this.#to !== undefined) throw new Error("A code admits one receiver");
    this.#to = { id, session, sinceMs: nowMs, address: session.peer.address };
  }

  /** Which end the session is; undefined if it is neither. */
  endOf(session: Session): "sender" | "recipient" | undefined {
    if (this.from.session === session) return "sender";
    return this.#to?.session === session ? "recipient" : undefined;
  }

  at(end: "sender" | "recipient"): CodeEnd | undefined {
    return end === "sender" ? this.from : this.#to;
  }

  /** Frames waiting for that end. */
  queueTo(end: "sender" | "recipient"): FrameQueue {
    return end === "sender" ? this.toSender : this.toRecipient;
  }
}
