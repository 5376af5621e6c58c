// The cost of a turn in each store, and of a page of history: `bun tests/bench/store.ts [FOLDER]`.
// The data file is created in FOLDER, or in the folder for temporary files.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SaidRun } from "../../src/chat/rooms/said-run.ts";
import type { Batch } from "../../src/chat/turn/store.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

const people = 100;
const rounds = 7;

/** Turns of `messages` sent by `speakers` users in one room, each with a counter. */
function* turns(messages: number, speakers: number): Generator<Batch, never> {
  const counters = Array.from({ length: people }, () => 0);
  let nowMs = Date.now();
  let next = 0;
  for (let number = 1; ; number++) {
    nowMs += 5;
    const runs: SaidRun[] = [];
    const sessions: Batch["sessions"][number][] = [];
    for (let i = 0; i < speakers; i++) {
      const person = next++ % people;
      const name = `person${person}`;
      const count = Math.ceil((messages - i) / speakers);
      const author = { room: "lobby", seq: 0, timeMs: nowMs, from: name, author: 0 };
      const first = counters[person]! + 1;
      const texts = Array.from(
        { length: count },
        () => `a message of the usual length, number ${++counters[person]!}`,
      );
      runs.push(new SaidRun({ ...author, n: first }, texts));
      const n = counters[person]!;
      sessions.push({ id: sessionId(person), name, n, network: "192.0.2.1", seenMs: nowMs });
    }
    yield { number, rooms: [{ room: "lobby", runs }], mail: [], sessions };
  }
}

function sessionId(person: number): string {
  return new Bun.CryptoHasher("sha256").update(String(person)).digest("base64url");
}

/** The duration of `work` in microseconds: the median of several rounds of `times` calls. */
function medianUs(times: number, work: () => void): number {
  const us: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    for (let i = 0; i < times; i++) work();
    us.push(((performance.now() - startMs) * 1_000) / times);
  }
  return us.sort((a, b) => a - b)[rounds >> 1]!;
}

function measure(kind: string, open: () => ServerStore): void {
  for (const [messages, speakers] of [
    [1, 1],
    [10, 3],
    [16, 3],
    [256, 3],
  ] as const) {
    const store = open();
    const count = messages > 100 ? 300 : 1_500;
    const source = turns(messages, speakers);
    const batches = Array.from({ length: rounds * count }, () => source.next().value);
    let at = 0;
    const commitUs = medianUs(count, () => store.commit(batches[at++]!));
    const pageUs = medianUs(20, () => store.rooms.before("lobby", Infinity, 500));
    const perMessage = (commitUs / messages).toFixed(2);
    console.log(
      `${kind.padEnd(7)} ${String(messages).padStart(4)} messages a turn: ` +
        `${commitUs.toFixed(1).padStart(6)} µs a turn, ${perMessage.padStart(5)} µs a message, ` +
        `${(pageUs / 1_000).toFixed(2)} ms for a page of 500`,
    );
    store.close();
  }
}

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "parley-bench-"));
let files = 0;
measure("memory", () => openMemoryStore());
measure("sqlite", () => openSqliteStore(join(folder, `${++files}.db`)));
rmSync(folder, { recursive: true });
