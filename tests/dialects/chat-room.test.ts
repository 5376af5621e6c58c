// chat-room at the message level: handles, names in front of lines, the two lines for a newcomer.

import { expect, test } from "bun:test";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { joined, left, peer, privately, refused, said, sent, welcome } from "./events.ts";

function ann() {
  const conversation = chatRoom.open(peer);
  expect(conversation.greeting()).toEqual(["Please, Enter Your ig name"]);
  expect(conversation.receive(":Ann:annie")).toEqual({
    type: "login",
    name: "annie",
    alias: "Ann",
  });
  expect(conversation.render(welcome("annie", "Ann"))).toBe("new user :Ann:annie connected!\n");
  return conversation;
}

test("events of the room", () => {
  expect(chatRoom.renderRoom(joined("annie", "Ann"))).toBe("new user :Ann:annie joined \n");
  expect(chatRoom.renderRoom(left("annie", "Ann"))).toBe(":Ann:annie left chat");
  expect(chatRoom.renderRoom(said("annie", "text", "Ann"))).toBe(":Ann:text");
});

test("users of other dialects have one name", () => {
  expect(chatRoom.renderRoom(joined("Alice"))).toBe("new user :Alice:Alice joined \n");
  expect(chatRoom.renderRoom(left("Alice"))).toBe(":Alice:Alice left chat");
  expect(chatRoom.renderRoom(said("Alice", "text"))).toBe(":Alice:text");
});

test("a line loses only the prefix that its own client adds", () => {
  expect(ann().receive(":Ann:hello: you")).toEqual({ type: "say", text: "hello: you" });
  expect(ann().receive("no prefix")).toEqual({ type: "say", text: "no prefix" });
  expect(ann().receive(":Bob:forged")).toEqual({ type: "say", text: ":Bob:forged" });
  expect(ann().receive(":Ann:")).toBeUndefined();
});

test("an empty name is none; the hub decides whether another one can be shown", () => {
  for (const login of ["::annie", ": :annie", "annie"]) {
    expect(chatRoom.open(peer).receive(login)).toEqual({ type: "login", name: "annie" });
  }
  for (const alias of ["Bob, says", "ALL", "\u001b[2J"]) {
    const login = { type: "login", name: "annie", alias } as const;
    expect(chatRoom.open(peer).receive(`:${alias}:annie`)).toEqual(login);
  }
  const conversation = chatRoom.open(peer);
  conversation.receive(":Bob, says:annie");
  expect(conversation.receive(":Bob, says:hi")).toEqual({ type: "say", text: "hi" });
});

test("a name may have several words", () => {
  const conversation = chatRoom.open(peer);
  const login = { type: "login", name: "annie", alias: "Anna Maria" } as const;
  expect(conversation.receive(":Anna Maria:annie")).toEqual(login);
  expect(conversation.receive(":Anna Maria:hi")).toEqual({ type: "say", text: "hi" });
});

test("a taken handle is refused with a reason and asked for again", () => {
  const conversation = chatRoom.open(peer);
  conversation.receive(":Ann:annie");
  expect(conversation.render(refused("annie"))).toEqual([
    "The name 'annie' is taken\n",
    "Please, Enter Your ig name",
  ]);
  expect(conversation.receive(":Ann:ann2")).toEqual({ type: "login", name: "ann2", alias: "Ann" });
});

test("private messages of other dialects", () => {
  expect(ann().render(privately("Bob", ["annie"], "psst"))).toBe(":Bob:(private) psst");
  expect(ann().render(sent(["Bob"], "psst", true))).toBe(":Ann:(private, to Bob) psst");
});

test("the server's terminal", () => {
  expect(chatRoom.terminal?.connected?.({ address: "127.0.0.1", port: 37_390 }, 0)).toBe(
    "Connected ('127.0.0.1', 37390)",
  );
  expect(chatRoom.terminal?.named?.("annie", "Ann")).toBe("new user name is :Ann:annie!");
});
