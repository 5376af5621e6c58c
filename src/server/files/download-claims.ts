// Limits open-chat download ports: a few per session, and half the pool per share owner.

import { ParleyError } from "../../errors.ts";
import { openChatDownload as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";

/** A claim to a port, held from the time of the request. */
export type Claim = {
  readonly session: number | undefined;
  readonly owner: ShareOwner | undefined;
  asked: boolean;
  /** Its session has ended. */
  orphaned: boolean;
  /** Frees the port, once bound. */
  close?: () => void;
};

export class DownloadClaims {
  /** Claims by session ID. */
  readonly #perSession = new Map<number, Set<Claim>>();
  readonly #owners = new ShareCounts(limits.portsPerAddress, limits.portsPerAddress);

  of(session: number): Iterable<Claim> {
    return this.#perSession.get(session) ?? [];
  }

  /**
   * Without a `session` or `owner`, the respective limit does not apply.
   * @throws ParleyError `full`
   */
  add(session: number | undefined, owner: ShareOwner | undefined): Claim {
    const full = owner === undefined ? undefined : this.#owners.full(owner);
    if (full !== undefined) {
      const sentence = `${full.label} already has ${full.count} downloads: finish one first`;
      throw new ParleyError("full", sentence);
    }
    const claim: Claim = { session, owner, asked: false, orphaned: false };
    if (session !== undefined) this.#perSession.set(session, this.#claimsWith(session, claim));
    if (owner !== undefined) this.#owners.add(owner);
    return claim;
  }

  /** @throws ParleyError `full` */
  #claimsWith(session: number, claim: Claim): Set<Claim> {
    const claims = this.#perSession.get(session) ?? new Set();
    const unasked = Array.from(claims).filter(({ asked }) => !asked).length;
    if (unasked >= limits.unaskedPerSession || claims.size >= limits.portsPerSession) {
      const sentence = `You already have ${claims.size} downloads, ${unasked} of them not started: finish one first`;
      throw new ParleyError("full", sentence);
    }
    return claims.add(claim);
  }

  /** Call exactly once for each claim. */
  remove(claim: Claim): void {
    const { session, owner } = claim;
    if (session !== undefined) {
      const claims = this.#perSession.get(session);
      claims?.delete(claim);
      if (claims?.size === 0) this.#perSession.delete(session);
    }
    if (owner !== undefined) this.#owners.remove(owner);
  }
}
