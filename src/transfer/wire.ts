// The datagrams of a transfer, as bytes: a writer and a reader for each kind, big endian. Pure:
// knows no socket, no file and no clock. Readers never throw: they return undefined for foreign or
// truncated datagrams.
//
// Every datagram begins with the same four bytes (magic, kind, length of what follows), so that
// datagrams merged by the kernel (UDP_GRO) can be split again: see `datagramEnd`.
//
//   INIT     to server  token, client's time, padding (never shorter than the COOKIE in answer)
//   COOKIE   to client  token, cookie, echoed time, the client's address as the server sees it
//   REQUEST  to server  token, cookie, client's time, pace, ranges to send with their send numbers
//   DATA     to client  tag, send number, echoed time, offset, wait at the server, sealed bytes of the file
//   GONE     to client  token, reason: the transfer is unknown (or over), or its file has changed
//
// JOIN, JOINED and PROBE, which find a path between two people, are in paths/path-wire.ts.

import { transfer as limit, udpTransfer as udp } from "../limits.ts";
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from "./big-endian.ts";

export const transferVersion = 2;

/**
 * First byte of every datagram: identifies parley's transfers, with the version in the low half.
 */
const magic = 0xa0 | transferVersion;

/** Second byte of a datagram. */
export const kind = {
  init: 1,
  cookie: 2,
  request: 3,
  data: 4,
  gone: 5,
  join: 6,
  joined: 7,
  probe: 8,
  /** A part of a call (calls/direct-path.ts). */
  call: 9,
} as const;
export type Kind = (typeof kind)[keyof typeof kind];

/** Why a server does not continue a transfer. */
export const goneReason = {
  /** No such token: the server has restarted, or the control connection has closed. */
  unknown: 1,
  /** The file has changed since it was offered. */
  changed: 2,
  /** The file can't be read any more. */
  unreadable: 3,
} as const;
/** Why a transfer can't go on, although the server knows it. */
export type Failure = "changed" | "unreadable";

/** Offsets of fields in a datagram, or of a range in its record; `end` is the size. */
const common = { magic: 0, kind: 1, length: 2, end: 4 } as const;
const initAt = { token: 4, time: 20 } as const;
const cookieAt = { token: 4, cookie: 20, echo: 36, port: 40, addressBytes: 42, end: 43 } as const;
const requestAt = { token: 4, cookie: 20, time: 36, pace: 40, burst: 44, end: 46 } as const;
const rangeAt = { firstSeq: 0, offset: 4, length: 10, segmentBytes: 14, end: 16 } as const;
const dataAt = { tag: 4, seq: 12, echo: 16, offset: 20, hold: 26, end: 28 } as const;
const goneAt = { token: 4, reason: 20, end: 21 } as const;

/** Size of every INIT: at least that of the longest COOKIE, so that spoofed INITs gain nothing. */
export const initBytes = 96;
/** Bytes before the sealed bytes in a DATA datagram. */
export const dataHeaderBytes = dataAt.end;
/** Send numbers have 32 bits. Beyond this (5 TB in small segments) a transfer needs a new token. */
export const maxSendNumber = 2 ** 32 - 2 ** 20;
/** The longest text of an IPv6 address, which ends in an IPv4 address (RFC 4291 §2.2). */
const maxAddressBytes = 45;
/** The unit of hold times on the wire, in µs. */
const holdStepUs = 16;

/**
 * A range to send: bytes [offset, offset + length) in segments of `segmentBytes` (the last may be
 * shorter), numbered firstSeq, firstSeq + 1, … Send numbers are never reused, so that a DATA
 * identifies its request.
 */
export interface RangeRequest {
  firstSeq: number;
  offset: number;
  length: number;
  segmentBytes: number;
}

export interface Init {
  token: Uint8Array;
  timeUs: number;
}

export interface Cookie {
  token: Uint8Array;
  cookie: Uint8Array;
  /** The `timeUs` of the INIT or REQUEST that this answers. */
  echoUs: number;
  /** The client's address and port as the server sees them: behind a NAT, the public ones. */
  address: string;
  port: number;
}

export interface Request {
  token: Uint8Array;
  cookie: Uint8Array;
  timeUs: number;
  /** The pace of everything queued, in file bytes per ms, rounded up; 0: unpaced. */
  paceBytesPerMs: number;
  /** The largest burst after a late timer at the server, in µs of that pace. */
  burstUs: number;
  /** In ascending order of send numbers; the first ones may repeat earlier datagrams. */
  ranges: RangeRequest[];
}

export interface Gone {
  token: Uint8Array;
  reason: number;
}

/** The kind of the datagram at `at`; 0 if it is not parley's. */
export function kindAt(bytes: Uint8Array, at: number): Kind | 0 {
  if (at + common.end > bytes.length || bytes[at] !== magic) return 0;
  const value = bytes[at + common.kind]!;
  return value >= kind.init && value <= kind.call ? (value as Kind) : 0;
}

