// Fuzzes every dialect but the native one with every truncation of its own messages and 100 000
// hostile ones: no throw, no hang, no growth, and no command that the hub can't handle.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { PersonalEvent, Received } from "../../src/chat/events.ts";
import type { Conversation, Dialect } from "../../src/chat/dialect.ts";
import { readDownloadRequest } from "../../src/dialects/open-chat/download.ts";
import { dialects } from "../../src/dialects/table.ts";
import { message as limits } from "../../src/limits.ts";
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
} from "./events.ts";
import { cpuMsOf } from "../cpu-time.ts";
import { anyCharacter } from "../any-character.ts";

const tcp: Dialect[] = Object.values(dialects).flatMap((entry) =>
  entry.transport === "udp" ? [] : [entry.dialect],
);
const datagram = Object.values(dialects).flatMap((entry) =>
  entry.transport === "tcp" ? [] : [entry.datagram],
);
const now = { year: 2023, month: 2, day: 2, hour: 4, minute: 6, second: 21 };

const own = [
  "Alice",
  "show",
  "~Bob hi there",
  "get_list_file",
  "download_file a.txt",
  "CHANGENAME Alice Eve",
  "{quit}",
  ":Ann:annie",
  ":Ann:text: more",
  "Ben,Cal - text",
  "ALL - text",
  "accept",
  "reject",
  "leave",
  "exit",
  "q",
  "Knock knock..",
  "3.24 - -45e5",
  "SEND_DATE",
  "SEND_TIME",
  "part 482",
  "finished",
];

const hostile = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom(...own, " ", ",", ":", "~", " - ", "\u001b[2J", "\n", "é", "\ud800"),
    maxLength: 6,
  }),
  fc.constantFrom(...own),
);

const events: PersonalEvent[] = [
  welcome("Alice", "Ann"),
  refused("Alice"),
  privately("Bob", ["Alice"], "hi"),
  sent(["Bob"], "hi", true),
  names("Alice", "Bob"),
  { type: "chat", state: "invited", with: "Bob" },
  { type: "chat", state: "started", with: "Bob" },
  { type: "chat", state: "left", with: "Bob" },
  { type: "error", code: "unknown-user", message: "Nobody is called X", subject: "X" },
  { type: "name", name: "Eve", ref: undefined },
  { type: "bye", reason: "the server stops" },
  { type: "ping" },
];

/** A command must not contain more than the input. */
function checkCommand(command: Received | undefined, message: string): void {
  if (command === undefined) return;
  if (command.type === "sequence") {
    for (const one of command.commands) checkCommand(one, message);
    return;
  }
  const size = JSON.stringify(command).length;
  expect(size).toBeLessThan(300 + 6 * message.length);
  if (command.type === "tell")
    expect(command.to.length).toBeLessThanOrEqual(limits.maxRecipients + 1);
}

function feed(conversation: Conversation, message: string): void {
  checkCommand(conversation.receive(message), message);
}

test("every truncation of every message, first and later", () => {
  for (const dialect of tcp) {
    for (const message of own) {
      for (let end = 0; end <= message.length; end++) {
        const conversation = dialect.open(peer);
        conversation.greeting();
        feed(conversation, message.slice(0, end));
        conversation.render(welcome("Alice"));
        feed(conversation, message.slice(0, end));
        feed(conversation, message);
      }
    }
  }
});

test("80 000 messages and events in any order", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: hostile },
    { weight: 1, arbitrary: fc.constantFrom(...events) },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...tcp),
      fc.array(step, { minLength: 8, maxLength: 8 }),
      (dialect, steps) => {
        const conversation = dialect.open(peer);
        for (const one of steps) {
          if (typeof one === "string") feed(conversation, one);
          else conversation.render(one);
        }
      },
    ),
    { numRuns: 10_000 },
  );
});

test("20 000 datagrams", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      for (const dialect of datagram)
        expect(dialect.answer(text, now)?.text.length ?? 0).toBeLessThan(20);
      readDownloadRequest(new TextEncoder().encode(text));
    }),
    { numRuns: 20_000 },
  );
});

test("the longest input is read quickly", () => {
  const units = ["a", " ", ",", ":", "~", " - ", "1", "1_", "é", "\u001b", "a,"];
  for (const dialect of tcp) {
    for (const unit of units) {
      const long = unit.repeat(limits.maxLineBytes / Buffer.byteLength(unit));
      const conversation = dialect.open(peer);
      const cpuMs = cpuMsOf(() => {
        for (const prefix of ["", "", "~", "show ", "CHANGENAME Alice ", ":"])
          feed(conversation, prefix + long);
      });
      expect(cpuMs).toBeLessThan(500);
    }
  }
});

test("every dialect renders every room event, or leaves it out", () => {
  for (const dialect of tcp) {
    for (const event of [said("Bob", "hi"), joined("Bob"), left("Bob"), renamed("Bob", "Rob")]) {
      const text = dialect.renderRoom(event);
      if (dialect.name === "greeting" || dialect.name === "calculator")
        expect(text).toBeUndefined();
      else expect(text).toContain("Bob");
    }
  }
});
