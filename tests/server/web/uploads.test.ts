// Uploads to the shared folder over HTTP: PUT and DELETE with a token, the page's tickets, uploads
// that are cut off, slow, too many or too large, and the limits of a page from another origin.

import { afterEach, expect, spyOn, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { sharing as limits } from "../../../src/limits.ts";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import { ChatServer, type ServerOptions } from "../../../src/server/chat-server.ts";
import { PutUpload } from "../../../src/server/files/sharing/put-upload.ts";
import { throwIfUnknown } from "../../../src/server/files/folder-errors.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { UploadStore } from "../../../src/server/files/sharing/upload-store.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { ParleyError } from "../../../src/errors.ts";
import { parseNetwork, TrustedProxies } from "../../../src/server/web/trusted-proxies.ts";
import { keepingLog, silentLog } from "../../silent-log.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";
import { serverOptions } from "../server-options.ts";

const base = testFolder("puts");
const running: Site[] = [];
afterEach(async () => {
  for (const site of running.splice(0)) await site.server.stop();
});
let count = 0;

/** Empty while there is no such folder. */
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

class Site {
  readonly folder = join(base, `files${++count}`);
  readonly log = keepingLog();
  server!: ChatServer;
  token = "";

  static async open(more: Partial<ServerOptions> = {}): Promise<Site> {
    const site = new Site();
    const sharing = { quotaBytes: 10_000_000, keepMs: undefined };
    const options = { webPort: 0, sharing, log: site.log.log, ...more };
    site.server = await ChatServer.start(serverOptions(site.folder, options));
    running.push(site);
    site.token = await site.tokenFor("builds");
    return site;
  }

  async order(line: string): Promise<AdminAnswer> {
    return new Promise((resolve) => this.server.admin(line, resolve));
  }

  async tokenFor(name: string): Promise<string> {
    const made = await this.order(`token ${name}`);
    if (!made.ok) throw new Error(made.message);
    return String(made.rows?.[0]?.text);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.server.webPort}${path}`;
  }

  async send(
    method: string,
    path: string,
    body?: BodyInit,
    headers: Record<string, string> = {},
    token = this.token,
  ): Promise<{ status: number; body: Record<string, unknown> | string; headers: Headers }> {
    const all = token === "" ? headers : { Authorization: `Bearer ${token}`, ...headers };
    const init = { method, headers: all, ...(body === undefined ? {} : { body }) };
    const response = await fetch(this.url(path), init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    const read = isJson ? (JSON.parse(text) as Record<string, unknown>) : text;
    return { status: response.status, body: read, headers: response.headers };
  }

  put(path: string, body: BodyInit, headers: Record<string, string> = {}, token?: string) {
    return this.send("PUT", path, body, headers, token);
  }

  /** The visible names. */
  get listed(): string[] {
    return namesIn(this.folder).filter((name) => !name.startsWith("."));
  }

  get uploads(): string[] {
    return namesIn(join(this.folder, ".parley-shared", "uploads"));
  }

  async until(condition: () => boolean): Promise<void> {
    await until(condition, () => `it; logged: ${JSON.stringify(this.log.logged.slice(-5))}`);
  }
}

test("curl -T uploads a file to the folder, and announces it if a room is named", async () => {
  const site = await Site.open();
  const made = await site.put("/files/a%20b.txt?room=lobby", "hello");
  expect(made).toMatchObject({
    status: 201,
    body: { name: "a b.txt", size: 5, room: "lobby", told: true },
  });
  expect(made.headers.get("location")).toBe("/files/a%20b.txt");
  expect(made.headers.get("x-content-type-options")).toBe("nosniff");
  expect(readFileSync(join(site.folder, "a b.txt"), "utf8")).toBe("hello");
  const said = await site.send("GET", "/rooms/lobby");
  expect(said.body).toMatchObject({
    messages: [
      {
        from: "builds",
        kind: "notice",
        text: "shares 'a b.txt' (5 B): parley fetch-file 'a b.txt'",
      },
    ],
  });
  expect(await site.put("/files/A%20b.txt", "other")).toMatchObject({
    body: { name: "A b (2).txt" },
  });
  expect(await site.put("/files/empty", "")).toMatchObject({ status: 201, body: { size: 0 } });
  const logged = site.log.logged.filter(({ message }) => message === "files shared");
  expect(logged.map(({ fields }) => [fields["name"], fields["files"]])).toEqual([
    ["builds", "'a b.txt'"],
    ["builds", "'A b (2).txt'"],
    ["builds", "'empty'"],
  ]);
});

test("an unauthorized upload is refused before anything is reserved", async () => {
  const site = await Site.open();
  const cases: [number, string, Promise<{ status: number; body: unknown }>][] = [
    [401, "wrong-token", site.put("/files/x", "x", {}, "")],
    [401, "wrong-token", site.put("/files/x", "x", {}, "nobody's")],
    [400, "protocol", site.put("/files/.x", "x")],
    [400, "protocol", site.put("/files/a%2Fb", "x")],
    [400, "protocol", site.put("/files/%1b%5B2J", "x")],
    [404, "not-found", site.put("/files/x?room=nowhere", "x")],
    [507, "full", site.put("/files/x", new Uint8Array(11_000_000))],
    [404, "not-found", site.put("/uploads/guess", "x")],
    [404, "not-found", site.send("DELETE", "/files/x")],
  ];
  for (const [status, code, sent] of cases) {
    expect(await sent).toMatchObject({ status, body: { code } });
  }
  const foreign = { Origin: "http://evil.example" };
  expect(await site.put("/files/x", "x", foreign)).toMatchObject({ status: 403 });
  expect(await site.put("/files/%ff", "x")).toMatchObject({ status: 400 });
  expect(await site.send("POST", "/files/x", "x")).toMatchObject({ status: 405 });
  // A browser sends a preflight request first, and gets no permission.
  const asked = await fetch(site.url("/files/x"), { method: "OPTIONS", headers: foreign });
  expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([405, null]);
  const silent = { status: 403, body: { code: "muted" } };
  const ears = new AbortController();
  const headers = { Authorization: `Bearer ${await site.tokenFor("ears")}` };
  await fetch(site.url("/rooms/lobby/events"), { headers, signal: ears.signal });
  expect(await site.order("mode lobby +m")).toMatchObject({ ok: true });
  expect(await site.put("/files/x?room=lobby", "x")).toMatchObject(silent);
  await site.order("mode lobby -m");
  ears.abort();
  await site.order("mute builds");
  expect(await site.put("/files/x", "x")).toMatchObject(silent);
  await site.order("ban builds");
  expect(await site.put("/files/x", "x")).toMatchObject({ status: 403, body: { code: "banned" } });
  expect(site.listed).toEqual([]);
  const closed = await Site.open({ sharing: undefined });
  const refused = await closed.put("/files/x", "x");
  expect(refused).toMatchObject({ status: 403, body: { code: "not-allowed" } });
  expect(JSON.stringify(refused.body)).toContain("--quota");
});

test("without a length it is refused: space is reserved before anything is read", async () => {
  const site = await Site.open();
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(10));
      controller.close();
    },
  });
  expect(await site.put("/files/x", stream)).toMatchObject({ status: 411 });
});

test("a proxy can send all of a refused upload: with the connection it would lose the answer", async () => {
  const local = parseNetwork("127.0.0.1")!;
  for (const proxies of [new TrustedProxies([local]), new TrustedProxies()]) {
    const site = await Site.open({ proxies });
    const proxy = connect(site.server.webPort!, "127.0.0.1").setEncoding("latin1");
    let answers = "";
    let isClosed = false;
    proxy.on("data", (text: string) => (answers += text));
    proxy.on("error", () => {});
    proxy.on("close", () => (isClosed = true));
    const head = "Host: 127.0.0.1\r\nX-Forwarded-For: 198.51.100.7\r\n";
    const upload = `${head}Authorization: Bearer ${"x".repeat(24)}\r\nContent-Length: 10\r\n`;
    proxy.write(`PUT /files/x HTTP/1.1\r\n${upload}\r\n12345`);
    await site.until(() => answers.includes("wrong-token"));
    if (proxies.has("127.0.0.1")) {
      proxy.write(`67890GET /healthz HTTP/1.1\r\n${head}\r\n`);
      await site.until(() => answers.endsWith("ok\n") || isClosed);
      expect(answers).toContain("HTTP/1.1 200");
      proxy.destroy();
    } else {
      // A browser would send the rest of a large file before it shows why that is refused.
      await site.until(() => isClosed);
    }
  }
});

test("a part of a file, or one whose conditions do not hold, is not taken for it", async () => {
  const site = await Site.open();
  // curl -C 2 -T FILE
  const part = await site.put("/files/a.txt", "llo", { "Content-Range": "bytes 2-4/5" });
  expect([part.status, site.listed]).toEqual([400, []]);
  const packed = await site.put("/files/a.txt", "\x1f\x8b", { "Content-Encoding": "gzip" });
  expect([packed.status, site.listed]).toEqual([415, []]);
  const page = await site.put("/uploads/guess", "\x1f\x8b", { "Content-Encoding": "gzip" });
  expect(page.status).toBe(415);
  expect((await site.put("/files/a.txt", "x", { "If-Match": "*" })).status).toBe(412);
  expect((await site.put("/files/a.txt", "hello", { "If-None-Match": "*" })).status).toBe(201);
  expect((await site.put("/files/a.txt", "other", { "If-None-Match": "*" })).status).toBe(412);
  const etag = (await site.send("HEAD", "/files/a.txt")).headers.get("etag") ?? "";
  const remove = (tag: string) =>
    site.send("DELETE", "/files/a.txt", undefined, { "If-Match": tag });
  expect([(await remove('"old"')).status, site.listed]).toEqual([412, ["a.txt"]]);
  expect([(await remove(etag)).status, site.listed]).toEqual([200, []]);
});

test.each([
  ["EIO", 500, "unreadable"],
  ["EMFILE", 507, "full"],
])("a file that can't be looked at, %s, does not count as missing", async (code, status, why) => {
  const site = await Site.open();
  await site.put("/files/a.txt", "first");
  const looked = spyOn(SharedFolder.prototype, "open").mockImplementation(() => {
    throwIfUnknown(Object.assign(new Error(code), { code }));
    throw new Error("not reached");
  });
  const answer = await site.put("/files/a.txt", "second", { "If-None-Match": "*" });
  looked.mockRestore();
  expect(answer).toMatchObject({ status, body: { code: why } });
  expect(readFileSync(join(site.folder, "a.txt"), "utf8")).toBe("first");
});

test("only the uploader may remove a file", async () => {
  const site = await Site.open();
  await site.put("/files/a.txt", "a");
  const other = await site.tokenFor("other");
  expect(await site.send("DELETE", "/files/a.txt", undefined, {}, other)).toMatchObject({
    status: 403,
  });
  expect(await site.send("DELETE", "/files/a.txt")).toMatchObject({ status: 200 });
  expect(site.listed).toEqual([]);
});

test("who sends many in a row is told to wait until the next one is allowed", async () => {
  const site = await Site.open();
  let refused = await site.put("/files/first", "x");
  for (let i = 0; refused.status !== 429 && i < 100; i++) {
    refused = await site.put(`/files/f${i}`, "x");
  }
  expect(refused).toMatchObject({ status: 429, body: { code: "rate" } });
  expect(site.listed.length).toBeGreaterThanOrEqual(limits.newAtOnce);
  expect(refused.headers.get("retry-after")).toBe("2");
});

test("of many simultaneous uploads, only as many are kept as fit", async () => {
  const site = await Site.open();
  const body = new Uint8Array(2_000_000);
  const sent = await Promise.all(
    Array.from({ length: 12 }, (_, i) => site.put(`/files/f${i}`, body)),
  );
  const statuses = sent.map(({ status }) => status);
  // One account may use a quarter of the quota.
  expect(statuses.filter((status) => status === 201)).toHaveLength(1);
  expect(site.listed).toHaveLength(1);
  await site.until(() => site.uploads.length === 0);
});

/** Begins a PUT by hand; returns a function to send more, and the response once it has arrived. */
async function begin(site: Site, name: string, length: number) {
  const socket = connect({ port: site.server.webPort ?? 0, host: "127.0.0.1" });
  let text = "";
  socket.on("data", (bytes: Buffer) => void (text += bytes.toString()));
  socket.on("error", () => {});
  await new Promise<void>((resolve) => void socket.once("connect", resolve));
  const head = [`PUT /files/${name} HTTP/1.1`, "Host: 127.0.0.1", `Content-Length: ${length}`];
  socket.write([...head, `Authorization: Bearer ${site.token}`, "", ""].join("\r\n"));
  return { socket, text: () => text };
}

test("an upload that is cut off leaves nothing, and is never visible", async () => {
  const site = await Site.open();
  const { socket } = await begin(site, "cut.bin", 1_000_000);
  socket.write(Buffer.alloc(400_000));
  await site.until(() => site.uploads.length === 1);
  expect(site.listed).toEqual([]);
  socket.destroy();
  await site.until(() => site.uploads.length === 0);
  expect(site.listed).toEqual([]);
  // Its space is free again, and so is its slot.
  for (let i = 0; i < limits.maxPerOwner + 1; i++) {
    expect((await site.put(`/files/ok${i}`, "ok")).status).toBe(201);
  }
});

test("a server that stops cuts uploads off, and removes their data", async () => {
  const site = await Site.open();
  const { socket } = await begin(site, "cut.bin", 1_000_000);
  socket.write(Buffer.alloc(400_000));
  await site.until(() => site.uploads.length === 1);
  running.splice(running.indexOf(site), 1);
  await site.server.stop();
  await site.until(() => site.uploads.length === 0);
  expect(site.listed).toEqual([]);
});

test("the idle uploads of one account are limited", async () => {
  const site = await Site.open();
  const slow = [];
  for (let i = 0; i < limits.maxPerOwner; i++) slow.push(await begin(site, `slow${i}`, 1_000));
  await site.until(() => site.uploads.length === limits.maxPerOwner);
  expect(await site.put("/files/one-more", "x")).toMatchObject({ status: 507 });
  const other = await site.tokenFor("other");
  expect((await site.put("/files/other", "x", {}, other)).status).toBe(201);
  for (const { socket } of slow) socket.destroy();
});

/** A single upload of that many bytes. */
async function alone(bytes: number, leastEveryMs: number) {
  const folder = join(base, `alone${++count}`);
  const store = new UploadStore({
    folder,
    quotaBytes: 10_000_000,
    nowMs: Date.now,
    log: silentLog,
  });
  const payer = ownerAt("127.0.0.1");
  const owner = { by: "Ann", person: "ann", shares: [] };
  const upload = await store.reserve("ticket", owner, payer, { bytes, files: 1, entries: 1 });
  const session = { session: 1, device: undefined, owner: payer, isHere: () => true };
  const sharer = { ...owner, ...session, problem: () => undefined };
  const put = new PutUpload({
    store,
    upload,
    name: "a.bin",
    sharer,
    leastEveryMs,
    diskReason: () => new ParleyError("storage", "the disk"),
    tell: () => {},
    onOver: (item) => void (item === undefined && store.discard("ticket")),
  });
  return { put, folder };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error: { code?: string }) => String(error.code),
  );

test("a sender that is too slow is cut off, one that sends enough is not", async () => {
  const trickle = await alone(1_000_000, 200);
  let sent = 0;
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      sent++;
      controller.enqueue(new Uint8Array(10));
      await Bun.sleep(5);
    },
  });
  expect(await codeOf(trickle.put.receive(slow))).toBe("stalled");
  expect(sent).toBeGreaterThan(1);
  const never = await alone(1_000_000, 20);
  expect(await codeOf(never.put.receive(new ReadableStream<Uint8Array>()))).toBe("stalled");
  const enough = await alone(20 * limits.leastBytes, 200);
  let pieces = 20;
  const steady = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (pieces-- === 0) return controller.close();
      await Bun.sleep(20);
      controller.enqueue(new Uint8Array(limits.leastBytes));
    },
  });
  expect(await codeOf(enough.put.receive(steady))).toBe("done");
});

const of = (...pieces: number[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new Uint8Array(piece));
      controller.close();
    },
  });

test("an upload with a wrong length is not shared, and a ticket is valid once", async () => {
  const more = await alone(10, 1_000);
  expect(await codeOf(more.put.receive(of(6, 6)))).toBe("protocol");
  const less = await alone(10, 1_000);
  expect(await codeOf(less.put.receive(of(6)))).toBe("stalled");
  for (const { folder } of [more, less]) {
    expect(readdirSync(folder)).toEqual([".parley-shared"]);
  }
  const right = await alone(10, 1_000);
  const first = right.put.receive(of(5, 5));
  expect(await codeOf(right.put.receive(of(5, 5)))).toBe("not-found");
  expect(await codeOf(first)).toBe("done");
  const lost = await alone(10, 1_000);
  lost.put.handleLost();
  expect(await codeOf(lost.put.receive(of(10)))).toBe("not-found");
});

test("a body that has arrived already is written in slices, with other work in between", async () => {
  const pieces = 20;
  const { put } = await alone(pieces, 30_000);
  let [turns, turnsAtEnd, pulled] = [0, 0, 0];
  const turn = (): void => {
    turns++;
    if (pulled < pieces) setImmediate(turn);
  };
  setImmediate(turn);
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      // As long as writing a large piece takes.
      Atomics.wait(nothing, 0, 0, 1);
      turnsAtEnd = turns;
      if (pulled++ < pieces) controller.enqueue(new Uint8Array(1));
      else controller.close();
    },
  });
  expect(await codeOf(put.receive(body))).toBe("done");
  expect(turnsAtEnd).toBeGreaterThan(3);
});

/** A page's session; `ask` returns the answer to a request. */
async function pageOf(site: Site, name: string, more: object = {}) {
  const socket = new WebSocket(site.url("/ws").replace("http", "ws"));
  const lines: Record<string, unknown>[] = [];
  socket.addEventListener("message", ({ data }) => {
    for (const line of String(data).split("\n")) {
      if (line !== "") lines.push(JSON.parse(line) as Record<string, unknown>);
    }
  });
  await new Promise((resolve) => void socket.addEventListener("open", resolve));
  const send = (message: object) => socket.send(JSON.stringify(message));
  send({ type: "hello", version: 2, name, ...more });
  let lastRef = 100;
  const ask = async (message: object): Promise<Record<string, unknown>> => {
    const ref = ++lastRef;
    send({ ...message, ref });
    const found = () => lines.find((line) => line["ref"] === ref);
    await site.until(() => found() !== undefined);
    return found() ?? {};
  };
  return { socket, lines, send, ask };
}

test("a session's ticket is for one file, which is announced under its name", async () => {
  const site = await Site.open();
  const { socket, lines, send } = await pageOf(site, "Ann");
  send({ type: "upload", name: "../x", size: 5, room: "lobby", ref: 1 });
  send({ type: "upload", name: "pic.png", size: 5, room: "den", ref: 2 });
  send({ type: "upload", name: "pic.png", size: 5, room: "lobby", ref: 3 });
  const answer = (ref: number) => lines.find((line) => line["ref"] === ref);
  await site.until(() => answer(3) !== undefined);
  expect([answer(1)?.["code"], answer(2)?.["code"]]).toEqual(["protocol", "not-in-room"]);
  const path = String(answer(3)?.["path"]);
  expect(path).toMatch(/^\/uploads\/[\w-]{20,}$/);
  // A hostile page does not use it up, and it can still be used: it must not be in the log.
  const foreign = await site.put(path, "12345", { Origin: "https://mallory.example" }, "");
  expect(foreign).toMatchObject({ status: 403 });
  const made = await site.put(path, "12345", {}, "");
  expect(made).toMatchObject({ status: 201, body: { name: "pic.png", size: 5 } });
  await site.until(() => lines.some((line) => line["kind"] === "notice"));
  expect(lines.find((line) => line["kind"] === "notice")).toMatchObject({ from: "Ann" });
  expect(await site.put(path, "12345", {}, "")).toMatchObject({ status: 404 });
  const refused = site.log.logged.filter(({ message }) => message === "request refused");
  expect(refused.map(({ fields }) => fields["path"])).toEqual(["/uploads/…", "/uploads/…"]);
  socket.close();
});

const offer = "AAECAwQFBgcICQoLDA0ODw";
const upload = { type: "upload", offer, name: "large.bin", size: 1_000_000, room: "lobby" };

/** Sends the first bytes of an upload, and then loses the connection. */
async function loseAfter(site: Site, path: string, bytes: Uint8Array, size: number): Promise<void> {
  const { port, hostname } = new URL(site.url("/"));
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${size}\r\n\r\n`);
  socket.write(bytes);
  const sizes = () =>
    namesIn(join(site.folder, ".parley-shared", "uploads")).map((id) => {
      const file = join(site.folder, ".parley-shared", "uploads", id, "data", "0");
      return existsSync(file) ? readFileSync(file).length : 0;
    });
  await site.until(() => sizes().includes(bytes.length));
  socket.destroy();
}

