// Where a session's output goes: a TCP socket, a WebSocket, or a list in a test. Implemented by the
// adapter.

import type { ShareOwner } from "../share-owner.ts";

export interface Link {
  /** The connection counts for this owner from now on. */
  belongsTo?(owner: ShareOwner): void;
  /**
   * Writes as many bytes as fit and returns their number; the rest is offered again after
   * `Hub.handleDrain`. Never throws; a closed connection returns the full length.
   */
  write(bytes: Uint8Array): number;
  /** Closes the connection after the bytes written so far have been sent, within a time limit. */
  end(): void;
  /** Closes the connection immediately; unsent bytes are lost. */
  abort(): void;
}
