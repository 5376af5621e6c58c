// Responses of the server as rows that fit the terminal.

import { expect, test } from "bun:test";
import { responseRows } from "../../../src/terminal/client/response-rows.ts";

const area = { columns: 30, width: (text: string) => Bun.stringWidth(text) };
const rooms = { has: () => false, isCurrent: () => false };

test("an operator's answer is wrapped between words, its columns kept; JSON is not", () => {
  const fields = { event: "x", text: "a long text that is wider than the terminal" };
  const rows = [
    { text: "    3 B  2026-11-29  report.pdf  by Ann", fields },
    { fields: { event: "message", text: "wider than the whole terminal" } },
  ];
  const message = "Pass #1 lets one person in until 2026-11-30 11:13 UTC";
  expect(responseRows({ type: "admin", message, rows }, rooms, area)).toEqual([
    "Pass #1 lets one person in",
    "  until 2026-11-30 11:13 UTC",
    "    3 B  2026-11-29",
    "  report.pdf  by Ann",
    '{"event":"message","text":"wider than the whole terminal"}',
  ]);
});

test("a name without devices says so", () => {
  expect(responseRows({ type: "devices", devices: [] }, rooms, area).join("")).toContain(
    "Your name has no device",
  );
});

test("a sentence is wrapped between words", () => {
  expect(responseRows({ type: "password-set", isSet: false }, rooms, area)).toEqual([
    "The password is removed: only",
    "  your devices can log in with",
    "  your name",
  ]);
});
