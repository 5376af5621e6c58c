// A program for connection-reaper.test.ts, which runs it with few descriptors: all are taken, and
// threads take each that is freed, as writing files does in a server.

import { closeSync, openSync } from "node:fs";
import { isMainThread, Worker } from "node:worker_threads";
import { Descriptors } from "../../../src/server/descriptors.ts";

const open = (): number | undefined => {
  try {
    return openSync("/dev/null", "r");
  } catch {
    return undefined;
  }
};

if (isMainThread) {
  const descriptors = new Descriptors(100);
  const workers = [1, 2].map(() => new Worker(import.meta.path));
  const ready = workers.map((one) => new Promise((is) => one.once("message", is)));
  await Promise.all(ready);
  while (open() !== undefined);
  let listed = 0;
  for (const untilMs = performance.now() + 3_000; performance.now() < untilMs;) {
    if (descriptors.list().length > 0) listed++;
  }
  console.log(`listed ${listed > 0}`);
  process.exit(0);
} else {
  postMessage("ready");
  for (;;) {
    const fd = open();
    if (fd === undefined) continue;
    for (const untilMs = performance.now() + 0.02; performance.now() < untilMs;);
    closeSync(fd);
  }
}
