// The walls between folders: each way out of a pure folder (a socket, the clock, the disk,
// randomness, another layer) is a lint error. Tested with one offending file per folder and way,
// linted with the project's own configuration.

import { beforeAll, describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { testFolder } from "./test-folder.ts";

const root = join(import.meta.dir, "..");

/** Code that must be forbidden in a pure folder, and the rule that forbids it. */
const offences: Readonly<Record<string, readonly [code: string, rule: string]>> = {
  "disk by node": ['import { readFileSync } from "node:fs";\nexport { readFileSync };', "imports"],
  "disk by its old name": ['import fs from "fs";\nexport { fs };', "imports"],
  "an export from it": ['export * from "node:net";', "imports"],
  "a lazy import": ['export const open = () => import("node:dgram");', "imports"],
  require: ['export const fs = require("node:fs");', "globals"],
  "Bun's module": ['import { serve } from "bun";\nexport { serve };', "imports"],
  "Bun's SQLite": ['import { Database } from "bun:sqlite";\nexport { Database };', "imports"],
  "a library": ['import consola from "consola";\nexport { consola };', "imports"],
  "the net layer": ['import { steadyMs } from "../io/clock.ts";\nexport { steadyMs };', "imports"],
  "a part of it": [
    'import { Pull } from "../files/download-attempt.ts";\nexport { Pull };',
    "imports",
  ],
  "the store": ['import { openStore } from "../store/open.ts";\nexport { openStore };', "imports"],
  "a command": [
    'import server from "../cli/cli/commands/server.ts";\nexport { server };',
    "imports",
  ],
  "the terminal": ['import { say } from "../terminal/diagnostics.ts";\nexport { say };', "imports"],
  "the page": ['import { start } from "../page/main.ts";\nexport { start };', "imports"],
  Bun: ["export const file = () => Bun.file('x');", "globals"],
  process: ["export const pid = () => process.pid;", "globals"],
  console: ["export const log = () => console.log('x');", "globals"],
  "the time": ["export const now = () => Date.now();", "globals"],
  "a date": ["export const today = () => new Date();", "globals"],
  performance: ["export const now = () => performance.now();", "globals"],
  setTimeout: ["export const later = (f: () => void) => setTimeout(f, 1);", "globals"],
  setInterval: ["export const often = (f: () => void) => setInterval(f, 1);", "globals"],
  setImmediate: ["export const next = (f: () => void) => setImmediate(f);", "globals"],
  queueMicrotask: ["export const soon = (f: () => void) => queueMicrotask(f);", "globals"],
  "a deadline": ["export const deadline = () => AbortSignal.timeout(1);", "properties"],
  chance: ["export const dice = () => Math.random();", "properties"],
  "chance, unpacked": ["const { random } = Math;\nexport { random };", "properties"],
  crypto: ["export const id = () => crypto.randomUUID();", "globals"],
  fetch: ["export const page = () => fetch('http://x');", "globals"],
  WebSocket: ["export const socket = () => new WebSocket('ws://x');", "globals"],
  "globalThis, around all of it": ["export const now = () => globalThis.Date.now();", "globals"],
  "global, around all of it": ["export const now = () => global.Date.now();", "globals"],
};

const pureFolders = ["dialects", "chat", "cpp", "transfer", "client", "protocol", "trust"];
const pureFiles = [
  "src/addresses.ts",
  "src/bounded-map.ts",
  "src/bytes.ts",
  "src/errors.ts",
  "src/free-buffer.ts",
  "src/limits.ts",
  "src/line-splitter.ts",
  "src/log.ts",
  "src/nearest-word.ts",
  "src/size-text.ts",
  "src/text.ts",
];

const innocent = `import { message } from "../limits.ts";

/** Time and randomness are parameters. */
export function due(nowMs: number, random: () => number): number {
  return nowMs + Math.floor(random() * message.maxTextChars);
}
`;

type Complaint = { rule: string; file: string };
let complaints: Complaint[] = [];
const folder = testFolder("walls");

function place(path: string, code: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), code);
}

function fileName(pure: string, what: string): string {
  return `src/${pure}/${what.replaceAll(/\W+/g, "-")}.ts`;
}

