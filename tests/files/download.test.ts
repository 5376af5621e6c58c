// A fetch through a relay that forges, loses, delays, cuts and moves: what gets its name in the end is the file, or nothing is.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import type { FetchEvent } from "../../src/files/fetch-events.ts";
import { DownloadClient, type DownloadClientOptions } from "../../src/files/download-client.ts";
import { kind } from "../../src/transfer/wire.ts";
import { skipUnless } from "../skip.ts";
import { type FileServer, startFileServer } from "./file-server.ts";
import { type Relay, type RelayOptions, startRelay } from "./relay.ts";

setDefaultTimeout(30_000);

const base = mkdtempSync(join(tmpdir(), "parley-client-"));
const source = join(base, "FILES");
const size = 6_000_001;
let server: FileServer;
let fetches = 0;

beforeAll(async () => {
  mkdirSync(source);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  writeFileSync(join(source, "file"), bytes);
  writeFileSync(join(source, "small"), "small");
  server = await startFileServer(source);
});

afterAll(() => {
  server.close();
  rmSync(base, { recursive: true, force: true });
});

type Outcome = { path: string; events: FetchEvent[]; error: ParleyError | undefined };

async function fetchBy(
  port: number,
  options: Partial<DownloadClientOptions> = {},
  name = "file",
): Promise<Outcome> {
  const path = join(base, `out ${++fetches}`, name);
  mkdirSync(dirname(path));
  const events: FetchEvent[] = [];
  const client = new DownloadClient({
    server: { host: "127.0.0.1", port },
    onEvent: (event) => events.push(event),
    ...options,
  });
  try {
    await client.fetch(name, { kind: "file", path });
    return { path, events, error: undefined };
  } catch (error) {
    if (error instanceof ParleyError) return { path, events, error };
    throw error;
  } finally {
    client.close();
  }
}

async function through<T>(
  options: Omit<RelayOptions, "serverPort">,
  use: (relay: Relay) => Promise<T>,
): Promise<T> {
  const relay = await startRelay({ ...options, serverPort: server.port });
  try {
    return await use(relay);
  } finally {
    relay.close();
  }
}

function isWhole({ path, error }: Outcome): boolean {
  expect(error).toBeUndefined();
  return Bun.deepEquals(readFileSync(path), readFileSync(join(source, "file")));
}

const isData = (datagram: Uint8Array) => datagram[1] === kind.data;

function forgeAll(datagram: Uint8Array): Uint8Array {
  if (isData(datagram)) datagram[100] = (datagram[100] ?? 0) ^ 255;
  return datagram;
}

test("without offload at either end it comes whole as well", async () => {
  const plain = await startFileServer(source, { offload: false });
  const outcome = await fetchBy(plain.port, { offload: false });
  plain.close();
  expect(isWhole(outcome)).toBe(true);
  expect(outcome.events.at(-1)).toMatchObject({
    event: "done",
    offload: { segment: false, merge: false },
  });
});

// the relay has the server's port, so that nobody looks for another; only Linux has a second loopback address by itself
skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "a cookie that comes long after the offer is not waited for in vain",
  async () => {
    const startedMs = performance.now();
    let dropped = 0;
    const late = (datagram: Uint8Array) => {
      if (datagram[1] !== kind.cookie || performance.now() > startedMs + 400) return datagram;
      dropped++;
      return undefined;
    };
    const relay = { host: "127.0.0.2", port: server.port, toClient: late };
    const outcome = await through(relay, ({ port }) =>
      fetchBy(port, { server: { host: relay.host, port } }),
    );
    expect(isWhole(outcome)).toBe(true);
    expect(dropped).toBeGreaterThan(0);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  },
);

test("forged segments are found, asked for again, and never end up in the file", async () => {
  let forged = 0;
  const forge = (datagram: Uint8Array) => {
    if (isData(datagram) && forged < 5 && Math.random() < 0.2) {
      forged++;
      datagram[datagram.length - 1] = (datagram.at(-1) ?? 0) ^ 1;
    }
    return datagram;
  };
  expect(isWhole(await through({ toClient: forge }, ({ port }) => fetchBy(port)))).toBe(true);
  expect(forged).toBeGreaterThan(0);
});

