// The sending end of all transfers of a server: answers INIT with a cookie and REQUESTs with segments, and keeps nothing
// per packet. Pure: bytes in, bytes out, the time and the keyed hash are handed in; the adapter owns the socket and the files.

import { transfer as limit } from "../limits.ts";
import { CookieJar, type KeyedHash } from "./cookies.ts";
import { Outgoing, type ReadInto } from "./send-queue.ts";
import {
  type Request,
  datagramEnd,
  goneReason,
  kind,
  kindAt,
  readInit,
  readRequest,
  writeCookie,
  writeGone,
} from "./wire.ts";

export type { KeyedHash } from "./cookies.ts";
export type { ReadInto } from "./send-queue.ts";

export interface SenderConfig {
  keyedHash: KeyedHash;
  /** The largest segment this socket can send unfragmented; larger asks are not answered. Default limits.ts. */
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

/** What an adapter drives. After each `handle…`, and when the socket can take more: `pollTransmit` until undefined. */
export interface SenderMachine {
  /** Make a transfer known, by the token that its client has chosen. False if the table is full, or the token is in use. */
  open(token: Uint8Array, sizeBytes: number, read: ReadInto): boolean;
  /** Forget a transfer: finished, or its control connection has ended. */
  close(token: Uint8Array): void;
  /** The file has changed: the client is told in place of data (once for each request that it sends). */
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
  /** Fill `into` (64 KiB or more) with the next burst, of one transfer, round robin; undefined if nothing may leave now.
   *  All but the last datagram of a burst have the same size. The result is reused: read it before the next call. */
  pollTransmit(nowUs: number, into: Uint8Array): Burst | undefined;
  /** When to call `pollTransmit` again after it gave undefined: what waits leaves at the rate that its client has named.
   *  In µs; Infinity for never. */
  nextTransmitUs(nowUs: number): number;
  /** Ranges waiting to be sent, in bytes; 0 means idle. */
  readonly backlogBytes: number;
}

export class Sender implements SenderMachine {
  private readonly cookies: CookieJar;
  private readonly maxSegmentBytes: number;
  private readonly transfers = new Map<string, Outgoing>();
  /** Transfers with something to send, in turn. */
  private readonly turn: Outgoing[] = [];
  private readonly burst: Burst = { address: "", port: 0, bytes: 0, datagramBytes: 0 };

  constructor(config: SenderConfig) {
    this.cookies = new CookieJar(config.keyedHash);
    this.maxSegmentBytes = Math.min(
      config.maxSegmentBytes ?? limit.maxSegmentBytes,
      limit.maxSegmentBytes,
    );
  }

  get backlogBytes(): number {
    let bytes = 0;
    for (const transfer of this.turn) bytes += transfer.backlogBytes;
    return bytes;
  }

  open(token: Uint8Array, sizeBytes: number, read: ReadInto): boolean {
    const key = keyOf(token);
    if (token.length !== limit.tokenBytes || this.transfers.has(key)) return false;
    if (this.transfers.size >= limit.maxTransfers) return false;
    this.transfers.set(key, new Outgoing(token, sizeBytes, read, this.maxSegmentBytes));
    return true;
  }

  close(token: Uint8Array): void {
    const key = keyOf(token);
    this.transfers.get(key)?.clear();
    this.transfers.delete(key);
  }

  fail(token: Uint8Array): void {
    const transfer = this.transfers.get(keyOf(token));
    if (!transfer) return;
    transfer.changed = true;
    transfer.clear();
  }