/** End of the datagram at `at` in a buffer of merged datagrams; -1 if it is truncated. */
export function datagramEnd(bytes: Uint8Array, at: number, length = bytes.length): number {
  if (at + common.end > length) return -1;
  const end = at + common.end + readU16(bytes, at + common.length);
  return end <= length ? end : -1;
}

/** The tag that a DATA must carry: the token's last eight bytes, unguessable off the path. */
export function tagOf(token: Uint8Array): { high: number; low: number } {
  return {
    high: readU32(token, limit.tokenBytes - 8),
    low: readU32(token, limit.tokenBytes - 4),
  };
}

/** Writes an INIT at `into[0]`; returns its length. `into` holds at least `initBytes`. */
export function writeInit(into: Uint8Array, init: Init): number {
  into.fill(0, 0, initBytes);
  writeCommon(into, 0, kind.init, initBytes);
  into.set(init.token, initAt.token);
  writeU32(into, initAt.time, init.timeUs);
  return initBytes;
}

export function readInit(bytes: Uint8Array, at: number, end: number): Init | undefined {
  if (kindAt(bytes, at) !== kind.init || end - at < initBytes) return undefined;
  return { token: tokenAt(bytes, at + initAt.token), timeUs: readU32(bytes, at + initAt.time) };
}

/** Writes a COOKIE; returns its length, at most `initBytes`, or 0 if the address is too long. */
export function writeCookie(into: Uint8Array, cookie: Cookie): number {
  const { address } = cookie;
  if (address.length > maxAddressBytes) return 0;
  const length = cookieAt.end + address.length;
  writeCommon(into, 0, kind.cookie, length);
  into.set(cookie.token, cookieAt.token);
  into.set(cookie.cookie, cookieAt.cookie);
  writeU32(into, cookieAt.echo, cookie.echoUs);
  writeU16(into, cookieAt.port, cookie.port);
  into[cookieAt.addressBytes] = address.length;
  for (let i = 0; i < address.length; i++) into[cookieAt.end + i] = address.charCodeAt(i);
  return length;
}

export function readCookie(bytes: Uint8Array, at: number, end: number): Cookie | undefined {
  if (kindAt(bytes, at) !== kind.cookie || end - at < cookieAt.end) return undefined;
  const addressBytes = bytes[at + cookieAt.addressBytes]!;
  const isWhole = end - at >= cookieAt.end + addressBytes;
  if (addressBytes > maxAddressBytes || !isWhole) return undefined;
  let address = "";
  for (let i = 0; i < addressBytes; i++) {
    const code = bytes[at + cookieAt.end + i]!;
    if (code < 0x21 || code > 0x7e) return undefined;
    address += String.fromCharCode(code);
  }
  return {
    token: tokenAt(bytes, at + cookieAt.token),
    cookie: cookieBytesAt(bytes, at + cookieAt.cookie),
    echoUs: readU32(bytes, at + cookieAt.echo),
    port: readU16(bytes, at + cookieAt.port),
    address,
  };
}

/** Maximum number of ranges that fit a REQUEST of `limit.maxRequestBytes`. */
export const maxRanges = Math.floor((limit.maxRequestBytes - requestAt.end) / rangeAt.end);

/**
 * Writes a REQUEST with at most `maxRanges` ranges; returns its length. `into` holds at least
 * `limit.maxRequestBytes`.
 */
export function writeRequest(into: Uint8Array, request: Request): number {
  const count = Math.min(request.ranges.length, maxRanges);
  const length = requestAt.end + count * rangeAt.end;
  writeCommon(into, 0, kind.request, length);
  into.set(request.token, requestAt.token);
  into.set(request.cookie, requestAt.cookie);
  writeU32(into, requestAt.time, request.timeUs);
  writeU32(into, requestAt.pace, Math.min(0xffff_ffff, Math.ceil(request.paceBytesPerMs)));
  writeU16(into, requestAt.burst, Math.min(0xffff, Math.ceil(request.burstUs)));
  for (let i = 0; i < count; i++) {
    const range = request.ranges[i]!;
    const p = requestAt.end + i * rangeAt.end;
    writeU32(into, p + rangeAt.firstSeq, range.firstSeq);
    writeU48(into, p + rangeAt.offset, range.offset);
    writeU32(into, p + rangeAt.length, range.length);
    writeU16(into, p + rangeAt.segmentBytes, range.segmentBytes);
  }
  return length;
}

