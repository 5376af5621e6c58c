// What a receiver is given, what it tells, and how an adapter drives it. receiver.ts is the machine itself.

/** Where new bytes of the file go: called exactly once for every byte, never twice for the same one,
 *  in whatever order they come. `source[at, at + length)` is only valid during the call. */
export type Sink = (offset: number, source: Uint8Array, at: number, length: number) => void;

/** What a finished transfer has learnt about a path; hand it to the next one to the same server. */
export interface PathMemory {
  minRttUs: number;
  bandwidthBytesPerSecond: number;
  segmentBytes: number;
}

export interface ReceiverConfig {
  /** 16 random bytes, unguessable: names the transfer towards the server. */
  token: Uint8Array;
  sink: Sink;
  /** Byte ranges [start, end) that are still wanted, in order; default: everything from 0. May go past the size
   *  (it is cut by `handleOffer`), so it can be given before the size is known. */
  wanted?: readonly (readonly [start: number, end: number])[];
  /** Bytes per second of the file that may be asked for; default: no limit. */
  limitBytesPerSecond?: number;
  /** The largest segment that this socket can take; default limits.ts `maxSegmentBytes`. */
  maxSegmentBytes?: number;
  /** The path is loopback: starts with the largest segments, and without pacing. */
  loopback?: boolean;
  /** Bytes that the socket's receive buffer holds; bounds what is in flight on loopback. Default: a small system's. */
  receiveBufferBytes?: number;
  /** What an earlier transfer from the same server has learnt. */
  path?: PathMemory;
  /** Without a new byte for this long, the transfer is `stalled`; default limits.ts. */
  stallTimeoutUs?: number;
}

export type ReceiverState =
  /** No cookie yet: INITs are being sent. */
  | "connecting"
  | "running"
  /** Every wanted byte has been handed to the sink. `reject` can go back to running. */
  | "done"
  /** The server does not know the transfer (any more): ask for it again over the control connection. */
  | "gone"
  /** The server says that the file has changed since it was offered. */
  | "changed"
  /** Nothing new has come for `stallTimeoutUs`. */
  | "stalled";

/** Figures for progress lines and `--json`. All bytes are the file's. */
export interface ReceiverStats {
  receivedBytes: number;
  /** Bytes still missing of what is wanted; Infinity before the offer. */
  missingBytes: number;
  /** Smoothed and least round trip, in µs; 0 before the first. */
  rttUs: number;
  minRttUs: number;
  /** Segments asked for; of them those that were declared lost, less the ones that came after all. */
  askedSegments: number;
  lostSegments: number;
  /** Bytes asked for again / bytes received: the retransmitted share, 0…1. */
  retransmittedShare: number;
  /** Bytes that came although they were there already. */
  duplicateBytes: number;
  /** File bytes in a segment now. */
  segmentBytes: number;
  /** What the congestion control believes, in bytes per second; 0 before the first sample. */
  bandwidthBytesPerSecond: number;
  /** Bytes that may be in flight, and that are. */
  windowBytes: number;
  inFlightBytes: number;
  /** "startup", "drain", "probe-bandwidth", … */
  phase: string;
}

/** What an adapter drives. Order of use:
 *  1. at t = 0, beside the TCP connect: `pollTransmit` gives the INIT;
 *  2. `handleDatagrams` takes the COOKIE; `cookie` is then set: put it with token and the seen address and port into the
 *     `fetch` message, with `firstRequest` (a whole REQUEST datagram);
 *  3. `handleOffer` as soon as the size is known (DATA may come before it, and is taken);
 *  4. after every `handle…`, and when `nextTimeoutUs()` is reached (call `handleTimeout` first):
 *     `pollTransmit` until it returns 0, sending each datagram;
 *  5. until `state` is neither connecting nor running. */
export interface ReceiverMachine {
  readonly state: ReceiverState;
  /** Set once the server has answered: what proves our address, and that address as the server sees it. */
  readonly cookie: { bytes: Uint8Array; address: string; port: number } | undefined;
  /** One or several datagrams (as UDP_GRO merges them), all from the server's address: the first `length` bytes. Hostile
   *  input is ignored. What it says of the path is looked at when `pollTransmit` or `handleTimeout` is called next. */
  handleDatagrams(nowUs: number, bytes: Uint8Array, length?: number, isExact?: boolean): void;
  /** The file's size, and the largest segment that the server can send (65 024 on loopback or with jumbo frames; the
   *  server gives at most 1 444 if it cannot keep the kernel from fragmenting). */
  handleOffer(nowUs: number, sizeBytes: number, maxSegmentBytes: number): void;
  handleTimeout(nowUs: number): void;
  /** When to call `handleTimeout` next, in µs; Infinity for never. */
  nextTimeoutUs(): number;
  /** The first REQUEST, to be carried by the control connection; 0 if there is no cookie yet. */
  firstRequest(nowUs: number, into: Uint8Array): number;
  /** Write the next datagram to be sent to the server; returns its length, 0 if there is none now.
   *  `into` holds at least limits.ts `maxRequestBytes`. */
  pollTransmit(nowUs: number, into: Uint8Array): number;
  /** Bytes that have turned out bad (a digest differs) are wanted again. */
  reject(nowUs: number, offset: number, length: number): void;
  /** Nothing at or beyond this offset is asked for until it is raised: keeps `-o -` in bounded memory. */
  setHorizon(nowUs: number, offset: number): void;
  stats(): ReceiverStats;
  pathMemory(): PathMemory;
}