test("an upload of a page continues with the first byte that the server does not have", async () => {
  const site = await Site.open();
  const ann = await pageOf(site, "Ann");
  const content = crypto.getRandomValues(new Uint8Array(65_536 * 16)).subarray(0, 1_000_000);
  const first = await ann.ask(upload);
  expect(first["from"]).toBeUndefined();
  await loseAfter(site, String(first["path"]), content.subarray(0, 400_000), 1_000_000);
  expect(namesIn(site.folder)).toEqual([".parley-shared"]);
  // Nobody else may continue or end it, or learn how far it is.
  const bob = await pageOf(site, "Bob");
  expect((await bob.ask(upload))["code"]).toBe("not-allowed");
  bob.send({ type: "end-files", offer, reason: "cancelled" });
  await bob.ask({ type: "who", room: "lobby" });
  const again = await ann.ask(upload);
  expect(again).toMatchObject({ path: first["path"], from: 400_000 });
  const made = await site.put(String(again["path"]), content.subarray(400_000), {}, "");
  expect(made).toMatchObject({ status: 201, body: { name: "large.bin", size: 1_000_000 } });
  expect(readFileSync(join(site.folder, "large.bin")).equals(content)).toBe(true);
  // If the answer was lost, the page asks once more, and nothing is shared twice.
  const after = await ann.ask(upload);
  expect(after["from"]).toBe(1_000_000);
  expect((await bob.ask(upload))["code"]).toBe("not-allowed");
  const repeated = await site.put(String(after["path"]), "", {}, "");
  expect(repeated).toMatchObject({ status: 201, body: { name: "large.bin" } });
  expect(namesIn(site.folder).filter((name) => !name.startsWith("."))).toEqual(["large.bin"]);
  for (const { socket } of [ann, bob]) socket.close();
});

