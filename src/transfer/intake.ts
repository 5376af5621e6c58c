// What becomes of a DATA datagram: is it one that was asked for, which of its bytes are new, how long did it take.
// Pure, and the hot path: nothing is allocated for a segment.

import type { Asker } from "./range-picker.ts";
import type { CongestionControl } from "./congestion/bbr.ts";
import { arrival } from "./sent-segments.ts";
import type { Sink } from "./receiver-machine.ts";
import { TrainEstimator } from "./packet-train.ts";
import { elapsedUs, emptyDataHeader, readData, tagOf } from "./wire.ts";

export class Intake {
  receivedBytes = 0;
  duplicateBytes = 0;
  /** Of the last segment taken: how long its request waited at the server, and all from request to arrival. */
  holdUs = 0;
  wholeRttUs = 0;
  /** Its bytes that had not come before. */
  freshBytes = 0;
  readonly train: TrainEstimator;
  private readonly tag: { high: number; low: number };
  private readonly header = emptyDataHeader();
  // What the bytes of a segment are handed on with, so that there is no closure for each.
  private source: Uint8Array = new Uint8Array(0);
  private shift = 0;

  constructor(
    token: Uint8Array,
    private readonly asker: Asker,
    private readonly control: CongestionControl,
    private readonly sink: Sink,
    trainSegments: number,
  ) {
    this.tag = tagOf(token);
    this.train = new TrainEstimator(trainSegments);
  }

  /** Take the datagram at [at, end); false if it is not one that was asked for. */
  take(nowUs: number, bytes: Uint8Array, at: number, end: number, isExact: boolean): boolean {
    const { header, asker, tag } = this;
    if (!readData(bytes, at, end, header)) return false;
    if (header.tagHigh !== tag.high || header.tagLow !== tag.low) return false;
    const { offset, length, seq } = header;
    const stop = offset + length;
    // Only the file's last segment may be shorter than was asked for.
    if (stop > asker.sizeBytes) return false;
    const isWhole = length === asker.flight.lengthOf(seq);
    if (!isWhole && asker.sizeBytes < Infinity && stop !== asker.sizeBytes) return false;
    // No round trip can have begun before the asking.
    const askedAgoUs = nowUs - asker.flight.askedAtUs(seq);
    const wholeUs = Math.min(elapsedUs(nowUs, header.echoUs), askedAgoUs);
    const leftUs = nowUs - wholeUs + header.holdUs;
    const what = asker.flight.arrive(nowUs, leftUs, seq, offset, length);
    if (what === arrival.unknown) return false;
    this.wholeRttUs = wholeUs;
    this.holdUs = header.holdUs;
    if (what === arrival.late) this.control.onLate(length);
    this.train.add(nowUs, seq, length, isExact);
    if (isWhole) asker.sizer.onArrived(length);
    this.source = bytes;
    this.shift = header.at - offset;
    this.freshBytes = asker.missing.remove(offset, stop, this.deliver);
    if (!asker.wanted.isEmpty) asker.arrivedLate(offset, length);
    this.receivedBytes += this.freshBytes;
    this.duplicateBytes += length - this.freshBytes;
    return true;
  }

  private readonly deliver = (start: number, end: number): void => {
    this.sink(start, this.source, start + this.shift, end - start);
  };
}
