// Every dialect is documented: it has a row with its port, and a section, in docs/dialects.md.

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { ChatState } from "../../src/chat/events.ts";
import { emoteText } from "../../src/dialects/emote.ts";
import { roomSentence } from "../../src/dialects/room-sentences.ts";
import { sentence } from "../../src/dialects/sentences.ts";
import { dialects } from "../../src/dialects/table.ts";

const text = await Bun.file(join(import.meta.dir, "../../docs/dialects.md")).text();

const chatStates: readonly ChatState[] = ["asked", "busy", "started", "rejected", "left", "lost"];

test.each(Object.entries(dialects))("%s is in docs/dialects.md", (name, entry) => {
  const row = text.split("\n").find((line) => line.startsWith(`| \`${name}\` `)) ?? "";
  for (const transport of entry.transport.split("+")) expect(row).toContain(transport);
  if (entry.classicPort !== undefined) expect(row).toContain(String(entry.classicPort));
  expect(text).toContain(`\n## ${name}\n`);
});

test("notices are documented as they are sent", () => {
  const about = { room: "lobby", author: 1 };
  const away = { type: "away", name: "Alice", ...about } as const;
  const notices = [
    sentence({ type: "topic", room: "lobby", topic: "Rules" }),
    sentence({ type: "topic", room: "lobby", topic: "" }),
    emoteText({ from: "Alice", alias: undefined, text: "waves" }),
    roomSentence({ ...away, away: "lunch" }),
    roomSentence({ ...away, away: undefined }),
    ...chatStates.map((state) => sentence({ type: "chat", state, with: "Ben" })),
  ];
  for (const notice of notices) expect(text).toContain(`\`${notice}\``);
});

test("a dialect goes by its name in the table", () => {
  for (const [name, entry] of Object.entries(dialects)) {
    if (entry.transport !== "udp") expect(entry.dialect.name).toBe(name);
    if (entry.transport !== "tcp") expect(entry.datagram.name).toBe(name);
  }
});
