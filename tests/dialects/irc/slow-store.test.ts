// IRC clients at a hub whose store answers late: what they send before their welcome is answered in
// order, and with the nick that they had then.

import { expect, test } from "bun:test";
import { output } from "../../../src/limits.ts";
import { native } from "../../chat/rig.ts";
import { FailingStore } from "../../chat/failing-store.ts";
import { irc, IrcClient, IrcRig } from "./rig.ts";

test("a nick that changes while earlier commands wait for the store is not in their answers", () => {
  const store = new FailingStore();
  const rig = new IrcRig({}, store.answer);
  const bob = rig.irc("Bob").send("JOIN #lobby");
  const ann = new IrcClient(rig.client(irc));
  const release = (): void => {
    store.releaseOne(rig);
    rig.settle();
  };
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  bob.send("PRIVMSG #lobby :1");
  // While that is committed, the next batch gathers: with the welcome, and then without it.
  ann.send("NICK Ann", "USER ann 0 * :Ann");
  bob.send("PRIVMSG #lobby :2");
  release();
  ann.send("JOIN #den", "PART #den");
  bob.send("PRIVMSG #lobby :3");
  expect(ann.lines()).toEqual([]);
  release();
  ann.send("NICK Anna");
  while (store.waiting.length > 0) release();
  const named = ann.lines().filter((line) => / (?:JOIN|353|PART|NICK) /.test(line));
  expect(named).toEqual([
    ":Ann!~ann@HOST JOIN #den",
    ":irc.test 353 Ann = #den :@Ann",
    ":Ann!~ann@HOST PART #den",
    ":Ann!~ann@HOST NICK Anna",
  ]);
});

test("who moves from one room to another leaves the first before entering the second", () => {
  const store = new FailingStore();
  const rig = new IrcRig({}, store.answer);
  const [igor, joe] = [rig.irc("Igor"), rig.irc("Joe")];
  rig.room("#lobby", igor);
  rig.room("#attic", igor, joe);
  const hello = (room: string) => {
    const secret = "secret-of-finn-0123456789";
    rig.client(native).send({ type: "hello", version: 2, name: "Finn", secret, rooms: [{ room }] });
  };
  hello("lobby");
  igor.lines();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  joe.send("PRIVMSG #attic :1");
  // While that is committed, the next batch gathers; the attic is the first room in it.
  joe.send("PRIVMSG #attic :2");
  hello("attic");
  while (store.waiting.length > 0) {
    store.releaseOne(rig);
    rig.settle();
  }
  expect(igor.lines().map((line) => line.replace(/^:(\w+)!\S+/, "$1"))).toEqual([
    "Joe PRIVMSG #attic :1",
    "Joe PRIVMSG #attic :2",
    "Finn QUIT :Connected again from elsewhere",
    "Finn JOIN #attic",
  ]);
});

test("invitations end with the room, even if others open it before the next commit", () => {
  const store = new FailingStore();
  const rig = new IrcRig({}, store.answer);
  const [ann, ben, cal] = [rig.irc("Ann"), rig.irc("Ben"), rig.irc("Cal")];
  rig.room("#lobby", ben);
  rig.room("#den", ann);
  ann.send("INVITE Ben #den");
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  ben.send("PRIVMSG #lobby :1");
  // While that is committed, the next batch gathers.
  ann.send("PART #den");
  cal.send("JOIN #den", "MODE #den +i");
  while (store.waiting.length > 0) {
    store.releaseOne(rig);
    rig.settle();
  }
  ben.lines();
  expect(ben.ask("JOIN #den")).toEqual([":irc.test 473 Ben #den :Cannot join channel (+i)"]);
});

test("pings are answered at once when too much waits for a store that does not answer", () => {
  const store = new FailingStore();
  const rig = new IrcRig({}, store.answer);
  const [ann, bob] = [rig.irc("Ann"), rig.irc("Bob")];
  rig.room("#lobby", ann, bob);
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  bob.send("PRIVMSG #lobby :1");
  ann.send("PART #lobby", "PING first");
  expect(ann.lines()).toEqual([]);
  const most = output.maxGatheredChars / output.gatheredEntryChars;
  let isAnswered = false;
  for (let asked = 0; !isAnswered && asked < 2 * most; asked += 1_000) {
    for (let i = 0; i < 1_000; i++) ann.client.queue(`PING ${asked + i}`);
    rig.settle();
    isAnswered = ann.lines().length > 0;
  }
  expect(isAnswered).toBe(true);
  store.release(rig);
  expect(ann.lines().slice(0, 3)).toEqual([
    ":Bob!~Bob@HOST PRIVMSG #lobby :1",
    ":Ann!~Ann@HOST PART #lobby",
    ":irc.test PONG irc.test :first",
  ]);
});

for (const [what, ask] of [
  ["tags", (i: number) => `@+n=${i} TAGMSG #lobby`],
  ["topics", (i: number) => `TOPIC #lobby :${i}`],
  ["away messages", (i: number) => `AWAY :${i}`],
  ["real names", (i: number) => `SETNAME :${i}`],
  ["invitations", () => "INVITE Cal #den"],
  ["away messages by operator commands", (i: number) => `PARLEY away ${i}`],
  ["voices by operator commands", (i: number) => `PARLEY mode den ${i % 2 ? "-" : "+"}v Ann`],
] as const) {
  test(`${what} are refused once too many wait for a store that does not answer`, () => {
    const store = new FailingStore();
    const rig = new IrcRig({}, store.answer);
    const [ann, bob, cal] = [
      rig.irc("Ann", "message-tags setname"),
      rig.irc("Bob", "message-tags setname"),
      rig.irc("Cal"),
    ];
    rig.room("#lobby", ann, bob, cal);
    rig.room("#den", ann, bob);
    rig.order("mode lobby -t");
    store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
    bob.send("PRIVMSG #lobby :1");
    const most = output.maxGatheredChars / output.gatheredMessageChars;
    let isRefused = false;
    for (let asked = 0; !isRefused && asked < most; asked += 500) {
      for (let i = 0; i < 500; i++) ann.client.queue(ask(asked + i));
      rig.settle();
      isRefused = ann.lines().some((line) => line.includes("too slow"));
    }
    expect(isRefused).toBe(true);
    store.release(rig);
    ann.lines();
    expect(ann.ask(ask(0)).join("\n")).not.toContain("too slow");
  }, 180_000);
}
