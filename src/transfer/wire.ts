// The datagrams of a transfer, as bytes: one writer and one reader a kind, big endian.
// Pure: knows no socket, no file and no clock. Readers never throw: null means "not one of ours, or cut short".
//
// Every datagram begins with the same four bytes — magic, kind, length of what follows — so that datagrams that the
// kernel has merged (UDP_GRO) can be told apart without being told their size: see `datagramEnd`.
//
//   INIT    client → server  token, client's time, padding: never shorter than the COOKIE that answers it
//   COOKIE  server → client  token, cookie, echoed time, the address and port that the server saw
//   REQUEST client → server  token, cookie, client's time, rate to send at, asks: ranges to be sent, each with the send numbers of its segments
//   DATA    server → client  tag, send number, echoed time, offset, time held at the server, bytes of the file
//   GONE    server → client  token, reason: this transfer is not known (any more), or its file has changed

import { transfer as limit } from "../limits.ts";

/** First byte of every datagram: "parley transfer, version 1". */
export const magic = 0xa1;

/** Second byte of a datagram. */
export const kind = { init: 1, cookie: 2, request: 3, data: 4, gone: 5 } as const;
export type Kind = (typeof kind)[keyof typeof kind];

/** Why a server will not go on with a transfer. */
export const goneReason = {
  /** No such token: the server was restarted, or the control connection has ended. */
  unknown: 1,
  /** The file is no longer the one that was offered. */
  changed: 2,
} as const;

/** Bytes before the file's bytes in a DATA datagram. */
export const dataHeaderBytes = 28;

/** Send numbers have 32 bits; from here on (5 TB in segments of 1 200 bytes) a transfer goes on under another token. */
export const maxSendNumber = 2 ** 32 - 2 ** 20;
/** Bytes of the header that all kinds share. */
const commonBytes = 4;
/** REQUEST without asks. */
const requestHeaderBytes = commonBytes + limit.tokenBytes + limit.cookieBytes + 10;
/** One ask. */
const askBytes = 16;
/** INIT, always; at least the longest COOKIE, so that spoofed INITs gain nothing. */
export const initBytes = 96;

const goneBytes = commonBytes + limit.tokenBytes + 1;

const maxAddressBytes = 45;

/** A range to be sent: bytes [offset, offset + length) in segments of `segmentBytes` (the last may be shorter),
 *  numbered firstSeq, firstSeq + 1, … Send numbers are never used again, so an answer tells which ask it answers. */
export interface Ask {
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
  /** The client's address and port as the server sees them; a NAT may have changed them. */
  address: string;
  port: number;
}

export interface Request {
  token: Uint8Array;
  cookie: Uint8Array;
  timeUs: number;
  /** Bytes of the file per ms at which all that waits is to leave, rounded up; 0 for as fast as it goes. */
  paceBytesPerMs: number;
  /** What a late timer at the server may make good at once, in µs of that rate. */
  burstUs: number;
  /** In the order of their send numbers; the first ones may repeat earlier datagrams. */
  asks: Ask[];
}

export interface Gone {
  token: Uint8Array;
  reason: number;
}

/** Kind of the datagram at `at`, or 0 if it is none of ours. */
export function kindAt(bytes: Uint8Array, at: number): Kind | 0 {
  if (at + commonBytes > bytes.length || bytes[at] !== magic) return 0;
  const value = bytes[at + 1] as number;
  return value >= kind.init && value <= kind.gone ? (value as Kind) : 0;
}

/** Where the datagram at `at` ends in a buffer of merged datagrams, or -1 if it is cut short. */
export function datagramEnd(bytes: Uint8Array, at: number, length = bytes.length): number {
  if (at + commonBytes > length) return -1;
  const end = at + commonBytes + readU16(bytes, at + 2);
  return end <= length ? end : -1;
}

/** The secret that a DATA must carry: the token's last eight bytes, which nobody off the path can guess. */
export function tagOf(token: Uint8Array): { high: number; low: number } {
  return {
    high: readU32(token, limit.tokenBytes - 8),
    low: readU32(token, limit.tokenBytes - 4),
  };
}

