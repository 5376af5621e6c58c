// The kind of a message travels with it: live, in a run, in the history, and in a private message.

import { expect, test } from "bun:test";
import { native, Rig } from "./rig.ts";

function room() {
  const rig = new Rig();
  const [ann, bob] = ["Ann", "Bob"].map((name) => {
    const client = rig.client(native);
    client.send({ type: "hello", version: 2, name, runs: name === "Bob" });
    return client;
  });
  ann!.text();
  bob!.text();
  return { ann: ann!, bob: bob! };
}

const emote = (text: string) => ({ type: "say", text, kind: "emote" });

const kinds = (lines: Record<string, unknown>[]) =>
  lines.map(({ text, texts, kind }) => [text ?? texts, kind]);

test("an emote is an emote for everyone, including its author", () => {
  const { ann, bob } = room();
  ann.send({ type: "say", text: "waves", kind: "emote" });
  expect(kinds(ann.lines())).toEqual([["waves", "emote"]]);
  expect(kinds(bob.lines())).toEqual([["waves", "emote"]]);
});

test("messages and emotes are not one run", () => {
  const { ann, bob } = room();
  ann.queue({ type: "say", text: "hi" }, emote("waves"), emote("sits"), {
    type: "say",
    text: "bye",
  });
  ann.send();
  expect(kinds(bob.lines())).toEqual([
    ["hi", undefined],
    [["waves", "sits"], "emote"],
    ["bye", undefined],
  ]);
});

test("the history keeps the kind", () => {
  const { ann, bob } = room();
  ann.send({ type: "say", text: "done", kind: "notice" }, { type: "say", text: "hi" });
  bob.text();
  bob.send({ type: "history", room: "lobby", limit: 2 });
  const [{ messages }] = bob.lines() as [{ messages: Record<string, unknown>[] }];
  expect(kinds(messages)).toEqual([
    ["done", "notice"],
    ["hi", undefined],
  ]);
});

test("a private message has a kind too", () => {
  const { ann, bob } = room();
  ann.send({ type: "tell", to: ["Bob"], text: "winks", kind: "emote" });
  expect(kinds(bob.lines())).toEqual([["winks", "emote"]]);
});

test("an unknown kind is treated as a plain message", () => {
  const { ann, bob } = room();
  ann.send({ type: "say", text: "hi", kind: "shout" });
  expect(kinds(bob.lines())).toEqual([["hi", undefined]]);
});
