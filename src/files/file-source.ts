// Where files come from: a server, or a person (handover/). Types only.

import type { PathMetrics } from "../transfer/receiver.ts";
import type { Attempt, AttemptOptions, AttemptOutcome } from "./attempt.ts";
import type { ControlClient } from "./control-client.ts";

/** How to reach a server by datagrams. */
export type ServerPath = {
  /** Numeric. */
  readonly host: string;
  readonly udpPort: number;
  readonly isBlocked: boolean;
  /** False: no kernel offload. */
  readonly offload: boolean | undefined;
  /** What an earlier attempt has learned. */
  readonly metrics: PathMetrics | undefined;
};

export type OpenServerAttempt = (options: AttemptOptions, path: ServerPath) => Promise<Attempt>;

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
  /**
   * Prepares an attempt; its first datagram, if any, is sent immediately. `open`: what a server
   * uses, which connects before it is loaded. @throws ParleyError
   */
  openAttempt(options: AttemptOptions, open: OpenServerAttempt): Promise<Attempt>;
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
