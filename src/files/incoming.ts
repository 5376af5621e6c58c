// A download over as many attempts as necessary: one file (download.ts), or the small files of a
// folder (batch-download.ts). An attempt (attempt.ts) fetches bytes; this keeps them. Types only.

import type { ParleyError } from "../errors.ts";
import type { FileOffer } from "../protocol/messages.ts";
import type { Assembler } from "../transfer/assembler.ts";
import type { Attempt, AttemptOptions } from "./attempt.ts";

/** What the next attempt must request. */
export type Wanted = Pick<
  AttemptOptions,
  "wanted" | "heldBytes" | "batch" | "onList" | "onMessage"
>;

export interface Incoming {
  /** Grows with every byte that later attempts need not fetch again. */
  readonly progressBytes: number;
  wanted(): Wanted;
  /** An attempt begins. */
  attach(attempt: Attempt): void;
  /** The attempt has ended. */
  detach(): void;
  /**
   * Returns where the bytes of this offer go; undefined if the attempt's requests do not apply to
   * it.
   * @throws ParleyError
   */
  handleOffer(offer: FileOffer, isSealed: boolean): Assembler | undefined;
  /** Called after each turn of an attempt. @throws ParleyError */
  handleTurn(): void;
  /** Everything is verified. `replace`: replaces a file that differs. @throws ParleyError */
  finish(replace: boolean): Promise<void> | void;
  /** The error of a download that has run out of retries. */
  stalled(reason: ParleyError): ParleyError;
  /** Keeps the received data for the next fetch. */
  close(): void;
}