test("when every copy is forged, it ends with `integrity`, and nothing has the file's name", async () => {
  const { path, error } = await through({ toClient: forgeAll }, ({ port }) => fetchBy(port));
  expect(error?.code).toBe("integrity");
  expect(existsSync(path)).toBe(false);
});

test("lost, doubled and swapped datagrams change nothing", async () => {
  let held: Uint8Array | undefined;
  const harm = (datagram: Uint8Array) => {
    if (Math.random() < 0.1) return undefined;
    if (Math.random() < 0.1) {
      const before = held;
      held = datagram;
      return before;
    }
    return datagram;
  };
  expect(
    isWhole(await through({ toClient: harm, toServer: harm }, ({ port }) => fetchBy(port))),
  ).toBe(true);
});

test("goes on when its own address changes", async () => {
  await through({}, async (relay) => {
    const moving = setTimeout(() => void relay.rebind(), 150);
    const outcome = await fetchBy(relay.port, { limitBytesPerSecond: 12_000_000 });
    clearTimeout(moving);
    expect(isWhole(outcome)).toBe(true);
  });
});

test("goes on when the control connection is lost, in place", async () => {
  await through({}, async (relay) => {
    const cutting = setTimeout(() => relay.cut(), 200);
    const outcome = await fetchBy(relay.port, { limitBytesPerSecond: 12_000_000 });
    clearTimeout(cutting);
    expect(isWhole(outcome)).toBe(true);
    expect(outcome.events.some(({ event }) => event === "retry")).toBe(true);
  });
});

test("goes on when the server is another process with the same files", async () => {
  const first = await startFileServer(source);
  const { port } = first;
  const restart = async () => {
    first.close();
    return await startFileServer(source, { port });
  };
  const second = Promise.withResolvers<FileServer>();
  setTimeout(() => void restart().then(second.resolve, second.reject), 200);
  const outcome = await fetchBy(port, { limitBytesPerSecond: 12_000_000 });
  (await second.promise).close();
  expect(isWhole(outcome)).toBe(true);
  expect(outcome.events.some(({ event }) => event === "retry")).toBe(true);
});

test("a server that goes for good leaves a partial file and `stalled`", async () => {
  const gone = await startFileServer(source);
  setTimeout(() => gone.close(), 200);
  const { path, error } = await fetchBy(gone.port, {
    limitBytesPerSecond: 12_000_000,
    retryForMs: 700,
  });
  expect(error?.code).toBe("stalled");
  expect(error?.message).toContain(".part");
  expect(existsSync(`${path}.part`)).toBe(true);
  expect(existsSync(`${path}.part.journal`)).toBe(true);
  expect(existsSync(`${path}.part.lock`)).toBe(false);
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

skipUnless(hasIpv6, "no ::1")("by IPv6 as by IPv4", async () => {
  for (const host of ["::1", "::"]) {
    const server6 = await startFileServer(source, { host });
    const outcome = await fetchBy(server6.port, { server: { host: "::1", port: server6.port } });
    server6.close();
    expect(isWhole(outcome)).toBe(true);
  }
});

test("hundreds of small fetches over one connection, each with its own token", async () => {
  const client = new DownloadClient({ server: { host: "127.0.0.1", port: server.port } });
  mkdirSync(join(base, "many"));
  for (let i = 0; i < 200; i++) {
    const path = join(base, "many", String(i));
    await client.fetch("small", { kind: "file", path });
    expect(readFileSync(path, "utf8")).toBe("small");
  }
  client.close();
  const deadlineMs = performance.now() + 2_000;
  while (server.service.transferCount > 0 && performance.now() < deadlineMs) await Bun.sleep(5);
  expect(server.service.transferCount).toBe(0);
});
