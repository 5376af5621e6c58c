// What the hub needs from the file service. Answers arrive by callback; the hub drops answers for
// sessions that have ended.

import type { Peer } from "./dialect.ts";
import type { ParleyError } from "../errors.ts";
import type { TransferMessage, TransferRequest } from "../protocol/messages.ts";
import type { ShareOwner } from "../share-owner.ts";
import type { FileEntry } from "./events.ts";

/** Who makes the request, and whose share of the limits is used. */
export type FilesClient = { readonly peer: Peer; readonly owner: ShareOwner };

/** Lists at most `limit` names after `after`; without `limit`, all of them. */
export type ListRequest = {
  readonly after: string | undefined;
  readonly limit: number | undefined;
  /** Includes folders, with a "/" after their names. */
  readonly folders: boolean;
  /** Whose share of the lists being read it uses. */
  readonly owner: ShareOwner;
};

export type FilesPage = { readonly files: readonly FileEntry[]; readonly next: string | undefined };

export interface FilesPort {
  list(request: ListRequest, answer: (page: FilesPage | ParleyError) => void): void;
  /**
   * Starts or updates a session's transfer. `send` receives its messages until the session closes;
   * `waitingBytes` reports the session's output backlog, so that tags and data can be held back.
   */
  transfer(
    session: number,
    client: FilesClient,
    request: TransferRequest,
    send: (message: TransferMessage) => void,
    waitingBytes: () => number,
  ): void;
  /**
   * Opens a UDP port for open-chat's stop-and-wait download of `name`. Answers once more, with an
   * error, if that ends before everything was sent.
   */
  download(
    session: number,
    name: string,
    client: FilesClient,
    answer: (result: { port: number; sizeBytes: number; name: string } | ParleyError) => void,
  ): void;
  /** The session closed; its transfers end. */
  closed(session: number): void;
}
