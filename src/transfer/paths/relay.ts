// The server's relay: forwards datagrams between the two ends of a channel, unread, once each has
// proved its address with its token and a cookie. Enforces rates: excess data waits briefly, and
// beyond that it is dropped, which the receiver's congestion control treats as loss. Pure: bytes
// and paths in and out, keyed hash and time are parameters.

import { relay as limits } from "../../limits.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { CookieJar, type KeyedHash, keyOf } from "../cookies.ts";
import { isSamePath, type UdpPath } from "../udp-path.ts";
import { datagramEnd, goneReason, kind, kindAt, writeCookie, writeGone } from "../wire.ts";
import { readJoin, writeJoined } from "./path-wire.ts";
import { longestWaitUs, type Rates, RateShares } from "./rate-shares.ts";

export interface RelayConfig {
  readonly keyedHash: KeyedHash;
  /** The rate of all forwarded data; 0: nothing is forwarded. */
  readonly bytesPerSecond: number;
}

/** Totals for metrics. */
export interface RelayTotals {
  datagrams: number;
  bytes: number;
  /** Dropped datagrams: above the rate, or without a receiver. */
  dropped: number;
}

/** Datagrams for one path, like `Burst` in sender.ts. */
export interface Relayed {
  bytes: Uint8Array;
  datagramBytes: number;
  path: UdpPath;
}

interface End {
  readonly pair: Pair;
  readonly token: Uint8Array;
  /** The path it has proved. */
  path: UdpPath | undefined;
  /** Data queued for it, oldest first. */
  readonly waiting: Uint8Array[];
  waitingBytes: number;
}

interface Pair {
  readonly owner: ShareOwner;
  readonly rates: Rates;
  readonly ends: End[];
}

/** The ends created by `open`. */
export type RelayPair = Pick<Pair, "owner">;

/**
 * The cost of a datagram in addition to its bytes: headers of IP and UDP, so that small ones are
 * charged.
 */
const headerBytes = 48;
/** Shorter merged datagrams are packed into larger ones, which receivers split like merged ones. */
const minSplitBytes = 512;
/** How many bytes of small datagrams are packed into one: fits every path. */
const gatheredBytes = 1_200;

export class Relay {
  readonly totals: RelayTotals = { datagrams: 0, bytes: 0, dropped: 0 };
  readonly #cookies: CookieJar;
  readonly #bytesPerSecond: number;
  readonly #rates: RateShares;
  readonly #pairs = new Set<Pair>();
  readonly #byToken = new Map<string, End>();
  /** Ends by their source port, which few share. */
  readonly #byPort = new Map<number, End[]>();
  /** Ends with queued data, in turn. */
  readonly #queue: End[] = [];
  readonly #queueBytes: number;
  #waitingBytes = 0;
  readonly #relayed: Relayed = { bytes: new Uint8Array(0), datagramBytes: 0, path: nowhere };

  constructor({ keyedHash, bytesPerSecond }: RelayConfig, nowUs: number) {
    this.#cookies = new CookieJar(keyedHash);
    this.#bytesPerSecond = bytesPerSecond;
    this.#rates = new RateShares(bytesPerSecond, bytesPerSecond / limits.ownersAtFullRate, nowUs);
    const share = (bytesPerSecond * limits.waitMs) / 1_000;
    this.#queueBytes = Math.min(limits.maxQueueBytes, Math.max(limits.minQueueBytes, share));
  }

  /** The number of pairs. */
  get size(): number {
    return this.#pairs.size;
  }

