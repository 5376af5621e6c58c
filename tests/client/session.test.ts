// The client's session line by line: what it sends, tells and waits for, at moments of our choosing.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { readServerLine } from "../../src/client/wire.ts";
import { client as limits } from "../../src/limits.ts";

const secret = "0123456789abcdef";
const welcome = { type: "welcome", version: 1, server: "s", name: "Ann", room: "lobby", secret };

/** A session with what it did since the last look. */
class Bench {
  nowMs = 0;
  readonly session = new ClientSession({ name: "Ann", room: "lobby", secret, random: () => 0 });
  sent: Record<string, unknown>[] = [];
  told: SessionEvent[] = [];
  actions: string[] = [];

  act(what: (session: ClientSession) => void): this {
    [this.sent, this.told, this.actions] = [[], [], []];
    what(this.session);
    for (const output of this.session.take()) {
      if (output.do === "send") this.sent.push(JSON.parse(output.line) as Record<string, unknown>);
      else if (output.do === "tell") this.told.push(output.event);
      else this.actions.push(output.do);
    }
    return this;
  }

  hear(...lines: object[]): this {
    return this.act((s) => {
      for (const line of lines) s.receive(JSON.stringify(line), this.nowMs);
    });
  }

  online(more: object = {}): this {
    this.act((s) => s.start(this.nowMs)).act((s) => s.connected(this.nowMs));
    return this.hear({ ...welcome, epoch: "e", seq: 0, mail: 0, recovered: false, n: 0, ...more });
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this.act((s) => s.poll(this.nowMs));
  }

  say(...texts: string[]): this {
    return this.act((s) => {
      for (const text of texts) s.say(text);
    });
  }

  get numbers(): unknown[] {
    return this.sent.map(({ n }) => n);
  }

  events(type: SessionEvent["type"]): SessionEvent[] {
    return this.told.filter((event) => event.type === type);
  }
}

