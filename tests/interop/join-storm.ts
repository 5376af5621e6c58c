// 2 000 users of the old chat room join within a second and leave at once, while another one asks
// for the list again and again.

import { join } from "node:path";
import { cpuUs, residentKiB } from "../bench/chat/process.ts";
import { inUsualMemory } from "../usual-memory.ts";
import { type RawClient, DialectServer } from "./sockets.ts";

export const crowd = 2_000;

export type Framing = "framed" | "unframed";

export type JoinStorm = {
  /** How long it took the crowd to send its names. */
  joinedMs: number;
  /** The slowest answer with the list, while they join and while they leave. */
  joiningShowMs: number;
  leavingShowMs: number;
  /** The server's CPU while they join. */
  cpuMs: number;
  /** Of the server's resident memory: the connections, and what nobody reads. */
  growthMiB: number;
  /** The names in the list once all have joined. */
  listed: number;
};

export async function joinStorm(framing: Framing): Promise<JoinStorm> {
  await using server = await inUsualMemory(() => DialectServer.start());
  const { pid } = server.parley;
  const probe = await server.connect("open-chat");
  probe.send("probe\n");
  await probe.until(() => probe.all.includes("ALL "), "its list");
  const script = join(import.meta.dir, "join-storm-clients.ts");
  const people = Bun.spawn(
    [process.execPath, script, String(server.port("open-chat")), String(crowd), framing],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const lines = people.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const connected = await lines.read();
  if (connected.value !== "connected\n") throw new Error(`the crowd said ${connected.value}`);
  const beforeKiB = residentKiB(pid);
  const beforeUs = cpuUs(pid);
  people.stdin.write("go\n");
  await people.stdin.flush();
  const joining = await watch(pid, probe, " has joined the chat!");
  const cpuMs = (cpuUs(pid) - beforeUs) / 1000;
  const [, joinedMs] = /named (\d+)/.exec((await lines.read()).value ?? "") ?? [];
  const list = /^ALL .*$/m.exec((await show(probe, "all here")).text)?.[0] ?? "";
  people.kill();
  const leaving = await watch(pid, probe, " left the chat...");
  await people.exited;
  return {
    joinedMs: Number(joinedMs),
    joiningShowMs: joining.worstMs,
    leavingShowMs: leaving.worstMs,
    cpuMs,
    growthMiB: (Math.max(joining.mostKiB, leaving.mostKiB) - beforeKiB) / 1024,
    listed: list.match(/\bcrowd\d+/g)?.length ?? 0,
  };
}

/** Requests the list until the whole crowd has joined (or left). */
async function watch(pid: number, probe: RawClient, word: string) {
  let worstMs = 0;
  let mostKiB = 0;
  for (let seen = 0, asked = 0; seen < crowd; asked++) {
    const { text, tookMs } = await show(probe, `mark${asked}`);
    seen += text.split(word).length - 1;
    worstMs = Math.max(worstMs, tookMs);
    mostKiB = Math.max(mostKiB, residentKiB(pid));
    await Bun.sleep(10);
  }
  return { worstMs, mostKiB };
}

/**
 * Requests the list; returns how long the answer takes, and the data received up to it. A message
 * of the probe to itself marks the answer, since lists also arrive unasked.
 */
async function show(probe: RawClient, mark: string): Promise<{ tookMs: number; text: string }> {
  const startMs = performance.now();
  probe.send(`show\n~probe ${mark}\n`);
  const answer = `from you to probe: (PRIVATE)  ${mark}\n`;
  await probe.until(() => probe.all.includes(answer), mark);
  const tookMs = performance.now() - startMs;
  const text = probe.all;
  probe.all = "";
  if (!text.includes("ALL ")) throw new Error(`no list before ${mark}`);
  return { tookMs, text };
}
