// The sending end of all of a server's transfers: answers INITs with cookies and REQUESTs with
// segments, and keeps no state per packet. Pure: bytes in, bytes out; time and the keyed hash are
// parameters. The adapter owns the socket and the files: after each `handle…`, and when the socket
// is writable, it calls `pollTransmit` until that returns undefined.

import { transfer as limit } from "../limits.ts";
import { CookieJar, type KeyedHash, keyOf } from "./cookies.ts";
import { isSamePath, type UdpPath } from "./udp-path.ts";
import { type SegmentSource, SendQueue } from "./send-queue.ts";
import {
  type Request,
  datagramEnd,
  type Failure,
  goneReason,
  kind,
  kindAt,
  readInit,
  readRequest,
  writeCookie,
  writeGone,
} from "./wire.ts";

export interface SenderConfig {
  keyedHash: KeyedHash;
  /** The largest segment that this socket can send unfragmented. Default: limits.ts. */
  maxSegmentBytes?: number;
}

/**
 * Datagrams for one path: `bytes` of the buffer, split every `datagramBytes` (the last may be
 * shorter). One send with UDP_SEGMENT = datagramBytes, or ceil(bytes / datagramBytes) sends without
 * it.
 */
export interface Burst {
  path: UdpPath;
  bytes: number;
  datagramBytes: number;
}

const nowhere: UdpPath = { address: "", port: 0, local: "" };

export class Sender {
  private readonly cookies: CookieJar;
  private readonly maxSegmentBytes: number;
  private readonly queues = new Map<string, SendQueue>();
  /** Queues with something to send, in round robin order. */
  private readonly scheduled: SendQueue[] = [];
  private readonly burst: Burst = { path: nowhere, bytes: 0, datagramBytes: 0 };

  constructor(config: SenderConfig) {
    this.cookies = new CookieJar(config.keyedHash);
    this.maxSegmentBytes = Math.min(
      config.maxSegmentBytes ?? limit.maxSegmentBytes,
      limit.maxSegmentBytes,
    );
  }

  /** Bytes of ranges waiting to be sent; 0 means idle. */
  get backlogBytes(): number {
    let bytes = 0;
    for (const queue of this.scheduled) bytes += queue.backlogBytes;
    return bytes;
  }

  /**
   * Opens a transfer under its client's token. False if the table is full or the token is in use.
   */
  open(token: Uint8Array, sizeBytes: number, source: SegmentSource): boolean {
    const key = keyOf(token);
    if (token.length !== limit.tokenBytes || this.queues.has(key)) return false;
    if (this.queues.size >= limit.maxTransfers) return false;
    this.queues.set(key, new SendQueue(token, sizeBytes, source, this.maxSegmentBytes));
    return true;
  }

  /** Removes a transfer: it has finished, or its control connection has closed. */
  close(token: Uint8Array): void {
    const key = keyOf(token);
    this.queues.get(key)?.clear();
    this.queues.delete(key);
  }

  /** The transfer can't go on: every REQUEST is answered with GONE instead of data. */
  fail(token: Uint8Array, failure: Failure): void {
    const queue = this.queues.get(keyOf(token));
    if (!queue) return;
    queue.failure = failure;
    queue.clear();
  }

  /**
   * Handles datagrams from a client (several if UDP_GRO merged them). Writes at most one answer for
   * the same path at `into[0]`, never longer than the input; returns its length, 0 for none. `into`
   * holds limits.ts maxRequestBytes.
   */
  handleDatagrams(bytes: Uint8Array, path: UdpPath, into: Uint8Array, nowUs: number): number {
    let answerBytes = 0;
    let at = 0;
    // Each iteration consumes at least four bytes of the buffer, which the socket bounds.
    while (at < bytes.length) {
      const end = datagramEnd(bytes, at);
      if (end < 0) break;
      const what = kindAt(bytes, at);
      let answer = 0;
      if (what === kind.init) answer = this.handleInit(bytes, at, end, path, into, nowUs);
      else if (what === kind.request) {
        const request = readRequest(bytes, at, end);
        if (request) answer = this.handleRequest(request, end - at, path, into, nowUs);
      } else if (what === 0) break;
      if (answer > 0) answerBytes = answer;
      at = end;
    }
    return answerBytes;
  }

