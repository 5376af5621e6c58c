// What comes from stdin, as it arrives or in lines of bounded length. Knows no command.

import { ParleyError } from "../../errors.ts";
import { readReason } from "../../files/file-reason.ts";
import { message as limits } from "../../limits.ts";

/** stdin, as it arrives. @throws ParleyError `storage` if it can't be read */
export async function* stdinChunks(): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* inTurns(Bun.stdin.stream());
  } catch (error) {
    throw new ParleyError("storage", `Cannot read stdin: ${readReason(error)}`);
  }
}

/**
 * The same input, which leaves time for everything else: reading one that always has more, such as
 * a large file, a device or `yes`, would otherwise keep even signals waiting.
 */
export async function* inTurns(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const bytes of input) {
    yield bytes;
    await otherWork();
  }
}

function otherWork(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Yields each line without its line ending, including an unterminated last one. A line longer than
 * limits.message.maxLineBytes is truncated there, which is still too long to be accepted.
 */
export async function* typedLines(
  input: AsyncIterable<Uint8Array> = stdinChunks(),
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder("utf-8");
  const chunks: Uint8Array[] = [];
  let held = 0;
  const take = () => {
    const line = decoder.decode(Buffer.concat(chunks));
    chunks.length = held = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  };
  const hold = (bytes: Uint8Array) => {
    const fits = bytes.slice(0, limits.maxLineBytes - held);
    if (fits.length === 0) return;
    chunks.push(fits);
    held += fits.length;
  };
  for await (const bytes of input) {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      hold(bytes.subarray(start, end));
      start = end + 1;
      yield take();
      await otherWork();
    }
    hold(bytes.subarray(start));
  }
  if (held > 0) yield take();
}
