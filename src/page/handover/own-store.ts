// The page's own store. On disk, if the browser has one: what is written stays there, also for the
// page after a reload, until the whole file is in the downloads. Otherwise in memory.

import { joinedBytes } from "../../bytes.ts";
import { ParleyError } from "../../errors.ts";
import { pageFiles as limits } from "../../limits.ts";
import { DiskWriter } from "./disk-writer.ts";
import { type Accepted, type FileNote, type KeptOffer, KeptOffers } from "./kept-offers.ts";
import {
  type FileSink,
  type KeptFile,
  savedName,
  type SaveTarget,
  type StoredFile,
  withStorageErrors,
} from "./saving.ts";
import { openTabFolder, passOn } from "./tab-folder.ts";

export class OwnStore {
  readonly #kept = new KeptOffers();
  #disk: Promise<Disk | undefined> | undefined;

  /**
   * A place for that many bytes. `accepted`: a page that is loaded after this one can continue it.
   * @throws ParleyError `storage` if there is not enough space
   */
  async target(bytes: number, accepted?: Accepted): Promise<SaveTarget> {
    this.#disk ??= openDisk((name) => this.#kept.isNoted(name));
    const disk = await this.#disk;
    if (disk === undefined) {
      checkHeld(bytes);
      return new InMemory();
    }
    const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
    const there = accepted === undefined ? 0 : this.#kept.bytesOf(accepted.offer);
    if (bytes - there > quota - usage) {
      const sentence = "this browser does not let the page have so much of the disk";
      throw new ParleyError("storage", sentence);
    }
    if (accepted !== undefined) passOn(disk.name);
    return new OnDisk(disk, accepted && this.#kept.open(accepted));
  }

  /** Whether the user has accepted that offer to this store, before the page was loaded. */
  has(accepted: Accepted): boolean {
    return this.#kept.has(accepted);
  }

  /** No page will continue that offer. */
  drop(offer: string): void {
    this.#kept.drop(offer);
  }

  /** No page will continue anything. */
  dropAll(): void {
    this.#kept.clear();
    passOn(undefined);
  }
}

type Disk = {
  readonly name: string;
  readonly folder: FileSystemDirectoryHandle;
  readonly writer: DiskWriter;
};

async function openDisk(isNeeded: (name: string) => boolean): Promise<Disk | undefined> {
  const folder = await openTabFolder(isNeeded);
  if (folder === undefined) return undefined;
  try {
    const writer = new DiskWriter(folder.path);
    await writer.open("probe", 0);
    await writer.close("probe");
    return { name: folder.name, folder: folder.handle, writer };
  } catch {
    // An old browser can't write to its store.
    return undefined;
  }
}

class OnDisk implements SaveTarget {
  readonly saved = "Saved in your downloads";
  readonly maxTreeFiles = limits.maxTreeDownloads;
  readonly #disk: Disk;
  readonly #kept: KeptOffer | undefined;

  constructor(disk: Disk, kept: KeptOffer | undefined) {
    this.#disk = disk;
    this.#kept = kept;
  }

  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  savedBytes(path: string): number | undefined {
    const note = this.#kept?.noteOf(path);
    return note?.isSaved === true ? note.size : undefined;
  }

  open(name: string, path: string): Promise<FileSink> {
    const take = (note: FileNote): void => this.#kept?.note(path, note);
    const { writer, folder } = this.#disk;
    return withStorageErrors(async () => {
      const note = this.#kept?.noteOf(path);
      const own = note?.own ?? crypto.randomUUID();
      const bytes = await writer.open(own, note?.bytes ?? 0);
      const kept =
        note && bytes > 0 ? { version: note.version, size: note.size, bytes } : undefined;
      return new DiskFile({ folder, writer, own, name: savedName(name), kept, take });
    });
  }

  async folder(name: string): Promise<SaveTarget> {
    return new Flattened(this, name);
  }
}

type DiskFileOptions = Pick<Disk, "folder" | "writer"> & {
  /** Its name in the store: nobody else sees the file's own name there. */
  readonly own: string;
  readonly name: string;
  readonly kept: KeptFile | undefined;
  /** Takes notes for a later page. */
  readonly take: (note: FileNote) => void;
};

class DiskFile implements FileSink {
  readonly #options: DiskFileOptions;
  #version: string | undefined;
  #size: number;
  #bytes: number;
  #notedBytes: number;

  constructor(options: DiskFileOptions) {
    this.#options = options;
    const { version, size = 0, bytes = 0 } = options.kept ?? {};
    this.#version = version;
    this.#size = size;
    this.#bytes = bytes;
    this.#notedBytes = bytes;
  }

  get kept(): KeptFile | undefined {
    return this.#options.kept;
  }

  begin(version: string, size: number): void {
    this.#version = version;
    this.#size = size;
    this.#note(false);
  }

  write(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    return withStorageErrors(async () => {
      const { writer, own } = this.#options;
      const bytes = joinedBytes(parts);
      const { length } = bytes;
      await writer.write(own, this.#bytes, bytes);
      this.#bytes += length;
      if (this.#bytes - this.#notedBytes < limits.noteBytes) return;
      await writer.flush(own);
      this.#note(false);
    });
  }

  #note(isSaved: boolean): void {
    this.#notedBytes = this.#bytes;
    if (this.#version === undefined) return;
    const { own, take } = this.#options;
    take({ own, version: this.#version, size: this.#size, bytes: this.#bytes, isSaved });
  }

  restart(): Promise<void> {
    return withStorageErrors(async () => {
      this.#bytes = 0;
      this.#note(false);
      await this.#options.writer.open(this.#options.own, 0);
    });
  }

  finish(): Promise<StoredFile> {
    return withStorageErrors(async () => {
      const { writer, folder, own, name } = this.#options;
      await writer.close(own);
      const file = await (await folder.getFileHandle(own)).getFile();
      this.#note(true);
      return { file, name, release: () => folder.removeEntry(own) };
    });
  }

  async discard(): Promise<void> {
    const { writer, folder, own } = this.#options;
    try {
      await writer.close(own).catch(() => {});
      await folder.removeEntry(own);
    } catch {
      // The browser may have removed everything.
    }
  }
}

/** The number of bytes in memory, for all offers. */
let heldBytes = 0;

/** @throws ParleyError `storage` if that many more bytes would be too much */
function checkHeld(more: number): void {
  if (heldBytes + more <= limits.maxMemoryBytes) return;
  const sentence = `this browser would have to hold all of it in memory, and takes ${limits.maxMemoryBytes >> 20} MiB so: use parley client, or another browser`;
  throw new ParleyError("storage", sentence);
}

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
        const more = parts.reduce((sum, { length }) => sum + length, 0);
        checkHeld(more);
        kept.push(...parts);
        bytes += more;
        heldBytes += more;
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

  savedBytes(path: string): number | undefined {
    return this.#store.savedBytes?.(path);
  }

  open(name: string, path: string): Promise<FileSink> {
    return this.#store.open(`${this.#name} - ${name}`, path);
  }

  async folder(name: string): Promise<SaveTarget> {
    return new Flattened(this.#store, `${this.#name} - ${name}`);
  }
}
