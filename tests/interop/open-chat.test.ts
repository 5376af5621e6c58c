// open-chat as documented, message by message, through the hub and without sockets.

import { expect, test } from "bun:test";
import { Rig } from "./rig.ts";

test("name, join message, then the list, each a separate send", () => {
  const rig = new Rig();
  const alice = rig.enter("open-chat", "Alice");
  expect(alice.heard()).toEqual(["Alice has joined the chat!", "ALL "]);
  const bob = rig.enter("open-chat", "Bob");
  expect(bob.heard()).toEqual(["Bob has joined the chat!", "ALL Alice "]);
  expect(alice.heard()).toEqual(["Bob has joined the chat!", "ALL Bob "]);
  const carol = rig.enter("open-chat", "Carol");
  expect(alice.heard()).toEqual(["Carol has joined the chat!", "ALL Bob Carol "]);
  expect(bob.heard()).toEqual(["Carol has joined the chat!", "ALL Alice Carol "]);
  expect(carol.heard()).toEqual(["Carol has joined the chat!", "ALL Alice Bob "]);
});

function threePeople() {
  const rig = new Rig();
  const people = ["Alice", "Bob", "Carol"].map((name) => rig.enter("open-chat", name));
  for (const person of people) person.heard();
  const [alice, bob, carol] = people;
  return { rig, alice: alice!, bob: bob!, carol: carol! };
}

test("messages are echoed to their sender", () => {
  const { alice, bob, carol } = threePeople();
  alice.say("hello  everybody ");
  for (const person of [alice, bob, carol]) {
    expect(person.heard()).toEqual(["Alice: hello  everybody "]);
  }
});

test("show", () => {
  const { alice, bob } = threePeople();
  alice.say("show");
  expect(alice.heard()).toEqual(["ALL Bob Carol "]);
  expect(bob.heard()).toEqual([]);
});

test("private messages reach both ends, with two spaces, and nobody else", () => {
  const { alice, bob, carol } = threePeople();
  alice.say("~Bob hi there");
  expect(bob.heard()).toEqual(["Alice: (PRIVATE)  hi there"]);
  expect(alice.heard()).toEqual(["from you to Bob: (PRIVATE)  hi there"]);
  expect(carol.heard()).toEqual([]);
  alice.say("~Zoe hi");
  const [told, ...more] = alice.heard();
  expect([told?.includes("Zoe"), more]).toEqual([true, []]);
});

test("files", () => {
  const { alice } = threePeople();
  alice.say("get_list_file");
  expect(alice.heard()).toEqual(["<CHOOSE_FILE> a.txt b.png "]);
  alice.say("download_file a.txt");
  expect(alice.heard()).toEqual(["UDP 55001 1234 a.txt"]);
  alice.say("download_file none.txt");
  expect(alice.heard()).toEqual(["No file 'none.txt' on the server"]);
});

test("CHANGENAME: everyone is notified, all but the renamed client get a new list", () => {
  const { alice, bob, carol } = threePeople();
  alice.say("CHANGENAME Alice Eve");
  expect(alice.heard()).toEqual(["Alice changed his name to Eve!"]);
  const [first, list, ...more] = bob.heard();
  expect([first, more]).toEqual(["Alice changed his name to Eve!", []]);
  expect(list?.split(" ").toSorted()).toEqual(["", "ALL", "Carol", "Eve"]);
  expect(carol.heard()[0]).toBe("Alice changed his name to Eve!");
  bob.say("~Eve hi");
  expect(alice.heard()).toEqual(["Bob: (PRIVATE)  hi"]);
  bob.say("CHANGENAME Eve Mallory");
  expect(bob.heard().length).toBe(2);
  expect(alice.heard()).toEqual([]);
});

test("{quit}, and a lost connection", () => {
  const { alice, bob, carol } = threePeople();
  carol.say("{quit}");
  expect(carol.ended).toBe(true);
  expect(alice.heard()).toEqual(["Carol left the chat...", "ALL Bob "]);
  expect(bob.heard()).toEqual(["Carol left the chat...", "ALL Alice "]);
  bob.close("lost");
  expect(alice.heard()).toEqual(["Bob left the chat...", "ALL "]);
});

test("impossible and taken names are refused and asked for again", () => {
  const rig = new Rig();
  rig.enter("open-chat", "Alice");
  const other = rig.connect("open-chat");
  for (const name of ["ALL", "alice", "a b", "a,b", "show", "x".repeat(33)]) {
    other.say(name);
    const [told, ...more] = other.heard();
    expect([name, told?.endsWith("Send a name:"), more]).toEqual([name, true, []]);
  }
  other.say("Bob");
  expect(other.heard()).toEqual(["Bob has joined the chat!", "ALL Alice "]);
});

test("the server's terminal", () => {
  const rig = new Rig();
  const alice = rig.enter("open-chat", "Alice");
  alice.say("{quit}");
  expect(rig.log[0]).toMatch(
    /^\[CONNECTION\] \('127\.0\.0\.1', 40001\) connected to the server at \d+(\.\d+)?$/,
  );
  expect(rig.log).toContain("[DISCONNECTED] Alice disconnected");
});

test("a client that sends lines receives lines", () => {
  const rig = new Rig();
  const alice = rig.enter("open-chat", "Alice", true);
  alice.say("hi", "show");
  expect(alice.heard().join("")).toBe("Alice has joined the chat!\nALL \nAlice: hi\nALL \n");
});

test("nobody can forge a line with control characters", () => {
  const { alice, bob } = threePeople();
  alice.say("hi\r\nCarol: forged\u001b[2J");
  expect(bob.heard()).toEqual(["Alice: hi Carol: forged"]);
  alice.heard();
  alice.say("~Bob a\nb");
  expect(bob.heard()).toEqual(["Alice: (PRIVATE)  a b"]);
});
