// A process that appends turns to a data file as fast as it can and prints the last number after each commit; the test
// kills it. Usage: bun appender.ts FILE

import { openSqliteHistory } from "../../src/store/sqlite.ts";
import { mail, record, says } from "./turns.ts";

const path = process.argv[2] ?? "";
const store = openSqliteHistory(path);
let seq = store.lastSeq("lobby");
let letters = store.session("s1")?.mail ?? 0;
for (;;) {
  const size = 1 + (seq % 17);
  letters++;
  store.append({
    ...says("lobby", seq + 1, seq + size),
    mail: [{ session: "s1", message: mail(letters) }],
    sessions: [record("s1", { n: seq + size, mail: letters })],
  });
  seq += size;
  process.stdout.write(`${seq} ${letters}\n`);
  await Bun.sleep(0);
}
