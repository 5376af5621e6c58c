// One room, several dialects: what users of each dialect see of the others. Through the hub,
// without sockets.

import { expect, test } from "bun:test";
import { Rig } from "./rig.ts";

function fivePeople() {
  const rig = new Rig();
  const alice = rig.enter("open-chat", "Alice");
  const annie = rig.enter("chat-room", ":Ann:annie");
  const emil = rig.enter("line-chat", "Emil");
  const ben = rig.enter("select-chat", "Ben");
  const all = { alice, annie, emil, ben };
  const heard = () =>
    Object.fromEntries(
      Object.entries(all).map(([name, person]) => [name, person.heard().join("|")]),
    );
  heard();
  return { rig, ...all, heard };
}

test("a public message of any dialect reaches all, in the format of each", () => {
  const { alice, annie, emil, ben, heard } = fivePeople();
  alice.say("text");
  expect(heard()).toEqual({
    alice: "Alice: text",
    annie: ":Alice:text",
    emil: "\nAlice: text\n",
    ben: "Alice : ALL - text\n",
  });
  annie.say(":Ann:text");
  expect(heard()).toEqual({
    alice: "annie: text",
    annie: ":Ann:text",
    emil: "\nannie: text\n",
    ben: "annie : ALL - text\n",
  });
  emil.say("text");
  expect(heard()).toEqual({
    alice: "Emil: text",
    annie: ":Emil:text",
    emil: "",
    ben: "Emil : ALL - text\n",
  });
  ben.say("ALL - text");
  expect(heard()).toEqual({
    alice: "Ben: text",
    annie: ":Ben:text",
    emil: "\nBen: text\n",
    ben: "",
  });
});

test("a message without visible characters is not delivered, in any dialect", () => {
  const { alice, annie, emil, ben, heard } = fivePeople();
  const silence = { alice: "", annie: "", emil: "", ben: "" };
  const usage = "use: recipient[,recipient] - message\n";
  for (const text of [" ", "\t ", "\u0001", "\u001b[2J", "\u200b", "\u202e"]) {
    alice.say(text);
    annie.say(text, `:Ann:${text}`);
    emil.say(text);
    expect([text, heard()]).toEqual([text, silence]);
    ben.say(`ALL - ${text}`);
    expect([text, heard()]).toEqual([text, { ...silence, ben: usage }]);
    alice.say(`~Ben ${text}`);
    expect([text, heard()]).toEqual([
      text,
      { ...silence, alice: "To whom, and what? Send: ~NAME text" },
    ]);
  }
});

test("it is not delivered in a private chat either", () => {
  const { alice, ben, heard } = fivePeople();
  ben.say("Alice");
  alice.say("accept");
  heard();
  ben.say("\u0001");
  alice.say("\u0001");
  expect(heard()).toEqual({ alice: "", annie: "", emil: "", ben: "" });
});

test("joining, leaving, a new name", () => {
  const { rig, alice, heard } = fivePeople();
  const ida = rig.enter("line-chat", "Ida");
  expect(heard()).toEqual({
    alice: "Ida has joined the chat!|ALL annie Emil Ben Ida ",
    annie: "new user :Ida:Ida joined \n",
    emil: "\nIda joined the chat:\n",
    ben: "__users__ Alice,annie,Emil,Ben,Ida\n|Ida joined the chat\n",
  });
  ida.close();
  expect(heard()).toEqual({
    alice: "Ida left the chat...|ALL annie Emil Ben ",
    annie: ":Ida:Ida left chat",
    emil: "\nIda left the chat:\n",
    ben: "Ida left the chat\n|__users__ Alice,annie,Emil,Ben\n",
  });
  alice.say("CHANGENAME Alice Eve");
  const said = heard();
  expect(said.alice).toBe("Alice changed his name to Eve!");
  expect(said.annie).toBe("user Alice is called Eve now");
  expect(said.emil).toBe("\nAlice is called Eve now:\n");
  expect(said.ben).toMatch(/^Alice is called Eve now\n\|__users__ [A-Za-z,]+\n$/);
});

test("who was removed from the lobby is told how to enter it again", () => {
  const { rig, alice, annie, emil, ben, heard } = fivePeople();
  for (const name of ["Alice", "annie", "Emil", "Ben"]) rig.order(`remove lobby ${name}`);
  heard();
  alice.say("hello");
  annie.say(":Ann:hello");
  emil.say("hello");
  ben.say("ALL - hello");
  const told = "You are not in the lobby: connect again to enter it";
  expect(heard()).toEqual({
    alice: told,
    annie: told,
    emil: `\n${told}\n`,
    ben: `${told}\n`,
  });
});

test("private messages reach their recipients and nobody else", () => {
  const { alice, ben, heard } = fivePeople();
  alice.say("~annie hi");
  alice.say("~Emil hi");
  alice.say("~Ben hi");
  expect(heard()).toEqual({
    alice: ["annie", "Emil", "Ben"].map((name) => `from you to ${name}: (PRIVATE)  hi`).join("|"),
    annie: ":Alice:(private) hi",
    emil: "\nAlice (private): hi\n",
    ben: "Alice : Ben - hi\n",
  });
  ben.say("Alice,emil - psst");
  expect(heard()).toEqual({
    alice: "Ben: (PRIVATE)  psst",
    annie: "",
    emil: "\nBen (private): psst\n",
    ben: "",
  });
});

test("a private chat across dialects", () => {
  for (const [name, person] of [
    ["Alice", "alice"],
    ["annie", "annie"],
    ["Emil", "emil"],
  ] as const) {
    const { heard, ben, ...others } = fivePeople();
    ben.say(name);
    expect(heard()[person]).toContain("private chat: Ben asks you, type accept or reject");
    others[person].say("accept");
    expect(heard()[person]).toContain("private chat with Ben has started, type leave to end it");
    ben.say("just us");
    others[person].say("yes");
    const said = heard();
    expect(said[person]).toContain("just us");
    expect(said.ben).toBe(`${name} : Ben - yes\n`);
    for (const [third, text] of Object.entries(said)) {
      if (third !== person && third !== "ben") expect(text).toBe("");
    }
    others[person].say("leave");
    expect(heard().ben).toBe(`private chat with ${name} has ended\n`);
  }
});

test("all dialects share one namespace", () => {
  const { rig } = fivePeople();
  expect(rig.enter("line-chat", "ANNIE").heard().join("")).toContain("is taken");
  expect(rig.enter("chat-room", ":Zoe:emil").heard().join("")).toContain("is taken");
  expect(rig.enter("open-chat", "ben").heard().join("")).toContain("is taken");
  expect(rig.enter("select-chat", "alice").heard().join("")).toContain("is taken");
});

test("an unframed client hears a busy room whole and in order, in few sends", () => {
  const rig = new Rig();
  const listeners = [rig.enter("open-chat", "Alice"), rig.enter("chat-room", ":Ann:annie")];
  const emil = rig.enter("line-chat", "Emil");
  for (const listener of listeners) listener.heard();
  const texts = Array.from({ length: 500 }, (_, i) => `text ${i}`);
  emil.say(...texts);
  const [chat = [], room = []] = listeners.map((listener) => listener.heard());
  expect(chat.join("\n").split("\n")).toEqual(texts.map((text) => `Emil: ${text}`));
  expect(room.join("\n").split("\n")).toEqual(texts.map((text) => `:Emil:${text}`));
  expect(Math.max(chat.length, room.length)).toBeLessThan(30);
});
