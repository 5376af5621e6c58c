// What an attempt at downloading a file is, whether by datagrams (download-attempt.ts) or over the
// control connection (control-attempt.ts), and how it asks for the file.

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
  /** Bytes that are there from earlier attempts. */
  readonly heldBytes: number;
  /** The server is to send the file's SHA-256, which must match. */
  readonly sha256: boolean;
  readonly limitBytesPerSecond?: number;
  /** `name` is a folder, of which these files are wanted. */
  readonly batch?: BatchRequest;
  /** Takes the list of the batch, before `onOffer`, if it is not the one requested. May throw. */
  onList?(entries: readonly TreeEntry[]): void;
  /** Takes what is said about the running transfer besides tags and data. May throw. */
  onMessage?(message: TransferMessage): void;
  /** How long to wait for tags once everything has arrived. */
  readonly tagTimeoutMs: number;
  /**
   * Returns where the bytes go; undefined if `wanted` does not apply to the offered version, which
   * ends the attempt as `stale`. May throw.
   */
  onOffer(offer: FileOffer, isSecured: boolean): Assembler | undefined;
  /** Called after each turn, with or without new bytes. May throw, which ends the attempt. */
  onTurn(): void;
}

/**
 * How an attempt ended: the file is complete, or it is worth retrying (`elsewhere`: at another UDP
 * port; `blocked`: without datagrams). Anything else is thrown.
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
  /** Takes a turn soon: the reader of `-o -` has made room. */
  wake(): void;
  /** Ends the attempt from outside: Ctrl-C, a reader that has gone. */
  fail(error: unknown): void;
  close(): void;
}

/** `token`: the unguessable one that names this transfer. */
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
