// The sending end of all transfers of a server: answers INIT with a cookie and REQUESTs with segments, and keeps nothing
// per packet. Pure: bytes in, bytes out, the time and the keyed hash are handed in; the adapter owns the socket and the files.

/** Keyed hash of `message` (HMAC-SHA-256 or better), at least 16 bytes. The key lives in the closure. */
export type KeyedHash = (message: Uint8Array) => Uint8Array;

/** Reads [offset, offset + length) of the file into `into` at `at`; returns the bytes read. Fewer than asked for: the file
 *  has changed, and the transfer ends with GONE "changed". Called from `pollTransmit`, so synchronously. */
export type ReadInto = (offset: number, into: Uint8Array, at: number, length: number) => number;

export interface SenderConfig {
  keyedHash: KeyedHash;
  /** The largest segment this socket can send unfragmented, for clamping requests; default limits.ts. */
  maxSegmentBytes?: number;
}

/** A run of datagrams to one address: `bytes` of the buffer, cut every `datagramBytes` (the last may be shorter):
 *  one send with UDP_SEGMENT = datagramBytes, or ceil(bytes / datagramBytes) sends without. */
export interface Burst {
  address: string;
  port: number;
  bytes: number;
  datagramBytes: number;
}

/** What an adapter drives. After each `handle…`, and when the socket can take more: `pollTransmit` until null. */
export interface SenderMachine {
  /** Make a transfer known, by the token that its client has chosen. False if the table is full, or the token is in use. */
  open(token: Uint8Array, sizeBytes: number, read: ReadInto): boolean;
  /** Forget a transfer: finished, or its control connection has ended. */
  close(token: Uint8Array): void;
  /** Tell the client that the file has changed, then forget its ranges. */
  fail(token: Uint8Array): void;
  /** Datagrams from a client (several if UDP_GRO merged them). Writes at most one short answer at `into[0]`, never longer
   *  than what came, to be sent to the same address; returns its length, 0 for none. `into` holds limits.ts maxRequestBytes. */
  handleDatagrams(
    nowUs: number,
    bytes: Uint8Array,
    address: string,
    port: number,
    into: Uint8Array,
  ): number;
  /** The REQUEST that came in the `fetch` message, with the address and port that the client's COOKIE named: true if its
   *  cookie proves that address (data then flow there), false otherwise. `open` the transfer first. */
  handleFirstRequest(nowUs: number, bytes: Uint8Array, address: string, port: number): boolean;
  /** Fill `into` (64 KiB or more) with the next burst, of one transfer, round robin; null if nothing is waiting.
   *  All but the last datagram of a burst have the same size. */
  pollTransmit(nowUs: number, into: Uint8Array): Burst | null;
  /** Ranges waiting to be sent, in bytes; 0 means idle. */
  readonly backlogBytes: number;
}
