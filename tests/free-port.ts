// A port that is free on loopback, over TCP and UDP, for programs that can't choose one themselves
// or that reuse the same one. It is outside the range that systems use for outgoing connections
// (from 32768 on Linux, from 49152 elsewhere), where another program's connection may occupy it,
// and each process that runs tests takes ports of a range of its own, each of them once: clients of
// an earlier test may still be looking for its server.

import { randomInt } from "node:crypto";

const [first, last] = [20_000, 32_000];
const mostWorkers = 16;
const worker = Number(process.env["BUN_TEST_WORKER_ID"] ?? 1) - 1;
const perWorker = (last - first) / mostWorkers;
const from = first + (worker % mostWorkers) * perWorker;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    if (given.size > perWorker / 2) given.clear();
    const port = randomInt(from, from + perWorker);
    if (given.has(port)) continue;
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      (await Bun.udpSocket({ hostname: "127.0.0.1", port })).close();
      given.add(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}
