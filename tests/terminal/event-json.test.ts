// A client's events as text and as JSON: whole milliseconds, singular and plural, no control
// characters.

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { SessionEvent } from "../../src/client/events.ts";
import { eventJson } from "../../src/terminal/event-json.ts";
import { eventText } from "../../src/terminal/event-text.ts";
import { jsonLine } from "../../src/terminal/output/json-line.ts";
import { countText } from "../../src/terminal/output/units.ts";

test("milliseconds are whole", () => {
  const back = { caughtUp: 1, recovered: true, summary: "reconnected after 2 s" };
  expect(eventJson({ type: "reconnected", afterMs: 2332.392551, ...back })).toEqual({
    event: "reconnected",
    afterMs: 2332,
    ...back,
  });
});

test("one is singular", () => {
  expect([0, 1, 2].map((n) => countText(n, "byte"))).toEqual(["0 bytes", "1 byte", "2 bytes"]);
  expect(eventText({ type: "gap", room: "lobby", from: 3, to: 3 })).toBe(
    "1 message no longer kept by the server",
  );
});

test("a line of --json is JSON without control characters", () => {
  const value = { name: "a\u001b[2J\u009b31m\u202e\u2028\u007fz" };
  const line = jsonLine(value);
  expect(JSON.parse(line)).toEqual(value);
  expect(line).toMatch(/^[\x20-\x7e]+\n$/);
});

/** Whether `client --json` prints it. */
const types: Readonly<Record<SessionEvent["type"], boolean>> = {
  "account-changed": true,
  acknowledged: false,
  away: true,
  call: true,
  chat: true,
  copied: true,
  deleted: true,
  ended: true,
  entered: true,
  error: true,
  failed: true,
  gap: true,
  // Only a command asks for a room, and is answered with `error`.
  "join-failed": false,
  joined: true,
  left: true,
  message: true,
  mode: true,
  motd: true,
  offer: false,
  offline: true,
  online: true,
  parted: true,
  private: true,
  reconnected: true,
  renamed: true,
  response: false,
  token: false,
  topic: true,
};

test("docs/json.md lists every event that a client prints", async () => {
  const text = await Bun.file(join(import.meta.dir, "../../docs/json.md")).text();
  const chapter = text.slice(
    text.indexOf("## `parley client --json`"),
    text.indexOf("### Commands"),
  );
  const listed = Array.from(chapter.matchAll(/^\| `([a-z-]+)`/gm), ([, type]) => type);
  const printed = Object.entries(types).flatMap(([type, isPrinted]) => (isPrinted ? [type] : []));
  expect(listed.filter((type) => type !== "done").toSorted()).toEqual(printed.toSorted());
});
