// Rooms over HTTP on a complete server: who may send, read and listen, with which status, and that
// a listener gets everything once.

import { afterEach, describe, expect, test } from "bun:test";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import { message as messageLimits, output, rights as limits, rooms } from "../../../src/limits.ts";
import { ChatServer, type ServerOptions } from "../../../src/server/chat-server.ts";
import { keepingLog } from "../../silent-log.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";
import { serverOptions } from "../server-options.ts";

const folder = testFolder("rooms");

const running: Site[] = [];
afterEach(async () => {
  for (const site of running.splice(0)) await site.server.stop();
});

type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

class Site {
  readonly log = keepingLog();
  server!: ChatServer;
  token = "";

  static async open(more: Partial<ServerOptions> = {}): Promise<Site> {
    const site = new Site();
    const options = { webPort: 0, log: site.log.log, ...more };
    site.server = await ChatServer.start(serverOptions(folder, options));
    running.push(site);
    site.token = await site.tokenFor("builds");
    return site;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.server.webPort}${path}`;
  }

  async order(line: string): Promise<AdminAnswer> {
    return new Promise((resolve) => this.server.admin(line, resolve));
  }

  async tokenFor(name: string): Promise<string> {
    const made = await this.order(`token ${name}`);
    if (!made.ok) throw new Error(made.message);
    return String(made.rows?.[0]?.text);
  }

  fetch(path: string, init: RequestInit = {}, token: string | undefined = this.token) {
    const headers = new Headers(init.headers);
    if (token !== "") headers.set("Authorization", `Bearer ${token}`);
    return fetch(this.url(path), { ...init, headers });
  }

  async ask(path: string, init: RequestInit = {}, token?: string): Promise<Answer> {
    const response = await this.fetch(path, init, token);
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  }

  say(text: string, room = "lobby", token?: string): Promise<Answer> {
    return this.ask(`/rooms/${room}`, { method: "POST", body: text }, token);
  }

  async listen(room = "lobby", headers: Record<string, string> = {}): Promise<Listener> {
    const listener = new Listener();
    const { signal } = listener.stopping;
    const response = await this.fetch(`/rooms/${room}/events`, { headers, signal });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    void listener.read(response);
    return listener;
  }
}

type Heard = { id: string | undefined; event: string; data: Record<string, unknown> };

/** Reads a stream of events according to the standard. */
class Listener {
  readonly heard: Heard[] = [];
  readonly stopping = new AbortController();
  isOver = false;
  #waiting: (() => void)[] = [];

  async read(response: Response): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body ?? []) {
        text += decoder.decode(bytes, { stream: true });
        const blocks = text.split("\n\n");
        text = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
        for (const resume of this.#waiting.splice(0)) resume();
      }
    } catch {
      // Stopped.
    }
    this.isOver = true;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #take(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split("\n")) {
      const [, name = "", value = ""] = /^(\w*): ?(.*)$/.exec(line) ?? [];
      fields.set(name, value);
    }
    const data = fields.get("data");
    if (data === undefined) return;
    const event = fields.get("event") ?? "message";
    this.heard.push({ id: fields.get("id"), event, data: JSON.parse(data) });
  }

  get texts(): unknown[] {
    return this.heard.flatMap(({ event, data }) => (event === "message" ? [data["text"]] : []));
  }

  async until(condition: () => boolean): Promise<void> {
    await until(condition, () => `it; heard: ${JSON.stringify(this.heard)}`);
  }
}

test("HEAD has the status and the length of GET", async () => {
  const site = await Site.open();
  await site.order("private den");
  await site.say("hello");
  const headOf = async (path: string, method: string): Promise<unknown> => {
    const stop = new AbortController();
    const { status, headers } = await site.fetch(path, { method, signal: stop.signal });
    stop.abort();
    return { status, type: headers.get("content-type"), length: headers.get("content-length") };
  };
  for (const path of ["lobby", "lobby?after=1", "nowhere", "den", "den/events", "lobby/events"]) {
    const asGet = await headOf(`/rooms/${path}`, "GET");
    expect([path, await headOf(`/rooms/${path}`, "HEAD")]).toEqual([path, asGet]);
  }
});

describe("POST /rooms/ROOM", () => {
  test("sends a message, and answers with its number once it is stored", async () => {
    const site = await Site.open();
    const listener = await site.listen();
    const first = await site.say("hello\n");
    expect(first).toMatchObject({ status: 200, body: { room: "lobby", seq: 1 } });
    expect(await site.say("two\nlines", "LOBBY")).toMatchObject({ body: { seq: 2 } });
    await listener.until(() => listener.texts.length === 2);
    expect(listener.texts).toEqual(["hello", "two\nlines"]);
    const said = listener.heard.find(({ event }) => event === "message");
    expect(said?.data).toMatchObject({ event: "message", room: "lobby", seq: 1, from: "builds" });
    // It joined and left unseen.
    expect(listener.heard.map(({ event }) => event)).toEqual([
      "online",
      "joined",
      "message",
      "message",
    ]);
  });

  test("takes JSON with a kind", async () => {
    const site = await Site.open();
    const body = JSON.stringify({ text: "41 is out", kind: "notice" });
    const headers = { "Content-Type": "application/json" };
    expect(await site.ask("/rooms/lobby", { method: "POST", body, headers })).toMatchObject({
      status: 200,
    });
    const { body: page } = await site.ask("/rooms/lobby");
    expect(page["messages"]).toMatchObject([{ text: "41 is out", kind: "notice" }]);
    for (const bad of ["{", "[]", '{"text":1}', "{}"]) {
      const answer = await site.ask("/rooms/lobby", { method: "POST", body: bad, headers });
      expect([bad, answer.status]).toEqual([bad, 400]);
    }
  });

  test("without a valid token is 401, and sends nothing", async () => {
    const site = await Site.open();
    for (const token of ["", "x", `${site.token}x`]) {
      const answer = await site.say("hello", "lobby", token);
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
    }
    // A browser sends cookies by itself: they grant nothing.
    const cookie = { Cookie: `parley_access=${site.token}` };
    const init = { method: "POST", body: "hello", headers: cookie };
    expect((await site.ask("/rooms/lobby", init, "")).status).toBe(401);
    await site.order("untoken #1");
    expect((await site.say("hello")).status).toBe(401);
    site.token = await site.tokenFor("builds");
    expect((await site.ask("/rooms/lobby")).body["messages"]).toEqual([]);
    // RFC 9110 §11.4: one or more spaces.
    expect((await site.say("hello", "lobby", ` ${site.token}`)).status).toBe(200);
  });

  test("is subject to mutes, bans, and private rooms", async () => {
    const site = await Site.open();
    await site.order("private den");
    expect(await site.say("hello", "den")).toMatchObject({
      status: 403,
      body: { code: "not-allowed" },
    });
    expect((await site.fetch("/rooms/den")).status).toBe(403);
    expect((await site.fetch("/rooms/den/events")).status).toBe(403);
    await site.order("allow den builds");
    expect(await site.say("hello", "den")).toMatchObject({ status: 200, body: { room: "den" } });
    await site.order("mute builds");
    expect(await site.say("hello")).toMatchObject({ status: 403, body: { code: "muted" } });
    await site.order("unmute builds");
    await site.order("ban builds");
    expect(await site.say("hello")).toMatchObject({ status: 403, body: { code: "banned" } });
    expect((await site.fetch("/rooms/lobby")).status).toBe(403);
  });

  test("of a room that nobody has entered is 404; an empty or oversized body is an error, too", async () => {
    const site = await Site.open();
    expect(await site.say("hello", "nowhere")).toMatchObject({ status: 404 });
    expect((await site.fetch("/rooms/nowhere")).status).toBe(404);
    expect((await site.fetch("/rooms/nowhere/events")).status).toBe(404);
    await site.order("topic builds what the builds say");
    expect(await site.say("hello", "builds")).toMatchObject({ status: 200 });
    expect(await site.say("hello", "a%20b")).toMatchObject({ status: 400 });
    expect(await site.say(" \n")).toMatchObject({ status: 400 });
    expect(await site.say("x".repeat(messageLimits.maxTextChars))).toMatchObject({ status: 200 });
    const long = await site.say("x".repeat(messageLimits.maxTextChars + 1));
    expect(long).toMatchObject({ status: 400, body: { code: "text-invalid" } });
    expect(await site.say("x".repeat(rooms.maxBodyBytes + 1))).toMatchObject({ status: 413 });
    const form = new FormData();
    form.set("text", "hello");
    const sent = await site.fetch("/rooms/lobby", { method: "POST", body: form });
    expect(sent.status).toBe(415);
    for (const [headers, status] of [
      [{ "Content-Encoding": "gzip" }, 415],
      [{ "Content-Encoding": "identity" }, 200],
      [{ "Content-Type": "text/plain; charset=iso-8859-1" }, 415],
      [{ "Content-Type": 'text/plain; format=flowed; Charset="UTF-8"' }, 200],
      [{ "Content-Type": "text/plain; charset=us-ascii" }, 200],
      [{ "Content-Type": "application/x-www-form-urlencoded" }, 200],
    ] as const) {
      const answer = await site.fetch("/rooms/lobby", { method: "POST", body: "x", headers });
      expect([headers, answer.status]).toEqual([headers, status]);
    }
    const put = await site.fetch("/rooms/lobby", { method: "PUT", body: "x" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    const events = await site.fetch("/rooms/lobby/events", { method: "POST", body: "x" });
    expect([events.status, events.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await site.fetch("/rooms/lobby/else")).status).toBe(404);
    expect((await site.fetch("/rooms/%ff")).status).toBe(404);
  });

  test("too often is 429 with a time to wait, for all of a name's tokens together", async () => {
    const site = await Site.open({ rate: 2 });
    const other = await site.tokenFor("builds");
    const tokens = [site.token, other];
    let refused: Answer | undefined;
    for (let i = 0; i < 100 && refused === undefined; i++) {
      const answer = await site.say(`message ${i}`, "lobby", tokens[i % 2]);
      if (answer.status !== 200) refused = answer;
    }
    expect(refused).toMatchObject({ status: 429, body: { code: "rate" } });
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
    // Others are not affected.
    expect(await site.say("hello", "lobby", await site.tokenFor("other"))).toMatchObject({
      status: 200,
    });
  });

  test("is admitted to a closed server by its token alone", async () => {
    for (const door of [{ password: "secret" }, { membersOnly: true }]) {
      const site = await Site.open(door);
      expect(await site.say("hello")).toMatchObject({ status: 200 });
      expect((await site.say("hello", "lobby", "wrong")).status).toBe(401);
      await site.listen();
    }
  });
});

describe("GET /rooms/ROOM", () => {
  test("answers with the newest messages, or with those before or after one", async () => {
    const site = await Site.open();
    for (let i = 1; i <= 5; i++) await site.say(`message ${i}`);
    const seqs = async (query: string): Promise<number[]> => {
      const { body } = await site.ask(`/rooms/lobby${query}`);
      return (body["messages"] as { seq: number }[]).map(({ seq }) => seq);
    };
    expect(await seqs("")).toEqual([1, 2, 3, 4, 5]);
    expect(await seqs("?limit=2")).toEqual([4, 5]);
    expect(await seqs("?before=3")).toEqual([1, 2]);
    expect(await seqs("?after=2&limit=2")).toEqual([3, 4]);
    expect(await seqs("?after=5")).toEqual([]);
    for (const query of ["?after=x", "?limit=0", "?before=-1"]) {
      expect((await site.fetch(`/rooms/lobby${query}`)).status).toBe(400);
    }
    const head = await site.fetch("/rooms/lobby", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

describe("GET /rooms/ROOM/events", () => {
  test("is a visible member of the room", async () => {
    const site = await Site.open();
    const listener = await site.listen();
    expect(await site.order("who")).toMatchObject({ rows: [{ fields: { name: "builds" } }] });
    listener.stopping.abort();
    await until(async () => (await here(site)) === 0);
  });

  test("continues after the last received event, each once", async () => {
    const site = await Site.open();
    const before = await site.listen();
    await site.say("one");
    await before.until(() => before.texts.length === 1);
    before.stopping.abort();
    const id = before.heard.at(-1)?.id ?? "";
    expect(id).toMatch(/:1$/);
    await site.say("two");
    await site.say("three");
    const after = await site.listen("lobby", { "Last-Event-ID": id });
    await after.until(() => after.texts.length === 2);
    await site.say("four");
    await after.until(() => after.texts.length === 3);
    expect(after.texts).toEqual(["two", "three", "four"]);
    const online = after.heard.find(({ event }) => event === "online");
    expect(online?.data).toMatchObject({ name: "builds", room: "lobby", recovered: true });
    // Numbers of another log mean nothing: the newest messages follow, with a note.
    const stranger = await site.listen("lobby", { "Last-Event-ID": "other:1" });
    await stranger.until(() => stranger.texts.length === 4);
    expect(stranger.heard.find(({ event }) => event === "online")?.data["recovered"]).toBe(false);
    // A new listener receives later messages, and learns the position.
    const fresh = await site.listen();
    expect(fresh.heard[0] ?? (await first(fresh))).toMatchObject({
      event: "online",
      id: id.replace(/1$/, "4"),
    });
    expect(fresh.texts).toEqual([]);
  });

  test("ends when its token is revoked, when it is kicked, and when the server stops", async () => {
    const site = await Site.open();
    const listener = await site.listen();
    await site.order("untoken #1");
    await listener.until(() => listener.isOver);
    expect(listener.heard.at(-1)).toMatchObject({ event: "ended", data: { code: "kicked" } });
    site.token = await site.tokenFor("builds");
    const kicked = await site.listen();
    await site.order("kick builds");
    await kicked.until(() => kicked.isOver);
    const last = await site.listen();
    const stopped = running.splice(0)[0]?.server.stop();
    await last.until(() => last.isOver);
    // Without a code: reconnecting is worthwhile.
    expect(last.heard.at(-1)).toMatchObject({
      event: "ended",
      data: { message: "The server is stopping" },
    });
    await stopped;
  });

  test("is dropped if it does not read, and everyone else continues", async () => {
    const site = await Site.open();
    const stuck = await Bun.connect({
      hostname: "127.0.0.1",
      port: site.server.webPort ?? 0,
      socket: { open: (socket) => void socket.pause(), data() {} },
    });
    const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${site.token}\r\n\r\n`;
    stuck.write(`GET /rooms/lobby/events HTTP/1.1\r\n${head}`);
    await until(async () => (await here(site)) === 1);
    const text = "x".repeat(messageLimits.maxTextChars);
    // More than the bound and what the system keeps for a connection.
    const most = (output.maxLagBytes + 64 * 1024 * 1024) / text.length;
    for (let i = 0; i < most && (await here(site)) === 1; i++) await site.say(text);
    expect(await here(site)).toBe(0);
    expect(JSON.stringify(site.log.logged)).toContain('"reason":"slow"');
    stuck.terminate();
  });

  test("is limited per token", async () => {
    const site = await Site.open();
    for (let i = 0; i < limits.listenersPerToken; i++) await site.listen();
    expect((await site.ask("/rooms/lobby/events")).status).toBe(429);
  });

  test("answers HEAD without listening", async () => {
    const site = await Site.open();
    const head = await site.fetch("/rooms/lobby/events", { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await site.order("who")).toMatchObject({ rows: [] });
    expect((await site.fetch("/rooms/nowhere/events", { method: "HEAD" })).status).toBe(404);
    expect((await site.fetch("/rooms/lobby/events", { method: "HEAD" }, "")).status).toBe(401);
  });

  test("leaves private messages unread, and the log without secrets", async () => {
    const site = await Site.open();
    await site.listen();
    await site.say("hello");
    const logged = JSON.stringify(site.log.logged);
    expect(logged).toContain("token used");
    expect(logged).not.toContain(site.token);
    expect(logged).not.toContain("hello");
  });
});

/** The number of members. */
async function here(site: Site): Promise<number> {
  const answer = await site.order("who");
  return answer.ok ? (answer.rows ?? []).length : 0;
}

async function first(listener: Listener): Promise<Heard | undefined> {
  await listener.until(() => listener.heard.length > 0);
  return listener.heard[0];
}
