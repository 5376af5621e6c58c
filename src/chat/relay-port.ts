// What the hub needs of the relay that forwards datagrams between the ends of a channel.

import type { ShareOwner } from "../share-owner.ts";

export interface RelayPort {
  /** Opens a relay for the two ends of a channel, at that owner's cost. Undefined: there is none. */
  open(owner: ShareOwner): OpenRelay | undefined;
}

export interface OpenRelay {
  /** The UDP port, at the address of the connection to the server. */
  readonly port: number;
  /** By these the ends show who they are: 16 bytes in base64url. */
  readonly sender: string;
  readonly recipient: string;
  close(): void;
}
