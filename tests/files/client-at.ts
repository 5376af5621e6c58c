// Somebody at an address who asks for files.

import type { FilesClient } from "../../src/chat/files-port.ts";
import { ownerAt } from "../../src/share-owner.ts";

export function clientAt(address: string): FilesClient {
  return { peer: { address, port: 1 }, owner: ownerAt(address) };
}
