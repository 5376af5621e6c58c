// Emotes in every text dialect, alone and in runs.

import { expect, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { SaidRun } from "../../src/chat/rooms/said-run.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";

const lobby = { room: "lobby", seq: 1, timeMs: 0, author: 1 };
const run = new SaidRun({ ...lobby, from: "Ann", kind: "emote" }, ["waves"]);
run.push("sits");

const forms: [Dialect, string, string][] = [
  [openChat, "* Ann waves", "* Ann waves\n* Ann sits\n"],
  [selectChat, "* Ann waves\n", "* Ann waves\n* Ann sits\n"],
  [chatRoom, "* Ann waves", "* Ann waves\n* Ann sits\n"],
  [lineChat, "\n* Ann waves\n", "\n* Ann waves\n\n* Ann sits\n"],
];

for (const [dialect, one, all] of forms) {
  test(`${dialect.name} shows an emote without a colon`, () => {
    expect(dialect.renderRoom(run.at(0))).toBe(one);
    expect(dialect.renderRun?.(run)).toBe(all);
  });
}

test("a program's notice looks like a message", () => {
  const notice = new SaidRun({ ...lobby, from: "bot", kind: "notice" }, ["done"]);
  expect(openChat.renderRoom(notice.at(0))).toBe("bot: done");
});

test("chat-room shows the alias, as in messages", () => {
  const emote = new SaidRun({ ...lobby, from: "ann", alias: "Ann", kind: "emote" }, ["waves"]);
  emote.push("sits");
  expect(chatRoom.renderRoom(emote.at(0))).toBe("* Ann waves");
  expect(chatRoom.renderRun?.(emote)).toBe("* Ann waves\n* Ann sits\n");
});
