// Files for whoever knows a code, and the channel between the two ends. The server knows the code's
// number alone: whether the other end knows its words is for the sender to find out. Each end comes
// back by a number of its own choice, which nobody else can know.

import type { ShareOwner } from "../../share-owner.ts";
import type { OpenRelay } from "../relay-port.ts";
import type { Session } from "../session.ts";
import { FrameQueue } from "./frame-queue.ts";

/** One end of the channel. */
type CodeEnd = {
  /** 16 random bytes of its own, in base64url: what its messages call the offer. */
  readonly id: string;
  /** Undefined: it is away. */
  session: Session | undefined;
  /** When it went, or came. */
  sinceMs: number;
};

export class CodeOffer {
  readonly number: number;
  /** Whose share of what is limited it uses. */
  readonly owner: ShareOwner;
  readonly from: CodeEnd;
  #to: (CodeEnd & { address: string }) | undefined;
  /** The sender says that the other end knows the code. */
  isAccepted = false;
  /** The last channel; 0: there was none. */
  channel = 0;
  isOpen = false;
  /** For datagrams between the ends of the channel that is open; undefined: there is none. */
  relay: OpenRelay | undefined;
  readonly toSender = new FrameQueue();
  readonly toRecipient = new FrameQueue();

  constructor(number: number, id: string, session: Session, nowMs: number) {
    this.number = number;
    this.owner = session.shareOwner;
    this.from = { id, session, sinceMs: nowMs };
  }

  /** The one who has tried the code; undefined: nobody has. */
  get to(): (CodeEnd & { readonly address: string }) | undefined {
    return this.#to;
  }

  /** Somebody tries the code. Nobody else can from now on. */
  join(id: string, session: Session, nowMs: number): void {
    if (this.#to !== undefined) throw new Error("A code is for one guest");
    this.#to = { id, session, sinceMs: nowMs, address: session.peer.address };
  }

  /** Which end the session is; undefined: neither. */
  endOf(session: Session): "sender" | "recipient" | undefined {
    if (this.from.session === session) return "sender";
    return this.#to?.session === session ? "recipient" : undefined;
  }

  at(end: "sender" | "recipient"): CodeEnd | undefined {
    return end === "sender" ? this.from : this.#to;
  }

  /** Frames for that end. */
  queueTo(end: "sender" | "recipient"): FrameQueue {
    return end === "sender" ? this.toSender : this.toRecipient;
  }
}
