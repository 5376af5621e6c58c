// Files in transit, sent by the compiled program: what an attacker on the path can see and do, with
// and without TLS, by datagrams and over the control connection.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../files/relay.ts";
import { Parley, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { kind } from "../../src/transfer/wire.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";
import { usualMemory } from "../usual-memory.ts";

setDefaultTimeout(180_000);

const base = testFolder("sealed");
const source = join(base, "FILES");
const secret = "a sentence that nobody else may read\n";
const content = Buffer.alloc(3_000_000, secret);
let server: Parley;
let port = 0;
let pin = "";

type Event = Record<string, unknown>;

beforeAll(async () => {
  mkdirSync(source);
  writeFileSync(join(source, "file"), content);
  server = new Parley("server", "--port", "0", "--no-web", "--files", source, "--json");
  const ready = JSON.parse(await server.line(/"event":"listening"/)) as {
    port: number;
    pin: string;
  };
  port = ready.port;
  pin = ready.pin;
});

afterAll(() => server[Symbol.asyncDispose]());

let count = 0;

/** Fetches through a relay that sees, and may change, all datagrams that carry data. */
async function fetchThrough(
  address: (port: number) => string,
  harm?: (datagram: Uint8Array) => Uint8Array | undefined,
  relayOptions: { host?: string; port?: number } = {},
) {
  const seen: Buffer[] = [];
  const relay = await startRelay({
    serverPort: port,
    ...relayOptions,
    toClient(datagram) {
      if (datagram[1] !== kind.data) return harm === undefined ? datagram : harm(datagram);
      seen.push(Buffer.from(datagram));
      return harm === undefined ? datagram : harm(datagram);
    },
  });
  const home = join(base, `home${++count}`);
  mkdirSync(home);
  const out = join(home, "out");
  const words = ["fetch-file", "--server", address(relay.port), "file", "-o", out, "--json"];
  const ended = await run(words, { env: { XDG_CONFIG_HOME: home, NO_COLOR: "1" } });
  relay.close();
  const events = ended.out
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Event);
  return { ...ended, out, events, seen: Buffer.concat(seen), home };
}

const inTls = (relayPort: number) => `127.0.0.1:${relayPort}#${pin}`;
const inPlainText = (relayPort: number) => `127.0.0.1:${relayPort}`;

test("inside TLS nothing of the file is on the wire, and it arrives whole", async () => {
  const { code, err, out, events, seen } = await fetchThrough(inTls);
  expect([code, err]).toEqual([0, ""]);
  expect(readFileSync(out).equals(content)).toBe(true);
  expect(seen.length).toBeGreaterThan(content.length);
  expect(seen.includes(secret)).toBe(false);
  for (const event of ["offer", "done"]) {
    expect(events.find((one) => one["event"] === event)).toMatchObject({ sealed: true });
  }
});

test("without TLS it is not reported as sealed", async () => {
  const { code, out, events } = await fetchThrough(inPlainText);
  expect(code).toBe(0);
  expect(readFileSync(out).equals(content)).toBe(true);
  for (const event of ["offer", "done"]) {
    expect(events.find((one) => one["event"] === event)).toMatchObject({ sealed: false });
  }
});

function forge(datagram: Uint8Array): Uint8Array {
  if (datagram[1] === kind.data) datagram[60] = (datagram[60] ?? 0) ^ 1;
  return datagram;
}

test("an attacker who changes every copy in transit gets nothing into the file, which comes over the control connection", async () => {
  const { code, out, events } = await fetchThrough(inTls, forge);
  expect(code).toBe(0);
  expect(readFileSync(out).equals(content)).toBe(true);
  const fallback = events.find(({ event }) => event === "fallback");
  expect(fallback).toMatchObject({ reason: expect.stringMatching(/did not fit its tag 3 times/) });
  expect(events.at(-1)).toMatchObject({ event: "done", sealed: true, over: "control" });
});

skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "where no datagram gets through, the same chunks come over the control connection, sealed",
  async () => {
    const { code, err, out, events } = await fetchThrough(
      (relayPort) => `127.0.0.2:${relayPort}#${pin}`,
      () => undefined,
      { host: "127.0.0.2", port },
    );
    expect([code, err]).toEqual([0, ""]);
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(events.some(({ event }) => event === "fallback")).toBe(true);
    expect(events.at(-1)).toMatchObject({ event: "done", sealed: true, over: "control" });
  },
);

skipUnless(existsSync("/proc/self/status"), "no /proc")(
  "a stream takes little memory at either end, however slow its reader is",
  async () => {
    const large = join(source, "large");
    const piece = crypto.getRandomValues(new Uint8Array(65_536));
    const writer = Bun.file(large).writer();
    for (let i = 0; i < 6_144; i++) {
      writer.write(piece);
      if (i % 256 === 0) await writer.flush();
    }
    await writer.end();
    const words = [...parleyCommand(), "fetch-file", inPlainText(port), "large", "-q", "-o", "-"];
    const env = { ...process.env, ...usualMemory };
    const child = Bun.spawn(words, { stdout: "pipe", stderr: "pipe", env });
    const reader = child.stdout.getReader();
    let got = 0;
    let peakMib = 0;
    for (let pauses = 0; ; pauses++) {
      const { value, done } = await reader.read();
      if (done) break;
      got += value.length;
      if (pauses % 64 !== 0) continue;
      peakMib = Math.max(peakMib, peakMibOf(child.pid) ?? 0);
      if (pauses < 640) await Bun.sleep(20);
    }
    expect(await child.exited).toBe(0);
    expect(got).toBe(statSync(large).size);
    expect(peakMib).toBeGreaterThan(10);
    expect(peakMib).toBeLessThan(150);
    rmSync(large);
  },
);

/** VmHWM (proc(5)); undefined once the process has exited. */
function peakMibOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kib = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}