beforeAll(async () => {
  copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  for (const pure of pureFolders) {
    place(fileName(pure, "innocent"), innocent);
    for (const [what, [code]] of Object.entries(offences)) place(fileName(pure, what), `${code}\n`);
  }
  for (const path of pureFiles) place(path, "export const now = () => Date.now();\n");
  place("src/io/innocent.ts", 'import { hostname } from "node:os";\nexport { hostname };\n');
  place("src/io/clock.ts", "export const now = () => Date.now() + Math.random();\n");
  place("src/io/vast.ts", "export const line = [\n" + "  1,\n".repeat(510) + "];\n");
  place("src/io/egg.ts", 'import type { Hen } from "./hen.ts";\nexport type Egg = { of: Hen };\n');
  place(
    "src/io/hen.ts",
    'import type { Egg } from "./egg.ts";\nexport type Hen = { from: Egg };\n',
  );
  place("src/io/careless.ts", "export const x = (y: any): string => y;\n");
  complaints = await lint();
});

async function lint(): Promise<Complaint[]> {
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
  const child = Bun.spawn([process.execPath, oxlint, "--format", "json"], {
    cwd: folder,
    stdout: "pipe",
  });
  const { diagnostics } = (await new Response(child.stdout).json()) as {
    diagnostics: { code: string; filename: string }[];
  };
  return diagnostics.map(({ code, filename }) => ({ rule: code, file: filename }));
}

function rulesFor(path: string): string[] {
  return complaints.filter(({ file }) => file.endsWith(path)).map(({ rule }) => rule);
}

describe.each(pureFolders)("src/%s", (pure) => {
  test.each(Object.keys(offences))("%s is a lint error", (what) => {
    const [, rule] = offences[what] ?? ["", ""];
    expect(rulesFor(fileName(pure, what))).toContain(`eslint(no-restricted-${rule})`);
  });

  test("code with time and randomness as parameters is not an error", () => {
    expect(rulesFor(fileName(pure, "innocent"))).toEqual([]);
  });
});

test.each(pureFiles)("%s is as pure", (path) => {
  expect(rulesFor(path)).toContain("eslint(no-restricted-globals)");
});

test("impure folders may do I/O", () => {
  expect(rulesFor("src/io/innocent.ts")).toEqual([]);
  expect(rulesFor("src/io/clock.ts")).toEqual([]);
});

test("files that import each other are an error, even if they import only types", () => {
  expect(rulesFor("src/io/egg.ts")).toContain("import(no-cycle)");
  expect(rulesFor("src/io/hen.ts")).toContain("import(no-cycle)");
});

// The lint rule does not follow `import()`.
test("no files import each other, not even through an import() at run time", () => {
  const imported = /(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g;
  const importsOf = new Map<string, string[]>();
  for (const path of new Glob("**/*.ts").scanSync({ cwd: join(root, "src"), absolute: true })) {
    const found = readFileSync(path, "utf8").matchAll(imported);
    importsOf.set(
      path,
      Array.from(found, ([, to = ""]) => join(dirname(path), to)),
    );
  }
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" → "));
    if (way.includes(path) || done.has(path)) return;
    for (const to of importsOf.get(path) ?? []) follow(to, [...way, path]);
    done.add(path);
  };
  for (const path of importsOf.keys()) follow(path, []);
  expect(importsOf.size).toBeGreaterThan(500);
  expect(circles).toEqual([]);
});

test("files of more than 500 lines and `any` are errors everywhere", () => {
  expect(rulesFor("src/io/vast.ts")).toContain("eslint(max-lines)");
  expect(rulesFor("src/io/careless.ts")).toContain("typescript(no-explicit-any)");
});

test("no comment in src or tests switches a rule or the type checker off", async () => {
  const found: string[] = [];
  for await (const path of new Bun.Glob("{src,tests}/**/*.ts").scan(root)) {
    if (path.endsWith("walls.test.ts")) continue;
    const text = await Bun.file(join(root, path)).text();
    if (/(?:ox|es)lint-disable|@ts-(?:ignore|nocheck|expect-error)/.test(text)) found.push(path);
  }
  expect(found).toEqual([]);
});
