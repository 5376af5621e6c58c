// What `-o` names, if it is no place where a file can be saved: stdout, a device such as /dev/null,
// or a pipe, which a shell passes as /dev/fd/63 (process substitution).

import { constants, openSync } from "node:fs";
import { ParleyError, systemCode } from "../errors.ts";
import { fileReason, lookAt } from "../files/file-reason.ts";
import { standardOutput } from "../files/fetch-targets.ts";
import { stdout } from "../terminal/output/output.ts";
import { PipeOutput } from "../terminal/output/pipe-output.ts";
import { Writer } from "../terminal/output/writer.ts";
import { quoted } from "../text.ts";

/**
 * Undefined: a file or folder is saved there. What is opened here is closed by the end of the
 * program. @throws ParleyError `storage` if it can't be looked at or opened
 */
export function streamOutputOf(output: string | undefined): Writer | undefined {
  if (output === undefined || output === "") return undefined;
  if (output === standardOutput) return stdout;
  const found = lookAt(output);
  if (found?.isCharacterDevice() !== true && found?.isFIFO() !== true) return undefined;
  const fd = opened(output);
  return new Writer(() => new PipeOutput(fd));
}

/** Does not wait for the reader of a pipe, since nothing could interrupt that. */
function opened(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const why =
      systemCode(error) === "ENXIO" ? "nobody reads it: start its reader first" : fileReason(error);
    throw new ParleyError("storage", `Cannot write to ${quoted(path, 200)}: ${why}`);
  }
}
