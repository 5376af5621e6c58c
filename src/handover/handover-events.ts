// What is reported of files from a person to a person, exactly as `--json` prints it (docs/json.md).

import type { OfferEnd } from "../protocol/messages.ts";
import type { Path } from "../transfer/paths/path-finder.ts";

/** Of a sender. */
export type SendEvent =
  /** `sealed`: the server can't read what is sent. `here`: a client of theirs has been told. */
  | {
      readonly event: "offered";
      readonly to: string;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly sealed: boolean;
      readonly here: boolean;
    }
  /** They have accepted; again after every lost connection of either side. */
  | { readonly event: "accepted"; readonly to: string }
  /** Datagrams take this path from now on; without any, the server passes everything on. */
  | ({ readonly event: "path"; readonly to: string } & PathName)
  /** The server takes it into the shared folder; `room`: who will be told. */
  | {
      readonly event: "sharing";
      readonly room: string | undefined;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
    }
  /** `to`, here and below: undefined for the shared folder. */
  | { readonly event: "interrupted"; readonly to: string | undefined; readonly reason: string }
  | {
      readonly event: "progress";
      readonly to: string | undefined;
      readonly size: number;
      readonly verifiedBytes: number;
      readonly bytesPerSecond: number;
      readonly secondsLeft: number | null;
    }
  | ({
      readonly event: "sent";
      readonly to: string;
      readonly files: number;
      readonly size: number;
      readonly seconds: number;
      readonly goodputBytesPerSecond: number;
      readonly sealed: boolean;
    } & PathName)
  /** It is in the shared folder, under these names: of many, the first. */
  | {
      readonly event: "shared";
      readonly room: string | undefined;
      /** It was there already: nothing was sent, and the room has been told before. */
      readonly unchanged: boolean;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly seconds: number;
      readonly goodputBytesPerSecond: number;
    };

/**
 * How bytes go from one to the other, at least in the end. `direct`: from machine to machine, and
 * `via` says how; `relayed`: as datagrams that the server forwards; `server`: over the connections
 * to the server; `call`: over the connection of a call between two peers.
 */
export type PathName = {
  readonly path: "direct" | "relayed" | "server" | "call";
  readonly via?: "loopback" | "lan" | "ipv6" | "punched";
};

/** `frames`: what carries frames, where there is no path for datagrams. */
export function pathName(path: Path | undefined, frames: "server" | "call" = "server"): PathName {
  if (path === undefined) return { path: frames };
  return path.kind === "relayed" ? { path: "relayed" } : { path: "direct", via: path.kind };
}

/** Of an offer that somebody makes: `id` is what `/get` and `/decline` call it. */
export type IncomingOfferEvent =
  | {
      readonly event: "offer-received";
      readonly id: number;
      readonly from: string;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly sealed: boolean;
      /** The sender's key has been compared. */
      readonly verified: boolean;
    }
  | { readonly event: "offer-refused"; readonly from: string; readonly reason: string }
  | {
      readonly event: "offer-ended";
      readonly id: number;
      readonly from: string;
      readonly reason: OfferEnd;
    }
  | ({ readonly event: "path"; readonly id: number; readonly from: string } & PathName)
  | ({
      readonly event: "received";
      readonly id: number;
      readonly from: string;
      readonly files: number;
      readonly failed: number;
      readonly folder: string;
      readonly seconds: number;
    } & PathName);
