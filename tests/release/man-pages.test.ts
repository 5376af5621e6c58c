// The man pages: complete, and without warnings from the programs that display them.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { adminCommands } from "../../src/chat/admin/admin-command.ts";
import { commandModels } from "../../src/cli/command-models.ts";
import { commands } from "../../src/cli/command-table.ts";
import { manPages } from "../../src/release/man-pages.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const models = await commandModels(commands);
const orders = { admin: Object.values(adminCommands) };
const pages = manPages(models, orders, { version: "1.2.3", date: "2026-01-31" });
const unescaped = (text: string) => text.replaceAll(String.raw`\-`, "-");

test("there is a page for each command, which lists each of its flags", () => {
  expect(pages.map(({ file }) => file)).toEqual([
    "parley.1",
    ...models.map(({ name }) => `parley-${name}.1`),
  ]);
  for (const { name, flags } of models) {
    const text = unescaped(pages.find(({ file }) => file === `parley-${name}.1`)?.text ?? "");
    expect(flags.map(({ long }) => long).filter((flag) => !text.includes(flag))).toEqual([]);
  }
  const admin = unescaped(pages.find(({ file }) => file === "parley-admin.1")?.text ?? "");
  expect(Object.keys(adminCommands).filter((order) => !admin.includes(order))).toEqual([]);
});

/** A program's warnings about all pages. */
function warnings(command: readonly string[], env: Record<string, string> = {}): string {
  const folder = testFolder("man");
  for (const { file, text } of pages) writeFileSync(join(folder, file), text);
  return pages
    .map(({ file }) => {
      const words = [...command, join(folder, file)];
      const { stdout, stderr } = Bun.spawnSync(words, { env: { ...process.env, ...env } });
      return stderr.toString() + (command[0] === "mandoc" ? stdout.toString() : "");
    })
    .join("");
}

skipUnless(Bun.which("man") !== null, "man is not installed")("man --warnings has none", () => {
  expect(warnings(["man", "--warnings", "-l"], { LC_ALL: "C.UTF-8", MANWIDTH: "80" })).toBe("");
});

skipUnless(Bun.which("mandoc") !== null, "mandoc is not installed")(
  "mandoc -T lint has none",
  () => {
    expect(warnings(["mandoc", "-T", "lint", "-W", "all"])).toBe("");
  },
);
