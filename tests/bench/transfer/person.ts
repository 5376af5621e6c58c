// Files from person to person, directly and relayed by the server, compared with the same file from
// the server: over the same link, in turns. The server and the sender are at one end of the link,
// the recipient at the other, so that all three cross it once.

import { join } from "node:path";
import { mkdirSync, rmSync } from "node:fs";
import { parleyCommand } from "../../parley.ts";
import { Process } from "../../world/bed/process.ts";
import { Scope } from "../../world/bed/scope.ts";
import type { Course } from "./peers.ts";
import { cpuSecondsOf, hashOf } from "./race.ts";

const port = 21_010;
const metricsPort = 21_011;

/** One transfer. */
export interface Handed {
  readonly bytesPerSecond: number;
  /** Processor time of the server, in µs per relayed datagram; NaN if it relayed none. */
  readonly relayUs: number;
}

export type How = "from the server" | "direct" | "relayed" | "frames";
export const ways: readonly How[] = ["from the server", "direct", "relayed", "frames"];

/** A server, and a user who accepts every offer. */
export class Handover implements AsyncDisposable {
  readonly #course: Course;
  readonly #scope: Scope;
  readonly #server: Process;

  private constructor(course: Course, scope: Scope, server: Process) {
    this.#course = course;
    this.#scope = scope;
    this.#server = server;
  }

  /** `frames`: without a relay. */
  static async open(course: Course, how: How): Promise<Handover> {
    const { source, target, work, address } = course;
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    const relay = ["--relay", how === "frames" ? "0" : "10G"];
    const flags = ["--port", String(port), "--metrics-port", String(metricsPort), "--plain"];
    const scope = new Scope();
    const server = spawn(scope, course.atServer, [
      "server",
      "--host",
      address,
      ...flags,
      ...relay,
      "--no-web",
      "--files",
      source,
      "--state",
      join(work, "state"),
      "--json",
    ]);
    await server.says('"event":"listening"');
    const bob = spawn(scope, course.atClient, [
      "client",
      `${address}:${port}`,
      "--plain",
      "--name",
      "Bob",
      "--identity",
      join(work, "bob"),
      "--accept",
      target,
      "--follow",
      "--json",
    ]);
    await bob.says('"event":"online"');
    return new Handover(course, scope, server);
  }

  /** Transfers the file, and compares it. @throws if it differs, or took another path */
  async send(how: How, sizeBytes: number, sha256: string): Promise<Handed> {
    const { source, target, work, address, file, atServer, atClient } = this.#course;
    const to = join(target, file);
    const datagramsBefore = await this.relayed();
    const cpuBefore = cpuSecondsOf(this.#server.pid);
    const common = [`${address}:${port}`, "--plain", "--json"];
    const words =
      how === "from the server"
        ? ["fetch-file", ...common, file, "-o", to]
        : ["send-file", ...common, join(source, file), "--to", "Bob", "--name", "Ann"];
    const whole = ["--identity", join(work, "ann"), ...(how === "direct" ? [] : ["--no-direct"])];
    const isFetch = how === "from the server";
    const prefix = isFetch ? atClient : atServer;
    const sending = spawn(this.#scope, prefix, isFetch ? words : [...words, ...whole]);
    const code = await sending.exit(120_000);
    if (code !== 0) throw new Error(`${how}: ended with ${code}: ${sending.output}`);
    const done = sending.stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ event }) => event === "sent" || event === "done");
    if ((await hashOf(to)) !== sha256) throw new Error(`${how}: something else has arrived`);
    rmSync(to);
    const path = isFetch ? how : String(done?.["path"]);
    const expected = how === "frames" ? "server" : how;
    if (path !== expected) throw new Error(`${how}: it took another way: ${path}`);
    const cpuUs = (cpuSecondsOf(this.#server.pid) - cpuBefore) * 1e6;
    const datagrams = (await this.relayed()) - datagramsBefore;
    const bytesPerSecond = sizeBytes / Number(done?.["seconds"]);
    return { bytesPerSecond, relayUs: how === "relayed" ? cpuUs / datagrams : Number.NaN };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  readonly port = port;

  /** The server's process ID. */
  get pid(): number {
    return this.#server.pid;
  }

  /** How many datagrams the server has relayed so far. */
  async relayed(): Promise<number> {
    const url = `http://127.0.0.1:${metricsPort}/metrics`;
    const script = `process.stdout.write(await (await fetch("${url}")).text())`;
    const words = [...this.#course.atServer, process.execPath, "-e", script];
    const text = await new Response(Bun.spawn(words).stdout).text();
    return Number(/^parley_relayed_datagrams_total (\d+)/m.exec(text)?.[1]);
  }
}

function spawn(scope: Scope, prefix: readonly string[], words: readonly string[]): Process {
  return new Process(scope, [...prefix, ...parleyCommand(), ...words]);
}