test("the page that has lost the connection may be faster than the server to notice", async () => {
  const site = await Site.open();
  const ann = await pageOf(site, "Ann");
  const { path } = await ann.ask(upload);
  const { port, hostname } = new URL(site.url("/"));
  const stuck = connect(Number(port), hostname);
  stuck.on("error", () => {});
  stuck.write(`PUT ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000000\r\n\r\n`);
  stuck.write(new Uint8Array(300_000));
  const file = join(site.folder, ".parley-shared", "uploads", offer, "data", "0");
  await site.until(() => existsSync(file) && readFileSync(file).length === 300_000);
  const again = await ann.ask(upload);
  expect(again["from"]).toBe(300_000);
  const made = await site.put(String(again["path"]), new Uint8Array(700_000), {}, "");
  expect(made).toMatchObject({ status: 201, body: { size: 1_000_000 } });
  stuck.destroy();
  ann.socket.close();
});

test("an upload whose beginning was removed meanwhile begins again", async () => {
  const site = await Site.open();
  const ann = await pageOf(site, "Ann");
  const { path } = await ann.ask(upload);
  await loseAfter(site, String(path), new Uint8Array(5_000), 1_000_000);
  await site.until(() => site.log.logged.some(({ message }) => message === "sharing failed"));
  rmSync(join(site.folder, ".parley-shared", "uploads", offer, "data", "0"));
  const again = await ann.ask(upload);
  expect(again["from"]).toBeUndefined();
  const made = await site.put(String(again["path"]), new Uint8Array(1_000_000), {}, "");
  expect(made).toMatchObject({ status: 201, body: { size: 1_000_000 } });
  ann.socket.close();
});

