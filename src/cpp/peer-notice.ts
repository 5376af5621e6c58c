// What `parley peer --json` tells programs, one object a line: the documented names of all that can happen. Pure.

import type { Contact } from "./codec.ts";

export type PeerNotice =
  /** We listen under this ID and address. */
  | { event: "running"; id: string; ip: string; port: number }
  /** The answer to `/id`. */
  | { event: "id"; id: string }
  | { event: "registered"; id: string; ip: string; port: number }
  /** The registry had nobody to give; a call may come at any time. */
  | { event: "waiting"; id: string }
  /** The registry gave a peer; `connected` follows when its connection stands. */
  | { event: "bridged"; peer: Contact }
  | { event: "connected"; peer: Contact }
  /** A chat that we began, or one that we were called to. */
  | { event: "chat"; peer: Contact; by: "us" | "peer" }
  | { event: "turn"; turn: "write" | "read" | "duplex" }
  | { event: "message"; from: string; text: string }
  | { event: "sent"; to: string; text: string }
  /** Someone called while another chat lasts, and was told that we left. */
  | { event: "turned-down"; peer: Contact }
  /** `busy`: the peer whom we called has turned us down for another chat. */
  | { event: "ended"; by: "us" | "peer" | "busy" | "lost" | "malformed" }
  /** Something went wrong that the session survives; `what` is the command, or `message`, `connection`, `input`. */
  | { event: "failed"; what: string; reason: string }
  | { event: "exit" };
