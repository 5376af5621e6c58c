// Several servers as one: parley on PostgreSQL beside a NATS cluster and one parley on SQLite, in
// one run. A sender at one server, readers at all; latency from saying to being heard at another
// server and the CPU that it takes, then how many messages a second get through.
//
//     bun tests/bench/cluster.ts [--seconds 5] [--rate 1000] [--readers 30]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../free-port.ts";
import { parleyBinary } from "../parley.ts";
import { Cluster, hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { cpuUs, familyCpuUs } from "./chat/process.ts";
import { joinMembers, joinOne, type Member, send } from "./chat/members.ts";
import { type Wire, wires } from "./chat/wires.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rate: { type: "string", default: "1000" },
    readers: { type: "string", default: "30" },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
const readers = Number(values.readers);
/** Messages on their way at once. */
const window = 2_000;

type Contestant = {
  name: string;
  wire: Wire;
  ports: number[];
  /** Of the servers, and of the database. */
  pids: number[];
  databasePid: number | undefined;
  stop(): Promise<void>;
};

const folder = mkdtempSync(join(tmpdir(), "parley-bench-cluster-"));

function spawn(words: readonly string[]): Bun.Subprocess {
  return Bun.spawn([...words], {
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    try {
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data() {}, error() {} },
      });
      return void socket.end();
    } catch {
      await Bun.sleep(25);
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function started(
  name: string,
  wire: Wire,
  ports: number[],
  commands: readonly (readonly string[])[],
  databasePid?: number,
): Promise<Contestant> {
  const children: Bun.Subprocess[] = [];
  for (const [i, command] of commands.entries()) {
    children.push(spawn(command));
    await untilOpen(ports[i] ?? 0);
  }
  const stop = async (): Promise<void> => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.exited));
  };
  const pids = children.map(({ pid }) => pid);
  return { name, wire, ports, pids, databasePid, stop };
}

function parley(port: number, data: string): string[] {
  const words = ["server", "--port", String(port), "--no-web", "--rate", "0", "--files", folder];
  return [parleyBinary(), ...words, "--state", join(folder, "state"), "--data", data];
}

const three = () => Promise.all([freePort(), freePort(), freePort()]);

async function nats(): Promise<Contestant | undefined> {
  const program = Bun.which("nats-server", { PATH: `${process.env["PATH"]}:/usr/sbin` });
  if (program === null) return void console.error("skipped: nats-server is not installed");
  const [ports, routes] = [await three(), await three()];
  const commands = ports.map((port, i) => {
    const own = [program, "-a", "127.0.0.1", "-p", String(port), "--cluster_name", "bench"];
    const [at, first] = [routes[i], routes[0]].map((route) => `nats://127.0.0.1:${route}`);
    return own.concat("--cluster", at ?? "", "--routes", first ?? "");
  });
  const contestant = await started("nats cluster of 3", wires.nats, ports, commands);
  // Interest is propagated between servers after the connections are open.
  await Bun.sleep(1_000);
  return contestant;
}

/** Everybody in one room. `watched`: a reader at the last server. */
type Room = { sender: Member; crowd: Member[]; watched: Member };

async function fill({ wire, ports }: Contestant): Promise<Room> {
  const at = (i: number) => ({ port: ports[i % ports.length] ?? 0 });
  const sender = await joinOne(wire, at(0), "sender", "lobby");
  const crowd: Member[] = [];
  for (let i = 0; i < readers; i++) {
    const [member] = await joinMembers(
      { ...wire, join: (_name, room) => wire.join(`r${i}`, room) },
      at(i),
      1,
      () => "lobby",
    );
    if (member !== undefined) crowd.push(member);
  }
  const watched = crowd[ports.length - 1];
  if (watched === undefined) throw new Error("there are fewer readers than servers");
  await Bun.sleep(1_000);
  return { sender, crowd, watched };
}

