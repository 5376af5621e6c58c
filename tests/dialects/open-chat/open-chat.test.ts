// open-chat at the message level: its commands, the answers, the lists.

import { expect, test } from "bun:test";
import type { ChatState } from "../../../src/chat/events.ts";
import { openChat, openChatWithHelp } from "../../../src/dialects/open-chat/open-chat.ts";
import { privateChat as limits } from "../../../src/limits.ts";
import {
  joined,
  left,
  names,
  peer,
  privately,
  refused,
  renamed,
  said,
  sent,
  welcome,
} from "../events.ts";

function alice() {
  const conversation = openChat.open(peer);
  expect(conversation.receive("Alice")).toEqual({ type: "login", name: "Alice" });
  expect(conversation.render(welcome("Alice"))).toBeUndefined();
  return conversation;
}

test("events of the room", () => {
  expect(openChat.renderRoom(joined("Alice"))).toBe("Alice has joined the chat!");
  expect(openChat.renderRoom(left("Alice"))).toBe("Alice left the chat...");
  expect(openChat.renderRoom(renamed("OLD", "NEW"))).toBe("OLD changed his name to NEW!");
  expect(openChat.renderRoom(said("Alice", "text"))).toBe("Alice: text");
});

test("messages of a client", () => {
  const table: [string, unknown][] = [
    ["show", { type: "names" }],
    ["show me", { type: "names" }],
    ["shows", { type: "say", text: "shows" }],
    ["I show you", { type: "say", text: "I show you" }],
    ["~Bob hi there", { type: "tell", to: ["Bob"], text: "hi there" }],
    ["get_list_file", { type: "files" }],
    ["download_file a.txt", { type: "download", name: "a.txt" }],
    ["download_file my file.txt", { type: "download", name: "my file.txt" }],
    ["CHANGENAME Alice Eve", { type: "rename", name: "Eve" }],
    ["CHANGENAME alice Eve", { type: "rename", name: "Eve" }],
    ["{quit}", { type: "quit" }],
    ["hello  world ", { type: "say", text: "hello  world " }],
    ["{quit", { type: "say", text: "{quit" }],
    ["", undefined],
    ["accept", { type: "say", text: "accept" }],
    ["leave", { type: "say", text: "leave" }],
  ];
  for (const [message, command] of table)
    expect(alice().receive(message)).toEqual(command as never);
});

test("incomplete commands are refused", () => {
  for (const message of [
    "~",
    "~Bob",
    "~ hi",
    "download_file",
    "CHANGENAME",
    "CHANGENAME Alice",
    "CHANGENAME Alice a b",
  ]) {
    expect(alice().receive(message)).toMatchObject({ type: "invalid", code: "usage" });
  }
});

test("nobody can rename somebody else", () => {
  expect(alice().receive("CHANGENAME Bob Eve")).toMatchObject({ type: "invalid" });
  const conversation = alice();
  conversation.render({ type: "name", name: "Eve", ref: undefined });
  expect(conversation.receive("CHANGENAME Alice Ann")).toMatchObject({ type: "invalid" });
  expect(conversation.receive("CHANGENAME Eve Ann")).toEqual({ type: "rename", name: "Ann" });
});

test("private messages have their two spaces, at both ends", () => {
  expect(alice().render(privately("Bob", ["Alice"], "hi"))).toBe("Bob: (PRIVATE)  hi");
  expect(alice().render(sent(["Bob"], "hi there"))).toBe("from you to Bob: (PRIVATE)  hi there");
});

test("a list names everybody but its reader, each followed by a space", () => {
  const list = openChat.roster!.render(["Alice", "Bob", "Carol"]);
  expect(list("Alice")).toBe("ALL Bob Carol ");
  expect(list("Bob")).toBe("ALL Alice Carol ");
  expect(list("Carol")).toBe("ALL Alice Bob ");
  expect(list("Dan")).toBe("ALL Alice Bob Carol ");
  expect(openChat.roster!.render(["Alice"])("Alice")).toBe("ALL ");
  expect(alice().render(names("Alice", "Bob", "Carol"))).toBe("ALL Bob Carol ");
});

