// Loaded before every test (bunfig.toml): programs under test keep their keys and known servers in a
// folder of their own, never in the home of whoever runs the tests.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "parley-home-"));
process.env["XDG_STATE_HOME"] = join(folder, "state");
process.env["XDG_CONFIG_HOME"] = join(folder, "config");
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
