// The JIT hints cover every module, class and function of the transfer, including new ones.

import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";
import { hotFunctions, socketModules } from "../../src/io/jit-hints.ts";
import * as transferModules from "../../src/transfer/modules.ts";

const folder = join(import.meta.dir, "../../src/transfer");

test("covers every function and class that a file of src/transfer exports", async () => {
  const hot = hotFunctions(transferModules);
  const missing: string[] = [];
  let seen = 0;
  for await (const file of new Glob("**/*.ts").scan(folder)) {
    // The layout of a tree is computed once per tree, not per datagram.
    if (file === "modules.ts" || file.startsWith("tree/")) continue;
    const module: Record<string, object> = await import(join(folder, file));
    for (const [name, exported] of Object.entries(module)) {
      for (const one of hotFunctions({ file: { exported } })) {
        seen++;
        if (!hot.has(one))
          missing.push(`${file}: ${name}: add the file to src/transfer/modules.ts`);
      }
    }
  }
  expect(missing).toEqual([]);
  expect(seen).toBeGreaterThan(100);
});

test("covers what a server's socket does for each datagram that it forwards", () => {
  const names = [...hotFunctions(socketModules)].map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["read", "visit", "pathOf", "add"]));
});

test("finds methods, accessors and functions, but no constructor", () => {
  class Machine {
    get value(): number {
      return 1;
    }
    poll(): number {
      return 2;
    }
  }
  const found = hotFunctions({ module: { Machine, hotFunctions, limit: 7 } });
  expect([...found].map(({ name }) => name)).toEqual(["get value", "poll", "hotFunctions"]);
});
