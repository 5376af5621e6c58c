// line-chat through the hub, without sockets.

import { expect, test } from "bun:test";
import { Rig } from "./rig.ts";

test("every message begins and ends with a line ending; no echo", () => {
  const rig = new Rig();
  const emil = rig.enter("line-chat", "Emil");
  expect(emil.heard()).toEqual([]);
  const ida = rig.enter("line-chat", "Ida");
  expect(ida.heard()).toEqual([]);
  expect(emil.heard()).toEqual(["\nIda joined the chat:\n"]);
  emil.say("hej");
  expect(emil.heard()).toEqual([]);
  expect(ida.heard()).toEqual(["\nEmil: hej\n"]);
  emil.close();
  expect(ida.heard()).toEqual(["\nEmil left the chat:\n"]);
  expect(rig.log).toEqual(["Emil: hej"]);
});

test("any number of clients", () => {
  const rig = new Rig();
  const people = Array.from({ length: 50 }, (_, i) => rig.enter("line-chat", `p${i}`));
  for (const person of people) person.heard();
  people[0]?.say("hej", "igen");
  expect(people[0]?.heard()).toEqual([]);
  for (const person of people.slice(1)) {
    expect(person.heard().join("")).toBe("\np0: hej\n\np0: igen\n");
  }
});

test("a taken name", () => {
  const rig = new Rig();
  rig.enter("line-chat", "Emil");
  const other = rig.enter("line-chat", "emil");
  expect(other.heard()).toEqual([
    "\nThe name 'emil' is taken: choose another. The next line is your name:\n",
  ]);
  other.say("Ida", "hej");
  expect(other.heard()).toEqual([]);
});
