// Where files come from: a server, or a person (handover/). Types only.

import type { Attempt, AttemptOptions, AttemptOutcome } from "./attempt.ts";
import type { ControlClient } from "./control-client.ts";

export interface FileSource {
  /**
   * What whoever sends has proved to be: a server's pin, a person's key. Partial files are bound to
   * it. Undefined: nothing is proved.
   */
  readonly sender: string | undefined;
  /** It has answered before, so a lost connection is worth another try. */
  readonly hasAnswered: boolean;
  /** Nobody on the way can read or change what is sent over the connection there is. */
  readonly isSealed: boolean;
  /** Datagrams do not get through: the control connection carries everything. */
  readonly isBlocked: boolean;
  /** Prepares an attempt; its first datagram, if any, leaves at once. @throws ParleyError */
  openAttempt(options: AttemptOptions): Promise<Attempt>;
  /** The control connection; a new one if there is none. @throws ParleyError `cannot-connect`, … */
  connect(): Promise<ControlClient>;
  /**
   * Whether the attempt that was opened last fits the connection, and may be run on it; else
   * another is opened.
   */
  readonly isCurrent: boolean;
  /** What has come of that attempt, for the next one. */
  learn(outcome: AttemptOutcome, attempt: Attempt): void;
  /** Ends the connection; nothing more is opened. */
  close(): void;
}
