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
  | { readonly event: "interrupted"; readonly to: string; readonly reason: string }
  | {
      readonly event: "progress";
      readonly to: string;
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
