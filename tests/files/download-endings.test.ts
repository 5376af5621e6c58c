// How a download ends when it is stopped, or when its server closes the connection, without any
// data: against a scripted control connection.

import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { DownloadAttempt } from "../../src/files/download-attempt.ts";
import { DownloadClient, type DownloadClientOptions } from "../../src/files/download-client.ts";
import { PartialFile } from "../../src/files/partial-file.ts";
import { ServerSource } from "../../src/files/server-source.ts";
import { fetching as limits } from "../../src/limits.ts";
import { welcome } from "../protocol/welcome.ts";
import { partPathOf } from "../../src/files/part-path.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

type Line = Record<string, unknown>;
type Answer = (line: Line, socket: Bun.Socket<undefined>) => object | undefined;

const interruption = new ParleyError("interrupted", "Interrupted");
const size = 200_000;
let folder = "";
let closing: (() => void)[] = [];

beforeEach(() => {
  folder = testFolder("endings");
});

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that follows a script. */
function serve(answer: Answer): number {
  const data = (socket: Bun.Socket<undefined>, bytes: Buffer) => {
    for (const text of bytes.toString().split("\n").filter(Boolean)) {
      const line = JSON.parse(text) as Line;
      const reply = answer(line, socket) ?? (line["type"] === "hello" ? welcome() : undefined);
      if (reply !== undefined) socket.write(`${JSON.stringify({ ref: line["ref"], ...reply })}\n`);
    }
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  closing.push(() => listener.stop(true));
  return listener.port;
}

function fetcherFor(port: number, options: Partial<DownloadClientOptions> = {}): DownloadClient {
  const client = new DownloadClient({ server: { host: "127.0.0.1", port }, ...options });
  closing.push(() => client.close());
  return client;
}

async function errorOf(work: Promise<unknown>): Promise<ParleyError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof ParleyError) return error;
    throw error;
  }
}

function offerOf(udpPort: number, version = "v1"): Line {
  const shape = { chunkBytes: 65_536, maxSegmentBytes: 1_200, modified: 0 };
  return { type: "offer", transfer: 1, name: "file", size, version, udpPort, ...shape };
}

test("notices a server that disconnects while a file is compared with the local one", async () => {
  const path = join(folder, "file");
  writeFileSync(path, new Uint8Array(size));
  const port = serve((line, socket) => {
    if (line["type"] !== "fetch") return undefined;
    // A meaningless line arrives before the end does.
    const tags = { type: "tags", transfer: 1, from: 0, data: "" };
    setImmediate(() => socket.end(`${JSON.stringify(tags)}\n`));
    return offerOf(1);
  });
  const client = fetcherFor(port, { retryForMs: 0, checksum: true });
  const error = await errorOf(client.fetch("file", { kind: "file", path }));
  expect(error?.code).toBe("cannot-connect");
});

test.each(["fetch", "list", "compare"])(
  "a %s that is stopped ends immediately, with the reason",
  async (what) => {
    const path = join(folder, "file");
    if (what === "compare") writeFileSync(path, new Uint8Array(size));
    const asked = Promise.withResolvers<void>();
    const port = serve((line) => {
      if (line["type"] !== "hello") asked.resolve();
      return undefined;
    });
    const client = fetcherFor(port);
    const work =
      what === "list" ? client.list().next() : client.fetch("file", { kind: "file", path });
    const outcome = errorOf(work);
    await asked.promise;
    client.stop(interruption);
    expect(await outcome).toBe(interruption);
  },
);

test("stopping while it connects ends it immediately and permanently", async () => {
  // Nothing accepts these connections, and the kernel queues only a few.
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  closing.push(() => listener.stop(true));
  for (const work of ["list", "fetch"]) {
    const client = fetcherFor(listener.port);
    const target = { kind: "file", path: join(folder, "file") } as const;
    const outcome = errorOf(work === "list" ? client.list().next() : client.fetch("file", target));
    client.stop(interruption);
    expect(await outcome).toBe(interruption);
  }
  expect(readdirSync(folder)).toEqual([]);
});

