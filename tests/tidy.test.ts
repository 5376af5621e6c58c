// Checks beyond the compiler's: leftover marks, files without a top comment, catch-all files,
// machine-specific paths, dead links, unused exports and limits.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as limits from "../src/limits.ts";

const root = join(import.meta.dir, "..");

async function files(pattern: string): Promise<{ path: string; text: string }[]> {
  const found: { path: string; text: string }[] = [];
  for await (const path of new Bun.Glob(pattern).scan({ cwd: root, dot: true })) {
    if (/^(?:node_modules|dist|\.git)\//.test(path) || path === "tests/tidy.test.ts") continue;
    found.push({ path, text: await Bun.file(join(root, path)).text() });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const code = await files("{src,tests}/**/*.ts");
const documents = [...(await files("*.md")), ...(await files("docs/**/*.md"))];
const built = await files("build.ts");
const lock = await files("package-lock.json");
const all = [...code, ...documents, ...(await files("{build.ts,package.json,.ci/run}"))];

function offenders(list: typeof all, offends: (text: string, path: string) => boolean): string[] {
  return list.filter(({ path, text }) => offends(text, path)).map(({ path }) => path);
}

test("no leftover marks, nothing switched off", () => {
  expect(offenders(all, (text) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))).toEqual([]);
  expect(offenders(code, (text) => /\b(?:test|describe)\.only\(/.test(text))).toEqual([]);
  expect(offenders(code, (text) => /\bdebugger;/.test(text))).toEqual([]);
});

test("every file starts with a comment about its content", () => {
  expect(offenders(code, (text) => !/^(?:#!.*\n)?\/[/*]/.test(text))).toEqual([]);
});

test("comments fit into 100 columns (tables and commands excepted), which the formatter leaves to us", () => {
  const tooLong = [...code, ...built].flatMap(({ path, text }) =>
    text
      .split("\n")
      .map((line, i) => ({ line, place: `${path}:${i + 1}` }))
      .filter(({ line }) => line.length > 100 && /^\s*(?:\/\/|\/?\*)(?! {2,})/.test(line))
      .map(({ place }) => place),
  );
  expect(tooLong).toEqual([]);
});

const kebab = /\/[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|contract))?\.ts$/;
const drawer = /\/(?:utils?|helpers?|types|misc|common)\.ts$/;

test("names of files are kebab-case, and no file is a catch-all", () => {
  expect(offenders(code, (_, path) => !kebab.test(path) || drawer.test(path))).toEqual([]);
});

test("no function of src says `any`, and nothing is cast to it", () => {
  const source = code.filter(({ path }) => path.startsWith("src/"));
  expect(offenders(source, (text) => /(?:[:<]|\bas) any\b/.test(text))).toEqual([]);
});

test("nothing else writes to stdout or stderr", () => {
  const others = code.filter(
    ({ path }) => path.startsWith("src/") && path !== "src/terminal/output/output.ts",
  );
  expect(
    offenders(others, (text) => /process\.std(?:out|err)\.write|console\./.test(text)),
  ).toEqual([]);
});

test("every limit is used", () => {
  const used = new Set<string>();
  for (const { text } of code.filter(({ path }) => path.startsWith("src/"))) {
    for (const [, groups = ""] of text.matchAll(/import \{([^}]*)\} from "[./]*\/limits\.ts"/g)) {
      for (const [, group = "", as = group] of groups.matchAll(/(\w+)(?: as (\w+))?/g)) {
        for (const [, name] of text.matchAll(new RegExp(`\\b${as}\\.(\\w+)`, "g")))
          used.add(`${group}.${name}`);
      }
    }
  }
  const all = Object.entries(limits).flatMap(([group, numbers]) =>
    Object.keys(numbers).map((name) => `${group}.${name}`),
  );
  expect(all.filter((name) => !used.has(name))).toEqual([]);
});

test("lines have plain line ends, and files end with one", () => {
  expect(offenders(all, (text) => text.includes("\r\n") || !text.endsWith("\n"))).toEqual([]);
});

test("no machine-specific path, and no registry except the default one", () => {
  const traces = /\/(?:work|home\/[a-z]+)\/(?:main|shared|\.)|\.\.\/shared|\/root\//;
  expect(offenders(all, (text) => traces.test(text))).toEqual([]);
  expect(offenders(lock, (text) => text.includes('"resolved"'))).toEqual([]);
});

test("links between documents have a target", () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map(([, to = ""]) => to)
      .filter((to) => !existsSync(join(root, dirname(path), to)))
      .map((to) => `${path}: ${to}`),
  );
  expect(broken).toEqual([]);
});

/** The anchor of a heading, as derived by GitHub. */
function anchorOf(heading: string): string {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
  return plain.replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
}

test("links to a heading have a target", () => {
  const anchors = new Map(
    documents.map(({ path, text }) => {
      const headings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, one = ""]) => anchorOf(one));
      const marks = Array.from(text.matchAll(/<a id="([^"]+)">/g), ([, id = ""]) => id);
      return [path, new Set([...headings, ...marks])] as const;
    }),
  );
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)]
      .filter(([, to = "", anchor = ""]) => {
        const target = to === "" ? path : join(dirname(path), to);
        return anchors.get(target)?.has(anchor) !== true;
      })
      .map(([, to, anchor]) => `${path}: ${to}#${anchor}`),
  );
  expect(broken).toEqual([]);
});

test("the messages of the log are in docs/operation.md", () => {
  const operation = documents.find(({ path }) => path === "docs/operation.md")?.text ?? "";
  const logged = /\blog\.info\(\s*"([^"]+)"|\blogAct\([^"()]*"([^"]+)"/g;
  const messages = code
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ text }) => Array.from(text.matchAll(logged), ([, event, act]) => event ?? act));
  expect(messages.length).toBeGreaterThan(30);
  expect(messages.filter((message) => !operation.includes(`\`${message}\``))).toEqual([]);
});

test("files and folders named in documents exist", () => {
  const named = /`((?:src|tests|docs)\/[\w./-]+?)`/g;
  const missing = documents.flatMap(({ path, text }) =>
    [...text.matchAll(named)]
      .map(([, to = ""]) => to)
      .filter((to) => !existsSync(join(root, to)))
      .map((to) => `${path}: ${to}`),
  );
  expect(missing).toEqual([]);
});

test("every export of src is imported somewhere", () => {
  const named =
    /(?:import|export) (?:type )?\{([^}]*)\} from "([^"]+)"|\{([^{}]*)\} = await import\("([^"]+)"\)/g;
  const imported = new Set<string>();
  for (const { path, text } of [...code, ...built]) {
    for (const [, names, from, lateNames, lateFrom] of text.matchAll(named)) {
      const file = join(dirname(path), from ?? lateFrom ?? "");
      for (const name of (names ?? lateNames ?? "").split(",")) {
        imported.add(`${file} ${/(?:type )?(\w+)/.exec(name.trim())?.[1]}`);
      }
    }
    for (const [, space = "", from = ""] of text.matchAll(/import \* as (\w+) from "([^"]+)"/g)) {
      for (const [, name] of text.matchAll(new RegExp(`\\b${space}\\.(\\w+)`, "g"))) {
        imported.add(`${join(dirname(path), from)} ${name}`);
      }
    }
  }
  const exported = /^export (?:async )?(?:function\*?|class|const|let) (\w+)/gm;
  const unused = code
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, text }) =>
      Array.from(text.matchAll(exported), ([, name]) => `${path} ${name}`),
    )
    .filter((entry) => !imported.has(entry));
  expect(unused).toEqual([]);
});
