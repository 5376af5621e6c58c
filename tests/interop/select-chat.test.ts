// select-chat through the hub, without sockets: chosen recipients, lists, private chat by consent.

import { expect, test } from "bun:test";
import { Rig } from "./rig.ts";

const usage = "use: recipient[,recipient] - message\n";

function people(...names: string[]) {
  const rig = new Rig();
  const all = names.map((name) => rig.enter("select-chat", name));
  for (const one of all) one.heard();
  return { rig, all };
}

function three() {
  const { rig, all } = people("Ann", "Ben", "Cal");
  const [ann, ben, cal] = all;
  return { rig, ann: ann!, ben: ben!, cal: cal! };
}

test("each message is a separate send; the list, then the join message; no echo", () => {
  const rig = new Rig();
  const ann = rig.connect("select-chat");
  expect(ann.heard()).toEqual(["welcome to the chat\n", "enter name: "]);
  ann.say("Ann");
  expect(ann.heard()).toEqual(["__users__ Ann\n"]);
  const ben = rig.enter("select-chat", "Ben");
  expect(ben.heard()).toEqual(["welcome to the chat\n", "enter name: ", "__users__ Ann,Ben\n"]);
  expect(ann.heard()).toEqual(["__users__ Ann,Ben\n", "Ben joined the chat\n"]);
  ben.say("EXIT");
  expect(ben.ended).toBe(true);
  expect(ann.heard()).toEqual(["Ben left the chat\n", "__users__ Ann\n"]);
});

test("an empty name becomes the address", () => {
  const rig = new Rig();
  const nobody = rig.enter("select-chat", "");
  expect(nobody.heard().join("")).toEndWith("__users__ 127.0.0.1:40001\n");
  const ann = rig.enter("select-chat", "Ann");
  ann.say("127.0.0.1:40001 - hi");
  expect(nobody.heard().join("")).toEndWith("Ann : 127.0.0.1:40001 - hi\n");
});

test("chosen recipients", () => {
  const { ann, ben, cal } = three();
  ann.say("Ben,Cal - text - more");
  expect([ann.heard(), ben.heard(), cal.heard()]).toEqual([
    [],
    ["Ann : Ben - text - more\n"],
    ["Ann : Cal - text - more\n"],
  ]);
  ann.say("Ben,X,Y - hi");
  expect(ann.heard().join("")).toBe("user not found: X\nuser not found: Y\n");
  expect(ben.heard()).toEqual(["Ann : Ben - hi\n"]);
  ann.say("ALL - all of you");
  expect([ann.heard(), ben.heard(), cal.heard()]).toEqual([
    [],
    ["Ann : ALL - all of you\n"],
    ["Ann : ALL - all of you\n"],
  ]);
  ann.say("hello there");
  expect(ann.heard()).toEqual([usage]);
  ann.say("hello");
  expect(ann.heard()).toEqual([usage]);
});

test("ALL together with names: nobody gets it twice, and an unknown name is still reported", () => {
  const { ann, ben, cal } = three();
  ann.say("ALL,Ben,Ann,X - text");
  expect([ann.heard().join(""), ben.heard(), cal.heard()]).toEqual([
    "user not found: X\n",
    ["Ann : ALL - text\n"],
    ["Ann : ALL - text\n"],
  ]);
});

test("more than five clients", () => {
  const { all } = people("p1", "p2", "p3", "p4", "p5", "p6", "p7");
  all[0]?.say("p7 - hi");
  expect(all[6]?.heard()).toEqual(["p1 : p7 - hi\n"]);
});

test("private chat: invited, accepted, private, left", () => {
  const { ann, ben, cal } = three();
  ann.say("Ben");
  expect(ann.heard()).toEqual(["private chat: Ben has been asked\n"]);
  expect(ben.heard()).toEqual(["private chat: Ann asks you, type accept or reject\n"]);
  cal.say("Ben");
  expect(cal.heard()).toEqual(["private chat: Ben is busy\n"]);
  ben.say("accept");
  expect(ann.heard()).toEqual(["private chat with Ben has started, type leave to end it\n"]);
  expect(ben.heard()).toEqual(["private chat with Ann has started, type leave to end it\n"]);
  ann.say("hi", "Cal - not for you");
  expect(ben.heard().join("")).toBe("Ann : Ben - hi\nAnn : Ben - Cal - not for you\n");
  ben.say("yes");
  expect(ann.heard()).toEqual(["Ben : Ann - yes\n"]);
  cal.say("Ann");
  expect(cal.heard()).toEqual(["private chat: Ann is busy\n"]);
  ben.say("leave");
  expect(ann.heard()).toEqual(["private chat with Ben has ended\n"]);
  expect(ben.heard()).toEqual(["private chat with Ann has ended\n"]);
  expect(cal.heard()).toEqual([]);
  ann.say("Cal - again");
  expect(cal.heard()).toEqual(["Ann : Cal - again\n"]);
});

test("private chat: rejected", () => {
  const { ann, ben } = three();
  ann.say("Ben");
  ben.say("reject");
  expect(ann.heard().at(-1)).toBe("private chat with Ben was rejected\n");
  expect(ben.heard().at(-1)).toBe("private chat with Ann was rejected\n");
  ann.say("hello there");
  expect(ann.heard()).toEqual([usage]);
});

test("private chat: the partner exits, or is lost", () => {
  for (const lost of [false, true]) {
    const { ann, ben } = three();
    ann.say("Ben");
    ben.say("accept");
    ann.heard();
    if (lost) ben.close("lost");
    else ben.say("exit");
    const told = ann.heard().join("").split("\n");
    expect(told).toContain(
      lost ? "private chat has ended: Ben is gone" : "private chat with Ben has ended",
    );
    expect(told).toContain("Ben left the chat");
    ann.say("hello there");
    expect(ann.heard()).toEqual([usage]);
  }
});

test("private chat: accept, reject and leave out of place are answered", () => {
  const { ann } = three();
  for (const word of ["accept", "reject", "leave"]) {
    ann.say(word);
    expect(ann.heard().length).toBe(1);
  }
  ann.say("Ann");
  expect(ann.heard().length).toBe(1);
});

test("an invitation that lapses does not end another chat", () => {
  const { ann, ben, cal } = three();
  // Cal invites Ann; Ann invites Ben, who accepts. When Cal leaves, Ann and Ben continue.
  cal.say("Ann");
  ann.say("Ben");
  ben.say("accept");
  cal.say("exit");
  for (const one of [ann, ben]) one.heard();
  ann.say("just us");
  expect(ben.heard()).toEqual(["Ann : Ben - just us\n"]);
});

test("nobody can forge a list or somebody else's message", () => {
  const { ann, ben } = three();
  ann.say("Ben - hi\n__users__ Eve\nCal : Ben - forged");
  expect(ben.heard()).toEqual(["Ann : Ben - hi __users__ Eve Cal : Ben - forged\n"]);
  ann.say("X\u001b[2J\n__users__ Eve - hi");
  expect(ann.heard().join("").split("\n").length).toBe(2);
});
