// Limits open-chat download ports: a few per session, half the pool per network.

import { ParleyError } from "../../errors.ts";
import { openChatDownload as limits } from "../../limits.ts";
import { NetworkCounts } from "../../network-counts.ts";

/** A claim to a port, from the time of the request. */
export type Claim = {
  readonly session: number | undefined;
  readonly address: string | undefined;
  asked: boolean;
  /** Its session has ended. */
  orphaned: boolean;
  /** Frees the port, once bound. */
  close?: () => void;
};

export class DownloadClaims {
  /** Claims by session. */
  readonly #perSession = new Map<number, Set<Claim>>();
  readonly #networks = new NetworkCounts(limits.portsPerAddress, limits.portsPerAddress);

  of(session: number): Iterable<Claim> {
    return this.#perSession.get(session) ?? [];
  }

  /**
   * An undefined `session` or `address` imposes no limit.
   * @throws ParleyError `full`
   */
  add(session: number | undefined, address: string | undefined): Claim {
    const full = address === undefined ? undefined : this.#networks.full(address);
    if (full !== undefined) {
      const sentence = `${full.network} already has ${full.count} downloads: finish one first`;
      throw new ParleyError("full", sentence);
    }
    const claim: Claim = { session, address, asked: false, orphaned: false };
    if (session !== undefined) this.#perSession.set(session, this.#claimsWith(session, claim));
    if (address !== undefined) this.#networks.add(address);
    return claim;
  }

  /** @throws ParleyError `full` */
  #claimsWith(session: number, claim: Claim): Set<Claim> {
    const claims = this.#perSession.get(session) ?? new Set();
    const unasked = Array.from(claims).filter(({ asked }) => !asked).length;
    if (unasked >= limits.unaskedPerSession || claims.size >= limits.portsPerSession) {
      const sentence = `You have ${claims.size} downloads, ${unasked} of them not started: finish one first`;
      throw new ParleyError("full", sentence);
    }
    return claims.add(claim);
  }

  /** Call once for each claim. */
  remove(claim: Claim): void {
    const { session, address } = claim;
    if (session !== undefined) {
      const claims = this.#perSession.get(session);
      claims?.delete(claim);
      if (claims?.size === 0) this.#perSession.delete(session);
    }
    if (address !== undefined) this.#networks.remove(address);
  }
}
