// A day of use in a few minutes: a million messages, 50 000 joins and leaves, 5 000 renames;
// measures the server's memory on the way.
//   bun tests/fault/soak.ts [--messages 1000000] [--data]
// Exits with 1 if resident memory at rest is more than 10 % higher at the end than after the first
// tenth.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect, joinOne, type Member, send } from "../bench/chat/members.ts";
import { cpuUs, ownKiB, residentKiB } from "../bench/chat/process.ts";
import { type Wire, wires } from "../bench/chat/wires.ts";
import { FaultyServer } from "./server.ts";
import { until } from "../until.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    data: { type: "boolean", default: false },
  },
});
const messages = Number(values.messages);
/** Messages per join and per rename. */
const [messagesPerJoin, messagesPerRename] = [20, 200];
const tolerated = 1.1;
/**
 * Measurements of an idle server, one per second: when its collector runs is random, so the lowest
 * counts.
 */
const restLooks = 12;

const folder = mkdtempSync(join(tmpdir(), "parley-soak-"));
await using server = new FaultyServer(
  folder,
  values.data ? ["--data", join(folder, "chat.db")] : [],
);
await server.start();
const { port, pid } = server;

// The permanent members: some of each kind in the lobby. The first two talk, and one of them
// renames itself now and then.
const stayers: Member[] = [];
for (let i = 0; i < 4; i++)
  stayers.push(await joinOne(wires.plain, { port }, `plain${i}`, "lobby"));
for (let i = 0; i < 4; i++)
  stayers.push(await joinOne(wires.native, { port }, `native${i}`, "lobby"));
const plain = stayers[0]!;
const native = stayers[4]!;

// The native member counts the messages in the room, so that nobody runs ahead of the server.
const nativeWire: Wire = wires.native;
const count = nativeWire.counter();
let seen = 0;
native.onData = (bytes) => {
  seen += count(bytes);
};

let said = 0;
let joins = 0;
let renames = 0;
let name = plain.name;

/** A visitor joins in one of the dialects, says nothing, and leaves. */
async function visit(): Promise<void> {
  const wire: Wire = joins % 2 === 0 ? wires.plain : wires.native;
  const visitor = await joinOne(wire, { port }, `v${joins++}`, "lobby");
  if (wire === wires.native) send(visitor, '{"type":"bye"}\n');
  visitor.socket.end();
}

function rename(): void {
  const next = `plain0-${++renames}`;
  send(plain, `CHANGENAME ${name} ${next}\n`);
  name = next;
}

const report = (): void => {
  const own = ownKiB(pid);
  const rss = (residentKiB(pid) / 1024).toFixed(1);
  const cpu = (cpuUs(pid) / 1e6).toFixed(1);
  console.log(
    `${String(said).padStart(8)} messages  ${String(joins).padStart(6)} joins  ${String(renames).padStart(5)} renames  own memory ${(own / 1024).toFixed(1)} MiB (RSS ${rss})  CPU ${cpu} s`,
  );
};

/** The lowest private memory at rest, and the highest amount of the executable's pages, in KiB. */
async function atRest(): Promise<{ own: number; file: number }> {
  let [own, file] = [Infinity, 0];
  for (let i = 0; i < restLooks; i++) {
    await Bun.sleep(1_000);
    own = Math.min(own, ownKiB(pid));
    file = Math.max(file, residentKiB(pid) - ownKiB(pid));
  }
  return { own, file };
}

let afterTenth = { own: 0, file: 0 };
let words = 0;
for (let tenth = 1; tenth <= 10; tenth++) {
  const end = Math.round((messages * tenth) / 10);
  while (said < end) {
    const batch = Math.min(200, end - said);
    for (let i = 0; i < batch; i++) {
      const text = `message ${++said} ${"lorem ipsum ".repeat(said % 12)}`;
      if (i % 2 === 0) send(plain, `${text}\n`);
      else send(native, nativeWire.say(text, ++words, "lobby"));
    }
    const due = Math.floor(said / messagesPerJoin);
    const visits: Promise<void>[] = [];
    while (joins < due) visits.push(visit());
    await Promise.all(visits);
    while (renames < Math.floor(said / messagesPerRename)) rename();
    await until(
      () => seen >= said - 1_000,
      () => `message ${said}; ${seen} have arrived\n${server.stderr}`,
    );
  }
  await until(
    () => seen >= said,
    () => `message ${said}; ${seen} have arrived\n${server.stderr}`,
  );
  report();
  if (tenth > 1) continue;
  // At rest, like at the end: memory used by a burst is not a leak.
  afterTenth = await atRest();
}
// A check from outside that it still serves.
const last = await connect({ port }, "last");
last.socket.end();
const atEnd = await atRest();
// The kernel maps and reclaims pages of the executable as other programs need memory: the same
// number is counted before and after.
const file = Math.max(afterTenth.file, atEnd.file);
const ratio = (atEnd.own + file) / (afterTenth.own + file);
const miB = (kiB: number): string => (kiB / 1024).toFixed(1);
console.log(
  `resident at rest: ${miB(afterTenth.own + file)} MiB after the first tenth, ${miB(atEnd.own + file)} MiB at the end: ${ratio.toFixed(3)} × (bound ${tolerated})`,
);
await server.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(ratio <= tolerated ? 0 : 1);
