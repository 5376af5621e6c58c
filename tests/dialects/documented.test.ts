// Every dialect is documented: it has a row with its port, and a section, in docs/dialects.md.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { dialects } from "../../src/dialects/table.ts";

const text = await Bun.file(join(import.meta.dir, "../../docs/dialects.md")).text();

test.each(Object.entries(dialects))("%s is in docs/dialects.md", (name, entry) => {
  const row = text.split("\n").find((line) => line.startsWith(`| \`${name}\` `)) ?? "";
  for (const transport of entry.transport.split("+")) expect(row).toContain(transport);
  if (entry.classicPort !== undefined) expect(row).toContain(String(entry.classicPort));
  expect(text).toContain(`\n## ${name}\n`);
});

test("a dialect goes by its name in the table", () => {
  for (const [name, entry] of Object.entries(dialects)) {
    if (entry.transport !== "udp") expect(entry.dialect.name).toBe(name);
    if (entry.transport !== "tcp") expect(entry.datagram.name).toBe(name);
  }
});
