// Terminals of zero or tiny size, and pastes that are longer than any message.

import assert from "node:assert/strict";
import { Namespace } from "../bed/namespace.ts";
import { Person } from "../bed/person.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { TerminalProgram } from "../bed/terminal.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";

async function clientOn(scope: Scope, columns: number, rows: number) {
  const space = new Namespace(scope, "one");
  await TestServer.start(scope, space, { address: here });
  const bob = await Person.login(space, here, { name: "Bob" });
  const words = [`${here}:${chatPort}`, "--name", "Ann"];
  const ann = TerminalProgram.client(scope, space, words, { columns, rows });
  await bob.line(({ type, name }) => type === "joined" && name === "Ann", "Ann's coming");
  return { ann, bob };
}

world("a terminal that says 0 × 0 is taken for 80 × 24", { needs: ["network"] }, async (scope) => {
  const { ann, bob } = await clientOn(scope, 0, 0);
  const text = "a sentence of some length that has room in one row of most terminals";
  await bob.say(text.slice(0, 60));
  await ann.shows(text.slice(0, 60));
  // Before it is sent: a row of 8 columns would only show its end.
  ann.type("and an answer that is typed");
  await ann.shows("and an answer that is typed");
  ann.type("\r");
  await bob.until(() => bob.texts.includes("and an answer that is typed"), "Ann's answer");
  ann.type("\x04");
  assert.equal(await ann.exit(), 0);
});

world(
  "a terminal of 7 × 3 shows everything and takes everything",
  { needs: ["network"] },
  async (scope) => {
    const { ann, bob } = await clientOn(scope, 7, 3);
    await bob.say("every letter of this arrives");
    await ann.shows(/a\s*r\s*r\s*i\s*v\s*e\s*s/);
    assert.ok(ann.letters.includes("arrives"), ann.text);
    ann.type("typed in seven columns\r");
    await bob.until(() => bob.texts.includes("typed in seven columns"), "what Ann typed");
    ann.type("\x04");
    assert.equal(await ann.exit(), 0);
  },
);

for (const chars of [40_000, 300_000]) {
  world(
    `a paste of ${chars} characters never vanishes without a word`,
    { needs: ["network"] },
    async (scope) => {
      const { ann, bob } = await clientOn(scope, 80, 24);
      await ann.shows("lobby");
      const before = ann.text.length;
      for (let at = 0; at < chars; at += 1_000) ann.type("x".repeat(Math.min(1_000, chars - at)));
      ann.type("\r");
      ann.type("and now this\r");
      await bob.until(() => bob.texts.includes("and now this"), "what was typed after it");
      const arrived = bob.texts.reduce((sum, text) => sum + text.replaceAll(/[^x]/g, "").length, 0);
      if (arrived === chars) return;
      // Bob may hear Ann before her terminal has shown everything.
      const words = (): string => ann.text.slice(before).replaceAll("x", "");
      const isSaid = (): boolean =>
        /too long|at most|longer than|characters|cut|paste/i.test(words());
      await until(isSaid, () => `a word about the paste: ${words()}`);
    },
  );
}
