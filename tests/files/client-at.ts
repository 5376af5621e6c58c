// A client at an address that requests files.

import type { FilesClient } from "../../src/chat/files-port.ts";
import { ownerAt } from "../../src/share-owner.ts";

export function clientAt(address: string): FilesClient {
  return { peer: { address, port: 1 }, owner: ownerAt(address) };
}