  /**
   * Handles the REQUEST from the `fetch` message, with the paths that the client may use (its
   * COOKIE stated its address and port). True if the cookie validates one of them; data is then
   * sent on that path. `open` the transfer first.
   */
  handleFirstRequest(bytes: Uint8Array, paths: Iterable<UdpPath>, nowUs: number): boolean {
    if (datagramEnd(bytes, 0) !== bytes.length) return false;
    const request = readRequest(bytes, 0, bytes.length);
    const queue = request && this.queues.get(keyOf(request.token));
    if (!request || !queue) return false;
    for (const path of paths) {
      if (!this.cookies.isValid(request.cookie, path, request.token, nowUs)) continue;
      queue.path = path;
      this.enqueue(queue, request, nowUs);
      return true;
    }
    return false;
  }

  /**
   * Fills `into` (64 KiB or more) with the next burst of the next transfer; undefined if nothing
   * may be sent now. Transfers take turns; one whose requests cause more sealing than sending skips
   * turns in return (deficit round robin). The result is reused: read it before the next call.
   */
  pollTransmit(into: Uint8Array, nowUs: number): Burst | undefined {
    for (let left = this.scheduled.length; left > 0; left--) {
      const queue = this.scheduled.shift()!;
      queue.isScheduled = false;
      const isAlone = this.scheduled.length === 0;
      if (queue.readyUs(nowUs) > nowUs || (queue.payDebt() && !isAlone)) {
        this.schedule(queue);
        continue;
      }
      const { bytes, datagramBytes } = queue.pollBurst(into, nowUs);
      this.schedule(queue);
      const { burst } = this;
      burst.path = queue.path ?? nowhere;
      burst.bytes = bytes;
      burst.datagramBytes = datagramBytes;
      if (queue.failure !== undefined) {
        // The read revealed it: tell the client now instead of leaving it to its timers.
        burst.bytes = writeGone(into, { token: queue.token, reason: goneReason[queue.failure] });
        burst.datagramBytes = burst.bytes;
      }
      if (burst.bytes > 0) return burst;
    }
    return undefined;
  }

  /** When to call `pollTransmit` again after it returned undefined, in µs; Infinity: never. */
  nextTimeoutUs(nowUs: number): number {
    let soonest = Infinity;
    for (const queue of this.scheduled) soonest = Math.min(soonest, queue.readyUs(nowUs));
    return soonest;
  }

  private handleInit(
    bytes: Uint8Array,
    at: number,
    end: number,
    path: UdpPath,
    into: Uint8Array,
    nowUs: number,
  ): number {
    const init = readInit(bytes, at, end);
    if (!init) return 0;
    const { token, timeUs: echoUs } = init;
    const cookie = this.cookies.mint(path, token, nowUs);
    const { address, port } = path;
    return writeCookie(into, { token, cookie, echoUs, address, port });
  }

  private handleRequest(
    request: Request,
    requestBytes: number,
    path: UdpPath,
    into: Uint8Array,
    nowUs: number,
  ): number {
    const { token } = request;
    const queue = this.queues.get(keyOf(token));
    if (!queue) return writeGone(into, { token, reason: goneReason.unknown });
    if (!isSamePath(queue.path, path)) {
      if (!this.cookies.isValid(request.cookie, path, token, nowUs)) {
        // A new address, or a forged one: answer with a cookie, unless that would be longer than
        // the request.
        const cookie = this.cookies.mint(path, token, nowUs);
        const { address, port } = path;
        const echoUs = request.timeUs;
        const length = writeCookie(into, { token, cookie, echoUs, address, port });
        return length <= requestBytes ? length : 0;
      }
      queue.path = path;
    }
    if (queue.failure !== undefined) {
      return writeGone(into, { token, reason: goneReason[queue.failure] });
    }
    this.enqueue(queue, request, nowUs);
    return 0;
  }

  private enqueue(queue: SendQueue, request: Request, nowUs: number): void {
    queue.handleRequest(request, nowUs);
    this.schedule(queue);
  }

  private schedule(queue: SendQueue): void {
    if (queue.isScheduled || !queue.isWaiting) return;
    queue.isScheduled = true;
    this.scheduled.push(queue);
  }
}
