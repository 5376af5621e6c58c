// What a control connection provides for its file transfers. Types only.

import type { TransferMessage } from "../../protocol/messages.ts";
import type { OpenFile } from "./open-file.ts";
import type { Piece } from "../../transfer/piece.ts";

export interface FileControl {
  send(message: TransferMessage): void;
  /** A file has been offered that is being sent from now on. */
  onStarted?(transfer: number, file: Pick<OpenFile, "name" | "size">): void;
  /** Sends sealed bytes, valid during the call, as they are; if absent, as `data` in base64. */
  sendPiece?(piece: Piece): void;
  /**
   * Unsent bytes on this connection: tags and data are held back above `files.maxControlBytes`. If
   * absent, they never are.
   */
  waitingBytes?(): number;
  /** Data must wait now, for a rate; tags need not. */
  mustPause?(): boolean;
  /** Finds the file listed as `name` when no file has that name. */
  find?(name: string): Promise<string | undefined>;
  /** As in `Peer` (chat/dialect.ts); absent without TLS. */
  exportKey?: ((label: string) => Uint8Array) | undefined;
}
