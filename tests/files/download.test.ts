// Downloads through a relay that forges, loses, delays, cuts and moves: in the end the file is
// either in place and correct, or absent.

import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { heapStats } from "bun:jsc";
import * as dns from "node:dns/promises";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { Download } from "../../src/files/download.ts";
import { freeRoom } from "../../src/files/free-room.ts";
import type { FetchEvent, FetchOutput } from "../../src/files/fetch-events.ts";
import { fetching as limits, transfer as wire } from "../../src/limits.ts";
import { chunkOpener, chunkSealer } from "../../src/io/chunk-cipher.ts";
import { DownloadClient, type DownloadClientOptions } from "../../src/files/download-client.ts";
import { sizeText } from "../../src/size-text.ts";
import { SharedFolder } from "../../src/server/files/shared-folder.ts";
import { kind } from "../../src/transfer/wire.ts";
import { UdpPort } from "../../src/io/udp/udp.ts";
import { skipUnless } from "../skip.ts";
import { type FileServer, startFileServer } from "./file-server.ts";
import { type Relay, type RelayOptions, startRelay } from "./relay.ts";
import { testFolder } from "../test-folder.ts";
import { noteTime } from "../times.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("client");
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

afterAll(() => server.close());

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

/** Does something once when the first part of a file has arrived. */
function whenUnderWay(act: () => void): (event: FetchEvent) => void {
  let isDone = false;
  return ({ event }) => {
    if (isDone || event !== "progress") return;
    isDone = true;
    act();
  };
}

const isData = (datagram: Uint8Array) => datagram[1] === kind.data;

function forgeAll(datagram: Uint8Array): Uint8Array {
  if (isData(datagram)) datagram[100] = (datagram[100] ?? 0) ^ 255;
  return datagram;
}

test("works without offload at either end", async () => {
  const plain = await startFileServer(source, { offload: false });
  const outcome = await fetchBy(plain.port, { offload: false });
  plain.close();
  expect(isWhole(outcome)).toBe(true);
  expect(outcome.events.at(-1)).toMatchObject({
    event: "done",
    offload: { segment: false, merge: false },
  });
});

// The relay has the server's port, so that the client tries no other; only Linux has a second
// loopback address by default.
skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "uses a cookie that arrives long after the offer",
  async () => {
    let firstMs = 0;
    let dropped = 0;
    const late = (datagram: Uint8Array) => {
      if (datagram[1] !== kind.cookie) return datagram;
      firstMs ||= performance.now();
      if (performance.now() > firstMs + 400) return datagram;
      dropped++;
      return undefined;
    };
    const relay = { host: "127.0.0.2", port: server.port, toClient: late };
    const outcome = await through(relay, ({ port }) =>
      fetchBy(port, { server: { host: relay.host, port } }),
    );
    expect(isWhole(outcome)).toBe(true);
    expect(dropped).toBeGreaterThan(0);
    expect(outcome.events.map(({ event }) => event)).not.toContain("retry");
    expect(outcome.events.at(-1)).toMatchObject({ event: "done", over: "udp" });
    noteTime("a file with a late cookie", performance.now() - firstMs, 5_000);
  },
);

