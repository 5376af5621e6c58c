// An idle member in a separate process: pings the server every few milliseconds until stdin closes,
// then prints the latencies of the answers as one line of JSON.
//
//   bun pinger.ts PORT

import { percentile } from "./process.ts";

export type Pings = { p50Ms: number; p99Ms: number; maxMs: number };

const everyMs = 5;
const port = Number(process.argv[2]);
const sentMs: number[] = [];
const tookMs: number[] = [];
const socket = await Bun.connect({
  hostname: "127.0.0.1",
  port,
  socket: {
    data(_socket, bytes) {
      const nowMs = performance.now();
      for (const [, ref] of bytes.toString().matchAll(/"ref":"(\d+)"/g)) {
        tookMs.push(nowMs - (sentMs[Number(ref)] ?? Number.NaN));
      }
    },
    close: () => process.exit(1),
  },
});
socket.write('{"type":"hello","version":2,"name":"pinger","rooms":[{"room":"pings"}]}\n');
const timer = setInterval(() => {
  socket.write(`{"type":"ping","ref":"${sentMs.length}"}\n`);
  sentMs.push(performance.now());
}, everyMs);
process.stdout.write("ready\n");
await new Response(Bun.stdin.stream()).text();
clearInterval(timer);
while (tookMs.length < sentMs.length) await Bun.sleep(everyMs);
const pings: Pings = {
  p50Ms: percentile([...tookMs], 0.5),
  p99Ms: percentile([...tookMs], 0.99),
  maxMs: Math.max(...tookMs),
};
process.stdout.write(`${JSON.stringify(pings)}\n`);
process.exit(0);
