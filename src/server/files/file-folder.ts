// What files are served from: a server's shared folder, or what a person offers. Types only.

import type { FolderCursor } from "../../io/open-folder.ts";
import type { TreeEntry } from "../../protocol/messages.ts";
import type { OpenFile } from "./open-file.ts";

/** Files and folders, by the names that clients ask for. */
export interface FileFolder {
  /** @throws ParleyError `not-found`, `full` */
  open(name: string): OpenFile;
  readonly tree: TreeFolder;
}

/** Folders with all that is in them, by name. */
export interface TreeFolder {
  /** As of `SharedTree`. */
  walk(name: string, after?: string): AsyncGenerator<readonly TreeEntry[]>;
  /** Goes down from the folder that `name` leads down from. Close it. */
  cursor(name: string): FolderCursor;
}