describe("a session", () => {
  test("says hello with its secret, and with the point that it has read to when it comes back", () => {
    const bench = new Bench();
    expect(bench.act((s) => s.start(0)).actions).toEqual(["connect"]);
    bench.act((s) => s.connected(0));
    const hello = { type: "hello", version: 1, name: "Ann", room: "lobby", secret, runs: true };
    expect(bench.sent).toEqual([hello]);
    bench.hear({ ...welcome, epoch: "e", seq: 4, mail: 1, recovered: false, n: 0 });
    bench.hear({ type: "message", seq: 5, time: 1, from: "Bob", text: "hi" });
    bench.act((s) => s.lost(bench.nowMs, "cut"));
    bench.wait(limits.retryFirstMs);
    expect(bench.actions).toEqual(["connect"]);
    bench.act((s) => s.connected(bench.nowMs));
    expect(bench.sent).toEqual([
      {
        type: "hello",
        version: 1,
        name: "Ann",
        room: "lobby",
        secret,
        epoch: "e",
        seq: 5,
        mail: 1,
        runs: true,
      },
    ]);
  });

  test("keeps a window in flight and tells what is acknowledged", () => {
    const bench = new Bench().online();
    const texts = Array.from({ length: limits.windowMessages + 5 }, (_, i) => `m${i}`);
    bench.say(...texts);
    expect(bench.sent.length).toBe(limits.windowMessages);
    bench.hear({ type: "ack", n: 3, seq: 3 });
    expect(bench.told).toEqual([{ type: "acknowledged", id: 3, seq: 3 }]);
    expect(bench.numbers).toEqual([257, 258, 259]);
    expect(bench.session.unacknowledged).toBe(limits.windowMessages + 2);
  });

  test("refuses more than its queue holds, and texts that the server would not take", () => {
    const bench = new Bench().online({ limits: { textChars: 5 } });
    expect(bench.session.say("123456")).toBe("too-long");
    for (let i = 0; i < limits.queueMessages; i++) expect(bench.session.say("x")).toBe(i + 1);
    expect(bench.session.say("x")).toBe("queue-full");
    expect(bench.session.tell([], "x")).toBe("no-recipient");
  });

  test("waits as long as it is told, then sends the refused message and those after it again", () => {
    const bench = new Bench().online().say("a", "b", "c");
    bench.hear(
      { type: "ack", n: 1, seq: 1 },
      { type: "error", code: "rate", n: 2, retryAfterMs: 700 },
      { type: "error", code: "protocol", n: 3, message: "gap" },
    );
    bench.say("d");
    expect(bench.sent).toEqual([]);
    expect(bench.wait(699).sent).toEqual([]);
    expect(bench.wait(1).numbers).toEqual([2, 3, 4]);
    expect(bench.hear({ type: "ack", n: 4, seq: 4 }).told).toEqual([
      { type: "acknowledged", id: 4, seq: 4 },
    ]);
  });

  test("tells once that a message was refused for good, and keeps the count with the server", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.hear({ type: "error", code: "text-invalid", n: 2, message: "no" });
    expect(bench.told).toMatchObject([{ type: "failed", id: 2, text: "bad", message: "no" }]);
    expect(bench.session.unacknowledged).toBe(2);
    // The disk was full for all of them: number 2 is refused once more, which is no news.
    bench.hear({ type: "error", code: "storage", n: 1, retryAfterMs: 10 }).wait(10);
    expect(bench.numbers).toEqual([1, 2, 3]);
    bench.hear(
      { type: "ack", n: 1, seq: 1 },
      { type: "error", code: "text-invalid", n: 2, message: "no" },
      { type: "ack", n: 3, seq: 2 },
    );
    expect(bench.events("failed")).toEqual([]);
    expect(bench.session.unacknowledged).toBe(0);
    expect(bench.say("d").numbers).toEqual([4]);
  });

  test("numbers anew, in order, for a server that has forgotten it", () => {
    const bench = new Bench().online().say("a", "b", "c");
    bench.hear({ type: "ack", n: 1, seq: 1 });
    bench.act((s) => s.lost(0, "cut"));
    bench.wait(limits.retryFirstMs).act((s) => s.connected(bench.nowMs));
    bench.hear({ ...welcome, epoch: "other", seq: 0, mail: 0, recovered: false, n: 0 });
    expect(bench.sent.map(({ n, text }) => [n, text])).toEqual([
      [1, "b"],
      [2, "c"],
    ]);
    expect(bench.events("reconnected")).toMatchObject([
      { recovered: false, summary: expect.stringContaining("restarted without history") },
    ]);
  });

  test("sends only what can still be said when it comes back, and at once", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.hear(
      { type: "error", code: "text-invalid", n: 2, message: "no" },
      { type: "error", code: "rate", n: 1, retryAfterMs: 60_000 },
    );
    bench.act((s) => s.lost(0, "cut"));
    bench.wait(limits.retryFirstMs).act((s) => s.connected(bench.nowMs));
    bench.hear({ ...welcome, epoch: "e", seq: 0, mail: 0, recovered: true, n: 0 });
    expect(bench.sent.map(({ n, text }) => [n, text])).toEqual([
      [1, "a"],
      [2, "c"],
    ]);
  });

  test("hears on from a log that is shorter than what it had read", () => {
    const bench = new Bench().online({ seq: 9 });
    bench.act((s) => s.lost(0, "cut"));
    bench.wait(limits.retryFirstMs).act((s) => s.connected(bench.nowMs));
    bench.hear({ ...welcome, epoch: "e", seq: 7, mail: 0, recovered: true, n: 0 });
    bench.hear({ type: "message", seq: 8, time: 1, from: "Bob", text: "hi" });
    expect(bench.events("message").length).toBe(1);
  });

  test("takes messages of one sender in one line apart", () => {
    const bench = new Bench().online({ seq: 3 });
    bench.hear({ type: "messages", seq: 3, time: 7, from: "Bob", texts: ["old", "a", "b"], n: 8 });
    expect(bench.events("message")).toMatchObject([
      { seq: 4, timeMs: 7, from: "Bob", text: "a" },
      { seq: 5, timeMs: 7, from: "Bob", text: "b" },
    ]);
  });

  test("counts what it caught up with before it says that it is back", () => {
    const bench = new Bench().online();
    bench.act((s) => s.lost(0, "cut")).wait(3_000);
    bench.act((s) => s.connected(bench.nowMs));
    bench.hear({ ...welcome, epoch: "e", seq: 2, mail: 1, recovered: true, n: 0 });
    expect(bench.events("reconnected")).toEqual([]);
    bench.hear(
      { type: "message", seq: 1, time: 1, from: "Bob", text: "one" },
      { type: "message", seq: 1, time: 1, from: "Bob", text: "one" },
      { type: "private", mail: 1, time: 1, from: "Bob", to: ["Ann"], text: "psst" },
      { type: "message", seq: 2, time: 1, from: "Bob", text: "two" },
    );
    expect(bench.told.map(({ type }) => type)).toEqual([
      "message",
      "private",
      "message",
      "reconnected",
    ]);
    expect(bench.events("reconnected")).toMatchObject([
      { caughtUp: 3, summary: "reconnected after 3 s, 3 messages caught up" },
    ]);
  });

  test("finds a gap in the room's numbers", () => {
    const bench = new Bench().online();
    bench.hear({ type: "message", seq: 4, time: 1, from: "Bob", text: "hi" });
    expect(bench.told[0]).toEqual({ type: "gap", from: 1, to: 3 });
  });

  test("pings a silent server, sooner when it owes an acknowledgement, and gives it up", () => {
    const bench = new Bench().online();
    expect(bench.wait(limits.pingAfterMs - 1).sent).toEqual([]);
    expect(bench.wait(1).sent).toEqual([{ type: "ping" }]);
    bench.hear({ type: "pong" }).say("a");
    expect(bench.wait(limits.pingWaitingAfterMs).sent).toEqual([{ type: "ping" }]);
    bench.wait(limits.pongTimeoutMs);
    expect(bench.actions).toEqual(["close"]);
    expect(bench.events("offline").length).toBe(1);
  });

  test("does not doubt a server that it does not read", () => {
    const bench = new Bench().online();
    bench.act((s) => s.setPaused(true, bench.nowMs));
    expect(bench.session.nextDeadlineMs).toBeUndefined();
    bench.nowMs += 1_000_000;
    bench.act((s) => s.setPaused(false, bench.nowMs));
    expect(bench.session.nextDeadlineMs).toBe(bench.nowMs + limits.pingAfterMs);
  });

  test("answers a ping, and comes back ever more slowly", () => {
    const bench = new Bench().online();
    expect(bench.hear({ type: "ping" }).sent.length).toBe(1);
    let lastMs = 0;
    for (let i = 0; i < 12; i++) {
      bench.act((s) => s.lost(bench.nowMs, "refused"));
      const waitMs = (bench.session.nextDeadlineMs ?? 0) - bench.nowMs;
      expect(waitMs).toBeGreaterThanOrEqual(lastMs);
      expect(waitMs).toBeLessThanOrEqual(limits.retryMaxMs);
      lastMs = waitMs;
      expect(bench.wait(waitMs).actions).toEqual(["connect"]);
    }
  });

  test.each(["name-taken", "name-invalid", "room-invalid", "version"])("ends on %s", (code) => {
    const bench = new Bench();
    bench.act((s) => s.start(0)).act((s) => s.connected(0));
    bench.hear({ type: "error", code, message: "no" });
    expect(bench.told).toEqual([{ type: "ended", code, message: "no" }]);
    expect(bench.session.nextDeadlineMs).toBeUndefined();
  });

  test("does not fight with the session that replaced it", () => {
    const bench = new Bench().online();
    bench.hear({ type: "bye", code: "replaced", reason: "elsewhere" });
    expect(bench.told).toEqual([{ type: "ended", code: "replaced", message: "elsewhere" }]);
  });

  test("changes rooms only when nothing is on its way, and says the rest there", () => {
    const bench = new Bench().online().say("here");
    bench.act((s) => {
      s.enter("den");
      s.say("there");
    });
    expect(bench.sent).toEqual([]);
    bench.hear({ type: "ack", n: 1, seq: 1 });
    expect(bench.sent).toEqual([{ type: "enter", room: "den", ref: 1 }]);
    bench.hear({ type: "entered", room: "den", epoch: "e", seq: 9, recovered: true, ref: 1 });
    expect(bench.sent).toEqual([{ type: "say", n: 2, text: "there" }]);
    expect(bench.session.room).toBe("den");
  });

  test("does not wait for a message that was refused for good", () => {
    const bench = new Bench().online().say("bad");
    bench.hear({ type: "error", code: "text-invalid", n: 1, message: "no" });
    bench.act((s) => s.enter("den"));
    expect(bench.sent).toMatchObject([{ type: "enter", room: "den" }]);
  });

  test("does not say in one room what was meant for another that it may not enter", () => {
    const bench = new Bench().online();
    bench.act((s) => {
      s.enter("den");
      s.say("secret of the den");
    });
    bench.hear({ type: "error", code: "room-invalid", ref: 1, message: "no" });
    expect(bench.sent).toEqual([]);
    expect(bench.events("failed")).toMatchObject([{ text: "secret of the den" }]);
  });

  test("names the partner of a private chat, so that a late word can't reach the room", () => {
    const bench = new Bench().online();
    bench.hear({ type: "chat", state: "started", with: "Bob" }).say("psst");
    expect(bench.sent).toEqual([{ type: "tell", n: 1, to: ["Bob"], text: "psst" }]);
    bench.hear({ type: "chat", state: "left", with: "Bob" }).say("all");
    expect(bench.sent).toMatchObject([{ type: "say", n: 2 }]);
  });

  test("tells that a question will not be answered when the connection is lost", () => {
    const bench = new Bench().online();
    const ref = bench.session.ask({ type: "who" });
    bench.act((s) => s.lost(0, "cut"));
    expect(bench.events("error")).toMatchObject([{ ref, code: "cannot-connect" }]);
    expect(bench.session.ask({ type: "who" })).toBeUndefined();
  });

  test("never throws, whatever the server says", () => {
    const types = ["welcome", "ack", "error", "message", "private", "entered", "chat", "files"];
    const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.constantFrom(...types));
    const keys = ["type", "n", "seq", "mail", "epoch", "text", "from", "ref", "code", "state"];
    const line = fc.oneof(
      fc.string(),
      fc.dictionary(fc.constantFrom(...keys), value).map((o) => JSON.stringify(o)),
      fc
        .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...keys), value))
        .map(([type, fields]) => JSON.stringify({ ...fields, type })),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const bench = new Bench().online().say("a", "b");
        for (const [i, text] of lines.entries()) {
          readServerLine(text);
          bench.session.receive(text, i);
          bench.session.poll(i);
        }
        for (const output of bench.session.take()) {
          if (output.do === "send") JSON.parse(output.line);
        }
      }),
      { numRuns: 300 },
    );
  });
});
