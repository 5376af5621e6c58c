// Where files come from: a server, or a person (handover/). Types only.

import type { Attempt, AttemptOptions, AttemptOutcome } from "./attempt.ts";
import type { ControlClient } from "./control-client.ts";

export interface FileSource {
  /**
   * What the sender has proved to be: a server's pin, or a person's key. Partial files are bound to
   * it. Undefined: nothing is proved.
   */
  readonly sender: string | undefined;
  /** It has answered before, so a lost connection is worth another try. */
  readonly hasAnswered: boolean;
  /** Nobody on the path can read or change the traffic of the current connection. */
  readonly isSealed: boolean;
  /** Datagrams do not get through: the control connection carries everything. */
  readonly isBlocked: boolean;
  /** Prepares an attempt; its first datagram, if any, is sent immediately. @throws ParleyError */
  openAttempt(options: AttemptOptions): Promise<Attempt>;
  /** The control connection, newly opened if necessary. @throws ParleyError `cannot-connect`, … */
  connect(): Promise<ControlClient>;
  /**
   * Whether the last opened attempt matches the connection and may be run on it; otherwise another
   * one is opened.
   */
  readonly isCurrent: boolean;
  /** Learns from the outcome of an attempt, for the next one. */
  learn(outcome: AttemptOutcome, attempt: Attempt): void;
  /** Closes the connection; nothing more can be opened. */
  close(): void;
}
