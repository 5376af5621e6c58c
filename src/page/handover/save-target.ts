// Where received files are saved. A file or folder picked by the user is written directly, if the
// browser supports it (Chromium). Otherwise a file is first written to the page's own store on
// disk, and from there to the downloads; without such a store it has to fit into memory.

import { joinedBytes } from "../../bytes.ts";
import { ParleyError } from "../../errors.ts";
import { offers, pageFiles as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import { heldName, type NameRules, otherName } from "../../transfer/tree/name-rules.ts";

/** A file that is being written, from its beginning to its end. */
export interface FileSink {
  write(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  /** Discards everything written so far. */
  restart(): Promise<void>;
  /** Everything is written. Returns a file to download, if it is not in its final place yet. */
  finish(): Promise<StoredFile | undefined>;
  /** The file will not be completed. */
  discard(): Promise<void>;
}

/** A file in the page's own store. */
export type StoredFile = {
  readonly file: Blob;
  readonly name: string;
  /** The file is no longer needed. */
  release(): Promise<void>;
};

export interface SaveTarget {
  /** The message once everything is saved. */
  readonly saved: string;
  /** The maximum number of files of one folder: small if each of them is a separate download. */
  readonly maxTreeFiles: number;
  /** `name`: a file name, not a path. @throws ParleyError `storage` */
  open(name: string): Promise<FileSink>;
  /** A subfolder with that name, or a similar one. @throws ParleyError `storage` */
  folder(name: string): Promise<SaveTarget>;
}

/** The expected files. */
export type Expected = {
  readonly bytes: number;
  readonly names: readonly string[];
  readonly files: number;
};

/**
 * Asks the user where to save, if the browser supports it; call it in a click. Undefined: the user
 * has cancelled. @throws ParleyError `storage` if there is not enough space
 */
export async function chooseTarget(expected: Expected): Promise<SaveTarget | undefined> {
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
  return await ownStore(expected.bytes);
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

/** For any file system: names that are valid on all of them. */
export const anyPlatform: NameRules = {
  isWindows: true,
  foldsCase: true,
  foldsAccents: true,
  maxName: 200,
};

/** A name that is valid on all of them, without characters that hide its meaning. */
function savedName(name: string): string {
  return heldName(harmless(name) || "file", anyPlatform);
}

/** The file that the user has picked. */
class PickedFile implements SaveTarget {
  readonly maxTreeFiles = 0;
  readonly #handle: FileSystemFileHandle;

  constructor(handle: FileSystemFileHandle) {
    this.#handle = handle;
  }

  get saved(): string {
    return `Saved as ${harmless(this.#handle.name)}`;
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
    return `Saved in ${harmless(this.#handle.name)}`;
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

/** The page's own store, on disk if the browser has one. @throws ParleyError `storage` */
async function ownStore(bytes: number): Promise<SaveTarget> {
  const folder = await openStore();
  if (folder === undefined) {
    if (heldBytes + bytes <= limits.maxMemoryBytes) return new InMemory();
    const sentence = `this browser would have to hold all of it in memory, and takes ${limits.maxMemoryBytes >> 20} MiB so: use parley client, or another browser`;
    throw new ParleyError("storage", sentence);
  }
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  if (bytes > quota - usage) {
    throw new ParleyError("storage", "this browser does not let the page have so much of the disk");
  }
  return new OwnStore(folder);
}

class OwnStore implements SaveTarget {
  readonly saved = "Saved in your downloads";
  readonly maxTreeFiles = limits.maxTreeDownloads;
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async open(given: string): Promise<FileSink> {
    // Nobody else sees its name here.
    const own = crypto.randomUUID();
    const name = savedName(given);
    try {
      const handle = await this.#folder.getFileHandle(own, { create: true });
      const release = (): Promise<void> => this.#folder.removeEntry(own);
      const result = async () => ({ file: await handle.getFile(), name, release });
      return await StreamSink.open(handle, release, result);
    } catch (error) {
      throw storageError(error);
    }
  }

  async folder(name: string): Promise<SaveTarget> {
    return new Flattened(this, name);
  }
}

/** The number of bytes in memory, for all offers. */
let heldBytes = 0;

class InMemory implements SaveTarget {
  readonly saved = "Saved in your downloads";
  readonly maxTreeFiles = limits.maxTreeDownloads;

  async open(name: string): Promise<FileSink> {
    let kept: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    const drop = async (): Promise<void> => {
      heldBytes -= bytes;
      bytes = 0;
      kept = [];
    };
    return {
      async write(parts) {
        kept.push(...parts);
        for (const { length } of parts) {
          bytes += length;
          heldBytes += length;
        }
      },
      restart: drop,
      finish: async () => ({ file: new Blob(kept), name: savedName(name), release: drop }),
      discard: drop,
    };
  }

  async folder(name: string): Promise<SaveTarget> {
    return new Flattened(this, name);
  }
}

/** A folder in a browser without folders: the names of its files are prefixed with its name. */
class Flattened implements SaveTarget {
  readonly #store: SaveTarget;
  readonly #name: string;

  constructor(store: SaveTarget, name: string) {
    this.#store = store;
    this.#name = name;
  }

  get saved(): string {
    return this.#store.saved;
  }

  get maxTreeFiles(): number {
    return this.#store.maxTreeFiles;
  }

  open(name: string): Promise<FileSink> {
    return this.#store.open(`${this.#name} - ${name}`);
  }

  async folder(name: string): Promise<SaveTarget> {
    return new Flattened(this.#store, `${this.#name} - ${name}`);
  }
}

/** Writes to a file handle: the data becomes visible when it is finished. */
class StreamSink implements FileSink {
  readonly #stream: FileSystemWritableFileStream;
  readonly #remove: () => Promise<void>;
  readonly #result: (() => Promise<StoredFile>) | undefined;

  private constructor(
    stream: FileSystemWritableFileStream,
    remove: () => Promise<void>,
    result: (() => Promise<StoredFile>) | undefined,
  ) {
    this.#stream = stream;
    this.#remove = remove;
    this.#result = result;
  }

  /** @throws ParleyError `storage` */
  static async open(
    handle: FileSystemFileHandle,
    remove: () => Promise<void>,
    result?: () => Promise<StoredFile>,
  ): Promise<StreamSink> {
    try {
      return new StreamSink(await handle.createWritable(), remove, result);
    } catch (error) {
      throw storageError(error);
    }
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

  finish(): Promise<StoredFile | undefined> {
    return withStorageErrors(async () => {
      await this.#stream.close();
      return await this.#result?.();
    });
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

async function withStorageErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error);
  }
}

function storageError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
  const why = error instanceof Error ? error.message : String(error);
  return new ParleyError(
    "storage",
    isFull ? "there is no room for it on the disk" : `it can't be saved: ${why}`,
  );
}

const storeName = "parley-files";
let ownFolder: Promise<FileSystemDirectoryHandle | undefined> | undefined;

/** This tab's folder in the browser's store for this page; undefined: there is none. */
function openStore(): Promise<FileSystemDirectoryHandle | undefined> {
  return (ownFolder ??= makeStore());
}

async function makeStore(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    const all = await root.getDirectoryHandle(storeName, { create: true });
    await removeOld(all);
    const name = crypto.randomUUID();
    // Held until the tab closes: it shows other tabs that the files are needed.
    await new Promise<void>((go, fail) => {
      const held = new Promise<void>(() => {});
      navigator.locks.request(lockName(name), () => (go(), held)).catch(fail);
    });
    const folder = await all.getDirectoryHandle(name, { create: true });
    // Safari before 26 has a store that only workers can write to.
    const probe = await folder.getFileHandle("probe", { create: true });
    return "createWritable" in probe ? folder : undefined;
  } catch {
    // Private windows of some browsers have none.
    return undefined;
  }
}

/** Removes the folders of closed tabs. */
async function removeOld(all: FileSystemDirectoryHandle): Promise<void> {
  const names: string[] = [];
  for await (const name of (
    all as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }
  ).keys()) {
    names.push(name);
  }
  for (const name of names) {
    await navigator.locks.request(lockName(name), { ifAvailable: true }, async (lock) => {
      if (lock !== null) await all.removeEntry(name, { recursive: true });
    });
  }
}

function lockName(folder: string): string {
  return `${storeName} ${folder}`;
}
