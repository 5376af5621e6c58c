// Messages that follow each other in one read are not checked as if they were the first, but
// nothing that happens in between goes unnoticed.

import { expect, spyOn, test } from "bun:test";
import { consoleActor } from "../../src/chat/admin/actor.ts";
import { output } from "../../src/limits.ts";
import { type Client, hello, inRoom, Rig, say } from "./rig.ts";

function people() {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", { runs: true });
  ann.text();
  bob.text();
  return { rig, ann, bob };
}

/** The texts that somebody has heard, and the codes of errors, in order. */
function heard(client: Client): unknown[] {
  return client.lines().flatMap(({ type, text, texts, code }) => {
    if (type === "messages") return texts;
    return type === "message" ? [text] : type === "error" ? [code] : [];
  });
}

const counted = (count: number) => Array.from({ length: count }, (_, i) => say(i + 1));

test("what holds for the first message of a read is not looked up again for the others", () => {
  const { rig, ann, bob } = people();
  using asked = spyOn(rig.hub.options.rights.sanctions, "has");
  ann.send(...counted(100));
  expect(asked.mock.calls.length).toBeLessThan(10);
  expect(heard(bob)).toEqual(Array.from({ length: 100 }, (_, i) => `m${i + 1}`));
});

test("a mute between two messages stops the second", () => {
  const { rig, ann, bob } = people();
  ann.queue(say(1), say(2));
  rig.hub.handleAdmin(consoleActor, "mute Ann", rig.nowMs, () => {});
  rig.pump();
  ann.send(say(3));
  expect(heard(bob)).toEqual(["m1", "m2"]);
  expect(heard(ann)).toEqual(["m1", "m2", "muted"]);
});

test("whoever leaves a room between two messages is no longer heard there", () => {
  const { ann, bob } = people();
  ann.send(say(1), say(2), { type: "part", room: "lobby" }, say(3));
  expect(heard(bob)).toEqual(["m1", "m2"]);
  expect(heard(ann)).toContain("not-in-room");
});

test("whoever joins between two messages hears the second only", () => {
  const { rig, ann } = people();
  const cy = rig.client();
  ann.queue(say(1), say(2));
  cy.queue(hello("Cy"));
  ann.send(say(3), say(4));
  expect(heard(cy)).toEqual(["m3", "m4"]);
});

test("messages to two rooms in turn arrive where they are meant for", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", { rooms: [{ room: "lobby" }, { room: "tea" }] });
  const bob = rig.member("Bob", inRoom("tea"));
  const cy = rig.member("Cy");
  const rooms = ["tea", "tea", "lobby", "tea", "lobby", "lobby"];
  ann.send(...rooms.map((room, i) => say(i + 1, `m${i + 1}`, room)));
  expect(heard(bob)).toEqual(["m1", "m2", "m4"]);
  expect(heard(cy)).toEqual(["m3", "m5", "m6"]);
});

test("a repeated number counts once, and a gap is refused", () => {
  const { ann, bob } = people();
  ann.send(say(1), say(2), say(2, "again"), say(3), say(5, "gap"), say(4));
  expect(heard(bob)).toEqual(["m1", "m2", "m3", "m4"]);
  expect(heard(ann)).toEqual(["m1", "m2", "m3", "m4", "protocol"]);
});

test("each message counts against the rate of its sender", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 2, bytesPerSecond: 1e6 } });
  const ann = rig.member("Ann");
  rig.pass(60_000, 1_000);
  ann.text();
  ann.send(...counted(50));
  const atOnce = heard(ann).length;
  expect(atOnce).toBeLessThan(20);
  rig.pass(10_000);
  expect(heard(ann)).toHaveLength(20);
});

test("what waits for the store is as limited as ever", () => {
  const { rig, ann } = people();
  const most = output.maxGatheredChars / output.gatheredMessageChars;
  ann.queue(...Array.from({ length: most }, (_, i) => say(i + 1, "x")));
  const { size } = rig.hub["state"].pipeline.gathering;
  expect(size).toBeGreaterThan(output.maxGatheredChars - 2 * output.gatheredMessageChars);
  expect(size).toBeLessThanOrEqual(output.maxGatheredChars + 2 * output.gatheredMessageChars);
  ann.send();
  expect(heard(ann)).toContain("storage");
});
