// Events about files from person to person, exactly as `--json` prints them (docs/json.md).

import type { OfferEnd } from "../protocol/messages.ts";
import type { Path } from "../transfer/paths/path-finder.ts";

/** Events of a sender. */
export type SendEvent =
  /**
   * `sealed`: the server can't read the data. `here`: one of the recipient's clients has been
   * notified. `online`: they are connected, but only with clients that accept no files.
   */
  | {
      readonly event: "offered";
      readonly to: string;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly sealed: boolean;
      readonly here: boolean;
      readonly online: boolean;
    }
  /** The recipient has accepted; repeated after every lost connection of either side. */
  | { readonly event: "accepted"; readonly to: string }
  /** Datagrams take this path from now on; without a path, the server relays everything. */
  | ({ readonly event: "path"; readonly to: string } & PathName)
  /** The server accepts the files into the shared folder; `room`: where they will be announced. */
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
  /** The files are in the shared folder, under these names (only the first, if there are many). */
  | {
      readonly event: "shared";
      readonly room: string | undefined;
      /** The files already existed: nothing was sent, and the room was notified before. */
      readonly unchanged: boolean;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly seconds: number;
      readonly goodputBytesPerSecond: number;
    };

/**
 * How data gets from one end to the other, in the end at least. `direct`: from machine to machine,
 * with details in `via`; `relayed`: as datagrams forwarded by the server; `server`: over the
 * connections to the server; `call`: over the connection of a call between two peers.
 */
export type PathName = {
  readonly path: "direct" | "relayed" | "server" | "call";
  readonly via?: "loopback" | "lan" | "ipv6" | "punched";
};

/** `frames`: the carrier of frames, if there is no path for datagrams. */
export function pathName(path: Path | undefined, frames: "server" | "call" = "server"): PathName {
  if (path === undefined) return { path: frames };
  return path.kind === "relayed" ? { path: "relayed" } : { path: "direct", via: path.kind };
}

/** Whether people would see no difference between the two. */
export function isSamePath(a: PathName | undefined, b: PathName | undefined): boolean {
  return a?.path === b?.path && a?.via === b?.via;
}

/** Events about an offer from somebody else: `id` identifies it in `/get` and `/decline`. */
export type IncomingOfferEvent =
  | {
      readonly event: "offer-received";
      readonly id: number;
      readonly from: string;
      readonly files: number;
      readonly size: number;
      readonly names: readonly string[];
      readonly sealed: boolean;
      /** Whether the user has compared the sender's key. */
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
