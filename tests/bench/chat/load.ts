// The load generator, a process of its own: does one measurement against a running server and
// prints it as one line of JSON.
//   bun load.ts '{"mode":"fanout","wire":"plain","port":55000,"pid":123,"members":100,"messages":20000}'

import {
  type Member,
  type Tls,
  connect,
  joinMembers,
  joinOne,
  memberName,
  send,
} from "./members.ts";
import type { Pings } from "./pinger.ts";
import { cpuUs, familyCpuUs, percentile, residentKiB, settled } from "./process.ts";
import { type Wire, type WireName, wires } from "./wires.ts";

export type Load = {
  wire: WireName;
  port: number;
  tls?: Tls | undefined;
  pid: number;
  /** Of the parent of the database's processes. */
  databasePid?: number | undefined;
  members: number;
} &
  /**
   * `messages` are measured twice: from a server just started, after half as many that are not
   * measured; and after a warm-up.
   */
  (
    | { mode: "fanout"; messages: number; window: number }
    | { mode: "latency" | "stalled"; messagesPerSecond: number; seconds: number }
    | { mode: "idle" }
    | { mode: "storm" }
    | { mode: "arrivals"; seconds: number; perRoom: number }
  );

export type Fanout = {
  /** Server CPU per delivered message, soon after its start. */
  newUs: number;
  /** Server CPU per delivered message after the warm-up, as all that follows. */
  cpuUs: number;
  deliveriesPerSecond: number;
  /** The database's CPU per message; 0 if there is none. */
  databaseUs: number;
  /** The generator's own CPU per delivered message: the resolution limit of the figures. */
  clientUs: number;
};
export type Latency = {
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  lost: number;
  /** Server CPU per delivered message. */
  cpuUs: number;
};
/** The same after one member has stopped reading, and before that in the same run. */
export type Stalled = Latency & { p99BeforeMs: number };
export type Idle = { kibPerConnection: number };
/** The effect of arrivals on another user (native servers only). */
export type Arrivals = Pings & { cpuUsPerConnection: number };
export type Storm = { connectionsPerSecond: number; cpuUsPerConnection: number };

const textBytes = 64;
/** Unmeasured, for all servers alike: a server runs for weeks, its compiler for seconds. */
const warmUpSeconds = 1;
const fanoutWarmUpMs = 6_000;
const deadlineMs = 60_000;

/** A sender, with a separate connection for messages from outside the room. */
async function senderOf(wire: Wire, load: Load, members: Member[]): Promise<Member> {
  if (wire.sayer === "echoed") return members[0]!;
  const sender = await joinOne(wire, load, memberName(99_999), "bench");
  if (wire.sayer === "outside") {
    // A subscriber may not publish: this one only checked whether the server is there.
    sender.socket.end();
    return connect(load, "sender");
  }
  return sender;
}