test("stopping while the name server is silent ends it immediately, and leaves no socket", async () => {
  const found = Promise.withResolvers<string[]>();
  const server = { host: "silent.example", port: 1 };
  const source = new ServerSource(server, undefined, undefined, () => found.promise);
  const client = new DownloadClient({ source });
  const closing = spyOn(DownloadAttempt.prototype, "close");
  const outcome = errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  client.stop(interruption);
  expect(await outcome).toBe(interruption);
  expect(closing).not.toHaveBeenCalled();
  found.resolve(["127.0.0.1"]);
  await until(() => closing.mock.calls.length === 1);
  closing.mockRestore();
});

test("skips files that can't be part of a listing, and aborts a listing that never ends", async () => {
  const good = { name: "good", size: 1, modified: 1 };
  // Too large for a transfer, but it is there.
  const large = { ...good, name: "large", size: 2 ** 50 };
  let pages = 0;
  const port = serve((line) => {
    if (line["type"] !== "files") return undefined;
    const files = pages++ === 0 ? [good, { ...good, modified: 1e300 }, large] : [];
    return { type: "files", files, next: `x${"x".repeat(pages)}` };
  });
  const listed = await Array.fromAsync(fetcherFor(port).list());
  expect(listed).toEqual([good, large]);
  expect(pages).toBe(2);
});

test("a listing that is cut off because it is too long says so", async () => {
  let count = 0;
  const port = serve((line) => {
    if (line["type"] !== "files") return undefined;
    const files = Array.from({ length: 1_000 }, () => {
      const name = String(count++).padStart(8, "0");
      return { name, size: 1, modified: 1 };
    });
    return { type: "files", files, next: files.at(-1)!.name };
  });
  let listed = 0;
  const counting = (async () => {
    for await (const _ of fetcherFor(port).list()) listed++;
  })();
  const error = await errorOf(counting);
  expect(listed).toBe(limits.maxListed);
  expect(error?.message).toBe(
    `There are more than ${limits.maxListed} files: the others are not listed.`,
  );
}, 180_000);

test.each([{ size: -1 }, { size: 1e300 }, { modified: "1" }, { name: 1 }, { modified: null }])(
  "refuses a listing with %j in it",
  async (other) => {
    const files = [{ name: "good", size: 1, modified: 1, ...other }];
    const port = serve((line) => (line["type"] === "files" ? { type: "files", files } : undefined));
    const error = await errorOf(fetcherFor(port).list().next());
    expect(error?.code).toBe("protocol");
    expect(error?.message).toContain("in `files`, ");
  },
);

test.each([
  { chunkBytes: 65_537 },
  { chunkBytes: 1 },
  { size: 2 ** 49 },
  { size: "1" },
  { udpPort: 70_000 },
  { udpPort: 0 },
  { maxSegmentBytes: 1 },
  { version: "x".repeat(65) },
  { version: 1 },
  { transfer: -1 },
  { type: "files", files: [] },
  { type: "nonsense" },
])("refuses an offer with %j in it", async (other) => {
  const offer = { ...offerOf(1), ...other };
  const port = serve((line) => (line["type"] === "fetch" ? offer : undefined));
  const client = fetcherFor(port, { retryForMs: 0 });
  const error = await errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect(error?.code).toBe("protocol");
});

test("a server that never answers with a valid message is abandoned", async () => {
  for (const noise of ["[]", "hello", '{"type":"tags","transfer":1}', "[".repeat(100_000)]) {
    const port = serve((line, socket) => {
      if (line["type"] === "files") socket.write(`${noise}\n`);
      return undefined;
    });
    const error = await errorOf(fetcherFor(port).list().next());
    expect(error?.code).toBe("protocol");
  }
});

test("a server that never offers the file leaves nothing, and no word of a partial file", async () => {
  const port = serve((line, socket) => {
    if (line["type"] === "fetch") socket.end();
    return undefined;
  });
  const { error, left } = await outcomeOf(port, { retryForMs: 0 });
  expect([error?.code, error?.message]).toEqual([
    "stalled",
    `'file' was not offered: 127.0.0.1:${port} ended the connection`,
  ]);
  expect(left).toEqual([]);
});

test("a server that never sends the digest does not hold a download forever", async () => {
  const port = serve((line) => {
    if (line["type"] === "ping") return { type: "pong" };
    // An empty file needs no data and no tags, only its digest.
    return line["type"] === "fetch" ? { ...offerOf(1), udpPort: port, size: 0 } : undefined;
  });
  const client = fetcherFor(port, { retryForMs: 300, sha256: true });
  const error = await errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect([error?.code, error?.message]).toEqual(["stalled", expect.stringContaining("tags")]);
});

