// What the hub needs of the shared folder and the transfers. The adapter is asynchronous; it answers through callbacks, and
// the hub drops answers to sessions that are gone.

import type { Peer } from "./dialect.ts";
import type { ParleyError } from "../errors.ts";
import type { TransferMessage, TransferRequest } from "../protocol/messages.ts";
import type { FileEntry } from "./events.ts";

export interface FilesPort {
  /** Lists the folder: names after `after`, at most `limit`; without `limit` all of them. */
  list(
    after: string | undefined,
    limit: number | undefined,
    answer: (
      result: { files: readonly FileEntry[]; next: string | undefined } | ParleyError,
    ) => void,
  ): void;
  /**
   * Starts, or changes, a transfer for a session; `send` takes its messages until the session is closed, `waitingBytes` says
   * how many bytes its reader lags behind, so that digests can wait for it.
   */
  transfer(
    session: number,
    peer: Peer,
    request: TransferRequest,
    send: (message: TransferMessage) => void,
    waitingBytes: () => number,
  ): void;
  /** Opens a port for open-chat's stop-and-wait download of the file that is listed as `name`. */
  download(
    session: number,
    name: string,
    peer: Peer,
    answer: (result: { port: number; sizeBytes: number; name: string } | ParleyError) => void,
  ): void;
  /** The session is gone, and its transfers with it. */
  closed(session: number): void;
}
