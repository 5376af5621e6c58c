// Whoever watches a name is told who has it at other servers. The store is asked, and news that
// overtake its answer are newer.

import { beforeEach, expect, test } from "bun:test";
import type { ForeignPerson } from "../../src/chat/elsewhere/foreign-person.ts";
import type { StoreRequest } from "../../src/chat/turn/store.ts";
import { keptBy, nothing } from "./inspect.ts";
import { ircAt, type IrcClient } from "../dialects/irc/rig.ts";
import { memoryAnswerer, Rig } from "./rig.ts";

let rig: Rig;
/** Look-ups without an answer. */
let asked: StoreRequest[];
let eve: IrcClient;

const persona = { user: "u", host: "h", account: "", realName: "Ann", isBot: false };
const about = { persona, ids: [], isHidden: false, isSecure: true, sinceMs: 1, spokeMs: 1 };
const ann: ForeignPerson = {
  folded: "ann",
  name: "Ann",
  key: "k",
  person: "p",
  about,
  server: "there",
  address: "",
  rooms: [],
};

beforeEach(() => {
  asked = [];
  const answer = memoryAnswerer();
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type !== "find-elsewhere") return answer(request);
    asked.push(request);
    return undefined;
  });
  eve = ircAt(rig, "Eve");
});

/** The store answers the oldest look-up. */
function found(...result: ForeignPerson[]): void {
  const { id } = asked.shift()!;
  rig.hub.handleStore({ id, outcome: "done", type: "find-elsewhere", result }, rig.nowMs);
  rig.settle();
}

function hear(isHere: boolean): void {
  const people = [{ folded: "ann", name: "Ann", persona, isHere }];
  rig.hub.handleForeign({ type: "people", people }, rig.nowMs);
  rig.settle();
}

/** The numerics that Eve has received: 730 for online, 731 for offline. */
const told = (): string[] => eve.lines().flatMap((line) => / (73\d) /.exec(line)?.[1] ?? []);

/** The same lines for one of several watchers. */
const heard = (client: IrcClient): string[] =>
  client.lines().flatMap((line) => / 73[01] .*/.exec(line) ?? []);

test("somebody who comes before the first answer stays online", () => {
  eve.send("MONITOR + Ann");
  hear(true);
  found();
  expect(told()).toEqual(["730"]);
  found(ann);
  expect(told()).toEqual([]);
  expect(asked).toEqual([]);
});

test("somebody who leaves before the first answer goes offline", () => {
  eve.send("MONITOR + Ann");
  hear(false);
  found(ann);
  expect(told()).toEqual(["730"]);
  found();
  found();
  expect(told()).toEqual(["731"]);
  expect(asked).toEqual([]);
});

test("somebody who is back before the answer never went", () => {
  eve.send("MONITOR + Ann");
  found(ann);
  expect(told()).toEqual(["730"]);
  hear(false);
  hear(true);
  found();
  found(ann);
  expect(told()).toEqual([]);
  hear(false);
  found();
  expect(told()).toEqual(["731"]);
  eve.client.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("whoever watches a name first is told what the next one finds out", () => {
  eve.send("MONITOR + Ann");
  found(ann);
  expect(told()).toEqual(["730"]);
  // Notifications are lost.
  const finn = ircAt(rig, "Finn").send("MONITOR + Ann");
  found();
  expect(heard(finn)).toEqual([" 731 Finn :Ann"]);
  expect(heard(eve)).toEqual([" 731 Eve :Ann"]);
  const gil = ircAt(rig, "Gil").send("MONITOR + Ann");
  found(ann);
  expect(heard(gil)).toEqual([" 730 Gil :Ann!u@h"]);
  expect([eve, finn].map(heard)).toEqual([[" 730 Eve :Ann!u@h"], [" 730 Finn :Ann!u@h"]]);
});

test("whoever watches a name that is being looked up again is told what is known", () => {
  eve.send("MONITOR + Ann");
  found(ann);
  const finn = ircAt(rig, "Finn").send("MONITOR + Ann");
  hear(false);
  found();
  expect(finn.lines().join()).toContain(" 730 Finn :Ann");
  found(ann);
  expect(finn.lines()).toEqual([]);
});
