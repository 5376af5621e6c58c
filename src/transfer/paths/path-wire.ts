// The datagrams that find paths between two people, as bytes, big endian. Pure. They begin like
// those of transfers (wire.ts), with which they share sockets.
//
//   JOIN    to server  token of one end of a relay, cookie (zeros at first), time, padding
//   JOINED  to client  token, echoed time, whether the other end has joined as well
//   PROBE   both ways  flags, number, nonce, keyed hash: asks whether a path works, or answers

import { udpTransfer as limit } from "../../limits.ts";
import { readU32, writeU32 } from "../big-endian.ts";
import { cookieBytesAt, initBytes, kind, kindAt, tokenAt, writeCommon } from "../wire.ts";

const joinAt = { token: 4, cookie: 20, time: 36, end: 40 } as const;
const joinedAt = { token: 4, echo: 20, isWhole: 24, end: 25 } as const;
const probeAt = { flags: 4, number: 5, nonce: 9, hash: 17, end: 33 } as const;
const hashBytes = probeAt.end - probeAt.hash;
export const nonceBytes = probeAt.hash - probeAt.nonce;

/** As long as an INIT, so that no answer is longer than it. */
const joinBytes = initBytes;
export const probeBytes = probeAt.end;

export interface Join {
  token: Uint8Array;
  cookie: Uint8Array;
  timeUs: number;
}

export function writeJoin(into: Uint8Array, { token, cookie, timeUs }: Join): number {
  into.fill(0, 0, joinBytes);
  writeCommon(into, 0, kind.join, joinBytes);
  into.set(token, joinAt.token);
  into.set(cookie, joinAt.cookie);
  writeU32(into, joinAt.time, timeUs);
  return joinBytes;
}

export function readJoin(bytes: Uint8Array, at: number, end: number): Join | undefined {
  if (kindAt(bytes, at) !== kind.join || end - at < joinBytes) return undefined;
  return {
    token: tokenAt(bytes, at + joinAt.token),
    cookie: cookieBytesAt(bytes, at + joinAt.cookie),
    timeUs: readU32(bytes, at + joinAt.time),
  };
}

export interface Joined {
  token: Uint8Array;
  echoUs: number;
  /** Whether the other end has joined, too. */
  isWhole: boolean;
}

export function writeJoined(into: Uint8Array, { token, echoUs, isWhole }: Joined): number {
  writeCommon(into, 0, kind.joined, joinedAt.end);
  into.set(token, joinedAt.token);
  writeU32(into, joinedAt.echo, echoUs);
  into[joinedAt.isWhole] = isWhole ? 1 : 0;
  return joinedAt.end;
}

export function readJoined(bytes: Uint8Array, at: number, end: number): Joined | undefined {
  if (kindAt(bytes, at) !== kind.joined || end - at < joinedAt.end) return undefined;
  return {
    token: tokenAt(bytes, at + joinedAt.token),
    echoUs: readU32(bytes, at + joinedAt.echo),
    isWhole: bytes[at + joinedAt.isWhole] === 1,
  };
}

export interface Probe {
  /**
   * Whether it answers the other end's probe with this number; otherwise it asks under its own
   * number.
   */
  isAnswer: boolean;
  /** Whether its sender uses this path from now on, and the other end should, too. */
  isUsed: boolean;
  number: number;
  /**
   * Random, and repeated in the answer: only who has received the probe can answer it. The other
   * end has the keys, and could name the address of somebody else.
   */
  nonce: Uint8Array;
}

/** Hashes the bytes before the hash, with the key of this direction; at least 16 bytes. */
export type ProbeHash = (message: Uint8Array) => Uint8Array;

export function writeProbe(into: Uint8Array, probe: Probe, hash: ProbeHash): number {
  writeCommon(into, 0, kind.probe, probeAt.end);
  into[probeAt.flags] = (probe.isAnswer ? 1 : 0) | (probe.isUsed ? 2 : 0);
  writeU32(into, probeAt.number, probe.number);
  into.set(probe.nonce, probeAt.nonce);
  into.set(hash(into.subarray(0, probeAt.hash)).subarray(0, hashBytes), probeAt.hash);
  return probeAt.end;
}

/** Undefined: not a probe, or not from a holder of the key of `hash`. */
export function readProbe(
  bytes: Uint8Array,
  at: number,
  end: number,
  hash: ProbeHash,
): Probe | undefined {
  if (kindAt(bytes, at) !== kind.probe || end - at !== probeAt.end) return undefined;
  const expected = hash(bytes.subarray(at, at + probeAt.hash));
  let difference = 0;
  for (let i = 0; i < hashBytes; i++) difference |= expected[i]! ^ bytes[at + probeAt.hash + i]!;
  if (difference !== 0) return undefined;
  const flags = bytes[at + probeAt.flags]!;
  return {
    isAnswer: (flags & 1) !== 0,
    isUsed: (flags & 2) !== 0,
    number: readU32(bytes, at + probeAt.number),
    nonce: bytes.slice(at + probeAt.nonce, at + probeAt.hash),
  };
}

/** The cookie of the first JOIN. */
export const noCookie = new Uint8Array(limit.cookieBytes);