test("forged segments are detected, requested again, and never end up in the file", async () => {
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

test("if every copy is forged, the file comes over the control connection", async () => {
  const outcome = await through({ toClient: forgeAll }, ({ port }) => fetchBy(port));
  expect(isWhole(outcome)).toBe(true);
});

test("lost, duplicated and reordered datagrams change nothing", async () => {
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

test("continues when a NAT gives it another port", async () => {
  await through({}, async (relay) => {
    let moved: Promise<void> | undefined;
    const outcome = await fetchBy(relay.port, {
      limitBytesPerSecond: 12_000_000,
      onEvent: whenUnderWay(() => void (moved = relay.rebind())),
    });
    await moved;
    expect(isWhole(outcome)).toBe(true);
    expect(moved).toBeDefined();
  });
});

test("continues when its own address disappears without notice", async () => {
  await through({}, async (relay) => {
    let frozenAtMs = 0;
    let lastMs = 0;
    let mostMs = 0;
    const outcome = fetchBy(relay.port, {
      limitBytesPerSecond: 3_000_000,
      onEvent(event) {
        if (event.event !== "progress" || event.receivedBytes < size / 8) return;
        const nowMs = performance.now();
        if (frozenAtMs === 0) {
          frozenAtMs = nowMs;
          relay.freeze();
        } else mostMs = Math.max(mostMs, nowMs - lastMs);
        lastMs = nowMs;
      },
    });
    expect(isWhole(await outcome)).toBe(true);
    expect(frozenAtMs).toBeGreaterThan(0);
    noteTime("silence after a loss of the address", mostMs, 5_000);
  });
});

test("continues when for a while neither the server's name resolves nor a socket opens", async () => {
  const first = await startFileServer(source);
  const { port } = first;
  const seen: string[] = [];
  let second: Promise<FileServer> | undefined;
  let lookups = 0;
  const real = dns.lookup;
  const lookup = spyOn(dns, "lookup").mockImplementation(((...args: Parameters<typeof real>) => {
    // The first lookup works, the next ones fail; only then is there a server again.
    lookups++;
    if (lookups === 4) second = startFileServer(source, { port });
    if (lookups === 1 || lookups > 4) return real(...args);
    return Promise.reject(Object.assign(new Error("no name server"), { code: "EAI_AGAIN" }));
  }) as typeof real);
  const open = UdpPort.open.bind(UdpPort);
  let opens = 0;
  const opening = spyOn(UdpPort, "open").mockImplementation((options) => {
    if (options.connect === undefined || ++opens !== 2) return open(options);
    return Promise.reject(Object.assign(new Error("no route"), { code: "ENETUNREACH" }));
  });
  const outcome = await fetchBy(port, {
    server: { host: "localhost", port },
    limitBytesPerSecond: 6_000_000,
    onEvent(event) {
      if (event.event === "retry") seen.push(event.reason);
      if (event.event === "progress") first.close();
    },
  });
  lookup.mockRestore();
  opening.mockRestore();
  (await second)?.close();
  expect(isWhole(outcome)).toBe(true);
  expect(seen.join("\n")).toContain("Cannot look up the host 'localhost'");
  expect(seen.join("\n")).toContain("network unreachable");
});

skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "fetches over the control connection when only TCP gets through, and says so",
  async () => {
    const relay = { host: "127.0.0.2", port: server.port, toServer: () => undefined };
    await through(relay, async ({ port }) => {
      const outcome = await fetchBy(port, { server: { host: relay.host, port }, sha256: true });
      expect(isWhole(outcome)).toBe(true);
      const fallback = outcome.events.find(({ event }) => event === "fallback");
      expect(fallback).toEqual({
        event: "fallback",
        name: "file",
        over: "control",
        reason: `127.0.0.2:${port} answers, but not on UDP port ${port}: is a firewall blocking it?`,
      });
      const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(join(source, "file")));
      expect(outcome.events.at(-1)).toMatchObject({
        event: "done",
        over: "control",
        sealed: false,
        sha256: sha256.digest("hex"),
      });
    });
  },
);

skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "over the control connection, too, it resumes, keeps a limit and outlives a lost connection",
  async () => {
    const relay = { host: "127.0.0.2", port: server.port, toServer: () => undefined };
    await through(relay, async (open) => {
      let cutAt = 0;
      const startedMs = performance.now();
      const outcome = await fetchBy(open.port, {
        server: { host: relay.host, port: open.port },
        limitBytesPerSecond: 3_000_000,
        onEvent(event) {
          if (event.event !== "progress" || event.verifiedBytes < size / 3 || cutAt > 0) return;
          cutAt = event.verifiedBytes;
          open.cut();
        },
      });
      expect(isWhole(outcome)).toBe(true);
      expect(cutAt).toBeGreaterThan(0);
      expect(performance.now() - startedMs).toBeGreaterThan((1_000 * size) / 3_500_000);
    });
  },
);

skipUnless(process.platform === "linux", "no 127.0.0.2")(
  "a stream over the control connection waits for its reader, in bounded memory",
  async () => {
    writeFileSync(join(source, "long"), new Uint8Array(40_000_000).fill(5));
    const relay = { host: "127.0.0.2", port: server.port, toServer: () => undefined };
    await through(relay, async ({ port }) => {
      const hash = new Bun.CryptoHasher("sha256");
      const resume = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      let got = 0;
      const output: FetchOutput = {
        data(part) {
          hash.update(part);
          got += part.length;
          begun.resolve();
          return false;
        },
        relief: () => resume.promise,
        flush: () => Promise.resolve(),
        closed: false,
        failure: undefined,
      };
      const client = new DownloadClient({ server: { host: relay.host, port } });
      const fetched = client.fetch("long", { kind: "stream", output });
      await begun.promise;
      const start = server.service.totals.sentBytes;
      const sent = () => server.service.totals.sentBytes - start;
      for (let before = -1; sent() !== before; await Bun.sleep(300)) before = sent();
      expect(sent()).toBeLessThan(limits.streamAheadBytes + 2 * wire.maxPulls * wire.maxPullBytes);
      resume.resolve();
      await fetched;
      client.close();
      expect(got).toBe(40_000_000);
      expect(hash.digest("hex")).toBe(
        new Bun.CryptoHasher("sha256").update(readFileSync(join(source, "long"))).digest("hex"),
      );
    });
  },
);

test("the modification time is kept, and a second fetch compares it", async () => {
  const stamped = join(source, "stamped");
  writeFileSync(stamped, "one");
  utimesSync(stamped, 1_700_000_000, new Date(1_700_000_000_123));
  const { path, error } = await fetchBy(server.port, {}, "stamped");
  expect(error).toBeUndefined();
  expect(statSync(path).mtimeMs).toBe(1_700_000_000_123);
  const again = async (options: Partial<DownloadClientOptions>) => {
    const events: FetchEvent[] = [];
    const client = new DownloadClient({
      server: { host: "127.0.0.1", port: server.port },
      onEvent: (event) => events.push(event),
      ...options,
    });
    const error = await client.fetch("stamped", { kind: "file", path }).catch((e: unknown) => e);
    client.close();
    return { code: error instanceof ParleyError ? error.code : undefined, event: events.at(-1) };
  };
  expect(await again({})).toMatchObject({ event: { event: "unchanged", compared: "time" } });
  writeFileSync(path, "two");
  expect((await again({})).code).toBe("differs");
  utimesSync(path, 1_700_000_000, new Date(1_700_000_000_123));
  expect(await again({})).toMatchObject({ event: { event: "unchanged", compared: "time" } });
  expect((await again({ checksum: true })).code).toBe("differs");
  writeFileSync(path, "one");
  expect(await again({ checksum: true })).toMatchObject({
    event: {
      event: "unchanged",
      compared: "content",
      sha256: new Bun.CryptoHasher("sha256").update("one").digest("hex"),
    },
  });
});

test("a partial file from one server is not continued with another", async () => {
  const path = join(base, "other server", "file");
  mkdirSync(dirname(path));
  const pins = ["one", "two"];
  for (const [i, pin] of pins.entries()) {
    const download = new Download(
      "file",
      { kind: "file", path },
      {
        resume: true,
        sha256: false,
        sender: () => pin,
        onEvent() {},
      },
    );
    expect(download.wanted().heldBytes).toBe(i === 0 ? 0 : 65_536);
    const offer = { type: "offer", transfer: 1, name: "file", size: 65_536, version: "v" } as const;
    const shape = { modified: 0, chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 1_200 };
    const assembler = download.handleOffer({ ...offer, ...shape }, true);
    // The attempt's requests left out the existing parts, so it has to start over.
    expect(assembler === undefined).toBe(i > 0);
    const key = new Uint8Array(32);
    assembler?.begin(chunkOpener(key));
    const { bytes, tag } = chunkSealer(key)(0, new Uint8Array(65_536));
    assembler?.put(0, bytes, 0, bytes.length);
    assembler?.acceptTags(0, tag);
    assembler?.work(65_536);
    if (i > 0) expect(download.wanted()).toEqual({ wanted: [[0, 65_536]], heldBytes: 0 });
    download.detach();
    download.close();
  }
});

test("chunks of another size, after an update of the server, do not continue those of before", () => {
  const path = join(base, "other chunks", "file");
  mkdirSync(dirname(path));
  const download = new Download(
    "file",
    { kind: "file", path },
    { resume: true, sha256: false, sender: () => "pin", onEvent() {} },
  );
  const offer = { type: "offer", transfer: 1, name: "file", size: 200_000, version: "v" } as const;
  const shape = { modified: 0, udpPort: 1, maxSegmentBytes: 1_200 };
  const offered = (chunkBytes: number) =>
    download.handleOffer({ ...offer, ...shape, chunkBytes }, true)?.chunkBytes;
  expect(offered(65_536)).toBe(65_536);
  // What this attempt has requested is not what is missing now.
  expect(offered(131_072)).toBeUndefined();
  expect(offered(131_072)).toBe(131_072);
  download.close();
});

test("a constantly growing log is fetched as it was at the start", async () => {
  const log = join(source, "log");
  const start = crypto.getRandomValues(new Uint8Array(60_000));
  writeFileSync(log, start);
  for (let i = 0; i < 50; i++) appendFileSync(log, start);
  const content = readFileSync(log);
  const growing = setInterval(() => appendFileSync(log, "one more line\n"), 10);
  const outcome = await fetchBy(server.port, { limitBytesPerSecond: 6_000_000 }, "log");
  clearInterval(growing);
  expect(outcome.error).toBeUndefined();
  expect(readFileSync(outcome.path).length).toBeGreaterThanOrEqual(content.length);
  const grown = readFileSync(log);
  const fetched = readFileSync(outcome.path);
  expect(fetched.equals(grown.subarray(0, fetched.length))).toBe(true);
  expect(fetched.length).toBeLessThan(grown.length);
});

test("a file that is rewritten while it grows is not fetched as a mixture", async () => {
  const log = join(source, "rewritten");
  const start = new Uint8Array(3_000_000).fill(1);
  writeFileSync(log, start);
  let fill = 1;
  const rewriting = setInterval(() => {
    fill++;
    writeFileSync(log, new Uint8Array(start.length + fill).fill(fill));
  }, 100);
  const outcome = await fetchBy(server.port, { limitBytesPerSecond: 6_000_000 }, "rewritten");
  clearInterval(rewriting);
  expect(outcome.error?.code).toBeOneOf(["changed", "integrity"]);
  expect(existsSync(outcome.path)).toBe(false);
});

test("a disk that fails at the server is not taken for a file that changes", async () => {
  const open = SharedFolder.prototype.open;
  const opened = spyOn(SharedFolder.prototype, "open").mockImplementation(function (
    this: SharedFolder,
    name,
  ) {
    const file = open.call(this, name);
    const read: typeof file.read = (into, position) =>
      position > size / 2 ? failToRead() : file.read(into, position);
    return { ...file, read };
  });
  const { error, path } = await fetchBy(server.port);
  opened.mockRestore();
  expect(error?.code).toBe("unreadable");
  expect([existsSync(path), existsSync(`${path}.part`)]).toEqual([false, true]);
});

function failToRead(): never {
  throw Object.assign(new Error("EIO"), { code: "EIO" });
}

test("continues when the control connection is lost, in place", async () => {
  await through({}, async (relay) => {
    let retries = 0;
    const cut = whenUnderWay(() => relay.cut());
    const outcome = await fetchBy(relay.port, {
      limitBytesPerSecond: 12_000_000,
      onEvent(event) {
        if (event.event === "retry") retries++;
        cut(event);
      },
    });
    expect(isWhole(outcome)).toBe(true);
    expect(retries).toBeGreaterThan(0);
  });
});

test("continues when the server is restarted with the same files", async () => {
  const first = await startFileServer(source);
  const { port } = first;
  let second: Promise<FileServer> | undefined;
  let retries = 0;
  const restart = whenUnderWay(() => {
    first.close();
    second = startFileServer(source, { port });
  });
  const outcome = await fetchBy(port, {
    limitBytesPerSecond: 12_000_000,
    onEvent(event) {
      if (event.event === "retry") retries++;
      restart(event);
    },
  });
  (await second)?.close();
  expect(isWhole(outcome)).toBe(true);
  expect(retries).toBeGreaterThan(0);
});

test("a server that never returns leaves a partial file and `stalled`", async () => {
  const gone = await startFileServer(source);
  const { path, error } = await fetchBy(gone.port, {
    limitBytesPerSecond: 12_000_000,
    retryForMs: 700,
    onEvent: whenUnderWay(() => gone.close()),
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

/** The sockets for datagrams that this process has not forgotten. */
function keptSockets(): number {
  Bun.gc(true);
  return heapStats().objectTypeCounts["UDPSocket"] ?? 0;
}

test("hundreds of small downloads over one connection, each with its own token", async () => {
  const client = new DownloadClient({ server: { host: "127.0.0.1", port: server.port } });
  mkdirSync(join(base, "many"));
  for (let i = 0; i < 200; i++) {
    const path = join(base, "many", String(i));
    await client.fetch("small", { kind: "file", path });
    expect(readFileSync(path, "utf8")).toBe("small");
  }
  // The client goes on, and keeps nothing of them.
  await until(
    () => keptSockets() < 100,
    () => `sockets to be forgotten; there are ${keptSockets()}`,
  );
  client.close();
  await until(() => server.service.transferCount === 0, "the end of every transfer");
});

const roomBytes = freeRoom(base)?.bytes ?? Infinity;
skipUnless(2 * roomBytes < wire.maxFileBytes, "too much room for a file that does not fit")(
  "a file that the disk has no room for is refused before anything of it is saved",
  async () => {
    const beyond = 2 * roomBytes;
    // Sparse: it takes no room itself.
    writeFileSync(join(source, "beyond"), "");
    truncateSync(join(source, "beyond"), beyond);
    const { path, events, error } = await fetchBy(server.port, {}, "beyond");
    expect(error?.code).toBe("storage");
    const sentence = `'beyond' needs ${sizeText(beyond)}, and '${dirname(path)}' has room for`;
    expect(error?.message).toContain(sentence);
    expect(events.filter(({ event }) => event === "offer")).toEqual([]);
    expect(readdirSync(dirname(path))).toEqual([]);
  },
);

test("a file that has arrived, and that nobody reads any further, can be stopped", async () => {
  let waits = 0;
  const output: FetchOutput = {
    data: () => false,
    relief: () => {
      waits++;
      return new Promise(() => {});
    },
    flush: () => new Promise(() => {}),
    closed: false,
    failure: undefined,
  };
  const client = new DownloadClient({ server: { host: "127.0.0.1", port: server.port } });
  try {
    const fetched = client.fetch("file", { kind: "stream", output });
    // The second time, only the reader is waited for.
    await until(() => waits === 2);
    client.stop(new ParleyError("interrupted", "Stopped"));
    expect(fetched).rejects.toThrow("Stopped");
    await fetched.catch(() => {});
  } finally {
    client.close();
  }
});