/** Write an INIT at `into[0]`; returns its length. `into` holds at least `initBytes`. */
export function writeInit(into: Uint8Array, init: Init): number {
  into.fill(0, 0, initBytes);
  writeCommon(into, 0, kind.init, initBytes);
  into.set(init.token, commonBytes);
  writeU32(into, 20, init.timeUs);
  return initBytes;
}

export function readInit(bytes: Uint8Array, at: number, end: number): Init | null {
  if (kindAt(bytes, at) !== kind.init || end - at < initBytes) return null;
  return { token: bytes.slice(at + 4, at + 20), timeUs: readU32(bytes, at + 20) };
}

/** Write a COOKIE; returns its length, at most `initBytes`, or 0 if the address is too long to be one. */
export function writeCookie(into: Uint8Array, cookie: Cookie): number {
  const { address } = cookie;
  if (address.length > maxAddressBytes) return 0;
  const length = 43 + address.length;
  writeCommon(into, 0, kind.cookie, length);
  into.set(cookie.token, 4);
  into.set(cookie.cookie, 20);
  writeU32(into, 36, cookie.echoUs);
  writeU16(into, 40, cookie.port);
  into[42] = address.length;
  for (let i = 0; i < address.length; i++) into[43 + i] = address.charCodeAt(i);
  return length;
}

export function readCookie(bytes: Uint8Array, at: number, end: number): Cookie | null {
  if (kindAt(bytes, at) !== kind.cookie || end - at < 43) return null;
  const addressBytes = bytes[at + 42] as number;
  if (addressBytes > maxAddressBytes || end - at < 43 + addressBytes) return null;
  let address = "";
  for (let i = 0; i < addressBytes; i++) {
    const code = bytes[at + 43 + i] as number;
    if (code < 0x21 || code > 0x7e) return null;
    address += String.fromCharCode(code);
  }
  return {
    token: bytes.slice(at + 4, at + 20),
    cookie: bytes.slice(at + 20, at + 36),
    echoUs: readU32(bytes, at + 36),
    port: readU16(bytes, at + 40),
    address,
  };
}

/** Most asks that fit a REQUEST of at most `limit.maxRequestBytes`. */
export const maxAsks = Math.floor((limit.maxRequestBytes - requestHeaderBytes) / askBytes);

/** Write a REQUEST with at most `maxAsks` asks; returns its length. `into` holds `limit.maxRequestBytes`. */
export function writeRequest(into: Uint8Array, request: Request): number {
  const count = Math.min(request.asks.length, maxAsks);
  const length = requestHeaderBytes + count * askBytes;
  writeCommon(into, 0, kind.request, length);
  into.set(request.token, 4);
  into.set(request.cookie, 20);
  writeU32(into, 36, request.timeUs);
  writeU32(into, 40, Math.min(0xffff_ffff, Math.ceil(request.paceBytesPerMs)));
  writeU16(into, 44, Math.min(0xffff, Math.ceil(request.burstUs)));
  for (let i = 0; i < count; i++) {
    const ask = request.asks[i] as Ask;
    const p = requestHeaderBytes + i * askBytes;
    writeU32(into, p, ask.firstSeq);
    writeU48(into, p + 4, ask.offset);
    writeU32(into, p + 10, ask.length);
    writeU16(into, p + 14, ask.segmentBytes);
  }
  return length;
}

