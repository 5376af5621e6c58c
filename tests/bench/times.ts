// Judges the times that tests measure (tests/times.ts), one file after another, then those of the
// test bed. Only on a machine that does nothing else.
//
//   bun tests/bench/times.ts             all: about 15 minutes
//   bun tests/bench/times.ts FILTER      the files whose path contains FILTER; `world` is the bed

import { readFileSync } from "node:fs";
import { judging } from "../times.ts";

const root = `${import.meta.dir}/../..`;
const [filter = ""] = process.argv.slice(2);
const env = { ...process.env, [judging]: "1" };
const failed: string[] = [];

async function judge(name: string, ...words: string[]): Promise<void> {
  if (!name.includes(filter)) return;
  console.log(name);
  const command = [process.execPath, ...words];
  const child = Bun.spawn(command, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  if ((await child.exited) !== 0) failed.push(name);
}

const files = [...new Bun.Glob("tests/**/*.test.ts").scanSync(root)].sort();
for (const file of files) {
  if (!/\bnoteTime\(/.test(readFileSync(`${root}/${file}`, "utf8"))) continue;
  await judge(file, "test", "--timeout=180000", file);
}
await judge("tests/world", "tests/world/run.ts", "--jobs", "1");
console.log(failed.length === 0 ? "All in time." : `Too slow, or failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
