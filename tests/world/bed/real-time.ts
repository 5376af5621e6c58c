// Real-time priority for the processes that a test measures: whatever else the machine does, they
// run at once, so that a delay is their own.

import { existsSync } from "node:fs";
import { run } from "./command.ts";
import type { Scope } from "./scope.ts";

/** Until the end of the test. Its child processes inherit it, unless `words` start them. */
export function runInRealTime(scope: Scope, pid: number): void {
  run("chrt", "--all-tasks", "--fifo", "--pid", "1", String(pid));
  scope.defer(() => {
    // The server may have exited.
    if (existsSync(`/proc/${pid}`)) run("chrt", "--all-tasks", "--other", "--pid", "0", `${pid}`);
  });
}

/** Before a command's words: as little priority as possible. */
export const inBackground = ["chrt", "--other", "0", "nice", "-n", "19"];