test("nothing is left of an upload that its page ends, running or interrupted", async () => {
  const site = await Site.open();
  const ann = await pageOf(site, "Ann");
  const left = () => namesIn(join(site.folder, ".parley-shared", "uploads"));
  const { path } = await ann.ask(upload);
  expect(left()).toHaveLength(1);
  await loseAfter(site, String(path), new Uint8Array(1_000), 1_000_000);
  const { path: second, from: kept } = await ann.ask(upload);
  expect([second, kept]).toEqual([path, 1_000]);
  ann.send({ type: "end-files", offer, reason: "cancelled" });
  await site.until(() => left().length === 0);
  const { path: third, from } = await ann.ask(upload);
  expect(from).toBeUndefined();
  await loseAfter(site, String(third), new Uint8Array(1_000), 1_000_000);
  await site.until(() => site.log.logged.some(({ message }) => message === "sharing failed"));
  ann.send({ type: "end-files", offer, reason: "cancelled" });
  await site.until(() => left().length === 0);
  ann.socket.close();
});

test("a room hears of a file once its sender returns, if the page was away when it arrived", async () => {
  const site = await Site.open();
  const secret = { secret: "ann-0123456789abcdef" };
  const [bob, ann] = [await pageOf(site, "Bob"), await pageOf(site, "Ann", secret)];
  const { path } = await ann.ask(upload);
  const { port, hostname } = new URL(site.url("/"));
  const socket = connect(Number(port), hostname);
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000000\r\n\r\n`);
  socket.write(new Uint8Array(300_000));
  const file = join(site.folder, ".parley-shared", "uploads", offer, "data", "0");
  await site.until(() => existsSync(file) && readFileSync(file).length === 300_000);
  ann.socket.close();
  await site.until(() => bob.lines.some(({ type, name }) => type === "left" && name === "Ann"));
  socket.write(new Uint8Array(700_000));
  await site.until(() => site.listed.length === 1);
  const told = () => bob.lines.filter(({ kind }) => kind === "notice");
  const back = await pageOf(site, "Ann", secret);
  const again = await back.ask(upload);
  expect(again["from"]).toBe(1_000_000);
  expect(await site.put(String(again["path"]), "", {}, "")).toMatchObject({ status: 201 });
  await back.ask(upload);
  await bob.ask({ type: "who", room: "lobby" });
  expect(told()).toMatchObject([{ from: "Ann", room: "lobby" }]);
  for (const one of [bob.socket, back.socket]) one.close();
  socket.destroy();
});