export function readRequest(bytes: Uint8Array, at: number, end: number): Request | null {
  if (kindAt(bytes, at) !== kind.request || end - at < requestHeaderBytes) return null;
  const body = end - at - requestHeaderBytes;
  if (body % askBytes !== 0 || body > maxAsks * askBytes) return null;
  const asks: Ask[] = [];
  for (let p = at + requestHeaderBytes; p < end; p += askBytes) {
    const ask = {
      firstSeq: readU32(bytes, p),
      offset: readU48(bytes, p + 4),
      length: readU32(bytes, p + 10),
      segmentBytes: readU16(bytes, p + 14),
    };
    if (ask.segmentBytes < limit.minSegmentBytes || ask.segmentBytes > limit.maxSegmentBytes) {
      return null;
    }
    if (ask.length === 0 || ask.length > limit.maxAskBytes) return null;
    asks.push(ask);
  }
  return {
    token: bytes.slice(at + 4, at + 20),
    cookie: bytes.slice(at + 20, at + 36),
    timeUs: readU32(bytes, at + 36),
    paceBytesPerMs: readU32(bytes, at + 40),
    burstUs: readU16(bytes, at + 44),
    asks,
  };
}

/** The fields of a DATA, in a record that is filled again and again: nothing is allocated for a segment. */
export interface DataHeader {
  tagHigh: number;
  tagLow: number;
  seq: number;
  echoUs: number;
  offset: number;
  /** How long the server held the request before this segment left, in µs, rounded down to 16. */
  holdUs: number;
  /** Where the file's bytes begin in the buffer, and how many there are. */
  at: number;
  length: number;
}

export function emptyDataHeader(): DataHeader {
  return { tagHigh: 0, tagLow: 0, seq: 0, echoUs: 0, offset: 0, holdUs: 0, at: 0, length: 0 };
}

/** Write the header of a DATA at `at`; the file's `length` bytes belong right behind it. */
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
  writeU32(into, at + 4, tagHigh);
  writeU32(into, at + 8, tagLow);
  writeU32(into, at + 12, seq);
  writeU32(into, at + 16, echoUs);
  writeU48(into, at + 20, offset);
  writeU16(into, at + 26, Math.min(0xffff, Math.max(0, Math.floor(holdUs / 16))));
}

/** Read the DATA at [at, end) into `header`; false if it is none, or empty. */
export function readData(bytes: Uint8Array, at: number, end: number, header: DataHeader): boolean {
  if (end - at <= dataHeaderBytes || kindAt(bytes, at) !== kind.data) return false;
  header.tagHigh = readU32(bytes, at + 4);
  header.tagLow = readU32(bytes, at + 8);
  header.seq = readU32(bytes, at + 12);
  header.echoUs = readU32(bytes, at + 16);
  header.offset = readU48(bytes, at + 20);
  header.holdUs = readU16(bytes, at + 26) * 16;
  header.at = at + dataHeaderBytes;
  header.length = end - header.at;
  return true;
}

/** Write a GONE; returns its length, shorter than any REQUEST. */
export function writeGone(into: Uint8Array, gone: Gone): number {
  writeCommon(into, 0, kind.gone, goneBytes);
  into.set(gone.token, 4);
  into[20] = gone.reason;
  return goneBytes;
}

export function readGone(bytes: Uint8Array, at: number, end: number): Gone | null {
  if (kindAt(bytes, at) !== kind.gone || end - at < goneBytes) return null;
  return { token: bytes.slice(at + 4, at + 20), reason: bytes[at + 20] as number };
}

/** Times travel as 32 bits of µs; the clock wraps every 71 minutes. */
export function wireTime(nowUs: number): number {
  return nowUs % 0x1_0000_0000;
}

/** µs between a time that has travelled and now. */
export function elapsedUs(nowUs: number, thenUs: number): number {
  const wrap = 0x1_0000_0000;
  return Math.floor((((nowUs % wrap) - thenUs) % wrap) + wrap) % wrap;
}

function writeCommon(into: Uint8Array, at: number, value: Kind, totalBytes: number): void {
  into[at] = magic;
  into[at + 1] = value;
  writeU16(into, at + 2, totalBytes - commonBytes);
}

function writeU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

function writeU48(into: Uint8Array, at: number, value: number): void {
  writeU16(into, at, Math.floor(value / 0x1_0000_0000));
  writeU32(into, at + 2, value % 0x1_0000_0000);
}

function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

function readU48(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 2);
}
