// Parsing of typed lines: nothing that begins with `/` is sent by mistake. No browser.

import { expect, test } from "bun:test";
import { assert, property, string } from "fast-check";
import { directoryText, peopleText } from "../../src/page/command-output.ts";
import { helpText, isCommand, readLine } from "../../src/page/commands.ts";
import { initialState, newRoom } from "../../src/page/state.ts";

test("a line that begins with / is a command", () => {
  expect(readLine("/who")).toEqual({ type: "who", room: undefined });
  expect(readLine(" /WHO den")).toEqual({ type: "who", room: "den" });
  expect(readLine("/join den")).toEqual({ type: "join", room: "den" });
  expect(readLine("/join den k")).toEqual({ type: "join", room: "den", key: "k" });
  expect(readLine("/room den")).toEqual({ type: "join", room: "den" });
  expect(readLine("/room")).toEqual({ type: "next-room" });
  expect(readLine("/history 50")).toEqual({ type: "history" });
  expect(readLine("/password off")).toEqual({ type: "drop-password" });
  expect(readLine("/part")).toEqual({ type: "part", room: undefined });
  expect(readLine("/part den")).toEqual({ type: "part", room: "den" });
  expect(readLine("/nick Anna")).toEqual({ type: "rename", name: "Anna" });
  expect(readLine("/register")).toEqual({ type: "register" });
  expect(readLine("/devices")).toEqual({ type: "devices" });
  expect(readLine("/devices add")).toEqual({ type: "device-code" });
  expect(readLine("/devices revoke 11qYAYKx")).toEqual({ type: "revoke", key: "11qYAYKx" });
  expect(readLine("/send Bob")).toEqual({ type: "send-files", to: "Bob" });
  expect(readLine("/get a b.txt")).toEqual({ type: "download", name: "a b.txt" });
  expect(readLine("/msg Bob,Cal see you")).toEqual({
    type: "tell",
    to: ["Bob", "Cal"],
    text: "see you",
  });
});

test("an unknown or misused command is reported and not sent", () => {
  for (const line of ["/usr/bin/env", "/", "/constructor", "/__proto__"]) {
    const command = readLine(line);
    expect(command.type).toBe("mistake");
    expect(command.type === "mistake" && command.problem).toContain("There is no command");
  }
  for (const line of [
    "/join",
    "/send",
    "/send Bob plan.pdf",
    "/msg Bob",
    "/nick",
    "/devices drop",
    "/password secret",
  ]) {
    const command = readLine(line);
    expect(command.type === "mistake" && command.problem).toStartWith("Usage: /");
  }
});

test("// sends a line that begins with /", () => {
  expect(readLine("//usr/bin/env")).toEqual({ type: "say", text: "/usr/bin/env" });
  expect(isCommand("//x")).toBe(false);
});

test("no sent text comes from a line with a single leading /", () => {
  assert(
    property(string(), (rest) => {
      const line = `/${rest}`;
      const isSaid = readLine(line).type === "say";
      expect(isSaid).toBe(!isCommand(line));
      expect(isSaid).toBe(rest.startsWith("/"));
    }),
  );
});

test("anything else is sent as typed", () => {
  for (const line of ["hello", "  indented", "a/b", "~/.bashrc is broken", "show"]) {
    expect(readLine(line)).toEqual({ type: "say", text: line });
  }
});

test("the help says what one command does", () => {
  expect(readLine("/help me")).toEqual({ type: "help", about: "me" });
  for (const about of ["me", "/ME"]) expect(helpText(about)).toMatch(/^\/me TEXT – [^\n]+$/);
  expect(helpText("nothing")).toBe(helpText());
});

test("the help lists every command", () => {
  for (const word of ["/join", "/part", "/who", "/quit", "//TEXT"]) {
    expect(helpText()).toContain(`${word}`);
  }
});

test("answers count the entries that they do not list", () => {
  const people = ["Ann", "Bob"];
  expect(peopleText({ ...newRoom("den"), isListed: true, people, peopleTotal: 2 })).toBe(
    "2 people in den: Ann, Bob",
  );
  expect(peopleText({ ...newRoom("den"), isListed: true, people, peopleTotal: 900 })).toBe(
    "900 people in den: Ann, Bob and 898 more",
  );
  expect(directoryText(initialState)).toBe("There are no rooms.");
  const directory = [{ room: "den", members: 2 }];
  expect(directoryText({ ...initialState, directory })).toContain("den (2)");
});
