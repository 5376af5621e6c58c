// The peers that can be called through the server, and the calls in progress, within bounds.
// Decides nothing (call-commands.ts).

import { calls as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { fold } from "../names/grammar.ts";
import { ShareBuckets } from "../rates/share-buckets.ts";
import type { Session } from "../session.ts";
import type { Asked, NameClaim } from "../turn/store.ts";
import type { Call } from "./call.ts";

/** A peer: the same ID with another key is another peer. */
export type Callee = { readonly id: string; readonly key: string };

type Waiting = {
  readonly place: string;
  readonly asked: Asked;
  readonly owner: ShareOwner;
  /** By which other servers find it. */
  readonly claim: NameClaim | undefined;
};

export class CallBook {
  readonly #callees = new Map<string, Session>();
  readonly #waiting = new Map<Session, Waiting>();
  readonly #waitingOwners = new ShareCounts(limits.maxWaitingPerOwner, limits.maxWaiting / 3);
  readonly #calls = new Map<string, Call>();
  readonly #owners = new ShareCounts(limits.maxPerOwner, limits.maxOpen / 3);
  readonly #rates = new ShareBuckets(
    { perSecond: limits.newPerMinute / 60, burst: limits.newAtOnce },
    limits.owners,
  );

  /** Peers that can be called, and calls. */
  get size(): number {
    return this.#callees.size + this.#calls.size;
  }

  get(id: string): Call | undefined {
    return this.#calls.get(id);
  }

  /** The session that takes calls for that peer. */
  callee(callee: Callee): Session | undefined {
    return this.#callees.get(placeOf(callee));
  }

  /** When that session asked for them. */
  askedBy(callee: Callee): Asked | undefined {
    const session = this.callee(callee);
    return session && this.#waiting.get(session)?.asked;
  }

  /** The peers that can be called and their claims, if they have any. */
  *claims(): Iterable<{ readonly place: string; readonly claim: NameClaim }> {
    for (const { place, claim } of this.#waiting.values()) {
      if (claim !== undefined) yield { place, claim };
    }
  }

  /** Whether a peer can be called there (`placeOf`). */
  isTaken(place: string): boolean {
    return this.#callees.has(place);
  }

  /** Whether the session takes the calls for a peer other than that one. */
  takesOthers(session: Session, callee: Callee): boolean {
    const own = this.#waiting.get(session);
    return own !== undefined && own.place !== placeOf(callee);
  }

  /** From now on the session, which takes no others, takes that peer's calls; returns why not. */
  take(
    session: Session,
    callee: Callee,
    { asked, claim }: { asked: Asked; claim?: NameClaim | undefined },
  ): string | undefined {
    const place = placeOf(callee);
    const before = this.#callees.get(place);
    if (before !== undefined) this.#forget(before);
    if (this.#callees.size >= limits.maxWaiting) {
      return "This server already accepts calls for as many peers as it can: try again later";
    }
    const owner = session.shareOwner;
    const full = this.#waitingOwners.full(owner);
    if (full !== undefined) {
      return `This server already accepts calls for ${full.count} peers of ${full.label}`;
    }
    this.#callees.set(place, session);
    this.#waiting.set(session, { place, owner, asked, claim });
    this.#waitingOwners.add(owner);
    return undefined;
  }

  /**
   * Why that session can't make another call; undefined if it can, which uses up one of its calls.
   */
  refusal(session: Session, callee: Session, nowMs: number): string | undefined {
    if (this.#calls.size >= limits.maxOpen) {
      return "The server already relays as many calls as it can: try again later";
    }
    const full = this.#owners.full(session.shareOwner);
    if (full !== undefined) {
      return `${full.count} calls of ${full.label} are relayed already: wait for one to end`;
    }
    const theirs = new ShareCounts(limits.maxToCalleePerOwner, limits.maxToCalleePerOwner);
    let all = 0;
    for (const call of this.#calls.values()) {
      if (call.callee !== callee) continue;
      all++;
      theirs.add(call.owner);
    }
    if (all >= limits.maxToCallee || theirs.full(session.shareOwner) !== undefined) {
      return "Too many are calling that peer: try again later";
    }
    if (this.#rates.take(session.shareOwner, nowMs) > 0) {
      return "Too many calls in a row: try again in a few seconds";
    }
    return undefined;
  }

  add(call: Call): void {
    this.#calls.set(call.id, call);
    this.#owners.add(call.owner);
  }

  /** False: it was already removed. */
  remove(call: Call): boolean {
    if (!this.#calls.delete(call.id)) return false;
    this.#owners.remove(call.owner);
    return true;
  }

  /** The session has closed. Returns its calls, and the claim that it no longer needs. */
  leave(session: Session): { calls: Call[]; claim: NameClaim | undefined } {
    const claim = this.#waiting.get(session)?.claim;
    this.#forget(session);
    const calls = [...this.#calls.values()].filter((call) => call.endOf(session) !== undefined);
    return { calls, claim };
  }

  #forget(session: Session): void {
    const waiting = this.#waiting.get(session);
    if (waiting === undefined) return;
    this.#waiting.delete(session);
    this.#callees.delete(waiting.place);
    this.#waitingOwners.remove(waiting.owner);
  }
}

export function placeOf({ id, key }: Callee): string {
  return `${key} ${fold(id)}`;
}
