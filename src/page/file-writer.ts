// A worker that writes files in the browser's store for this page: only a worker can write in
// place, so that what is written survives the page. handover/disk-writer.ts is the other end.

import type { WriterReply, WriterRequest } from "./handover/disk-writer.ts";
import type { FileWriterScope, OpenFile, WritableFile } from "./worker-scope.ts";

declare const self: FileWriterScope;

const maxTries = 20;
const betweenTriesMs = 100;

const open = new Map<string, OpenFile>();
/** Requests are carried out one after the other. */
let last: Promise<void> = Promise.resolve();

self.addEventListener("message", ({ data }) => {
  last = last.then(async () => self.postMessage(await answer(data), []));
});

async function answer(request: WriterRequest): Promise<WriterReply> {
  const { id } = request;
  try {
    return { id, bytes: await carryOut(request) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { id, name, message };
  }
}

/** Returns the number of bytes that are kept or written. */
async function carryOut(request: WriterRequest): Promise<number> {
  const { name } = request;
  if (request.type === "open") return await openFile(request);
  const file = open.get(name);
  if (file === undefined) throw new Error("it is not open");
  switch (request.type) {
    case "write": {
      const { bytes, at } = request;
      for (let done = 0; done < bytes.length;) {
        const written = file.write(bytes.subarray(done), { at: at + done });
        if (written === 0) throw new DOMException("The disk is full", "QuotaExceededError");
        done += written;
      }
      return bytes.length;
    }
    case "flush":
      file.flush();
      return 0;
    case "close":
      open.delete(name);
      file.close();
      return 0;
  }
}

/** Waits until the worker of the page before is gone. */
async function lockedFile(handle: WritableFile): Promise<OpenFile> {
  for (let tries = 1; ; tries++) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (error) {
      const isInUse = error instanceof DOMException && error.name === "NoModificationAllowedError";
      if (!isInUse || tries === maxTries) throw error;
      await new Promise((go) => setTimeout(go, betweenTriesMs));
    }
  }
}

/** Cuts the file to the given length; what is shorter is emptied. */
async function openFile({
  folder,
  name,
  bytes,
}: WriterRequest & { type: "open" }): Promise<number> {
  let file = open.get(name);
  if (file === undefined) {
    let place = await self.navigator.storage.getDirectory();
    for (const step of folder) place = await place.getDirectoryHandle(step);
    file = await lockedFile(await place.getFileHandle(name, { create: true }));
    open.set(name, file);
  }
  const kept = file.getSize() < bytes ? 0 : bytes;
  file.truncate(kept);
  return kept;
}