/** Milliseconds from sending to receiving at the last server, at a steady rate. */
async function latencies({ wire }: Contestant, { sender, watched }: Room): Promise<number[]> {
  const found: number[] = [];
  watched.onData = (bytes) => {
    for (const [, time] of bytes.toString("latin1").matchAll(/at(\d+\.\d+)at/g)) {
      found.push(performance.now() - Number(time));
    }
  };
  const startMs = performance.now();
  const all = rate * seconds;
  for (let n = 1; n <= all; n++) {
    const dueMs = startMs + ((n - 1) * 1_000) / rate;
    while (performance.now() < dueMs) await Bun.sleep(0);
    send(sender, wire.say(`at${performance.now().toFixed(3)}at`, n, "lobby"));
  }
  const untilMs = performance.now() + 5_000;
  while (found.length < all && performance.now() < untilMs) await Bun.sleep(5);
  if (found.length < all) console.error(`${all - found.length} of ${all} messages did not arrive`);
  return found.sort((a, b) => a - b);
}

/** How many messages are heard at the last server while the window is always full. */
async function flood({ wire }: Contestant, { sender, watched }: Room): Promise<number> {
  const count = wire.counter();
  let heard = 0;
  watched.onData = (bytes) => void (heard += count(bytes));
  const untilMs = performance.now() + 1_000 * seconds;
  for (let sent = 0; performance.now() < untilMs;) {
    for (; sent - heard < window; sent++) {
      send(sender, wire.say("a message of some length", rate * seconds + sent + 1, "lobby"));
    }
    await Bun.sleep(0);
  }
  return heard;
}

/** CPU time of the servers and the database while `run` runs, in microseconds. */
async function costOf<T>({ pids, databasePid }: Contestant, run: () => Promise<T>) {
  const used = () => ({
    servers: pids.reduce((sum, pid) => sum + cpuUs(pid), 0),
    database: databasePid === undefined ? 0 : familyCpuUs(databasePid),
  });
  const before = used();
  const result = await run();
  const after = used();
  const [servers, database] = [after.servers - before.servers, after.database - before.database];
  return { result, servers, database };
}

async function measure(contestant: Contestant): Promise<void> {
  try {
    const room = await fill(contestant);
    const steady = await costOf(contestant, () => latencies(contestant, room));
    const full = await costOf(contestant, () => flood(contestant, room));
    const sorted = steady.result;
    const at = (share: number) =>
      (sorted[Math.floor(share * sorted.length)] ?? Infinity).toFixed(2);
    const cost = ({ servers, database }: Omit<typeof full, "result">, messages: number) =>
      `${(servers / (messages * (readers + 1))).toFixed(2)} us a delivery, ${(database / messages).toFixed(0)} us a message in the database`;
    console.log(`${contestant.name}, ${readers} readers:`);
    console.log(
      `  ${rate} messages/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${cost(steady, sorted.length)}`,
    );
    console.log(
      `  as many as get through: ${Math.round(full.result / seconds)} messages/s; ${cost(full, full.result)}`,
    );
    for (const member of [room.sender, ...room.crowd]) member.socket.terminate();
  } finally {
    await contestant.stop();
  }
}

if (!hasPostgres) throw new Error(withoutPostgres);
const postgres = await Cluster.start();
try {
  const database = await postgres.newDatabase();
  const ports = await three();
  await measure(
    await started(
      "parley, 3 on PostgreSQL",
      wires.native,
      ports,
      ports.map((port) => parley(port, database)),
      postgres.pid,
    ),
  );
  const alone = await freePort();
  await measure(
    await started(
      "parley, 1 on PostgreSQL",
      wires.native,
      [alone],
      [parley(alone, await postgres.newDatabase())],
      postgres.pid,
    ),
  );
  const single = await freePort();
  await measure(
    await started(
      "parley, 1 on SQLite",
      wires.native,
      [single],
      [parley(single, join(folder, "chat.db"))],
    ),
  );
  const cluster = await nats();
  if (cluster !== undefined) await measure(cluster);
} finally {
  await postgres.remove();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
