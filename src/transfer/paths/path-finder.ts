// Finds paths for datagrams between two people, for one end: sends a PROBE to every address that
// the other end may have, keeps working paths alive, and moves to the best of them. Both ends
// probe; the recipient's end chooses, and its probes say which path is used.
//
// An address counts only after it has answered a probe, so nobody can make an end send more than a
// few small datagrams to a third party: answers are authenticated, repeat what only the address has
// received, and are no longer than the probes they answer. Pure: datagrams and routes in and out;
// keyed hashes, randomness and the time are parameters.

import { paths as limits } from "../../limits.ts";
import { type Probe, type ProbeHash, readProbe, writeProbe } from "./path-wire.ts";

/** The address and port that datagrams to the other end are sent to. */
export type Route = { readonly address: string; readonly port: number };

/** The relay, at whatever address the server has. */
export const relayRoute: Route = { address: "", port: 0 };

/** The kinds of paths, best first. */
const pathKinds = ["loopback", "lan", "ipv6", "punched", "relayed"] as const;
export type PathKind = (typeof pathKinds)[number];

export interface Path {
  readonly route: Route;
  readonly kind: PathKind;
}

export interface PathFinderConfig {
  /** Whether this end chooses the path for both. */
  readonly isChooser: boolean;
  /** The hashes for probes of this end, and of the other one. */
  readonly ownHash: ProbeHash;
  readonly otherHash: ProbeHash;
  /** `nonceBytes` random bytes. */
  readonly newNonce: () => Uint8Array;
  /**
   * The kind of a path to an address that was not announced (yet), but that a probe arrived from.
   */
  kindOf(route: Route): PathKind;
}

interface Candidate {
  readonly route: Route;
  kind: PathKind;
  /** Whether the other end has announced the address; otherwise a probe arrived from there. */
  isTold: boolean;
  /** It has answered, and has not been silent for too long since. */
  isValid: boolean;
  /** It has answered at least once. */
  hasAnswered: boolean;
  /** Probes since something was last received on it. */
  tries: number;
  dueUs: number;
  heardUs: number;
  rttUs: number;
}

/** An unanswered probe. */
interface Asked {
  candidate: Candidate;
  nonce: Uint8Array;
  sentUs: number;
}

/** A path of the same kind must be this much faster to justify a change. */
const fasterShare = 0.7;
/** How many probe numbers are remembered, so that each counts once. */
const windowNumbers = 64;
const maxAsked = 256;

export class PathFinder {
  readonly #config: PathFinderConfig;
  readonly #candidates: Candidate[] = [];
  readonly #asked = new Map<number, Asked>();
  /** Answers to send, oldest first. */
  readonly #answers: { probe: Probe; route: Route }[] = [];
  readonly #seen = new NumberWindow();
  #lastNumber = 0;
  #used: Candidate | undefined;
  /** The path that the other end has most recently said it uses. */
  #named: Candidate | undefined;
  #namedNumber = 0;

  constructor(config: PathFinderConfig) {
    this.#config = config;
  }

  /** The path in use; undefined: none is known to work. */
  get path(): Path | undefined {
    return this.#used;
  }

  /** Whether data on that route may be from the other end. */
  has(route: Route): boolean {
    return this.#find(route)?.isValid === true;
  }

  /** Adds a possible address of the other end. Beyond the limit it is ignored. */
  add({ route, kind }: Path, nowUs: number): void {
    const known = this.#find(route);
    if (known === undefined) this.#add({ route, kind }, true, nowUs);
    else if (!known.isTold) {
      known.kind = kind;
      known.isTold = true;
    }
  }

