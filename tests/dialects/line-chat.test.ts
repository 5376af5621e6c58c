// line-chat at the message level.

import { expect, test } from "bun:test";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { joined, left, peer, privately, refused, renamed, said, sent, welcome } from "./events.ts";

test("every message begins and ends with a line ending", () => {
  expect(lineChat.renderRoom(joined("Emil"))).toBe("\nEmil joined the chat:\n");
  expect(lineChat.renderRoom(said("Emil", "hej"))).toBe("\nEmil: hej\n");
  expect(lineChat.renderRoom(left("Emil"))).toBe("\nEmil left the chat:\n");
  expect(lineChat.renderRoom(renamed("Emil", "Ida"))).toBe("\nEmil is called Ida now:\n");
});

test("one's own lines and joining are not echoed", () => {
  expect(lineChat.echo).toEqual({ said: false, joined: false });
});

test("the first line is the name, later ones are messages", () => {
  const emil = lineChat.open(peer);
  expect(emil.greeting()).toEqual([]);
  expect(emil.receive("Emil")).toEqual({ type: "login", name: "Emil" });
  expect(emil.render(welcome("Emil"))).toBeUndefined();
  expect(emil.receive("hej")).toEqual({ type: "say", text: "hej" });
  expect(emil.receive("")).toBeUndefined();
  expect(emil.receive("{quit}")).toEqual({ type: "say", text: "{quit}" });
});

test("private messages of other dialects", () => {
  const emil = lineChat.open(peer);
  expect(emil.render(privately("Ann", ["Emil"], "psst"))).toBe("\nAnn (private): psst\n");
  expect(emil.render(sent(["Ann"], "psst", true))).toBeUndefined();
});

test("an emote is a line without a colon", () => {
  const waves = { ...said("Emil", "waves"), kind: "emote" as const };
  expect(lineChat.renderRoom(waves)).toBe("\n* Emil waves\n");
  const privateWaves = { ...privately("Ann", ["Emil"], "waves"), kind: "emote" as const };
  const emil = lineChat.open(peer);
  expect(emil.render(privateWaves)).toBe("\nAnn (private): * Ann waves\n");
});

test("a refused name is asked for again", () => {
  const emil = lineChat.open(peer);
  emil.receive("Emil");
  expect(emil.render(refused("Emil"))).toBe(
    "\nThe name 'Emil' is taken. The next line is your name:\n",
  );
  expect(emil.receive("Ida")).toEqual({ type: "login", name: "Ida" });
});

test("the server's terminal", () => {
  expect(lineChat.terminal?.started?.("127.0.0.1", 1234)).toBe(
    "Server now running on ip: 127.0.0.1:1234",
  );
  expect(lineChat.terminal?.said?.("Emil", "hej")).toBe("Emil: hej");
});