  /** The number of queued bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * `tokens`: unguessable, one per end. Undefined: relaying is off, or there are too many relays.
   */
  open(
    tokens: readonly [Uint8Array, Uint8Array],
    owner: ShareOwner,
    nowUs: number,
  ): RelayPair | undefined {
    if (this.#bytesPerSecond <= 0 || this.#pairs.size >= limits.maxPairs) return undefined;
    const pair: Pair = { owner, rates: this.#rates.open(owner, nowUs), ends: [] };
    for (const token of tokens) {
      const end = { pair, token, path: undefined, waiting: [], waitingBytes: 0 };
      pair.ends.push(end);
      this.#byToken.set(keyOf(token), end);
    }
    this.#pairs.add(pair);
    return pair;
  }

  /** The channel has closed: nothing is forwarded any more. */
  close(pair: RelayPair): void {
    for (const known of this.#pairs) {
      if (known !== pair) continue;
      this.#pairs.delete(known);
      this.#rates.close(known.owner);
      for (const end of known.ends) {
        this.#byToken.delete(keyOf(end.token));
        this.#unbind(end);
        this.#waitingBytes -= end.waitingBytes;
        const at = this.#queue.indexOf(end);
        if (at >= 0) this.#queue.splice(at, 1);
      }
    }
  }

  /**
   * Handles datagrams as they arrived, merged or not. Undefined: they do not concern the relay. A
   * number: this many bytes of `into` are the answer on the same path, and `pollTransmit` returns
   * the rest. From now on the bytes belong to the relay. `into` must hold limits.ts
   * maxRequestBytes.
   */
  handleDatagrams(
    bytes: Uint8Array,
    path: UdpPath,
    into: Uint8Array,
    nowUs: number,
  ): number | undefined {
    if (this.#pairs.size === 0) return undefined;
    const what = kindAt(bytes, 0);
    const end = this.#endAt(path);
    if (what === kind.join) return this.#handleJoin(bytes, path, into, nowUs);
    if (end === undefined) return undefined;
    // A JOIN can only be the last of several merged datagrams, and is only for the server.
    const { last } = split(bytes, bytes.length);
    const isJoining = last > 0 && kindAt(bytes, last) === kind.join;
    this.#enqueueOrDrop(end, isJoining ? bytes.subarray(0, last) : bytes);
    return isJoining ? this.#handleJoin(bytes.subarray(last), path, into, nowUs) : 0;
  }

  /**
   * The fast path for datagrams that only need forwarding, and may be forwarded immediately:
   * returns the destination, and counts them as sent. False: they are dropped. Undefined:
   * `handleDatagrams` must handle them. The bytes, the first `length`, are only read during the
   * call. The result is reused.
   */
  forward(
    bytes: Uint8Array,
    length: number,
    path: UdpPath,
    nowUs: number,
  ): { path: UdpPath; datagramBytes: number } | false | undefined {
    const end = this.#pairs.size === 0 ? undefined : this.#endAt(path);
    if (end === undefined) return undefined;
    const { datagramBytes, count, last } = split(bytes, length);
    // Datagrams merged with a JOIN are rare, and so are those that can't be split.
    if (last !== 0 && kindAt(bytes, last) === kind.join) return undefined;
    if (kindAt(bytes, 0) === kind.join) return undefined;
    const other = otherOf(end);
    if (other?.path === undefined) {
      this.totals.dropped += count;
      return false;
    }
    const mayWait = other.waitingBytes + length <= this.#queueBytes;
    if (other.waiting.length > 0 || longestWaitUs(end.pair.rates, nowUs) > 0) {
      if (mayWait) return undefined;
      this.totals.dropped += count;
      return false;
    }
    this.#spend(end.pair, length, count);
    const relayed = this.#relayed;
    relayed.path = other.path;
    relayed.datagramBytes = datagramBytes;
    return relayed;
  }

  /** Whether an end of a pair has proved that path. */
  isEnd(path: UdpPath): boolean {
    return this.#endAt(path) !== undefined;
  }

  /** The data that may be sent now; undefined: none. The result is reused. */
  pollTransmit(nowUs: number): Relayed | undefined {
    for (let left = this.#queue.length; left > 0; left--) {
      const end = this.#queue[0]!;
      if (longestWaitUs(end.pair.rates, nowUs) > 0) {
        this.#queue.push(this.#queue.shift()!);
        continue;
      }
      const bytes = this.#dequeue(end);
      if (bytes === undefined || end.path === undefined) continue;
      const { datagramBytes, count } = split(bytes, bytes.length);
      this.#spend(end.pair, bytes.length, count);
      const relayed = this.#relayed;
      relayed.bytes = bytes;
      relayed.datagramBytes = datagramBytes;
      relayed.path = end.path;
      return relayed;
    }
    return undefined;
  }

  /** When to call `pollTransmit` again after it returned undefined, in µs; Infinity: never. */
  nextTimeoutUs(nowUs: number): number {
    let soonestUs = Infinity;
    for (const { pair } of this.#queue) {
      soonestUs = Math.min(soonestUs, nowUs + longestWaitUs(pair.rates, nowUs));
    }
    return soonestUs;
  }

  #spend({ rates }: Pair, bytes: number, count: number): void {
    for (const rate of rates) rate.spend(bytes + count * headerBytes);
    this.totals.datagrams += count;
    this.totals.bytes += bytes;
  }

  #enqueueOrDrop(end: End, bytes: Uint8Array): void {
    const other = otherOf(end);
    if (other?.path !== undefined && this.#enqueue(other, bytes)) return;
    this.totals.dropped += split(bytes, bytes.length).count;
  }

  #handleJoin(
    bytes: Uint8Array,
    path: UdpPath,
    into: Uint8Array,
    nowUs: number,
  ): number | undefined {
    const join = readJoin(bytes, 0, datagramEnd(bytes, 0));
    if (join === undefined) return 0;
    const { token, cookie, timeUs: echoUs } = join;
    const end = this.#byToken.get(keyOf(token));
    if (end === undefined) return writeGone(into, { token, reason: goneReason.unknown });
    if (!isSamePath(end.path, path)) {
      if (!this.#cookies.isValid(cookie, path, token, nowUs)) {
        const fresh = this.#cookies.mint(path, token, nowUs);
        const { address, port } = path;
        return writeCookie(into, { token, cookie: fresh, echoUs, address, port });
      }
      this.#bind(end, path);
    }
    const isWhole = end.pair.ends.every(({ path: known }) => known !== undefined);
    return writeJoined(into, { token, echoUs, isWhole });
  }

  #bind(end: End, path: UdpPath): void {
    this.#unbind(end);
    // A router may have given the same address to another client since.
    const before = this.#endAt(path);
    if (before !== undefined) this.#unbind(before);
    end.path = path;
    const { port } = path;
    const others = this.#byPort.get(port);
    if (others === undefined) this.#byPort.set(port, [end]);
    else others.push(end);
  }

