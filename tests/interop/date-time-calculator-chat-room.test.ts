// The calculator and the chat room with login through the hub, without sockets. Date-time, which
// has no session, is in tests/dialects and, over sockets, in transcripts.test.ts.

import { expect, test } from "bun:test";
import { Rig } from "./rig.ts";

test("calculator: a name, expressions, q", () => {
  const rig = new Rig();
  const ann = rig.connect("calculator");
  ann.say("Ann");
  expect(ann.heard()).toEqual([]);
  ann.say("15 + 35", "4.5 / -6", "1 / 0", "nonsense", "1 ^ 2", "27 * -6");
  expect(ann.heard()).toEqual([
    "50.0",
    "-0.75",
    "Division by zero has no value",
    "Incorrect expression format",
    "Incorrect operator",
    "-162.0",
  ]);
  ann.say("q");
  expect([ann.heard(), ann.ended]).toEqual([["Session Ended"], true]);
  expect(rig.log).toEqual(["Client name is : Ann", "Session Ended"]);
});

test("calculator: its clients are in no room", () => {
  const rig = new Rig();
  const alice = rig.enter("open-chat", "Alice");
  alice.heard();
  rig.enter("calculator", "Alice").say("1 + 1");
  alice.say("show");
  expect(alice.heard()).toEqual(["ALL "]);
});

test("greeting: one message, one answer, the end", () => {
  const rig = new Rig();
  const ann = rig.enter("greeting", "Knock knock..");
  expect([ann.heard(), ann.ended]).toEqual([["Who's there?"], true]);
});

test("chat-room: login, unchanged lines, leaving", () => {
  const rig = new Rig();
  const ann = rig.connect("chat-room");
  expect(ann.heard()).toEqual(["Please, Enter Your ig name"]);
  ann.say(":Ann:annie");
  expect(ann.heard()).toEqual([
    "new user :Ann:annie connected!\n",
    "new user :Ann:annie joined \n",
  ]);
  const bob = rig.connect("chat-room");
  bob.say(":Bob:bo");
  expect(ann.heard()).toEqual(["new user :Bob:bo joined \n"]);
  expect(bob.heard()).toEqual([
    "Please, Enter Your ig name",
    "new user :Bob:bo connected!\n",
    "new user :Bob:bo joined \n",
  ]);
  ann.say(":Ann:hello");
  expect(ann.heard()).toEqual([":Ann:hello"]);
  expect(bob.heard()).toEqual([":Ann:hello"]);
  bob.close();
  expect(ann.heard()).toEqual([":Bob:bo left chat"]);
  expect(rig.log).toContain("Connected ('127.0.0.1', 40001)");
  expect(rig.log).toContain("new user name is :Ann:annie!");
});

test("chat-room: nobody can use a NAME or HANDLE that somebody else uses", () => {
  const rig = new Rig();
  const ann = rig.enter("chat-room", ":Ann:annie");
  rig.enter("line-chat", "Emil");
  ann.heard();
  const question = "Please, Enter Your ig name";
  const other = rig.connect("chat-room");
  other.heard();
  for (const [login, taken] of [
    [":Eve:Annie", "Annie"],
    [":annie:eve", "annie"],
    [":Ann:mallory", "Ann"],
    [":Eve:ann", "ann"],
    [":EMIL:eve", "EMIL"],
  ] as const) {
    other.say(login);
    const refusal = `The name '${taken}' is taken: choose another\n`;
    expect([login, other.heard()]).toEqual([login, [refusal, question]]);
  }
  expect(rig.enter("line-chat", "Ann").heard().join("")).toContain("'Ann' is taken");
  other.say(":Eve:eve");
  expect(ann.heard()).toEqual(["new user :Eve:eve joined \n"]);
});

test("chat-room: an invalid NAME is not shown", () => {
  const rig = new Rig();
  const ann = rig.enter("chat-room", ":Ann:annie");
  ann.heard();
  for (const [login, handle] of [
    [":Bob  says:bob", "bob"],
    [":Bob, says:bob2", "bob2"],
    [`:${"Bob ".repeat(9)}:bob3`, "bob3"],
    [":ALL:bob4", "bob4"],
    [":\u001b[2J:bob5", "bob5"],
  ] as const) {
    rig.enter("chat-room", login);
    expect(ann.heard()).toEqual([`new user :${handle}:${handle} joined \n`]);
  }
  rig.enter("chat-room", ":Anna Maria:anna");
  expect(ann.heard()).toEqual(["new user :Anna Maria:anna joined \n"]);
});

test("chat-room: a person at nc", () => {
  const rig = new Rig();
  const ann = rig.enter("chat-room", "annie", true);
  ann.say("hello: you");
  expect(ann.heard().join("")).toBe(
    "Please, Enter Your ig name" +
      "new user :annie:annie connected!\nnew user :annie:annie joined \n:annie:hello: you\n",
  );
});
