// `--motd`: the file with the message of the day.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { ParleyError, systemReason } from "../errors.ts";
import { rights as limits } from "../limits.ts";
import { harmless, quoted, withoutMark } from "../text.ts";

/**
 * Its lines without trailing empty ones; empty without a file.
 * @throws ParleyError `failed`
 */
export function readMotd(path: string | undefined): string {
  if (path === undefined) return "";
  const bytes = Buffer.alloc(limits.maxMotdBytes + 1);
  let length: number;
  try {
    // Without O_NONBLOCK, opening a FIFO would hold up the server, also on reload.
    const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      if (!fstatSync(fd).isFile()) throw new Error("it is not a regular file");
      length = readSync(fd, bytes, 0, bytes.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const sentence = `--motd ${quoted(path, 300)} can't be read: ${systemReason(error)}`;
    throw new ParleyError("failed", sentence);
  }
  if (length > limits.maxMotdBytes) {
    const sentence = `--motd ${quoted(path, 300)} is longer than ${limits.maxMotdBytes} bytes`;
    throw new ParleyError("failed", sentence);
  }
  const text = withoutMark(bytes.toString("utf8", 0, length)).trimEnd();
  return text.split(/\r?\n/).map(harmless).join("\n");
}
