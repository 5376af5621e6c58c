// What the hub needs from the relay that forwards datagrams between the ends of a channel.

import type { ShareOwner } from "../share-owner.ts";

export interface RelayPort {
  /**
   * Opens a relay for the two ends of a channel, charged to that owner. Undefined if there is none.
   */
  open(owner: ShareOwner): OpenRelay | undefined;
}

export interface OpenRelay {
  /** The UDP port, at the address of the connection to the server. */
  readonly port: number;
  /** Tokens that identify the ends to the relay: 16 bytes in base64url. */
  readonly sender: string;
  readonly recipient: string;
  close(): void;
}
