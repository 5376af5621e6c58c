// What is reported of files from a person to a person, exactly as `--json` prints it (docs/json.md).
// Types only.

import type { OfferEnd } from "../protocol/messages.ts";

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
  | {
      readonly event: "sent";
      readonly to: string;
      readonly files: number;
      readonly size: number;
      readonly seconds: number;
      readonly goodputBytesPerSecond: number;
      readonly sealed: boolean;
      /** How it went. */
      readonly path: PathName;
    }
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

/** How bytes go from one to the other: through the server, by frames or by datagrams. */
export type PathName = "channel" | "relayed";

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
  | {
      readonly event: "received";
      readonly id: number;
      readonly from: string;
      readonly files: number;
      readonly failed: number;
      readonly folder: string;
      readonly seconds: number;
      readonly path: PathName;
    };
