// What the hub needs from the service that stores people's files in the shared folder. Answers
// arrive by callback; the hub drops answers for sessions that have ended.

import type { ParleyError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import type { ShareOwner } from "../../share-owner.ts";

/** Who shares files, and whose share of the limits is used. */
export type Sharer = {
  readonly session: number;
  readonly by: string;
  /** As `personKey`, and the proved key of the device. */
  readonly person: string;
  readonly device: string | undefined;
  readonly owner: ShareOwner;
  /**
   * Why the files may not be shared after all, now that they have arrived; undefined if they may.
   */
  readonly problem: () => ParleyError | undefined;
  /** Whether the session is still connected. */
  readonly isHere: () => boolean;
};

/** What is going to be sent. `folders`: including those at the top level. */
export type ShareOffer = {
  /** The sender's ID for the offer: 16 bytes in base64url. Repeating it resumes the offer. */
  readonly id: string;
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
  /** The room to notify, folded; undefined: none. */
  readonly room: string | undefined;
};

/** A file that is going to be sent by HTTP. */
export type FileToPut = {
  /** As in `ShareOffer`; undefined: it can't be continued. */
  readonly id?: string | undefined;
  readonly name: string;
  readonly size: number;
  /** As in `ShareOffer`. */
  readonly room: string | undefined;
};

/** An entry of the shared folder; the name of a folder ends with a "/". */
export type SharedEntry = FileInfo & { readonly files: number };

/** The entry with who put it there, and when in Unix milliseconds. */
export type SharedListing = SharedEntry & {
  readonly by: string;
  readonly person: string;
  readonly device: string | undefined;
  readonly atMs: number;
};

export type SharingEvent =
  /** Answers `offer`. */
  | { type: "taken" }
  /** Answers `upload`: where to send the file by HTTP, from which byte on, for a short time. */
  | { type: "ticket"; ticket: string; from: number }
  | { type: "refused"; error: ParleyError }
  /** Frames with this number reach the receiver. */
  | { type: "channel"; channel: number }
  /** A frame from the receiver. */
  | { type: "passed"; channel: number; data: string }
  /**
   * Everything is verified and in place under these names. `isKnown`: the room was notified before.
   */
  | { type: "placed"; entries: readonly SharedEntry[]; isKnown: boolean }
  | { type: "failed"; error: ParleyError };

export interface SharingPort {
  /** Receives files from a session, in frames as between two people. */
  offer(sharer: Sharer, offer: ShareOffer, tell: (event: SharingEvent) => void): void;
  /** Reserves space for a file that is sent by HTTP. */
  upload(sharer: Sharer, file: FileToPut, tell: (event: SharingEvent) => void): void;
  /** A frame from the session; false: the session has no such channel. */
  pass(session: number, offer: string, channel: number, data: string): boolean;
  /** The session ends an offer of its own. */
  end(session: number, offer: string): void;
  /** What people have put into the folder. */
  listings(): readonly SharedListing[];
  /** Removes the entry with this name. `check`: why it may not be removed; undefined: it may. */
  remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
    then: (outcome: SharedListing | ParleyError) => void,
  ): void;
  /** The session has ended; its person may return with another one. */
  closed(session: number): void;
}
