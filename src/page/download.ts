// Fetching a file of the server: in pieces, with progress, its hash compared with the server's before it is called whole.

import type { ListedFile } from "../client/events.ts";
import { saveAs } from "./dom.ts";
import { Sha256 } from "./sha256.ts";
import type { Download } from "./state.ts";

/** Larger files are left to the browser's own download: a page would have to hold them. */
const maxCheckedBytes = 1024 ** 3;
/** The bar moves this often. */
const reportMs = 100;

/** Never throws: what went wrong is in the last report. */
export async function download(
  file: ListedFile,
  report: (download: Download) => void,
): Promise<void> {
  const { name, sizeBytes: totalBytes } = file;
  const url = `/files/${encodeURIComponent(name)}`;
  let doneBytes = 0;
  const say = (phase: Download["phase"], detail = ""): void =>
    report({ name, doneBytes, totalBytes, phase, detail });
  say("running");
  try {
    const expected = expectedHash(url);
    if (totalBytes > maxCheckedBytes) {
      location.assign(url);
      return say("unchecked", `Too large to check here. SHA-256 ${await expected}`);
    }
    const hasher = new Sha256();
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let saidMs = 0;
    for await (const piece of body(url)) {
      hasher.update(piece);
      pieces.push(piece);
      doneBytes += piece.length;
      const nowMs = performance.now();
      if (nowMs - saidMs < reportMs) continue;
      saidMs = nowMs;
      say("running");
    }
    say("checking");
    const sha256 = hasher.hex();
    if (sha256 !== (await expected))
      return say("failed", "The hash differs: the file changed or was damaged. Try again.");
    saveAs(new Blob(pieces), name);
    say("verified", sha256);
  } catch (error) {
    say("failed", error instanceof Error ? error.message : String(error));
  }
}

async function* body(url: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(await problemOf(response));
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Asked for at once, so that the server hashes while it sends; a failure shows when it is waited for. */
function expectedHash(url: string): Promise<string> {
  const hash = (async () => {
    const response = await fetch(`${url}?sha256`);
    if (!response.ok) throw new Error(await problemOf(response));
    const answer: unknown = await response.json();
    const { sha256 } = answer as { sha256?: unknown };
    if (typeof sha256 !== "string") throw new Error("The server told no hash.");
    return sha256;
  })();
  hash.catch(() => undefined);
  return hash;
}

async function problemOf(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, 2_000);
  try {
    const answer: unknown = JSON.parse(text);
    const { message } = answer as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Not JSON: the status says it.
  }
  return `The server answered ${response.status} ${response.statusText}`.trim();
}
