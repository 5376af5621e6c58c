// Limits open-chat download ports: a few per session, half the pool per address.

import { ParleyError } from "../../errors.ts";
import { openChatDownload as limits } from "../../limits.ts";
import { isLoopback, networkOf } from "../../addresses.ts";

/** A claim to a port, from the time of the request. */
export type Claim = {
  readonly session: number | undefined;
  /** Claims are counted per network; undefined: loopback, not counted. */
  readonly network: string | undefined;
  asked: boolean;
  /** Its session has ended. */
  orphaned: boolean;
  /** Frees the port, once bound. */
  close?: () => void;
};

export class DownloadClaims {
  /** Claims by session. */
  readonly #perSession = new Map<number, Set<Claim>>();
  readonly #perNetwork = new Map<string, number>();

  of(session: number): Iterable<Claim> {
    return this.#perSession.get(session) ?? [];
  }

  /**
   * An undefined `session` or `address` imposes no limit.
   * @throws ParleyError `full`
   */
  add(session: number | undefined, address: string | undefined): Claim {
    const network = address === undefined || isLoopback(address) ? undefined : networkOf(address);
    const here = this.#perNetwork.get(network ?? "") ?? 0;
    if (here >= limits.portsPerAddress) {
      throw new ParleyError("full", `${network} already has ${here} downloads: finish one first`);
    }
    const claim: Claim = { session, network, asked: false, orphaned: false };
    if (session !== undefined) this.#perSession.set(session, this.#claimsWith(session, claim));
    if (network !== undefined) this.#perNetwork.set(network, here + 1);
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
    const { session, network } = claim;
    if (session !== undefined) {
      const claims = this.#perSession.get(session);
      claims?.delete(claim);
      if (claims?.size === 0) this.#perSession.delete(session);
    }
    if (network === undefined) return;
    const left = (this.#perNetwork.get(network) ?? 1) - 1;
    if (left > 0) this.#perNetwork.set(network, left);
    else this.#perNetwork.delete(network);
  }
}
