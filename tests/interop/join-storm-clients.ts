// Many clients in a separate process, so that its reads do not slow down the others. Usage:
//
//   bun join-storm-clients.ts PORT COUNT framed|unframed
//
// All connect first; on a line from stdin all send their names. Prints when all are connected, and
// when all names have been sent and how long that took. Exits when its stdin closes.

import { host } from "./sockets.ts";

const [port = 0, count = 0] = process.argv.slice(2, 4).map(Number);
const lineEnd = process.argv[4] === "unframed" ? "" : "\n";
const sockets: Bun.Socket[] = [];
for (let i = 0; i < count; i += 100) {
  const batch = Array.from({ length: Math.min(100, count - i) }, () =>
    Bun.connect({
      hostname: host,
      port,
      socket: {
        data() {},
      },
    }),
  );
  sockets.push(...(await Promise.all(batch)));
}
console.log("connected");
let named = false;
for await (const _ of Bun.stdin.stream()) {
  if (named) continue;
  named = true;
  const startMs = performance.now();
  // In 100 portions over most of a second: a rush of users, not one segment.
  for (const [i, socket] of sockets.entries()) {
    socket.write(`crowd${i}${lineEnd}`);
    if (i % (count / 100) === 0) await Bun.sleep(7);
  }
  console.log(`named ${Math.round(performance.now() - startMs)}`);
}
process.exit(0);