  #unbind(end: End): void {
    if (end.path === undefined) return;
    const { port } = end.path;
    end.path = undefined;
    const rest = this.#byPort.get(port)?.filter((other) => other !== end) ?? [];
    if (rest.length === 0) this.#byPort.delete(port);
    else this.#byPort.set(port, rest);
  }

  /**
   * Looks up the end's address only. The address at which the server was reached may change when
   * the server opens a socket for it; it answers from the address that was proved.
   */
  #endAt({ address, port }: UdpPath): End | undefined {
    const ends = this.#byPort.get(port);
    if (ends === undefined) return undefined;
    for (const end of ends) if (end.path?.address === address) return end;
    return undefined;
  }

  #enqueue(end: End, bytes: Uint8Array): boolean {
    const isOver =
      end.waitingBytes + bytes.length > this.#queueBytes ||
      end.waiting.length >= limits.maxQueued ||
      this.#waitingBytes + bytes.length > limits.maxWaitingBytes;
    if (isOver) return false;
    if (end.waiting.length === 0) this.#queue.push(end);
    end.waiting.push(bytes);
    end.waitingBytes += bytes.length;
    this.#waitingBytes += bytes.length;
    return true;
  }

  /** Ends with queued data take turns. */
  #dequeue(end: End): Uint8Array | undefined {
    this.#queue.shift();
    const bytes = end.waiting.shift();
    if (bytes === undefined) return undefined;
    end.waitingBytes -= bytes.length;
    this.#waitingBytes -= bytes.length;
    if (end.waiting.length > 0) this.#queue.push(end);
    return bytes;
  }
}

const nowhere: UdpPath = { address: "", port: 0, local: "" };

function otherOf({ pair, token }: End): End | undefined {
  return pair.ends[0]?.token === token ? pair.ends[1] : pair.ends[0];
}

/** The result of `split`, reused. */
const parts = { datagramBytes: 0, count: 0, last: 0 };

/**
 * How to split merged datagrams, which all have the same length except the last, and where the last
 * begins (also 0 if they can't be split). Their stated length may be a lie: it never results in
 * more datagrams than their bytes justify.
 */
function split(bytes: Uint8Array, length: number): typeof parts {
  parts.datagramBytes = length;
  parts.count = 1;
  parts.last = 0;
  const first = datagramEnd(bytes, 0, length);
  if (first <= 0 || first >= length) return parts;
  for (let at = first; at < length;) {
    const end = datagramEnd(bytes, at, length);
    if (end < 0) break;
    parts.last = end === length ? at : 0;
    at = end;
  }
  parts.datagramBytes = first >= minSplitBytes ? first : first * Math.floor(gatheredBytes / first);
  parts.count = Math.ceil(length / parts.datagramBytes);
  return parts;
}