test("a server that never sends the digest does not hold a comparison forever", async () => {
  const path = join(folder, "file");
  writeFileSync(path, new Uint8Array(size));
  const port = serve((line) => {
    if (line["type"] === "ping") return { type: "pong" };
    return line["type"] === "fetch" ? offerOf(1) : undefined;
  });
  const client = fetcherFor(port, { retryForMs: 300, checksum: true });
  const error = await errorOf(client.fetch("file", { kind: "file", path }));
  expect([error?.code, error?.message]).toEqual(["stalled", expect.stringContaining("SHA-256")]);
});

test("a server that offers another version each time is abandoned", async () => {
  let versions = 0;
  const port = serve((line, socket) => {
    if (line["type"] !== "fetch") return undefined;
    setImmediate(() => socket.end());
    return { ...offerOf(port, `v${versions++}`), size: 100 + versions };
  });
  const waitedMs: number[] = [];
  const wait = async (ms: number): Promise<void> => void waitedMs.push(ms);
  const client = fetcherFor(port, { wait });
  const error = await errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect([error?.code, error?.message]).toEqual([
    "changed",
    expect.stringContaining("keeps changing"),
  ]);
  // It waits longer and longer for the server.
  expect(waitedMs).toEqual(waitedMs.toSorted((a, b) => a - b));
  expect(new Set(waitedMs).size).toBeGreaterThan(4);
});

test("a server that fails each time before a chunk is complete is abandoned", async () => {
  const port = serve((line, socket) => {
    if (line["type"] !== "fetch") return undefined;
    // Were this progress, the fetch would go on forever.
    const tags = { type: "tags", transfer: 1, from: 0, data: Buffer.alloc(16).toString("base64") };
    setImmediate(() => socket.end(`${JSON.stringify(tags)}\n`));
    return offerOf(socket.localPort);
  });
  let waits = 0;
  const client = fetcherFor(port, { retryForMs: 1_000, wait: async () => void waits++ });
  const ending = errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect((await ending)?.code).toBe("stalled");
  expect(waits).toBeGreaterThan(0);
});

/** What a certified fetch waits for, how it ends, and what it leaves. */
async function outcomeOf(port: number, options: Partial<DownloadClientOptions> = {}) {
  const waits: [reason: string, ms: number][] = [];
  const client = fetcherFor(port, {
    sha256: true,
    wait: async () => {},
    onEvent: (event) => void (event.event === "retry" && waits.push([event.reason, event.inMs])),
    ...options,
  });
  const path = join(folder, "file");
  const error = await errorOf(client.fetch("file", { kind: "file", path }));
  return { error, waits, left: readdirSync(folder) };
}

