// What comes from stdin, kept in a temporary file of its own: sending needs to know its size, and
// to read it again after a lost connection.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ParleyError } from "../errors.ts";
import { quietly } from "../files/cleanup.ts";
import { isFileName } from "../files/fetch-targets.ts";
import { fileReason } from "../files/file-reason.ts";
import { harmless, quoted } from "../text.ts";
import { stdinChunks } from "./editor/typed-lines.ts";

/** `-` among the paths. */
const standardInput = "-";

/** The name of what comes from stdin, without `--as`. */
const defaultName = "stdin";

/** The paths with the temporary file instead of `-`, which `remove` removes. */
export type Spooled = { readonly paths: readonly string[]; remove(): void };

/**
 * Reads stdin to its end if `-` is one of the paths.
 * @throws ParleyError `usage`, `storage`, and what `interrupted` rejects with
 */
export async function withStdin(
  paths: readonly string[],
  name: string | undefined,
  interrupted: Promise<never>,
): Promise<Spooled> {
  if (!paths.includes(standardInput)) {
    if (name === undefined) return { paths, remove() {} };
    throw new ParleyError("usage", "--as names what comes from stdin: add `-` to the paths");
  }
  const saved = name ?? defaultName;
  if (!isFileName(saved) || harmless(saved) !== saved || saved.includes("/")) {
    throw new ParleyError("usage", `--as ${quoted(saved, 200)} is not the name of a file`);
  }
  const folder = guarded(() => mkdtempSync(join(tmpdir(), "parley-stdin-")));
  const remove = (): void => quietly(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const path = join(folder, saved);
    await spool(path, interrupted);
    return { paths: paths.map((one) => (one === standardInput ? path : one)), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function spool(path: string, interrupted: Promise<never>): Promise<void> {
  const fd = guarded(() => openSync(path, "wx", 0o600));
  let isOver = false;
  const copyAll = async (): Promise<void> => {
    for await (const bytes of stdinChunks()) {
      if (isOver) return;
      guarded(() => {
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      });
    }
  };
  try {
    // One race: of one for each piece, `interrupted` would keep all pieces in memory.
    await Promise.race([copyAll(), interrupted]);
  } finally {
    isOver = true;
    closeSync(fd);
  }
}

function guarded<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    const sentence = `Cannot keep what comes from stdin in ${quoted(tmpdir(), 200)}: ${fileReason(error)}. TMPDIR names another folder`;
    throw new ParleyError("storage", sentence);
  }
}