async function fanout(load: Load & { mode: "fanout" }): Promise<Fanout> {
  const wire: Wire = wires[load.wire];
  const members = await joinMembers(wire, load, load.members, () => "bench");
  const sender = await senderOf(wire, load, members);
  await rest(members);

  // The sender also gets acknowledgements, so another member is inspected.
  const watched = members[1]!;
  const text = "x".repeat(textBytes);
  let allowed = 0;
  let sent = 0;
  const count = wire.counter();
  let seen = 0;
  const pump = (): void => {
    while (sent < allowed && sent - seen < load.window) {
      let burst = "";
      for (let i = 0; i < 16 && sent < allowed; i++) burst += wire.say(text, ++sent, "bench");
      if (!send(sender, burst)) return;
    }
  };
  const before = members.map((member) => member.bytes);
  const received = (i: number): number => members[i]!.bytes - before[i]!;
  watched.onData = (bytes) => {
    seen += count(bytes);
    pump();
  };
  sender.onDrain = pump;
  /** Sends that many messages and waits until every member has received all of them. */
  const run = async (messages: number): Promise<number> => {
    const startMs = performance.now();
    allowed += messages;
    pump();
    for (;;) {
      await Bun.sleep(1);
      const tookMs = performance.now() - startMs;
      if (seen >= allowed && members.every((_, i) => received(i) >= received(1))) return tookMs;
      if (tookMs > deadlineMs) throw new Error(`${seen} of ${allowed} within a minute`);
    }
  };
  const deliveries = load.messages * load.members;
  await run(load.messages / 2);
  const atFirst = cpuUs(load.pid);
  await run(load.messages);
  const newUs = (cpuUs(load.pid) - atFirst) / deliveries;
  const warmMs = performance.now() + fanoutWarmUpMs;
  while (performance.now() < warmMs) await run(load.messages);

  const { databasePid } = load;
  const database = (): number => (databasePid === undefined ? 0 : familyCpuUs(databasePid));
  const [server, databaseBefore] = [cpuUs(load.pid), database()];
  const own = process.cpuUsage();
  const tookMs = await run(load.messages);
  const { user, system } = process.cpuUsage(own);
  return {
    newUs,
    cpuUs: (cpuUs(load.pid) - server) / deliveries,
    databaseUs: (database() - databaseBefore) / load.messages,
    deliveriesPerSecond: (deliveries * 1000) / tookMs,
    clientUs: (user + system) / deliveries,
  };
}

async function latency(load: Load & { mode: "latency" | "stalled" }): Promise<Latency | Stalled> {
  const wire: Wire = wires[load.wire];
  const members = await joinMembers(wire, load, load.members, () => "bench");
  const sender = await senderOf(wire, load, members);
  await rest(members);
  const warmUp = { ...load, seconds: warmUpSeconds };
  await saySteadily(warmUp, wire, members, sender, 0);
  const warm = load.messagesPerSecond * warmUpSeconds;
  const before = await saySteadily(load, wire, members, sender, warm);
  if (load.mode === "latency") return before;
  const total = warm + load.messagesPerSecond * load.seconds;
  const letters = await stall(wire, members.at(-1)!, sender, total);
  const after = await saySteadily(load, wire, members.slice(0, -1), sender, total + letters);
  return { ...after, p99BeforeMs: before.p99Ms };
}

/**
 * Sends texts at a fixed rate that contain the time: `T` and microseconds since this process began.
 */
async function saySteadily(
  load: Load & { mode: "latency" | "stalled" },
  wire: Wire,
  members: readonly Member[],
  sender: Member,
  said: number,
): Promise<Latency> {
  const total = load.messagesPerSecond * load.seconds;
  // All members' messages would cost the generator more than the server; a sample suffices.
  const watched = members.filter((member, i) => member !== sender && i % 5 === 1);
  const delays = new Float64Array(total * watched.length);
  let taken = 0;
  for (const member of watched) {
    member.onData = (bytes) => {
      const nowUs = performance.now() * 1000;
      for (let at = bytes.indexOf(0x54); at >= 0; at = bytes.indexOf(0x54, at + 1)) {
        const sentUs = digitsAt(bytes, at + 1);
        if (sentUs >= 0 && taken < delays.length) delays[taken++] = nowUs - sentUs;
      }
    };
  }
  const server = cpuUs(load.pid);
  const startMs = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, ((performance.now() - startMs) * load.messagesPerSecond) / 1000);
    while (sent < due) {
      const stamp = `T${String(Math.floor(performance.now() * 1000)).padStart(12, "0")}`;
      send(sender, wire.say(stamp.padEnd(textBytes, "x"), ++sent + said, "bench"));
    }
    await Bun.sleep(1);
  }
  await rest(members);
  const measured = delays.subarray(0, taken);
  return {
    p50Ms: percentile(measured, 0.5) / 1000,
    p99Ms: percentile(measured, 0.99) / 1000,
    p999Ms: percentile(measured, 0.999) / 1000,
    lost: delays.length - taken,
    cpuUs: (cpuUs(load.pid) - server) / (total * members.length),
  };
}

