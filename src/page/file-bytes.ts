// The bytes of a shared file, range by range: some browsers hold in memory all that has arrived and
// was not read yet. Continues after a lost connection.

import { pageFiles as limits } from "../limits.ts";
import { failureOf, type Fetching, fileUrl } from "./file-api.ts";

const hasChanged = "The file has just changed. Try again.";

/** @throws Error with a readable message */
export async function* fileBytes(
  name: string,
  totalBytes: number,
  { fetch, rest, signal }: Fetching,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let version: string | undefined;
  let at = 0;
  let failures = 0;
  do {
    const before = at;
    try {
      const isPart = at > 0 || totalBytes > limits.rangeBytes;
      const last = Math.min(totalBytes, at + limits.rangeBytes) - 1;
      const range = { Range: `bytes=${at}-${last}`, ...(version && { "If-Match": version }) };
      const init = { ...(isPart && { headers: range }), ...(signal && { signal }) };
      const response = await fetch(fileUrl(name), init);
      if (response.status === 412) throw new Error(hasChanged);
      if (!response.ok || response.body === null) throw await failureOf(response);
      if (isPart && response.status !== 206)
        throw new Error("The server sent an unexpected answer.");
      version ??= response.headers.get("etag") ?? undefined;
      const reader = response.body.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          at += value.length;
          failures = 0;
          yield value;
        }
      } finally {
        // A reader that stops early needs no more bytes.
        void reader.cancel().catch(() => {});
      }
      // An empty part of it would be asked for again and again.
      if (at === before && at < totalBytes) throw new Error(hasChanged);
    } catch (error) {
      // Browsers say so if the connection was lost.
      if (!(error instanceof TypeError) || ++failures > limits.maxRetries) throw error;
      await rest(limits.retryMs);
    }
  } while (at < totalBytes);
}
