// What the peer state machine asks its driver to do: print, connect, send, exit. The driver acts in
// order.

import type { Contact } from "./codec.ts";
import type { PeerEvent } from "./peer-event.ts";

export type PeerOutput =
  /**
   * A line as the original program prints it (undefined if it prints none), and the event for
   * `--json`.
   */
  | { type: "show"; line: string | undefined; event: PeerEvent }
  /** Send this to the registry on a separate connection, then call `handleAnswer`. */
  | { type: "request"; message: string }
  /** The user wants to leave: shorten the deadline of a pending request or connection attempt. */
  | { type: "hurry" }
  /**
   * Connect, then call `handleConnected` or `handleConnectFailed`. The connection may stay silent.
   * `key`: the one that the registry has for the contact.
   */
  | { type: "connect"; connection: number; contact: Contact; key: string | undefined }
  /** Tell the other end of a protected connection that this is a call. */
  | { type: "announce"; connection: number }
  /** A command that CPP does not know, in its place among other lines; then call `handleExtra`. */
  | { type: "extra"; line: string }
  /** One send. */
  | { type: "send"; connection: number; text: string }
  /** Close a connection after all pending output has been sent. */
  | { type: "close"; connection: number }
  /** Close a connection immediately. */
  | { type: "abort"; connection: number }
  | { type: "exit"; reason: ExitReason };

export type ExitReason =
  | "done"
  /** The called peer turned this one down, or the registry refused its ID. */
  | "refused"
  /** The input has ended, and the last request reached nobody. */
  | "unreachable"
  | "malformed"
  /** The peer that was called has not shown its key. */
  | "untrusted"
  | Interruption;

/** Ctrl-C, SIGTERM, or a closed terminal. */
export type Interruption = "interrupted" | "terminated" | "hung-up";

/** Reports a failure after which the program continues. */
export function failed(what: string, line: string): PeerOutput {
  return { type: "show", line, event: { event: "failed", what, reason: line } };
}