  handleDatagrams(
    nowUs: number,
    bytes: Uint8Array,
    address: string,
    port: number,
    into: Uint8Array,
  ): number {
    let answerBytes = 0;
    let at = 0;
    // Each turn takes four bytes or more off the buffer, which the socket bounds.
    while (at < bytes.length) {
      const end = datagramEnd(bytes, at);
      if (end < 0) break;
      const what = kindAt(bytes, at);
      let answer = 0;
      if (what === kind.init) answer = this.handleInit(nowUs, bytes, at, end, address, port, into);
      else if (what === kind.request) {
        const request = readRequest(bytes, at, end);
        if (request) answer = this.handleRequest(nowUs, request, end - at, address, port, into);
      } else if (what === 0) break;
      if (answer > 0) answerBytes = answer;
      at = end;
    }
    return answerBytes;
  }

  handleFirstRequest(nowUs: number, bytes: Uint8Array, address: string, port: number): boolean {
    if (datagramEnd(bytes, 0) !== bytes.length) return false;
    const request = readRequest(bytes, 0, bytes.length);
    const transfer = request && this.transfers.get(keyOf(request.token));
    if (!request || !transfer) return false;
    if (!this.cookies.check(nowUs, request.cookie, address, port, request.token)) return false;
    transfer.address = address;
    transfer.port = port;
    this.queue(nowUs, transfer, request);
    return true;
  }

  pollTransmit(nowUs: number, into: Uint8Array): Burst | undefined {
    for (let left = this.turn.length; left > 0; left--) {
      const transfer = this.turn.shift()!;
      transfer.queued = false;
      if (transfer.readyUs(nowUs) > nowUs) {
        this.takeTurn(transfer);
        continue;
      }
      const { bytes, datagramBytes } = transfer.fill(nowUs, into);
      this.takeTurn(transfer);
      const { burst } = this;
      burst.address = transfer.address;
      burst.port = transfer.port;
      burst.bytes = bytes;
      burst.datagramBytes = datagramBytes;
      if (transfer.changed) {
        // Found while reading: say so at once instead of leaving the client to its timers.
        burst.bytes = writeGone(into, { token: transfer.token, reason: goneReason.changed });
        burst.datagramBytes = burst.bytes;
      }
      if (burst.bytes > 0) return burst;
    }
    return undefined;
  }

  nextTransmitUs(nowUs: number): number {
    let soonest = Infinity;
    for (const transfer of this.turn) soonest = Math.min(soonest, transfer.readyUs(nowUs));
    return soonest;
  }

  private handleInit(
    nowUs: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    address: string,
    port: number,
    into: Uint8Array,
  ): number {
    const init = readInit(bytes, at, end);
    if (!init) return 0;
    const cookie = this.cookies.mint(nowUs, address, port, init.token);
    return writeCookie(into, { token: init.token, cookie, echoUs: init.timeUs, address, port });
  }

  private handleRequest(
    nowUs: number,
    request: Request,
    requestBytes: number,
    address: string,
    port: number,
    into: Uint8Array,
  ): number {
    const { token } = request;
    const transfer = this.transfers.get(keyOf(token));
    if (!transfer) {
      return writeGone(into, { token, reason: goneReason.unknown });
    }
    if (transfer.address !== address || transfer.port !== port) {
      if (!this.cookies.check(nowUs, request.cookie, address, port, token)) {
        // A new address, or a forged one: a cookie for it, unless that were longer than the request.
        const cookie = this.cookies.mint(nowUs, address, port, token);
        const echoUs = request.timeUs;
        const length = writeCookie(into, { token, cookie, echoUs, address, port });
        return length <= requestBytes ? length : 0;
      }
      transfer.address = address;
      transfer.port = port;
    }
    if (transfer.changed)
      return writeGone(into, { token: transfer.token, reason: goneReason.changed });
    this.queue(nowUs, transfer, request);
    return 0;
  }

  private queue(nowUs: number, transfer: Outgoing, request: Request): void {
    transfer.take(nowUs, request);
    this.takeTurn(transfer);
  }

  private takeTurn(transfer: Outgoing): void {
    if (transfer.queued || !transfer.isWaiting) return;
    transfer.queued = true;
    this.turn.push(transfer);
  }
}

function keyOf(token: Uint8Array): string {
  return String.fromCharCode(...token);
}
