// Downloads a file with progress into the page's own store, and verifies its hash before saving it.

import { errorMessage } from "../errors.ts";
import type { FileEntry } from "../client/events.ts";
import { pageFiles as limits } from "../limits.ts";
import { saveFile } from "./dom.ts";
import { browser, fetchSha256, fileUrl } from "./file-api.ts";
import { fileBytes } from "./file-bytes.ts";
import type { OwnStore } from "./handover/own-store.ts";
import type { FileSink, SaveTarget } from "./handover/saving.ts";
import { Sha256 } from "./sha256.ts";
import type { Download } from "./state.ts";

/** Shortest interval between two progress reports. */
const reportMs = 100;

/** Never throws: the last report contains the error. `signal` stops it. */
export async function download(
  file: FileEntry,
  store: OwnStore,
  report: (download: Download) => void,
  signal: AbortSignal,
): Promise<void> {
  const { name, sizeBytes: totalBytes } = file;
  let doneBytes = 0;
  const progress = (phase: Download["phase"], detail = ""): void =>
    report({ file, doneBytes, phase, detail });
  progress("running");
  try {
    // Requested first, so that the server hashes while it sends. A failure surfaces at the `await`.
    const expected = fetchSha256(name, { ...browser, signal });
    expected.catch(() => undefined);
    const target = await targetFor(store, totalBytes);
    if (target === undefined) {
      location.assign(fileUrl(name));
      return progress("unchecked", `Too large to verify here. SHA-256: ${await expected}`);
    }
    const sink = await target.open(name, name);
    try {
      let reportedMs = 0;
      const sha256 = await receive(file, sink, signal, (bytes) => {
        doneBytes = bytes;
        const nowMs = performance.now();
        if (nowMs - reportedMs < reportMs) return;
        reportedMs = nowMs;
        progress("running");
      });
      progress("checking");
      if (sha256 !== (await expected)) {
        await sink.discard();
        return progress("failed", "The hash differs: the file changed or was damaged. Try again.");
      }
      await save(sink);
      progress("verified", sha256);
    } catch (error) {
      await sink.discard();
      throw error;
    }
  } catch (error) {
    const problem = errorMessage(error);
    progress("failed", signal.aborted ? "Stopped." : problem);
  }
}

/** Undefined: the page has no place for so much, and leaves it to the browser. */
async function targetFor(store: OwnStore, bytes: number): Promise<SaveTarget | undefined> {
  try {
    return await store.target(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the hash. */
async function receive(
  { name, sizeBytes }: FileEntry,
  sink: FileSink,
  signal: AbortSignal,
  report: (doneBytes: number) => void,
): Promise<string> {
  const hasher = new Sha256();
  let doneBytes = 0;
  let pieces: Uint8Array<ArrayBuffer>[] = [];
  let waitingBytes = 0;
  const write = async (): Promise<void> => {
    const ready = pieces;
    pieces = [];
    waitingBytes = 0;
    await sink.write(ready);
  };
  for await (const piece of fileBytes(name, sizeBytes, { ...browser, signal })) {
    hasher.update(piece);
    pieces.push(piece);
    waitingBytes += piece.length;
    doneBytes += piece.length;
    if (waitingBytes >= limits.writeBytes) await write();
    report(doneBytes);
  }
  await write();
  return hasher.hex();
}

async function save(sink: FileSink): Promise<void> {
  const saved = await sink.finish();
  if (saved === undefined) return;
  const url = saveFile(saved.file, saved.name);
  // The browser copies it after the click, however long that takes.
  setTimeout(() => {
    URL.revokeObjectURL(url);
    saved.release().catch(() => {});
  }, limits.keepSavedMs);
}
