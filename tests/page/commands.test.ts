// Parsing of typed lines: nothing that begins with `/` is sent by mistake. No browser.

import { expect, test } from "bun:test";
import { assert, property, string } from "fast-check";
import { directoryText, peopleText } from "../../src/page/command-output.ts";
import { helpText, isCommand, readComposed } from "../../src/page/commands.ts";
import { initialState, newRoom } from "../../src/page/state.ts";

test("a line that begins with / is a command", () => {
  expect(readComposed("/who")).toEqual({ do: "who", room: undefined });
  expect(readComposed(" /WHO den")).toEqual({ do: "who", room: "den" });
  expect(readComposed("/join den")).toEqual({ do: "go", room: "den" });
  expect(readComposed("/join den k")).toEqual({ do: "go", room: "den", key: "k" });
  expect(readComposed("/room den")).toEqual({ do: "go", room: "den" });
  expect(readComposed("/room")).toEqual({ do: "go", room: undefined });
  expect(readComposed("/history 50")).toEqual({ do: "history" });
  expect(readComposed("/history 5000")).toEqual({ do: "history" });
  expect(readComposed("/password off")).toEqual({ do: "drop-password" });
  expect(readComposed("/part")).toEqual({ do: "part", room: undefined });
  expect(readComposed("/part den")).toEqual({ do: "part", room: "den" });
  expect(readComposed("/nick Anna")).toEqual({ do: "nick", name: "Anna" });
  expect(readComposed("/register")).toEqual({ do: "register" });
  expect(readComposed("/devices")).toEqual({ do: "devices" });
  expect(readComposed("/devices add")).toEqual({ do: "device-code" });
  expect(readComposed("/devices revoke 11qYAYKx")).toEqual({ do: "revoke", key: "11qYAYKx" });
  expect(readComposed("/send Bob")).toEqual({ do: "send-files", to: "Bob" });
  expect(readComposed("/get a b.txt")).toEqual({ do: "get", name: "a b.txt" });
  expect(readComposed("/msg Bob,Cal see you")).toEqual({
    do: "tell",
    to: ["Bob", "Cal"],
    text: "see you",
  });
});

test("an unknown or misused command is reported and not sent", () => {
  for (const line of ["/usr/bin/env", "/", "/constructor", "/__proto__"]) {
    const command = readComposed(line);
    expect(command.do).toBe("explain");
    expect(command.do === "explain" && command.text).toContain("There is no command");
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
    const command = readComposed(line);
    expect(command.do === "explain" && command.text).toStartWith("Usage: /");
  }
});

test("// sends a line that begins with /", () => {
  expect(readComposed("//usr/bin/env")).toEqual({ do: "say", text: "/usr/bin/env" });
  expect(isCommand("//x")).toBe(false);
});

test("no sent text comes from a line with a single leading /", () => {
  assert(
    property(string(), (rest) => {
      const line = `/${rest}`;
      const isSaid = readComposed(line).do === "say";
      expect(isSaid).toBe(!isCommand(line));
      expect(isSaid).toBe(rest.startsWith("/"));
    }),
  );
});

test("anything else is sent as typed", () => {
  for (const line of ["hello", "  indented", "a/b", "~/.bashrc is broken", "show"]) {
    expect(readComposed(line)).toEqual({ do: "say", text: line });
  }
});

test("the help says what one command does", () => {
  expect(readComposed("/help me")).toEqual({ do: "help", about: "me" });
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
