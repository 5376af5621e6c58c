// What comes from stdin is kept on the disk, and not in memory.

import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { testFolder } from "../test-folder.ts";

const mebibytes = 64;

/** Spools its stdin; prints the file's path, and how many buffers it has kept. */
const program = `
  import { heapStats } from "bun:jsc";
  import { withStdin } from ${JSON.stringify(Bun.resolveSync("../../src/terminal/stdin-file.ts", import.meta.dir))};
  const { promise } = Promise.withResolvers();
  const { paths } = await withStdin(["-"], undefined, promise);
  Bun.gc(true);
  console.log(JSON.stringify([paths[0], heapStats().objectTypeCounts.Uint8Array ?? 0]));
`;

test("nothing of stdin stays in memory once it is in its file", async () => {
  const child = Bun.spawn([process.execPath, "-e", program], {
    env: { ...process.env, TMPDIR: testFolder("stdin") },
    stdin: new Uint8Array(mebibytes << 20),
    stderr: "inherit",
  });
  const [path, kept] = JSON.parse(await new Response(child.stdout).text());
  expect(statSync(path).size).toBe(mebibytes << 20);
  expect(kept).toBeLessThan(64);
});
