// The events of a fetch, exactly as `--json` prints them (docs/json.md). Types only.

import type { ErrorCode } from "../errors.ts";
import type { UdpOffload } from "../io/udp/udp.ts";

/** Where a file is written. */
export type FileTarget =
  | {
      readonly kind: "file";
      readonly path: string;
      /** The permissions that it has while it is incomplete, if known. */
      readonly mode?: number;
    }
  /** Verified bytes, in order. `path`: where they go (default `-`, stdout). */
  | { readonly kind: "stream"; readonly output: FetchOutput; readonly path?: string };

/** Where a file or folder is written. */
export type FetchTarget = FileTarget | { readonly kind: "folder"; readonly path: string };

export interface FetchOutput {
  /**
   * Accepts all bytes, which must not change until they are written. False: wait for `relief`
   * before sending more.
   */
  data(bytes: Uint8Array): boolean;
  relief(): Promise<void>;
  /** Resolves once everything is written, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** The reader has closed the output, or writing failed (`failure`). */
  readonly closed: boolean;
  readonly failure: Error | undefined;
}

export type FetchEvent =
  | {
      readonly event: "offer";
      readonly name: string;
      readonly size: number;
      readonly modified: number;
      readonly version: string;
      /** Nobody on the path can read or change the traffic; false over plain text. */
      readonly sealed: boolean;
      /** Bytes kept from an earlier fetch. */
      readonly resumedBytes: number;
      readonly offload: UdpOffload;
    }
  | {
      readonly event: "progress";
      readonly name: string;
      readonly size: number;
      readonly receivedBytes: number;
      readonly verifiedBytes: number;
      readonly bytesPerSecond: number;
      /** Null: unknown. */
      readonly secondsLeft: number | null;
      readonly rttMs: number;
      readonly segmentBytes: number;
    }
  | {
      readonly event: "retry";
      readonly name: string;
      readonly reason: string;
      readonly inMs: number;
    }
  | {
      /** Datagrams do not arrive, or are damaged: now the control connection carries everything. */
      readonly event: "fallback";
      readonly name: string;
      readonly over: "control";
      readonly reason: string;
    }
  | {
      /** The whole folder is listed and checked; nothing is written yet. */
      readonly event: "tree";
      readonly name: string;
      /** Where it is saved. */
      readonly path: string;
      readonly files: number;
      readonly folders: number;
      readonly size: number;
      /** Links, and entries that can't be sent, which are left out. */
      readonly links: number;
      readonly others: number;
      /** Files and folders that can't be saved under their names. */
      readonly renamed: number;
      /** Files that already exist with the same size and time. */
      readonly unchanged: number;
      /** Bytes of the remaining files. */
      readonly wantedBytes: number;
      readonly sealed: boolean;
    }
  | {
      /** A file or folder inside a folder is saved under another name. */
      readonly event: "renamed";
      readonly name: string;
      readonly path: string;
    }
  | {
      /** A link, or an entry that can't be sent. */
      readonly event: "left-out";
      readonly name: string;
      readonly kind: "link" | "other";
    }
  | {
      /** A file inside a folder is complete, verified and in place. */
      readonly event: "saved";
      readonly name: string;
      readonly path: string;
      readonly size: number;
    }
  | {
      /** Everything in a folder has been processed. */
      readonly event: "folder";
      readonly name: string;
      readonly path: string;
      /** Number of fetched files, and their bytes. */
      readonly files: number;
      readonly size: number;
      readonly folders: number;
      readonly unchanged: number;
      readonly renamed: number;
      readonly links: number;
      readonly others: number;
      readonly failed: number;
      readonly sealed: boolean;
      readonly over: "udp" | "control";
      readonly seconds: number;
      readonly goodputBytesPerSecond: number;
    }
  | {
      /** One file can't be fetched; others still are, unless the server is unreachable. */
      readonly event: "failed";
      readonly name: string;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | {
      readonly event: "unchanged";
      readonly name: string;
      readonly path: string;
      readonly size: number;
      /** How it was found to be the same: by size and time, or by content. */
      readonly compared: "time" | "content";
      /** If compared by content. */
      readonly sha256?: string;
    }
  | {
      readonly event: "done";
      readonly name: string;
      /** `-` for stdout. */
      readonly path: string;
      readonly size: number;
      /** If requested. */
      readonly sha256?: string;
      readonly sealed: boolean;
      /** Which transport carried it, at least in the end. */
      readonly over: "udp" | "control";
      readonly seconds: number;
      /** Fetched bytes (without the resumed ones) per second. */
      readonly goodputBytesPerSecond: number;
      readonly resumedBytes: number;
      readonly rttMs: number;
      readonly minRttMs: number;
      /** Lost segments / requested segments, 0…1. */
      readonly lossShare: number;
      readonly retransmittedShare: number;
      readonly segmentBytes: number;
      readonly offload: UdpOffload;
    };
