// Loaded before every test (bunfig.toml).

import { afterAll } from "bun:test";
import { removeOwnFolders } from "./own-folders.ts";

// After every file where several processes run them (the next file begins with empty folders), else
// after the last one. The end of a process that runs tests is not announced to it.
afterAll(removeOwnFolders);
