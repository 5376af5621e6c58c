// Processor time of this thread: unlike wall time, other work of the machine does not count.

import { threadCpuMs } from "../src/io/clock.ts";

export function cpuMsOf(work: () => void): number {
  const beforeMs = threadCpuMs();
  work();
  return threadCpuMs() - beforeMs;
}
