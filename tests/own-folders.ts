// Programs under test keep their keys and known servers in a separate folder, never in the home of
// the person who runs the tests.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "parley-home-"));
process.env["XDG_STATE_HOME"] = join(folder, "state");
process.env["XDG_CONFIG_HOME"] = join(folder, "config");
process.on("exit", removeOwnFolders);

export function removeOwnFolders(): void {
  rmSync(folder, { recursive: true, force: true });
}
