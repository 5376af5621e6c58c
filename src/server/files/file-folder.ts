// A source of files to serve: a server's shared folder, or what a person offers. Types only.

import type { FolderCursor } from "../../io/open-folder.ts";
import type { TreeEntry } from "../../protocol/messages.ts";
import type { OpenFile } from "./open-file.ts";

/** Files and folders by the names that clients request. */
export interface FileFolder {
  /** @throws ParleyError `not-found`, `full` */
  open(name: string): OpenFile;
  readonly tree: TreeFolder;
}

/** Folders with everything below them, by name. */
export interface TreeFolder {
  /** As `SharedTree.walk`. */
  walk(name: string, after: string | undefined): AsyncGenerator<readonly TreeEntry[]>;
  /** A position in the folder from which `name` is resolved. The caller closes it. */
  cursor(name: string): FolderCursor;
}
