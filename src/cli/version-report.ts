// The output of `--version`: a number for people; with `--json`, everything that identifies a
// build.

import { protocolVersion } from "../protocol/messages.ts";
import { jsonLine } from "../terminal/output/json-line.ts";
import { transferVersion } from "../transfer/wire.ts";
import { commit, version } from "../version.ts";

/** `words`: the command line, with `--json` before or after `--version`. */
export function versionReport(words: readonly string[]): string {
  if (!words.includes("--json")) return `${version}\n`;
  return jsonLine({
    event: "version",
    version,
    commit,
    bun: Bun.version,
    protocols: { native: protocolVersion, transfer: transferVersion },
  });
}