test("files and downloads", () => {
  const files = [
    { name: "a.txt", sizeBytes: 1, modifiedMs: 0 },
    { name: "b.png", sizeBytes: 2, modifiedMs: 0 },
  ];
  expect(alice().render({ type: "files", files, next: undefined, ref: undefined })).toEqual([
    "<CHOOSE_FILE> a.txt b.png ",
  ]);
  expect(alice().render({ type: "files", files, next: "b.png", ref: undefined })).toEqual([
    "<CHOOSE_FILE> a.txt b.png ",
    "The list ends after 2 files: there are more on the server",
  ]);
  expect(alice().render({ type: "download", port: 55_003, sizeBytes: 1234, name: "a.txt" })).toBe(
    "UDP 55003 1234 a.txt",
  );
});

test("a refused name is asked for again", () => {
  const conversation = openChat.open(peer);
  conversation.receive("Alice");
  expect(conversation.render(refused("Alice"))).toBe("The name 'Alice' is taken. Send a name:");
  expect(conversation.receive(" Eve\r")).toEqual({ type: "login", name: "Eve" });
});

test("accept, reject and leave are commands only while they apply", () => {
  const conversation = alice();
  expect(conversation.render({ type: "chat", state: "invited", with: "Ann" })).toBe(
    "private chat: Ann asks you, type accept or reject",
  );
  expect(conversation.receive("leave")).toEqual({ type: "say", text: "leave" });
  expect(conversation.receive("accept")).toEqual({ type: "accept" });
  conversation.render({ type: "chat", state: "started", with: "Ann" });
  expect(conversation.receive("accept")).toEqual({ type: "say", text: "accept", to: "partner" });
  expect(conversation.receive("Leave ")).toEqual({ type: "leave" });
  conversation.render({ type: "chat", state: "left", with: "Ann" });
  expect(conversation.receive("leave")).toEqual({ type: "say", text: "leave" });
});

test("an answer to an invitation that has just been withdrawn is not sent to the room", () => {
  const conversation = alice();
  conversation.render({ type: "chat", state: "invited", with: "Ann" });
  conversation.render({ type: "chat", state: "lost", with: "Ann" });
  expect(conversation.receive("accept", 0)).toEqual({ type: "accept" });
  const late = { type: "say", text: "accept" } as const;
  expect(conversation.receive("accept", limits.withdrawnMs)).toEqual(late);
});

test("an invitation stands while another person answers one's own", () => {
  const conversation = alice();
  const hear = (state: ChatState, name: string) =>
    conversation.render({ type: "chat", state, with: name });
  hear("asked", "Cal");
  hear("invited", "Ann");
  hear("rejected", "Cal");
  expect(conversation.receive("accept")).toEqual({ type: "accept" });
  // By now Ann has another name.
  hear("lost", "Eve");
  expect(conversation.receive("hello", 0)).toEqual({ type: "say", text: "hello" });
  const late = { type: "say", text: "accept" } as const;
  expect(conversation.receive("accept", limits.withdrawnMs)).toEqual(late);
});

test("slash commands are text for its own clients, and answered on the main port", () => {
  expect(alice().receive("/help")).toEqual({ type: "say", text: "/help" });
  const person = openChatWithHelp.open(peer);
  expect(person.receive("/help")).toMatchObject({ type: "reply" });
  expect(person.receive("Alice")).toEqual({ type: "login", name: "Alice" });
  person.render(welcome("Alice"));
  const table: [string, unknown][] = [
    ["/help", { type: "reply", text: expect.stringContaining("~NAME TEXT") }],
    [" /? ", { type: "reply", text: expect.stringContaining("{quit}") }],
    ["/who", { type: "names" }],
    ["/quit", { type: "quit" }],
    ["/me waves", { type: "invalid", code: "usage", message: expect.stringContaining("'/me'") }],
    ["/etc/hosts is broken", { type: "say", text: "/etc/hosts is broken" }],
    ["/ is the root", { type: "say", text: "/ is the root" }],
    ["1 /2", { type: "say", text: "1 /2" }],
  ];
  for (const [message, command] of table) expect(person.receive(message)).toEqual(command as never);
});

test("the server's terminal", () => {
  expect(openChat.terminal?.started?.("127.0.0.1", 55_000)).toBe(
    "[STARTED] Waiting for connections...",
  );
  expect(openChat.terminal?.connected?.(peer, 1_646_241_506_974.9155)).toBe(
    "[CONNECTION] ('127.0.0.1', 52418) connected to the server at 1646241506.9749155",
  );
  expect(openChat.terminal?.gone?.("Alice")).toBe("[DISCONNECTED] Alice disconnected");
});
