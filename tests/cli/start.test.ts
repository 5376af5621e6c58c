// What a command loads before it begins: every kilobyte delays it, on whatever machine.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const source = join(import.meta.dir, "..", "..", "src");

/** Everything that a file imports without being asked to, directly or not. */
function loadedBy(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for (const { kind, path } of transpiler.scanImports(readFileSync(file, "utf8"))) {
    if (kind !== "import-statement") continue;
    if (path.startsWith(".") && path.endsWith(".ts")) loadedBy(join(dirname(file), path), found);
    else found.add(path);
  }
  return found;
}

function loaded(command: string): string[] {
  const all = loadedBy(join(source, "cli", "commands", `${command}.ts`));
  return [...all].map((path) => (path.startsWith("/") ? relative(source, path) : path));
}

test.each(["fetch-file", "send-file", "client", "peer", "admin"])(
  "%s needs neither a dialect nor node:net to begin",
  (command) => {
    const found = loaded(command);
    expect(found).toContain("dialects/reserved-names.ts");
    expect(found.filter((path) => path === "dialects/table.ts" || path === "node:net")).toEqual([]);
  },
);

test.each(["fetch-file", "send-file", "client", "admin"])(
  "%s does not load Node's streams to learn whether it is on a terminal",
  (command) => {
    const streams = new Set(["node:tty", "node:stream", "node:tls"]);
    expect(loaded(command).filter((path) => streams.has(path))).toEqual([]);
  },
);

test("fetch-file connects before it loads what receives a file and opens it", () => {
  const found = loaded("fetch-file");
  expect(found).toContain("files/server-source.ts");
  const later = /^transfer\/receiver|download-client|^node:crypto$/;
  expect(found.filter((path) => later.test(path))).toEqual([]);
});

test("send-file and client load what they do once they know what that is", () => {
  const ways = /^(?:handover|codes)\/|^terminal\/(?:pipe\/run-pipe|client\/)/;
  for (const command of ["send-file", "client"]) {
    expect(loaded(command).filter((path) => ways.test(path))).toEqual([]);
  }
});

test("no command loads what only --help and --version need", () => {
  const found = loadedBy(join(source, "cli", "run-command.ts"));
  expect(found).toContain(join(source, "cli", "flags.ts"));
  for (const file of ["command-help.ts", "version-report.ts"]) {
    expect(found).not.toContain(join(source, "cli", file));
  }
});

test("what receives a file loads no database: the lock of a file seldom needs one", () => {
  const found = loadedBy(join(source, "files", "download-client.ts"));
  expect(found).toContain(join(source, "files", "part-lock.ts"));
  expect(found).not.toContain("bun:sqlite");
});
