// The tab's folder in the browser's store for this page, which others may remove once the tab is
// closed. After a reload, the page takes over the folder of the page before it, if that one has
// asked for it.

const storeName = "parley-files";
const key = "parley-folder";
const nameForm = /^[0-9a-f-]{36}$/;
/** How long a reloaded page waits until the one before has let go of the folder. */
const takeOverMs = 3_000;

export type TabFolder = {
  readonly name: string;
  readonly handle: FileSystemDirectoryHandle;
  readonly path: readonly string[];
};

/**
 * Undefined: this browser has no store. `isNeeded`: which of the files that the page before has
 * left are kept.
 */
export async function openTabFolder(
  isNeeded: (name: string) => boolean,
): Promise<TabFolder | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    const all = (await root.getDirectoryHandle(storeName, { create: true })) as Listed;
    const name = await hold(sessionStorage.getItem(key) ?? "");
    await removeOld(all);
    const handle = (await all.getDirectoryHandle(name, { create: true })) as Listed;
    for (const file of await namesIn(handle)) if (!isNeeded(file)) await remove(handle, file);
    return { name, handle, path: [storeName, name] };
  } catch {
    // Private windows of some browsers have none.
    return undefined;
  }
}

/** The next page in this tab takes over that folder; undefined: it begins with a new one. */
export function passOn(name: string | undefined): void {
  try {
    if (name === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, name);
  } catch {
    // Storage may be full. Then a reload loses what has been received.
  }
}

type Listed = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

async function namesIn(folder: Listed): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}

/**
 * Holds that name until the tab closes, which shows other tabs that the folder is needed; or a new
 * one if another tab holds it: a duplicate of a tab has the same name.
 */
async function hold(before: string): Promise<string> {
  if (nameForm.test(before) && (await lock(before))) return before;
  const name = crypto.randomUUID();
  if (await lock(name)) return name;
  throw new Error("this browser has no locks");
}

async function lock(name: string): Promise<boolean> {
  const held = new Promise<void>(() => {});
  return await new Promise((go) => {
    const signal = AbortSignal.timeout(takeOverMs);
    const take = (): Promise<void> => (go(true), held);
    navigator.locks.request(lockName(name), { signal }, take).catch(() => go(false));
  });
}

/** Removes the folders of closed tabs. */
async function removeOld(all: Listed): Promise<void> {
  for (const name of await namesIn(all)) {
    await navigator.locks.request(lockName(name), { ifAvailable: true }, async (free) => {
      if (free !== null) await remove(all, name);
    });
  }
}

async function remove(from: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await from.removeEntry(name, { recursive: true });
  } catch {
    // The browser may still be copying it to the downloads. The next tab tries again.
  }
}

function lockName(folder: string): string {
  return `${storeName} ${folder}`;
}
