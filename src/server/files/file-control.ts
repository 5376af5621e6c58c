// What a control connection does for its file transfers. Types only.

import type { TransferMessage } from "../../protocol/messages.ts";

export interface FileControl {
  send(message: TransferMessage): void;
  /**
   * Bytes waiting to leave on this connection: digests are held back above `files.maxControlBytes`.
   * Without it they never are.
   */
  waitingBytes?(): number;
  /** Finds the file that lists show as `name`, where no file has that name. */
  find?(name: string): Promise<string | undefined>;
}
