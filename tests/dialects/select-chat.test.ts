// select-chat at the message level: chosen recipients, lists, private chat by consent.

import { expect, test } from "bun:test";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { message as limits } from "../../src/limits.ts";
import { joined, left, peer, privately, refused, said, sent, welcome } from "./events.ts";

const usage = { type: "reply", text: "use: recipient[,recipient] - message\n" };

function ann() {
  const conversation = selectChat.open(peer);
  expect(conversation.receive("Ann")).toEqual({ type: "login", name: "Ann", assign: true });
  expect(conversation.render(welcome("Ann"))).toBeUndefined();
  return conversation;
}

test("the server speaks first, in two sends", () => {
  expect(selectChat.open(peer).greeting()).toEqual(["welcome to the chat\n", "enter name: "]);
  expect(Buffer.byteLength("welcome to the chat\n")).toBe(20);
});

test("events of the room", () => {
  expect(selectChat.renderRoom(joined("Ann"))).toBe("Ann joined the chat\n");
  expect(selectChat.renderRoom(left("Ann"))).toBe("Ann left the chat\n");
  expect(selectChat.renderRoom(said("Ann", "text"))).toBe("Ann : ALL - text\n");
  expect(selectChat.roster?.render(["Ann", "Ben", "Cal"])("Ben")).toBe("__users__ Ann,Ben,Cal\n");
  expect(selectChat.roster?.when).toEqual({ joined: "before", left: "after", renamed: "after" });
  expect(selectChat.echo).toEqual({ said: false, joined: false });
});

test("a message of the day with several lines is sent line by line", () => {
  const motd = { type: "motd", text: "welcome\nbe kind" } as const;
  expect(ann().render(motd)).toEqual(["welcome\n", "be kind\n"]);
});

test("messages of a client", () => {
  const table: [string, unknown][] = [
    ["Ben,Cal - text", { type: "tell", to: ["Ben", "Cal"], text: "text" }],
    ["Ben, Cal - a - b", { type: "tell", to: ["Ben", "Cal"], text: "a - b" }],
    ["ALL - text", { type: "tell", to: ["ALL"], text: "text" }],
    ["127.0.0.1:5123 - hi", { type: "tell", to: ["127.0.0.1:5123"], text: "hi" }],
    ["Ben", { type: "invite", to: "Ben", ref: "name alone" }],
    ["accept", { type: "accept" }],
    ["Reject", { type: "reject" }],
    ["leave", { type: "leave" }],
    ["EXIT", { type: "quit" }],
    ["hello there", usage],
    ["Ben -text", usage],
    [" - text", usage],
    ["Ben - ", usage],
    [",", usage],
    ["", usage],
  ];
  for (const [message, command] of table) expect(ann().receive(message)).toEqual(command as never);
});

test("an empty name is chosen by the server", () => {
  expect(selectChat.open(peer).receive("")).toEqual({ type: "login", name: "", assign: true });
  expect(selectChat.open(peer).receive("exit")).toEqual({ type: "quit" });
});

test("each recipient sees its own name", () => {
  const ben = selectChat.open(peer);
  ben.receive("Ben");
  ben.render(welcome("Ben"));
  expect(ben.render(privately("Ann", ["Ben", "Cal"], "text"))).toBe("Ann : Ben - text\n");
  expect(ann().render(sent(["Ben"], "text"))).toBeUndefined();
});

test("an unknown recipient is reported, an unknown name alone gets the usage", () => {
  const error = {
    type: "error",
    code: "unknown-user",
    message: "Nobody is called X",
    subject: "X",
  } as const;
  expect(ann().render(error)).toBe("user not found: X\n");
  expect(ann().render({ ...error, ref: "name alone" })).toBe(
    "use: recipient[,recipient] - message\n",
  );
});

test("an excess of recipients is cut to one too many", () => {
  const many = Array.from({ length: 10_000 }, (_, i) => `n${i}`).join(",");
  const command = ann().receive(`${many} - text`);
  expect(command?.type === "tell" && command.to.length).toBe(limits.maxRecipients + 1);
});

test("in a private chat everything typed goes to the partner", () => {
  const conversation = ann();
  expect(conversation.render({ type: "chat", state: "asked", with: "Ben" })).toBe(
    "private chat: Ben has been asked\n",
  );
  expect(conversation.render({ type: "chat", state: "started", with: "Ben" })).toBe(
    "private chat with Ben has started, type leave to end it\n",
  );
  for (const text of ["hi", "Cal - no", "accept", "Ben"]) {
    expect(conversation.receive(text)).toEqual({ type: "say", text, to: "partner" });
  }
  expect(conversation.receive("leave")).toEqual({ type: "leave" });
  expect(conversation.receive("exit")).toEqual({ type: "quit" });
  conversation.render({ type: "chat", state: "lost", with: "Ben" });
  expect(conversation.receive("hi there")).toEqual(usage as never);
});

test("a refused name is asked for again", () => {
  const conversation = selectChat.open(peer);
  conversation.receive("Ann");
  expect(conversation.render(refused("Ann"))).toEqual([
    "The name 'Ann' is taken\n",
    "enter name: ",
  ]);
  expect(conversation.receive("Anna")).toEqual({ type: "login", name: "Anna", assign: true });
});
