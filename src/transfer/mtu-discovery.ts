// Path MTU discovery (DPLPMTUD, RFC 8899). A probe is an ordinary request for a larger segment: if
// it arrives, nothing was wasted; if not, one segment is requested again. Pure.

import { transfer as limit, udpTransfer as udp } from "../limits.ts";

/**
 * Segment sizes to try, in file bytes: Ethernet with IPv6 and IPv4, jumbo frames, 64 KiB. parley's
 * header takes 28 bytes, those of UDP and IP 28 or 48.
 */
const ladder = [1_200, 1_424, 1_444, 4_044, 8_924, 16_000, 32_000, 65_024] as const;
/** A size that was lost this often does not fit (RFC 8899 §5.1.2, MAX_PROBES). */
const maxProbes = 3;

export class MtuDiscovery {
  private confirmed = 0;
  /** Next size to try, and how often it was lost. */
  private candidate = 0;
  private losses = 0;
  private isProbing = false;

  constructor(
    startBytes: number,
    private maxBytes: number,
  ) {
    this.restart(startBytes);
  }

  /** The current number of file bytes per segment. */
  get segmentBytes(): number {
    return this.confirmed;
  }

  /** Limits the search to the largest size that the server can send, as stated in its offer. */
  bound(maxBytes: number): void {
    this.maxBytes = Math.min(this.maxBytes, Math.max(maxBytes, limit.minSegmentBytes));
    // A larger probe may be on its way: whether it arrives says nothing any more.
    if (Math.max(this.confirmed, this.candidate) > this.maxBytes) this.restart(this.confirmed);
  }

  /** Size to probe with the next request (then call `onProbeSent`), or 0. */
  get probeBytes(): number {
    return this.isProbing ? 0 : this.candidate;
  }

  onProbeSent(): void {
    this.isProbing = true;
  }

  /** A complete segment arrived: its size fits. */
  onReceived(length: number): void {
    if (length <= this.confirmed || length > this.maxBytes) return;
    this.confirmed = length;
    this.losses = 0;
    this.isProbing = false;
    this.candidate = this.next(length);
  }

  /** A probe was lost: try again, or give up on that size. */
  onProbeLost(length: number): void {
    if (length !== this.candidate) return;
    this.isProbing = false;
    this.losses++;
    if (this.losses >= maxProbes) this.candidate = 0;
  }

  /**
   * Nothing arrives any more: the path may only carry small segments now (RFC 8899 §4.3). Restarts
   * from the base size.
   */
  onBlackHole(): void {
    if (this.confirmed > udp.baseSegmentBytes) this.restart(udp.baseSegmentBytes);
  }

  /** Restarts for a new path that carries at least this size. */
  restart(startBytes: number): void {
    this.confirmed = Math.min(startBytes, this.maxBytes);
    this.losses = 0;
    this.isProbing = false;
    this.candidate = this.next(this.confirmed);
  }

  private next(above: number): number {
    for (const size of ladder) if (size > above && size <= this.maxBytes) return size;
    return this.maxBytes > above && this.maxBytes < limit.maxSegmentBytes ? this.maxBytes : 0;
  }
}
