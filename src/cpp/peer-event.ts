// The events that `parley peer --json` prints, one object per line (docs/json.md). Types only.

import type { PathKind } from "../transfer/paths/path-finder.ts";
import type { Contact } from "./codec.ts";

/**
 * What is known of the key that the other end of a protected connection has shown: nothing before,
 * the same key as before, or one that two people have compared.
 */
export type KeyState = "new" | "known" | "verified";

/** `relayed`: through the server of the registry, which can't read it. */
export type CallPath = "direct" | "relayed";

/** How a direct path leads to the other end. */
export type DirectKind = Exclude<PathKind, "relayed">;

/** Who is at the other end, as it has proved; undefined in plain text. */
export type Secured = {
  readonly id: string;
  readonly port: number;
  readonly state: KeyState;
  /** Both sides want no turns. */
  readonly isDuplex: boolean;
  readonly path: CallPath;
};

export type PeerEvent =
  /** Listening with this ID and address. */
  | { event: "running"; id: string; ip: string; port: number }
  /** Answers `/id`. */
  | { event: "id"; id: string }
  | { event: "registered"; id: string; ip: string; port: number }
  /**
   * The registry knew no available peer, or not the `wanted` one; a call may come at any time, if
   * this ID is `registered`.
   */
  | { event: "waiting"; id: string; registered: boolean; wanted?: string }
  /** The registry returned a peer; `connected` follows once the connection is open. */
  | { event: "bridged"; peer: Contact }
  /** `secured`: over TLS, with the keys of both checked. */
  | { event: "connected"; peer: Contact; secured?: KeyState; path?: CallPath }
  /** A chat has begun; `by` says who called. */
  | { event: "chat"; peer: Contact; by: "us" | "peer"; secured?: KeyState; path?: CallPath }
  /** The path of the chat has changed; `via`: of a direct one. */
  | { event: "path"; path: CallPath; via?: DirectKind }
  /**
   * The connection of a relayed chat to the server, at either end: the chat waits for a lost one,
   * and is over if it has not come back in time.
   */
  | { event: "server"; state: "lost" | "back" | "gone" }
  | { event: "turn"; turn: "write" | "read" | "duplex" }
  | { event: "message"; from: string; text: string }
  | { event: "sent"; to: string; text: string }
  /** A peer called during a chat and was rejected. */
  | { event: "turned-down"; peer: Contact }
  /** `busy`: the called peer is in another chat. */
  | { event: "ended"; by: "us" | "peer" | "busy" | "lost" | "malformed" }
  /**
   * Something failed and the program continues; `what` is the command, or `message`, `connection`,
   * `input`.
   */
  | { event: "failed"; what: string; reason: string }
  /** Without `code` and `message` it ended well. */
  | { event: "exit"; code?: PeerFailure; message?: string };

/** Error codes, as of the other commands. */
export type PeerFailure =
  | "declined"
  | "cannot-connect"
  | "protocol"
  | "integrity"
  | "interrupted"
  | "terminated"
  | "hung-up";
