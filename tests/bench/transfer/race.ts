// One run of one contestant over one course: server up, client timed from start to exit, its file
// compared with the original.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Course, Peer } from "./peers.ts";

export interface Run {
  readonly seconds: number;
  /** Bytes per second of the whole process; NaN if it did not finish in time. */
  readonly bytesPerSecond: number;
  /** Processor time of the client and of the server, in seconds. */
  readonly cpuSeconds: { readonly client: number; readonly server: number };
  readonly figures: { retransmitted?: number; rttMs?: number; segmentBytes?: number };
  readonly note?: string;
}

/** USER_HZ, which is the same on all Linux systems. */
const ticksPerSecond = 100;

export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** Starts a server, and waits until it is ready. */
export async function startServer(peer: Peer, course: Course): Promise<Running> {
  const { command, ready, port, udp } = peer.server(course);
  const child = Bun.spawn([...course.atServer, ...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const stop = async () => {
    child.kill();
    await child.exited;
  };
  try {
    if (ready !== undefined) await readUntil(child.stdout, ready);
    else await portIsOpen(course, port, udp === true);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid, [Symbol.asyncDispose]: stop };
}

/** @throws if the client fails, or its file differs from the original */
export async function race(
  peer: Peer,
  course: Course,
  sizeBytes: number,
  sha256: string,
  timeoutMs: number,
  server: Running,
): Promise<Run> {
  const out = join(course.target, `${peer.name.replaceAll(/\W/g, "-")}.out`);
  rmSync(out, { force: true });
  const serverBefore = cpuSecondsOf(server.pid);
  const startedMs = performance.now();
  const child = Bun.spawn([...course.atClient, ...peer.client(course, out)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  const seconds = (performance.now() - startedMs) / 1000;
  const client = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  const cpuSeconds = { client, server: cpuSecondsOf(server.pid) - serverBefore };
  if (child.signalCode === "SIGKILL") {
    const had = Bun.file(out).size || Bun.file(`${out}.part`).size;
    rmSync(out, { force: true });
    return {
      seconds,
      bytesPerSecond: had / seconds,
      cpuSeconds,
      figures: {},
      note: "did not finish",
    };
  }
  if (code !== 0) throw new Error(`${peer.name} ended with ${code}: ${stderr.slice(-300)}`);
  const saved = await hashOf(out);
  rmSync(out, { force: true });
  if (saved !== sha256) throw new Error(`${peer.name} saved something other than was served`);
  const figures = peer.figures?.(stdout) ?? {};
  return { seconds, bytesPerSecond: sizeBytes / seconds, cpuSeconds, figures };
}

/** Processor time of a process and of its finished children (proc(5)). */
export function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before may contain anything except a closing bracket after the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}

export async function hashOf(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of Bun.file(path).stream()) hasher.update(piece);
  return hasher.digest("hex");
}

async function readUntil(stream: ReadableStream<Uint8Array>, wanted: RegExp): Promise<void> {
  const reader = stream.getReader();
  let seen = "";
  while (!wanted.test(seen)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the server ended: ${seen}`);
    seen += Buffer.from(value).toString();
  }
  reader.releaseLock();
}

/**
 * The server has no "ready" message: asks the kernel at its end, so that nothing crosses the link
 * yet.
 */
async function portIsOpen(course: Course, port: number, udp: boolean): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const words = [...course.atServer, "cat", `/proc/net/${udp ? "udp" : "tcp"}`];
  for (let i = 0; i < 250; i++) {
    const table = Bun.spawnSync(words).stdout.toString();
    if (new RegExp(`: [0-9A-F]{8}:${hex} `).test(table)) return;
    await Bun.sleep(20);
  }
  throw new Error(`nothing listens on port ${port}`);
}
