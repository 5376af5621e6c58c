// One attempt at downloading a file, either by datagrams (download-attempt.ts) or over the control
// connection (control-attempt.ts), and the request for the file.

import type { ParleyError } from "../errors.ts";
import type { UdpOffload } from "../io/udp/udp.ts";
import type {
  BatchRequest,
  FetchRequest,
  FileOffer,
  TransferMessage,
  TreeEntry,
} from "../protocol/messages.ts";
import type { Assembler } from "../transfer/assembler.ts";
import type { PathMetrics, ReceiverStats } from "../transfer/receiver.ts";
import type { ControlClient } from "./control-client.ts";

export interface AttemptOptions {
  readonly name: string;
  /** Byte ranges that are missing; absent: everything. */
  readonly wanted?: readonly (readonly [start: number, end: number])[];
  /** Bytes kept from earlier attempts. */
  readonly heldBytes: number;
  /** Request the file's SHA-256 from the server; it must match. */
  readonly sha256: boolean;
  readonly limitBytesPerSecond?: number;
  /** `name` is a folder; fetch these files of it. */
  readonly batch?: BatchRequest;
  /**
   * Receives the list of the batch, before `onOffer`, if it differs from the requested one. May
   * throw.
   */
  onList?(entries: readonly TreeEntry[]): void;
  /** Receives messages about the running transfer other than tags and data. May throw. */
  onMessage?(message: TransferMessage): void;
  /** How long to wait for tags once everything has arrived. */
  readonly tagTimeoutMs: number;
  /**
   * Returns where the bytes go; undefined if `wanted` does not apply to the offered version, which
   * ends the attempt as `stale`. May throw.
   */
  onOffer(offer: FileOffer, isSecured: boolean): Assembler | undefined;
  /** Called after each turn, with or without new bytes. If it throws, the attempt ends. */
  onTurn(): void;
}

/**
 * The outcome of an attempt: the file is complete, or it is worth retrying (`elsewhere`: on another
 * UDP port; `blocked`: without datagrams). Anything else is thrown.
 */
export type AttemptOutcome =
  | { how: "whole" }
  | { how: "stale" }
  | { how: "elsewhere"; udpPort: number }
  | { how: "blocked"; reason: ParleyError }
  | { how: "retry"; reason: ParleyError };

export interface Attempt {
  readonly over: "udp" | "control";
  readonly offload: UdpOffload;
  /** Requests the file on this connection and receives it. @throws ParleyError */
  run(control: ControlClient): Promise<AttemptOutcome>;
  stats(): ReceiverStats | undefined;
  pathMetrics(): PathMetrics | undefined;
  /** Nothing at or beyond this offset is requested until it is raised. */
  setHorizon(offset: number): void;
  /** Schedules a turn: the reader of `-o -` has made room. */
  wake(): void;
  /**
   * Aborts the attempt from outside, for example on Ctrl-C or when the reader has closed the pipe.
   */
  fail(error: unknown): void;
  close(): void;
}

/** `token`: the unguessable token of this transfer. */
export function fetchRequest(
  { name, heldBytes, sha256, batch }: AttemptOptions,
  token: Uint8Array,
): FetchRequest {
  return {
    type: "fetch",
    name,
    token: Buffer.from(token).toString("base64url"),
    ...(heldBytes > 0 ? { held: true } : {}),
    ...(sha256 ? { sha256 } : {}),
    ...(batch === undefined ? {} : { batch }),
  };
}
