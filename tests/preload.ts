// Loaded before every test (bunfig.toml).

import { afterAll, afterEach, mock } from "bun:test";
import { removeOwnFolders } from "./own-folders.ts";

// A test that fails does not reach the line that restores what it replaced, and files that share a
// process share that: one failure made tests of other files fail.
afterEach(() => mock.restore());

// After every file where several processes run them (the next file begins with empty folders), else
// after the last one. The end of a process that runs tests is not announced to it.
afterAll(removeOwnFolders);
