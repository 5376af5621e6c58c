// Where a received file is saved: under its own name or, if another file has that name or the file
// system can't hold it, under another one. The same file, sent again, gets the same path.

import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { type ErrorCode, ParleyError } from "../errors.ts";
import { isFileName } from "../files/fetch-targets.ts";
import { fileReason, ownFailures } from "../files/file-reason.ts";
import { isSameTime } from "../files/local-copy.ts";
import { nameRulesOf } from "../files/name-probe.ts";
import { offerBook, offers as limits } from "../limits.ts";
import type { FileInfo } from "../protocol/messages.ts";
import { quoted } from "../text.ts";
import { heldName, type NameRules, otherName } from "../transfer/tree/name-rules.ts";

export class SavePlace {
  readonly #folder: string;
  readonly #from: string;
  readonly #rules: NameRules;

  /** `folder` must exist; `from`: who sends the files. @throws ParleyError `storage` */
  constructor(folder: string, from: string) {
    this.#folder = folder;
    this.#from = from;
    this.#rules = guarded(folder, () => nameRulesOf(folder));
  }

  /**
   * Saves a file or a folder at its path, or at the next one while another fetch writes there: two
   * people may send files of the same name at once. @throws what `save` and `pathFor` throw
   */
  async save(file: FileInfo, save: (path: string) => Promise<void>): Promise<void> {
    for (let busy = 0; ; busy++) {
      try {
        return await save(this.pathFor(file, busy));
      } catch (error) {
        const isBusy = error instanceof ParleyError && error.code === "locked";
        if (!isBusy || file.name.endsWith("/") || busy >= offerBook.maxToRecipient) throw error;
      }
    }
  }

  /**
   * The path for a file, or for a folder (whose name ends with a `/`). `busy`: how many of those
   * that would do are not free. @throws ParleyError `protocol` for an invalid file name; `differs`;
   * `storage`
   */
  pathFor({ name, size, modified }: FileInfo, busy = 0): string {
    checkReceivedName(name, this.#from);
    const isFolder = name.endsWith("/");
    const plain = heldName(isFolder ? name.slice(0, -1) : name, this.#rules);
    let left = busy;
    for (let n = 1; n <= limits.maxNameTries; n++) {
      const path = join(this.#folder, n === 1 ? plain : otherName(plain, n, this.#rules));
      const found = this.#look(path);
      const isSame =
        found?.isFile() === true && found.size === size && isSameTime(found.mtimeMs, modified);
      // The content of a folder is compared file by file.
      const isFree = found === undefined || (isFolder ? found.isDirectory() : isSame);
      if (isFree && left-- === 0) return path;
    }
    const sentence = `There are ${limits.maxNameTries} files like ${quoted(plain, 200)} in ${quoted(this.#folder, 200)}: move them away`;
    throw new ParleyError("differs", sentence);
  }

  /** A link is never the received file, wherever it leads. */
  #look(path: string): Stats | undefined {
    return guarded(path, () => lstatSync(path, { throwIfNoEntry: false }));
  }
}

/**
 * The sender may be hostile: no path, and no character that a terminal or another system would
 * interpret. @throws ParleyError `protocol`
 */
export function checkReceivedName(name: string, from: string): void {
  const plain = name.endsWith("/") ? name.slice(0, -1) : name;
  const isName =
    isFileName(plain) && plain.isWellFormed() && !/[\\/\u0000-\u001f\u007f]/.test(plain);
  if (isName) return;
  const sentence = `${quoted(from)} sends ${quoted(name, 200)}, which is not a file name: nothing was saved.`;
  throw new ParleyError("protocol", sentence);
}

function guarded<Value>(path: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    const sentence = `Cannot write ${quoted(path, 300)}: ${fileReason(error)}`;
    throw new ParleyError("storage", sentence);
  }
}

/** Errors that concern one file, or the recipient's disk: the sender learns them. */
export const savingFailures: ReadonlySet<ErrorCode> = new Set([...ownFailures, "storage"]);

/** Why something was not saved, for its sender, who does not learn where the files are saved. */
export function reasonForSender(reason: string, folder: string): string {
  const inside = join(folder, "/");
  let told = reason;
  for (const path of [folder, inside]) {
    const name = quoted(path, 300);
    told = told.replaceAll(`the folder ${name}`, "the folder").replaceAll(name, "the folder");
  }
  return told.replaceAll(inside, "");
}
