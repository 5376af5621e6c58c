// Downloads a file with progress, and verifies its hash before saving it.

import type { ListedFile } from "../client/events.ts";
import { harmless } from "../text.ts";
import { saveAs } from "./dom.ts";
import { fetchSha256, fileUrl, problemOf } from "./file-api.ts";
import { Sha256 } from "./sha256.ts";
import type { Download } from "./state.ts";

/** Larger files are left to the browser, because the page would have to hold them in memory. */
const maxCheckedBytes = 1024 ** 3;
/** Shortest interval between two progress reports. */
const reportMs = 100;

/** Never throws: the last report contains the error. */
export async function download(
  file: ListedFile,
  report: (download: Download) => void,
): Promise<void> {
  const { name, sizeBytes: totalBytes } = file;
  let doneBytes = 0;
  const progress = (phase: Download["phase"], detail = ""): void =>
    report({ name, doneBytes, totalBytes, phase, detail });
  progress("running");
  try {
    // Requested first, so that the server hashes while it sends. A failure surfaces at the `await`.
    const expected = fetchSha256(name);
    expected.catch(() => undefined);
    if (totalBytes > maxCheckedBytes) {
      location.assign(fileUrl(name));
      return progress("unchecked", `Too large to verify here. SHA-256: ${await expected}`);
    }
    const hasher = new Sha256();
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let reportedMs = 0;
    for await (const piece of body(name)) {
      hasher.update(piece);
      pieces.push(piece);
      doneBytes += piece.length;
      const nowMs = performance.now();
      if (nowMs - reportedMs < reportMs) continue;
      reportedMs = nowMs;
      progress("running");
    }
    progress("checking");
    const sha256 = hasher.hex();
    if (sha256 !== (await expected)) {
      return progress("failed", "The hash differs: the file changed or was damaged. Try again.");
    }
    saveAs(new Blob(pieces), harmless(name));
    progress("verified", sha256);
  } catch (error) {
    progress("failed", error instanceof Error ? error.message : String(error));
  }
}

async function* body(name: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const response = await fetch(fileUrl(name));
  if (!response.ok || response.body === null) throw new Error(await problemOf(response));
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
