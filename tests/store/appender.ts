// A process that commits batches to a data file as fast as it can and prints the last numbers after
// each; the test kills it.
// Usage: bun appender.ts FILE

import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { mail, run, texts, update, Writer } from "./batches.ts";

const store = openSqliteStore(process.argv[2] ?? "");
const writer = new Writer(store);
let { last } = store.rooms.bounds("lobby");
for (;;) {
  const size = 1 + (last % 17);
  const committed = writer.commit({
    rooms: [{ room: "lobby", runs: [run("lobby", texts(size))] }],
    mail: [mail("s1", "psst")],
    sessions: [update("s1", { n: last + size })],
  });
  last = committed.rooms[0]! + size - 1;
  process.stdout.write(`${last} ${committed.mail[0]}\n`);
  await Bun.sleep(0);
}
