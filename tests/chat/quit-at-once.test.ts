// A client that sends its name, a line and a goodbye in one write still gets its answers.

import { expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { keptBy, nothing } from "./inspect.ts";
import { Rig } from "./rig.ts";
test("name, line and quit in one write", () => {
  const rig = new Rig();
  const a = rig.client(openChat);
  a.send("Good", "hello", "{quit}");
  expect(a.text()).toContain("Good: hello");
  expect(a.link.ended).toBe(true);
  const b = rig.client();
  b.send(
    { type: "hello", version: 2, name: "Bea" },
    { type: "say", n: 1, room: "lobby", text: "x" },
    { type: "bye" },
  );
  const types = b.lines().map((l) => l["type"]);
  expect(types).toEqual(["welcome", "joined", "message", "ack"]);
  a.close("quit");
  b.close("quit");
  rig.pass(100);
  expect(keptBy(rig.hub)).toEqual(nothing);
});