  #add({ route, kind }: Path, isTold: boolean, nowUs: number): void {
    if (this.#candidates.length >= limits.maxCandidates && !this.#dropDead()) return;
    this.#candidates.push({
      route,
      kind,
      isTold,
      isValid: false,
      hasAnswered: false,
      tries: 0,
      dueUs: nowUs,
      heardUs: nowUs,
      rttUs: Infinity,
    });
  }

  /**
   * Makes room for another address: forgets the one that has been silent longest. It must have
   * answered before, otherwise the other end could have any number of strangers probed.
   */
  #dropDead(): boolean {
    const dead = this.#candidates.filter((candidate) => {
      const { hasAnswered, isValid, kind } = candidate;
      return hasAnswered && !isValid && kind !== "relayed" && candidate !== this.#named;
    });
    if (dead.length === 0) return false;
    const oldest = dead.reduce((a, b) => (b.heardUs < a.heardUs ? b : a));
    this.#candidates.splice(this.#candidates.indexOf(oldest), 1);
    return true;
  }

  /** Handles a PROBE; false: not a probe, or not from the other end. */
  handleProbe(bytes: Uint8Array, at: number, end: number, route: Route, nowUs: number): boolean {
    const probe = readProbe(bytes, at, end, this.#config.otherHash);
    if (probe === undefined) return false;
    if (probe.isAnswer) this.#handleAnswer(probe, route, nowUs);
    else if (this.#seen.add(probe.number)) this.#handleQuestion(probe, route, nowUs);
    return true;
  }

  /** Other data has arrived on that route. */
  handleArrival(route: Route, nowUs: number): void {
    const candidate = this.#find(route);
    if (candidate?.isValid === true) candidate.heardUs = nowUs;
  }

  /** Writes the next PROBE; returns its destination, or undefined if none is due. */
  pollTransmit(into: Uint8Array, nowUs: number): Route | undefined {
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      writeProbe(into, answer.probe, this.#config.ownHash);
      return answer.route;
    }
    this.#leaveDead(nowUs);
    const due = this.#candidates.find(({ dueUs }) => dueUs <= nowUs);
    if (due === undefined) return undefined;
    this.#ask(due, into, nowUs);
    return due.route;
  }

  /** When to call `pollTransmit` again, in µs; Infinity: never. */
  nextTimeoutUs(nowUs: number): number {
    if (this.#answers.length > 0) return nowUs;
    let soonestUs = Infinity;
    for (const { dueUs, isValid, heardUs } of this.#candidates) {
      soonestUs = Math.min(soonestUs, dueUs, isValid ? heardUs + limits.deadUs : Infinity);
    }
    return soonestUs;
  }

  #ask(candidate: Candidate, into: Uint8Array, nowUs: number): void {
    const number = ++this.#lastNumber;
    const isUsed = this.#config.isChooser && candidate === this.#used;
    const nonce = this.#config.newNonce();
    writeProbe(into, { isAnswer: false, isUsed, number, nonce }, this.#config.ownHash);
    this.#asked.set(number, { candidate, nonce, sentUs: nowUs });
    if (this.#asked.size > maxAsked) this.#asked.delete(this.#asked.keys().next().value!);
    candidate.tries++;
    candidate.dueUs = nowUs + this.#waitUs(candidate);
  }

  #waitUs(candidate: Candidate): number {
    if (candidate.isValid) {
      return candidate === this.#used ? limits.usedProbeUs : limits.spareProbeUs;
    }
    if (candidate.tries >= limits.maxTries) {
      return candidate.hasAnswered ? limits.tryAgainUs : Infinity;
    }
    return Math.min(limits.firstTryUs * 2 ** (candidate.tries - 1), limits.lastTryUs);
  }

  #handleQuestion(probe: Probe, route: Route, nowUs: number): void {
    this.#answers.push({ probe: { ...probe, isAnswer: true, isUsed: false }, route });
    if (this.#answers.length > limits.maxCandidates) this.#answers.shift();
    if (this.#find(route) === undefined) {
      this.#add({ route, kind: this.#config.kindOf(route) }, false, nowUs);
    }
    const candidate = this.#find(route);
    if (candidate === undefined) return;
    // A router may let it through only now that the other end has sent something on that route.
    if (!candidate.isValid && candidate.tries < limits.maxTries) candidate.dueUs = nowUs;
    if (this.#config.isChooser || !probe.isUsed || probe.number < this.#namedNumber) return;
    this.#named = candidate;
    this.#namedNumber = probe.number;
    this.#follow();
  }

  #handleAnswer({ number, nonce }: Probe, route: Route, nowUs: number): void {
    const asked = this.#asked.get(number);
    if (asked?.nonce.every((byte, i) => byte === nonce[i]) !== true) return;
    // An answer from another address proves nothing about this route.
    if (!isSame(asked.candidate.route, route)) return;
    this.#asked.delete(number);
    const { candidate, sentUs } = asked;
    const rttUs = nowUs - sentUs;
    candidate.rttUs = candidate.isValid ? candidate.rttUs + (rttUs - candidate.rttUs) / 4 : rttUs;
    candidate.isValid = true;
    candidate.hasAnswered = true;
    candidate.tries = 0;
    candidate.heardUs = nowUs;
    if (this.#config.isChooser) this.#choose(nowUs);
    else this.#follow();
  }

  /** Switches to the path that the other end uses, as soon as it is known to work. */
  #follow(): void {
    if (this.#named?.isValid === true) this.#used = this.#named;
  }

  #choose(nowUs: number): void {
    let best = this.#used?.isValid === true ? this.#used : undefined;
    for (const candidate of this.#candidates) {
      if (candidate.isValid && (best === undefined || isBetter(candidate, best))) best = candidate;
    }
    if (best === this.#used) return;
    this.#used = best;
    // Tells the other end immediately.
    if (best !== undefined) best.dueUs = nowUs;
  }

  /** Retries silent paths as if they were new. */
  #leaveDead(nowUs: number): void {
    let hasLeft = false;
    for (const candidate of this.#candidates) {
      if (!candidate.isValid || nowUs < candidate.heardUs + limits.deadUs) continue;
      candidate.isValid = false;
      candidate.tries = 0;
      candidate.dueUs = nowUs;
      hasLeft = true;
    }
    if (!hasLeft || this.#used?.isValid !== false) return;
    if (this.#config.isChooser) this.#choose(nowUs);
    else this.#used = undefined;
  }

  #find(route: Route): Candidate | undefined {
    return this.#candidates.find((candidate) => isSame(candidate.route, route));
  }
}

function isBetter(one: Candidate, other: Candidate): boolean {
  const rank = pathKinds.indexOf(one.kind) - pathKinds.indexOf(other.kind);
  return rank === 0 ? one.rttUs < other.rttUs * fasterShare : rank < 0;
}

function isSame(one: Route, other: Route): boolean {
  return one.port === other.port && one.address === other.address;
}

/** Ascending numbers, each accepted once, in almost any order (RFC 4303 §3.4.3). */
class NumberWindow {
  #highest = 0;
  readonly #seen = new Set<number>();

  add(number: number): boolean {
    if (number <= this.#highest - windowNumbers || this.#seen.has(number)) return false;
    this.#seen.add(number);
    this.#highest = Math.max(this.#highest, number);
    if (this.#seen.size > 2 * windowNumbers) {
      for (const old of this.#seen)
        if (old <= this.#highest - windowNumbers) this.#seen.delete(old);
    }
    return true;
  }
}