/** The number of twelve digits at `at`, or -1 if there is none or it is cut off. */
function digitsAt(bytes: Uint8Array, at: number): number {
  if (at + 12 > bytes.length) return -1;
  let value = 0;
  for (let i = at; i < at + 12; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * One member stops reading, and gets messages until its buffers are full. Returns how many messages
 * that took.
 */
async function stall(wire: Wire, member: Member, sender: Member, said: number): Promise<number> {
  member.socket.pause();
  if (wire.tell === undefined) return 0;
  const text = "y".repeat(8_000);
  const letters = 900;
  for (let n = 1; n <= letters; n++) {
    while (!send(sender, wire.tell(member.name, text, said + n))) await Bun.sleep(1);
  }
  await rest([sender]);
  return letters;
}

async function idle(load: Load & { mode: "idle" }): Promise<Idle> {
  const wire: Wire = wires[load.wire];
  const first = await joinMembers(wire, load, 100, roomOf);
  await rest(first);
  await Bun.sleep(500);
  const before = residentKiB(load.pid);
  const members = [...first];
  for (let i = 100; i < load.members; i += 100) {
    const group = Array.from({ length: 100 }, (_, k) =>
      joinOne(wire, load, memberName(i + k), roomOf(i + k)),
    );
    members.push(...(await Promise.all(group)));
  }
  await rest(members);
  // Silence: memory used temporarily by the arrivals may be freed.
  await Bun.sleep(5_000);
  const alive = members.filter((member) => !member.closed).length;
  if (alive < load.members) throw new Error(`${load.members - alive} connections were closed`);
  return { kibPerConnection: (residentKiB(load.pid) - before) / (load.members - 100) };
}

/**
 * Groups, so that ten thousand members do not greet each other; servers without rooms ignore it.
 */
function roomOf(i: number): string {
  return `bench${Math.floor(i / 100)}`;
}

async function storm(load: Load & { mode: "storm" }): Promise<Storm> {
  const wire: Wire = wires[load.wire];
  const server = cpuUs(load.pid);
  const startMs = performance.now();
  const members = await joinMembers(wire, load, load.members, roomOf, 500);
  const endMs = performance.now();
  await rest(members);
  return {
    connectionsPerSecond: (load.members * 1000) / (endMs - startMs),
    cpuUsPerConnection: (cpuUs(load.pid) - server) / load.members,
  };
}

/** Users arrive one after another over some seconds, while another one pings. */
async function arrivals(load: Load & { mode: "arrivals" }): Promise<Arrivals> {
  const wire: Wire = wires[load.wire];
  const script = `${import.meta.dir}/pinger.ts`;
  const pinger = Bun.spawn([process.execPath, script, String(load.port)], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const said = pinger.stdout.getReader();
  await said.read();
  const server = cpuUs(load.pid);
  const startMs = performance.now();
  const joining: Promise<Member>[] = [];
  while (joining.length < load.members) {
    const share = (performance.now() - startMs) / (load.seconds * 1000);
    const due = Math.min(load.members, share * load.members);
    while (joining.length < due) {
      const i = joining.length;
      const room = `bench${Math.floor(i / load.perRoom)}`;
      joining.push(joinOne(wire, load, memberName(i), room));
    }
    await Bun.sleep(1);
  }
  await Promise.all(joining);
  const used = cpuUs(load.pid) - server;
  void pinger.stdin.end();
  const { value } = await said.read();
  const pings = JSON.parse(Buffer.from(value ?? []).toString()) as Pings;
  return { ...pings, cpuUsPerConnection: used / load.members };
}

function rest(members: readonly Member[]): Promise<void> {
  const sum = (): number => members.reduce((bytes, member) => bytes + member.bytes, 0);
  return settled(sum, 300, deadlineMs);
}

const load = JSON.parse(process.argv[2] ?? "{}") as Load;
const run = (): Promise<unknown> => {
  switch (load.mode) {
    case "fanout":
      return fanout(load);
    case "latency":
    case "stalled":
      return latency(load);
    case "idle":
      return idle(load);
    case "storm":
      return storm(load);
    case "arrivals":
      return arrivals(load);
  }
};
console.log(JSON.stringify(await run()));
process.exit(0);
