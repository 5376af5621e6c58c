// The signals that stop a server.

import { expect } from "bun:test";
import { stopOnSignals } from "../../src/io/end-signals.ts";
import { skipUnless } from "../skip.ts";

const onUnix = skipUnless(process.platform !== "win32", "no such signals on Windows");

onUnix("a signal that comes twice at once, as npm and timeout(1) send it, stops once", () => {
  const others = process.listeners("SIGTERM");
  let isStopped = false;
  stopOnSignals(() => (isStopped = true));
  const hear = process.listeners("SIGTERM").find((one) => !others.includes(one));
  hear?.("SIGTERM");
  expect(isStopped).toBe(true);
  // If nobody listened any more, the second one would end the process.
  expect(process.listeners("SIGTERM")).toEqual([...others, hear!]);
});
