// Where received files are saved. A file or folder picked by the user is written directly, if the
// browser supports it (Chromium). Otherwise a file is first written to the page's own store, and
// from there to the downloads.

import { joinedBytes } from "../../bytes.ts";
import { ParleyError } from "../../errors.ts";
import { offers, pageFiles as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { otherName } from "../../transfer/tree/name-rules.ts";
import type { Accepted } from "./kept-offers.ts";
import type { OwnStore } from "./own-store.ts";
import {
  anyPlatform,
  type FileSink,
  savedName,
  type SaveTarget,
  storageError,
  withStorageErrors,
} from "./saving.ts";

/** The expected files. */
export type Expected = {
  readonly bytes: number;
  readonly names: readonly string[];
  readonly files: number;
};

/**
 * Asks the user where to save, if the browser supports it; call it in a click. Undefined: the user
 * has cancelled. `accepted`: as for `OwnStore.target`.
 * @throws ParleyError `storage` if there is not enough space
 */
export async function chooseTarget(
  expected: Expected,
  store: OwnStore,
  accepted?: Accepted,
): Promise<SaveTarget | undefined> {
  const [name = ""] = expected.names;
  const isOneFile = expected.files === 1 && expected.names.length === 1 && !name.endsWith("/");
  const { showSaveFilePicker, showDirectoryPicker } = window as Pickers;
  try {
    if (isOneFile && showSaveFilePicker !== undefined) {
      const suggestedName = savedName(name);
      return new PickedFile(await showSaveFilePicker.call(window, { suggestedName, id: pickerId }));
    }
    if (!isOneFile && showDirectoryPicker !== undefined) {
      const options = { mode: "readwrite", id: pickerId } as const;
      return new Folder(await showDirectoryPicker.call(window, options));
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    // Some browsers have the pickers, but do not let this page use them.
    if (!(error instanceof DOMException && error.name === "SecurityError"))
      throw storageError(error);
  }
  return await store.target(expected.bytes, accepted);
}

/** Whether folders can be saved as folders. */
export function canSaveFolders(): boolean {
  return "showDirectoryPicker" in window;
}

type Pickers = {
  showSaveFilePicker?: (options: {
    suggestedName: string;
    id: string;
  }) => Promise<FileSystemFileHandle>;
  showDirectoryPicker?: (options: {
    mode: "readwrite";
    id: string;
  }) => Promise<FileSystemDirectoryHandle>;
};

/** The browser remembers the last folder chosen for this ID. */
const pickerId = "parley";

/** The file that the user has picked. */
class PickedFile implements SaveTarget {
  readonly maxTreeFiles = 0;
  readonly #handle: FileSystemFileHandle;

  constructor(handle: FileSystemFileHandle) {
    this.#handle = handle;
  }

  get saved(): string {
    return `Saved as ${quoted(this.#handle.name, 200)}`;
  }

  open(): Promise<FileSink> {
    return StreamSink.open(this.#handle, async () => {
      // The browser creates an empty file when it is picked; an existing one is kept.
      const { size } = await this.#handle.getFile();
      if (size === 0) await (this.#handle as Removable).remove?.();
    });
  }

  folder(): Promise<SaveTarget> {
    return Promise.reject(new ParleyError("storage", "a folder does not fit into a file"));
  }
}

/** Not supported by all browsers. */
type Removable = { remove?: () => Promise<void> };

/** A folder picked by the user, or a subfolder. */
class Folder implements SaveTarget {
  readonly maxTreeFiles = limits.maxTreeEntries;
  readonly #handle: FileSystemDirectoryHandle;

  constructor(handle: FileSystemDirectoryHandle) {
    this.#handle = handle;
  }

  get saved(): string {
    return `Saved in ${quoted(this.#handle.name, 200)}`;
  }

  async open(name: string): Promise<FileSink> {
    const folder = this.#handle;
    const free = await this.#freeName(name);
    try {
      const handle = await folder.getFileHandle(free, { create: true });
      return await StreamSink.open(handle, () => folder.removeEntry(free));
    } catch (error) {
      throw storageError(error);
    }
  }

  async folder(name: string): Promise<SaveTarget> {
    const free = await this.#freeName(name);
    try {
      return new Folder(await this.#handle.getDirectoryHandle(free, { create: true }));
    } catch (error) {
      throw storageError(error);
    }
  }

  /** Existing files are never replaced. */
  async #freeName(name: string): Promise<string> {
    const plain = savedName(name);
    for (let n = 1; n <= offers.maxNameTries; n++) {
      const candidate = n === 1 ? plain : otherName(plain, n, anyPlatform);
      try {
        await this.#handle.getFileHandle(candidate);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        if (error.name === "NotFoundError") return candidate;
        // A folder has that name.
        if (error.name !== "TypeMismatchError") throw storageError(error);
      }
    }
    throw new ParleyError("storage", `there are too many files like ${quoted(name, 200)}`);
  }
}

/** Writes to a file handle: the data becomes visible when it is finished. */
class StreamSink implements FileSink {
  readonly #stream: FileSystemWritableFileStream;
  readonly #remove: () => Promise<void>;

  private constructor(stream: FileSystemWritableFileStream, remove: () => Promise<void>) {
    this.#stream = stream;
    this.#remove = remove;
  }

  /** @throws ParleyError `storage` */
  static async open(
    handle: FileSystemFileHandle,
    remove: () => Promise<void>,
  ): Promise<StreamSink> {
    return await withStorageErrors(async () => {
      return new StreamSink(await handle.createWritable(), remove);
    });
  }

  write(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    return withStorageErrors(() => this.#stream.write(joinedBytes(parts)));
  }

  restart(): Promise<void> {
    return withStorageErrors(async () => {
      await this.#stream.seek(0);
      await this.#stream.truncate(0);
    });
  }

  finish(): Promise<undefined> {
    return withStorageErrors(async () => void (await this.#stream.close()));
  }

  async discard(): Promise<void> {
    try {
      await this.#stream.abort();
      await this.#remove();
    } catch {
      // The user has removed it, or revoked the permission.
    }
  }
}
