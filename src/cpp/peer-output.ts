// What the peer state machine asks its driver to do: print, connect, send, exit. The driver acts in
// order.

import type { Contact } from "./codec.ts";
import type { PeerEvent } from "./peer-event.ts";

export type PeerOutput =
  /**
   * A line as the original program prints it (undefined: it prints none), and the event for
   * `--json`.
   */
  | { type: "show"; line: string | undefined; event: PeerEvent }
  /** Send this to the registry on a connection of its own, then call `handleAnswer`. */
  | { type: "request"; message: string }
  /** The user wants to leave: shorten the deadline of a pending request or connection attempt. */
  | { type: "hurry" }
  /**
   * Connect, then call `handleConnected` or `handleConnectFailed`. The connection may stay silent.
   */
  | { type: "connect"; connection: number; contact: Contact }
  /** One send. */
  | { type: "send"; connection: number; text: string }
  /** Close a connection once everything sent on it has left. */
  | { type: "close"; connection: number }
  /** Close a connection at once. */
  | { type: "abort"; connection: number }
  | { type: "exit"; reason: ExitReason };

export type ExitReason =
  | "done"
  /** The peer that we called turned us down, or the registry refused our ID. */
  | "refused"
  /** The input has ended and the last request reached nobody. */
  | "unreachable"
  | "malformed"
  | Interruption;

/** Ctrl-C, SIGTERM, or the terminal has gone. */
export type Interruption = "interrupted" | "terminated" | "hung-up";

/** Reports a failure that the program survives. */
export function failed(what: string, line: string): PeerOutput {
  return { type: "show", line, event: { event: "failed", what, reason: line } };
}
