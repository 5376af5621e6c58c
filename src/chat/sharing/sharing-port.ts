// What the hub needs from whoever puts files of people into the shared folder. Answers arrive by
// callback; the hub drops those for sessions that are gone.

import type { ParleyError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import type { ShareOwner } from "../../share-owner.ts";

/** Who shares files, and whose part of what is limited is used. */
export type Sharer = {
  readonly session: number;
  readonly by: string;
  /** As `personKey`, and the device's key that is proved. */
  readonly person: string;
  readonly device: string | undefined;
  readonly owner: ShareOwner;
  /** Why it may not be shared after all, now that all has come; undefined: it may. */
  readonly problem: () => ParleyError | undefined;
  /** Whether the session is still there. */
  readonly isHere: () => boolean;
};

/** What is going to be sent. `folders`: those at the top included. */
export type ShareOffer = {
  /** The sender's number: 16 bytes in base64url. With the same again, the sender is back. */
  readonly id: string;
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
  /** The room that will be told, folded; undefined: none. */
  readonly room: string | undefined;
};

/** A file that is going to be sent by HTTP. */
export type FileToPut = {
  readonly name: string;
  readonly size: number;
  /** As of `ShareOffer`. */
  readonly room: string | undefined;
};

/** Something in the shared folder; the name of a folder ends with a "/". */
export type SharedEntry = FileInfo & { readonly files: number };

/** The same with who has put it there, and when in Unix milliseconds. */
export type SharedListing = SharedEntry & {
  readonly by: string;
  readonly person: string;
  readonly device: string | undefined;
  readonly atMs: number;
};

export type SharingEvent =
  /** Answers `offer`. */
  | { type: "taken" }
  /** Answers `upload`: where to send it by HTTP, for a moment. */
  | { type: "ticket"; ticket: string }
  | { type: "refused"; error: ParleyError }
  /** Frames with this number reach the receiver. */
  | { type: "channel"; channel: number }
  /** A frame from the receiver. */
  | { type: "passed"; channel: number; data: string }
  /** All is verified, and in place under these names. `isKnown`: the room has been told before. */
  | { type: "placed"; entries: readonly SharedEntry[]; isKnown: boolean }
  | { type: "failed"; error: ParleyError };

export interface SharingPort {
  /** Receives files from a session, by frames as from person to person. */
  offer(sharer: Sharer, offer: ShareOffer, tell: (event: SharingEvent) => void): void;
  /** Keeps a place for a file that comes by HTTP. */
  upload(sharer: Sharer, file: FileToPut, tell: (event: SharingEvent) => void): void;
  /** A frame from the session; false: it has no such channel. */
  pass(session: number, offer: string, channel: number, data: string): boolean;
  /** The session ends an offer of its own. */
  end(session: number, offer: string): void;
  /** What people have put there. */
  listings(): readonly SharedListing[];
  /** Removes what has this name. `check`: why it may not be; undefined: it may. */
  remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
    then: (outcome: SharedListing | ParleyError) => void,
  ): void;
  /** The session is gone; it may come back with another one. */
  closed(session: number): void;
}