export function readRequest(bytes: Uint8Array, at: number, end: number): Request | undefined {
  if (kindAt(bytes, at) !== kind.request || end - at < requestAt.end) return undefined;
  const body = end - at - requestAt.end;
  if (body % rangeAt.end !== 0 || body > maxRanges * rangeAt.end) return undefined;
  const ranges: RangeRequest[] = [];
  for (let p = at + requestAt.end; p < end; p += rangeAt.end) {
    const range = {
      firstSeq: readU32(bytes, p + rangeAt.firstSeq),
      offset: readU48(bytes, p + rangeAt.offset),
      length: readU32(bytes, p + rangeAt.length),
      segmentBytes: readU16(bytes, p + rangeAt.segmentBytes),
    };
    if (range.segmentBytes < limit.minSegmentBytes || range.segmentBytes > limit.maxSegmentBytes) {
      return undefined;
    }
    if (range.length === 0 || range.length > udp.maxRangeBytes) return undefined;
    ranges.push(range);
  }
  return {
    token: tokenAt(bytes, at + requestAt.token),
    cookie: cookieBytesAt(bytes, at + requestAt.cookie),
    timeUs: readU32(bytes, at + requestAt.time),
    paceBytesPerMs: readU32(bytes, at + requestAt.pace),
    burstUs: readU16(bytes, at + requestAt.burst),
    ranges,
  };
}

/** The fields of a DATA, in a reused record, so that nothing is allocated per segment. */
export interface DataHeader {
  tagHigh: number;
  tagLow: number;
  seq: number;
  echoUs: number;
  offset: number;
  /** How long the server held the request before this segment left, in µs, rounded down to 16. */
  holdUs: number;
  /** Where the sealed bytes begin in the buffer, and their length. */
  at: number;
  length: number;
}

export function emptyDataHeader(): DataHeader {
  return { tagHigh: 0, tagLow: 0, seq: 0, echoUs: 0, offset: 0, holdUs: 0, at: 0, length: 0 };
}

/** Writes the header of a DATA at `at`; `length` sealed bytes belong right after it. */
export function writeDataHeader(
  into: Uint8Array,
  at: number,
  tagHigh: number,
  tagLow: number,
  seq: number,
  echoUs: number,
  offset: number,
  holdUs: number,
  length: number,
): void {
  writeCommon(into, at, kind.data, dataHeaderBytes + length);
  writeU32(into, at + dataAt.tag, tagHigh);
  writeU32(into, at + dataAt.tag + 4, tagLow);
  writeU32(into, at + dataAt.seq, seq);
  writeU32(into, at + dataAt.echo, echoUs);
  writeU48(into, at + dataAt.offset, offset);
  const steps = Math.floor(holdUs / holdStepUs);
  writeU16(into, at + dataAt.hold, Math.min(0xffff, Math.max(0, steps)));
}

/** Reads the DATA at [at, end) into `header`; false if it is not one, or empty. */
export function readData(bytes: Uint8Array, at: number, end: number, header: DataHeader): boolean {
  if (end - at <= dataHeaderBytes || kindAt(bytes, at) !== kind.data) return false;
  header.tagHigh = readU32(bytes, at + dataAt.tag);
  header.tagLow = readU32(bytes, at + dataAt.tag + 4);
  header.seq = readU32(bytes, at + dataAt.seq);
  header.echoUs = readU32(bytes, at + dataAt.echo);
  header.offset = readU48(bytes, at + dataAt.offset);
  header.holdUs = readU16(bytes, at + dataAt.hold) * holdStepUs;
  header.at = at + dataHeaderBytes;
  header.length = end - header.at;
  return true;
}

/** Writes a GONE; returns its length, shorter than any REQUEST. */
export function writeGone(into: Uint8Array, gone: Gone): number {
  writeCommon(into, 0, kind.gone, goneAt.end);
  into.set(gone.token, goneAt.token);
  into[goneAt.reason] = gone.reason;
  return goneAt.end;
}

export function readGone(bytes: Uint8Array, at: number, end: number): Gone | undefined {
  if (kindAt(bytes, at) !== kind.gone || end - at < goneAt.end) return undefined;
  return { token: tokenAt(bytes, at + goneAt.token), reason: bytes[at + goneAt.reason]! };
}

/** A time on the wire: 32 bits of µs, which wrap every 71 minutes. */
export function wireTime(nowUs: number): number {
  return nowUs % 0x1_0000_0000;
}

/** µs elapsed since a time on the wire. */
export function elapsedUs(nowUs: number, thenUs: number): number {
  const wrap = 0x1_0000_0000;
  return Math.floor((((nowUs % wrap) - thenUs) % wrap) + wrap) % wrap;
}

/** Writes the header common to all datagrams. */
export function writeCommon(into: Uint8Array, at: number, value: Kind, totalBytes: number): void {
  into[at + common.magic] = magic;
  into[at + common.kind] = value;
  writeU16(into, at + common.length, totalBytes - common.end);
}

export function tokenAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.slice(at, at + limit.tokenBytes);
}

export function cookieBytesAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.slice(at, at + udp.cookieBytes);
}
