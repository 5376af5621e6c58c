// Multi-line messages: unchanged for clients that can show them, one line for all others, and never
// mistaken for another user's line.

import { expect, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { dialects } from "../../src/dialects/table.ts";
import { message as limits } from "../../src/limits.ts";
import { Rig } from "./rig.ts";

const text = "one\n  two\r\nBob: three\n";

/** The login as Cal in each dialect. */
const logins: Readonly<Record<string, string>> = { "chat-room": ":cal:Cal" };

const chats: Dialect[] = Object.values(dialects).flatMap((entry) =>
  entry.transport === "tcp" &&
  entry.dialect.hasLogin !== false &&
  entry.dialect.severalLines !== true
    ? [entry.dialect]
    : [],
);

function count(whole: string): number {
  return whole.split("\n").length;
}

test("a native client gets the lines unchanged, without blank ones at the ends", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.text();
  ann.send({ type: "say", room: "lobby", text: `\n${text}` });
  expect(bob.lines()).toContainEqual(
    expect.objectContaining({ type: "message", text: "one\n  two\nBob: three" }),
  );
  ann.send({ type: "history", room: "lobby", ref: 1 });
  expect(ann.text()).toContain(String.raw`one\n  two\nBob: three`);
});

test("there are dialects to test", () => {
  expect(chats.length).toBeGreaterThanOrEqual(4);
});

for (const dialect of chats) {
  test(`${dialect.name}: several lines become one`, () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const cal = rig.client(dialect).send(logins[dialect.name] ?? "Cal");
    cal.text();
    const say = (said: string) => {
      ann.send({ type: "say", room: "lobby", text: said });
      return cal.text();
    };
    const tell = (said: string) => {
      ann.send({ type: "tell", to: ["Cal"], text: said });
      return cal.text();
    };
    for (const received of [say, tell]) {
      expect(received(text)).toContain("one   two Bob: three");
      expect(count(received(text))).toBe(count(received("one line")));
    }
    // A run of several messages is rendered at once.
    const messages = [text, "x", text].map((said) => ({ type: "say", room: "lobby", text: said }));
    ann.queue(...messages);
    rig.settle();
    const run = cal.text();
    expect(run.match(/one {3}two Bob: three/g)).toHaveLength(2);
    ann.queue(...messages.map((message) => ({ ...message, text: "one line" })));
    rig.settle();
    expect(count(run)).toBe(count(cal.text()));
  });
}

test("a message with too many lines is refused, not cut", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const most = Array.from({ length: limits.maxTextLines }, (_, i) => `line ${i}`).join("\n");
  ann.send({ type: "say", room: "lobby", text: most, n: 1 });
  expect(ann.text()).toContain('"type":"ack"');
  ann.send({ type: "say", room: "lobby", text: `${most}\nmore`, n: 2 });
  expect(ann.lines()).toContainEqual(
    expect.objectContaining({ type: "error", code: "text-invalid", n: 2 }),
  );
});
