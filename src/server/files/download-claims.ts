// Who may have how many of S1's download ports at once: few for a session, half of them for an address.

import { ParleyError } from "../../errors.ts";
import { classicDownload as limits } from "../../limits.ts";
import { isLoopback, networkOf } from "../../addresses.ts";

/** A claim to a port, from its request on. */
export type Claim = {
  readonly session: number | undefined;
  /** Whose claims are counted together; undefined for this machine's. */
  readonly network: string | undefined;
  asked: boolean;
  /** The session is gone. */
  orphaned: boolean;
  /** Once there is a port: frees it. */
  close?: () => void;
};

export class DownloadClaims {
  /** What each session has, or is about to have. */
  readonly #perSession = new Map<number, Set<Claim>>();
  readonly #perNetwork = new Map<string, number>();

  of(session: number): Iterable<Claim> {
    return this.#perSession.get(session) ?? [];
  }

  /** `session` or `address` undefined: not bounded by it. @throws ParleyError `full` */
  add(session: number | undefined, address: string | undefined): Claim {
    const network = address === undefined || isLoopback(address) ? undefined : networkOf(address);
    const here = this.#perNetwork.get(network ?? "") ?? 0;
    if (here >= limits.portsPerAddress) {
      throw new ParleyError("full", `${network} has ${here} downloads: finish one first`);
    }
    const claim: Claim = { session, network, asked: false, orphaned: false };
    if (session !== undefined) this.#perSession.set(session, this.#with(session, claim));
    if (network !== undefined) this.#perNetwork.set(network, here + 1);
    return claim;
  }

  /** @throws ParleyError `full` */
  #with(session: number, claim: Claim): Set<Claim> {
    const claims = this.#perSession.get(session) ?? new Set();
    const unasked = Array.from(claims).filter(({ asked }) => !asked).length;
    if (unasked >= limits.unaskedPerSession || claims.size >= limits.portsPerSession) {
      const sentence = `You have ${claims.size} downloads, ${unasked} of them not begun: finish one first`;
      throw new ParleyError("full", sentence);
    }
    return claims.add(claim);
  }

  /** Once for each claim. */
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