describe("a server that refuses for the moment", () => {
  const sha256 = new Bun.CryptoHasher("sha256").digest("hex");

  /**
   * An empty file, whose digest only a connection after the second one sends; the second one is
   * refused with `refusal`, either altogether or when it asks for the file.
   */
  function refuseSecond(refusal: Line, when: "hello" | "fetch"): number {
    let connections = 0;
    return serve((line, socket) => {
      const { type } = line;
      if (type === "hello") connections++;
      if (connections === 2 && type === when) return { ref: undefined, ...refusal };
      if (type !== "fetch") return undefined;
      const digest = { type: "digest", transfer: 1, sha256 };
      setImmediate(() => {
        if (connections > 2) socket.write(`${JSON.stringify(digest)}\n`);
        else socket.end();
      });
      return { ...offerOf(socket.localPort), size: 0 };
    });
  }

  const wayOut = {
    type: "error",
    code: "rate",
    message: "Too many attempts",
    retryAfterMs: 40_000,
  };

  test.each([
    ["rate", 40_000, 40_000],
    ["storage", 5_000, 5_000],
    ["full", undefined, 200],
  ])("with %s is asked again after %p ms, once the fetch has begun", async (code, asked, ms) => {
    const port = refuseSecond({ ...wayOut, code, retryAfterMs: asked }, "hello");
    const { error, waits, left } = await outcomeOf(port);
    expect(error).toBeUndefined();
    expect(waits).toEqual([
      [expect.stringContaining("ended the connection"), 100],
      ["Too many attempts", ms],
    ]);
    expect(left).toEqual(["file"]);
  });

  test("when it is asked for the file, too", async () => {
    const port = refuseSecond({ ...wayOut, code: "full", retryAfterMs: undefined }, "fetch");
    const { error, waits } = await outcomeOf(port);
    expect([error, waits.at(-1)?.[0]]).toEqual([undefined, "Too many attempts"]);
  });

  test("for longer than the fetch is patient ends it, and the partial file is kept", async () => {
    const { error, waits, left } = await outcomeOf(refuseSecond(wayOut, "hello"), {
      retryForMs: 30_000,
    });
    expect([error?.code, error?.message]).toEqual([
      "stalled",
      expect.stringMatching(/Too many attempts; the partial file .* is kept/),
    ]);
    expect(waits).toHaveLength(1);
    expect(left.toSorted()).toEqual(["file.part", "file.part.journal"]);
  });

  test("ends a fetch that has not begun", async () => {
    for (const type of ["hello", "fetch"]) {
      const refusal = { ...wayOut, code: "full" };
      const port = serve((line) => (line["type"] === type ? refusal : undefined));
      const { error, waits } = await outcomeOf(port);
      expect([error?.code, waits.length]).toEqual(["full", 0]);
    }
  });

  test("unless its disk fails, which only a person can mend", async () => {
    const refusal = { type: "error", code: "storage", message: "Cannot read" };
    const { error } = await outcomeOf(refuseSecond(refusal, "fetch"));
    expect([error?.code, error?.message]).toEqual(["storage", "Cannot read"]);
  });

  test("does not keep a fetch from being stopped meanwhile", async () => {
    const waiting = Promise.withResolvers<void>();
    const client = fetcherFor(refuseSecond(wayOut, "hello"), {
      sha256: true,
      onEvent: (event) => void (event.event === "retry" && event.inMs > 1_000 && waiting.resolve()),
    });
    const outcome = errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
    await waiting.promise;
    client.stop(interruption);
    expect(await outcome).toBe(interruption);
  });
});

test("a refused UDP port is reported as refused, and a firewall as a possible cause", async () => {
  const port = serve((line) => (line["type"] === "fetch" ? offerOf(port) : { type: "pong" }));
  const retry = Promise.withResolvers<string>();
  const client = fetcherFor(port, {
    onEvent: (event) => void (event.event === "fallback" && retry.resolve(event.reason)),
  });
  const outcome = errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect(await retry.promise).toBe(
    `127.0.0.1:${port} refuses datagrams on UDP port ${port}: is a firewall blocking it?`,
  );
  client.stop(interruption);
  expect(await outcome).toBe(interruption);
});

test("an error during cleanup does not hide the original error", async () => {
  const path = join(folder, "file");
  const port = serve((line) =>
    line["type"] === "fetch"
      ? { type: "error", code: "not-found", message: "No such file" }
      : undefined,
  );
  const closing = spyOn(PartialFile.prototype, "close").mockImplementation(() => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  });
  const error = await errorOf(fetcherFor(port).fetch("file", { kind: "file", path }));
  closing.mockRestore();
  expect([error?.code, error?.message]).toEqual(["not-found", "No such file"]);
});

test("pauses before it retries a server that names another port each time", async () => {
  let offers = 0;
  const port = serve((line) =>
    line["type"] === "fetch" ? offerOf(20_000 + (offers++ % 9)) : undefined,
  );
  const retries: string[] = [];
  const client = fetcherFor(port, {
    retryForMs: 0,
    onEvent: (event) => void (event.event === "retry" && retries.push(event.reason)),
  });
  const error = await errorOf(client.fetch("file", { kind: "file", path: join(folder, "file") }));
  expect(error?.code).toBe("stalled");
  expect(error?.message).toContain("a different");
  expect(offers).toBeLessThan(10);
});

test.each(["x".repeat(255), "ü".repeat(127), "😀".repeat(63), "x".repeat(232)])(
  "a long name leaves room for its suffix (%#)",
  (name) => {
    const path = join(folder, name);
    const part = PartialFile.open(path, true);
    part.begin({ name, size: 0, version: "v1", chunkBytes: 65_536, sender: null });
    expect(existsSync(partPathOf(path))).toBe(true);
    part.finish(false, 0);
    expect(readdirSync(folder)).toEqual([name]);
    expect(partPathOf(join(folder, `${name.slice(0, -2)}y`))).not.toBe(partPathOf(path));
  },
);
