// The `parley fetch-file photos/` program: odd names, empty folders, links, times, resuming,
// Ctrl-C; and servers that lie.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { chunkHash } from "../../src/io/chunk-cipher.ts";
import { encodeChunks, encodeHead } from "../../src/transfer/journal.ts";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { visitorWelcome } from "../protocol/welcome.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("folder");
const shared = join(base, "FILES");
const odd = [
  "a:b",
  "a\\b",
  "CON",
  "end.",
  " lead",
  "\u00fc",
  "u\u0308",
  "n".repeat(255),
  "line\nend",
  "-rf",
  "A",
  "a",
];
let server: Parley;
let address = "";
let homes = 0;

beforeAll(async () => {
  const tree = join(shared, "tree");
  for (const name of odd) put(join(tree, "odd", name), `content of ${name}`);
  put(join(tree, "sub/deeper/large"), noise(9 << 20));
  put(join(tree, "sub/zero"), "");
  put(join(tree, "sub/.hidden"), "hidden");
  put(join(tree, ".git/config"), "hidden");
  put(join(tree, "sub/run.sh"), "#!/bin/sh\n");
  chmodSync(join(tree, "sub/run.sh"), 0o4755);
  put(join(tree, "sub/private"), "mine");
  chmodSync(join(tree, "sub/private"), 0o600);
  mkdirSync(join(tree, "empty"));
  put(join(shared, "one"), "yes");
  symlinkSync("sub", join(tree, "to-sub"));
  symlinkSync("/etc/passwd", join(tree, "to-passwd"));
  for (let i = 0; i < 300; i++)
    put(join(tree, "many", String(i % 7), `f${i}`), noise(1 + ((i * 977) % 20_000)));
  for (const path of ["empty", "sub", "sub/zero", "sub/run.sh"])
    utimesSync(join(tree, path), 1e9, 1_000_000_000.25);
  server = new Parley("server", "--port", "0", "--no-web", "--files", shared);
  const line = await server.line(/^Server listening on /);
  address = `127.0.0.1:${line.split(":").at(-1)}`;
});

afterAll(() => server[Symbol.asyncDispose]());

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function newHome(): string {
  const path = join(base, `home${++homes}`);
  mkdirSync(path);
  return path;
}

/** The paths, with the content of files; hidden files and links without it. */
function contents(root: string, path = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, path))) {
    const at = join(path, name);
    const stat = lstatSync(join(root, at));
    if (name.startsWith(".") || stat.isSymbolicLink()) continue;
    if (stat.isDirectory()) Object.assign(found, { [`${at}/`]: "" }, contents(root, at));
    else
      found[at] = new Bun.CryptoHasher("sha256").update(readFileSync(join(root, at))).digest("hex");
  }
  return found;
}

type Event = { event: string; [field: string]: unknown };

function events(out: string): Event[] {
  return out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Event]));
}

const tree = join(shared, "tree");

test("fetches files that have just been written", async () => {
  const home = newHome();
  const fresh = join(shared, "fresh");
  for (let i = 0; i < 20; i++) put(join(fresh, `f${i}`), noise(10_000 + i));
  const { code } = await run(["fetch-file", address, "fresh/", "-q", "-o", `${home}/`]);
  expect(code).toBe(0);
  expect(contents(join(home, "fresh"))).toEqual(contents(fresh));
});

test("sends files to a person that have just been written", async () => {
  const home = newHome();
  const fresh = join(base, "fresh");
  for (let i = 0; i < 20; i++) put(join(fresh, `f${i}`), noise(10_000 + i));
  await using bob = new Parley("client", address, "--name", "Bob", "--follow", "--accept", home);
  await bob.says("You are Bob");
  const { code } = await run(["send-file", address, fresh, "--to", "Bob", "--name", "Ann", "-q"]);
  expect(code).toBe(0);
  expect(contents(join(home, "fresh"))).toEqual(contents(fresh));
});

test("fetches a tree with odd names, times, permissions and empty folders", async () => {
  const home = newHome();
  const { code, err } = await run(["fetch-file", address, "tree/", "-o", `${home}/`]);
  expect(err).toContain("2 links left out");
  expect(err).toContain('"tree/to-passwd" is a link: left out'.replaceAll('"', "'"));
  expect(code).toBe(0);
  const saved = join(home, "tree");
  expect(contents(saved)).toEqual(contents(tree));
  expect(readdirSync(saved).filter((name) => name.startsWith("."))).toEqual([]);
  expect(existsSync(join(saved, "sub/.hidden"))).toBe(false);
  const mode = (path: string) => statSync(join(saved, path)).mode & 0o7777;
  expect(mode("sub/run.sh") & 0o4100).toBe(0o100);
  expect(mode("sub/private")).toBe(0o600);
  for (const path of ["empty", "sub", "sub/zero", "sub/run.sh", "many/3/f3", "sub/deeper/large"]) {
    expect([path, statSync(join(saved, path)).mtimeMs]).toEqual([
      path,
      Math.floor(statSync(join(tree, path)).mtimeMs),
    ]);
  }
});

test("a second fetch leaves existing files alone, and fetches the rest", async () => {
  const home = newHome();
  await run(["fetch-file", address, "tree/", "-o", `${home}/`]);
  const saved = join(home, "tree");
  rmSync(join(saved, "many/3"), { recursive: true });
  rmSync(join(saved, "sub/zero"));
  const kept = statSync(join(saved, "many/4/f4"));
  const { code, out } = await run(["fetch-file", address, "tree/", "-o", `${home}/`, "--json"]);
  expect(code).toBe(0);
  const files = Object.keys(contents(tree)).filter((path) => !path.endsWith("/")).length;
  const missing = readdirSync(join(tree, "many/3")).length + 1;
  expect(events(out).at(-1)).toMatchObject({
    event: "folder",
    files: missing,
    unchanged: files - missing,
    failed: 0,
  });
  expect(statSync(join(saved, "many/4/f4")).ino).toBe(kept.ino);
  expect(contents(saved)).toEqual(contents(tree));
});

test("a file that differs is reported and kept; --force replaces it, --checksum compares the content", async () => {
  const home = newHome();
  const saved = join(home, "tree");
  put(join(saved, "many/1/f1"), "my own");
  put(join(saved, "many/2/f2"), readFileSync(join(tree, "many/2/f2")));
  const first = await run(["fetch-file", address, "tree/", "-o", `${home}/`]);
  expect(first.code).toBe(1);
  expect(first.err).toContain("2 of ");
  expect(readFileSync(join(saved, "many/1/f1"), "utf8")).toBe("my own");
  expect(existsSync(join(saved, "many/3/f3"))).toBe(true);
  const second = await run([
    "fetch-file",
    address,
    "tree/",
    "-o",
    `${home}/`,
    "--checksum",
    "--json",
  ]);
  expect(second.code).toBe(1);
  expect(events(second.out).filter(({ event }) => event === "failed")).toMatchObject([
    { name: "tree/many/1/f1", code: "differs" },
    { name: "tree/", code: "differs" },
  ]);
  const third = await run(["fetch-file", address, "tree/", "-o", `${home}/`, "--force"]);
  expect(third.code).toBe(0);
  expect(contents(saved)).toEqual(contents(tree));
});

test("several fetches of one folder at once all succeed, and leave nothing else", async () => {
  const home = newHome();
  const fetches = Array.from({ length: 3 }, () =>
    run(["fetch-file", address, "tree/many/", "--json", "-o", `${home}/`]),
  );
  let saved = 0;
  for (const { code, out } of await Promise.all(fetches)) {
    expect(code).toBe(0);
    const folder = events(out).find(({ event }) => event === "folder");
    expect(Number(folder?.["files"]) + Number(folder?.["unchanged"])).toBe(300);
    saved += Number(folder?.["files"]);
  }
  expect(saved).toBe(300);
  expect(contents(join(home, "many"))).toEqual(contents(join(tree, "many")));
});

test("a file is kept that has the name of another one's partial file", async () => {
  const home = newHome();
  const parts = join(shared, "parts");
  put(join(parts, "large"), noise(9 << 20));
  put(join(parts, "large.part"), "a file of its own");
  put(join(parts, "next.part.journal"), "not what a fetch has left");
  const { code } = await run(["fetch-file", address, "parts/", "-q", "-o", `${home}/`]);
  expect(code).toBe(0);
  const saved = join(home, "parts");
  expect(readdirSync(saved).toSorted()).toEqual(["large", "large.part", "next.part.journal_"]);
  expect(readFileSync(join(saved, "large.part"), "utf8")).toBe("a file of its own");
  rmSync(parts, { recursive: true });
});

test("a person can't send what another fetch takes for its own partial file", async () => {
  const home = newHome();
  const lies = join(base, "lies");
  const [listed] = events((await run(["fetch-file", address, "one", "--json", "-o", "-"])).err);
  expect(listed).toMatchObject({ event: "offer", size: 3 });
  const version = String(listed?.["version"]);
  const head = { name: "one", size: 3, version, chunkBytes: 65_536, sender: null };
  put(join(lies, "one.part"), "lie");
  put(
    join(lies, "one.part.journal"),
    encodeHead(head) + encodeChunks([[0, chunkHash(Buffer.from("lie"))]]),
  );
  await using bob = new Parley("client", address, "--name", "Bob", "--follow", "--accept", home);
  await bob.says("You are Bob");
  const paths = ["one.part", "one.part.journal"].map((name) => join(lies, name));
  const send = ["send-file", address, ...paths, "--to", "Bob", "--name", "Eve", "-q"];
  expect((await run(send)).code).toBe(0);
  expect(readdirSync(home).toSorted()).toEqual(["one.part", "one.part.journal_"]);
  expect((await run(["fetch-file", address, "one", "-q", "-o", `${home}/`])).code).toBe(0);
  expect(readFileSync(join(home, "one"), "utf8")).toBe("yes");
});

test("links in the target are not followed", async () => {
  const home = newHome();
  const outside = newHome();
  mkdirSync(join(home, "tree"));
  symlinkSync(outside, join(home, "tree/many"));
  const { code, err } = await run(["fetch-file", address, "tree/", "-o", `${home}/`]);
  expect(code).toBe(1);
  expect(err).toContain("is a link, which is not followed");
  expect(readdirSync(outside)).toEqual([]);
  expect(existsSync(join(home, "tree/sub/deeper/large"))).toBe(true);
});

test("one file of a subfolder, and invalid names", async () => {
  const home = newHome();
  const one = await run(["fetch-file", address, "tree/sub/run.sh", "-o", `${home}/`]);
  expect(one.code).toBe(0);
  expect(readFileSync(join(home, "run.sh"), "utf8")).toBe("#!/bin/sh\n");
  for (const name of [
    "no/",
    "tree/sub/zero/",
    "tree/to-sub/",
    "tree/.git/",
    "../FILES/tree/",
    "tree/../tree/",
    "/",
    "tree//",
    ".",
    "tree/to-sub/zero",
    "tree/sub/.hidden",
  ]) {
    const { code } = await run(["fetch-file", "--server", address, "-o", `${home}/`, "--", name]);
    expect([name, code]).toEqual([name, 5]);
  }
  expect(readdirSync(home)).toEqual(["run.sh"]);
});

test("--list shows folders, and with a folder's name its whole content", async () => {
  const top = await run(["fetch-file", address, "--list"]);
  expect(top.out).toMatch(/^ +-  \d{4}-\d\d-\d\d \d\d:\d\d  tree\/$/m);
  const { code, out } = await run(["fetch-file", address, "--list", "tree/sub/", "--json"]);
  expect(code).toBe(0);
  expect(events(out).map(({ name }) => name)).toEqual([
    "tree/sub/deeper/",
    "tree/sub/deeper/large",
    "tree/sub/private",
    "tree/sub/run.sh",
    "tree/sub/zero",
  ]);
  const missing = await run(["fetch-file", address, "--list", "nothing/"]);
  expect([missing.code, missing.err]).toEqual([5, expect.stringContaining("No folder 'nothing/'")]);
  const file = await run(["fetch-file", address, "--list", "tree"]);
  expect([file.code, file.out]).toEqual([2, ""]);
  expect(file.err).toContain("'tree' does not");
  const bare = await run(["fetch-file", address, "tree", "-o", `${newHome()}/`]);
  expect(bare.err).toContain("its name is 'tree/'");
  expect(bare.code).toBe(5);
});

test("-o renames the folder; `-o -` refuses folders", async () => {
  const home = newHome();
  expect((await run(["fetch-file", address, "tree/many/", "-o", join(home, "new")])).code).toBe(0);
  expect(contents(join(home, "new"))).toEqual(contents(join(tree, "many")));
  expect(await run(["fetch-file", address, "tree/", "-o", "-"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("writes out one file: 'tree/' is a folder"),
  });
  const missing = await run(["fetch-file", address, "tree/", "-o", join(home, "no/such/place")]);
  expect(missing.code).toBe(1);
  expect(missing.err).toContain("there is no folder");
});

test("Ctrl-C keeps the received part, and the next fetch resumes", async () => {
  const home = newHome();
  const child = new Parley(
    "fetch-file",
    address,
    "tree/",
    "-o",
    `${home}/`,
    "--limit-rate",
    "2M",
    "--json",
  );
  await child.line(/"event":"saved"/, 20);
  child.signal("SIGINT");
  expect(await child.exit()).toBe(130);
  const saved = join(home, "tree");
  const whole = contents(tree);
  const have = Object.entries(contents(saved)).filter(([path]) => !path.includes(".part"));
  expect(have.length).toBeGreaterThan(20);
  for (const [path, hash] of have) expect([path, hash]).toEqual([path, whole[path]!]);
  expect(readdirSync(saved).filter((name) => name.startsWith(".parley"))).toEqual([]);
  const { code, out } = await run(["fetch-file", address, "tree/", "-o", `${home}/`, "--json"]);
  expect(code).toBe(0);
  expect(events(out).at(-1)).toMatchObject({ event: "folder" });
  expect(Number(events(out).at(-1)?.["unchanged"])).toBeGreaterThanOrEqual(20);
  expect(contents(saved)).toEqual(whole);
});

test("--sha256 verifies each file", async () => {
  const home = newHome();
  const { code, out } = await run([
    "fetch-file",
    address,
    "tree/odd/",
    "-o",
    `${home}/`,
    "--sha256",
    "--json",
  ]);
  expect(code).toBe(0);
  const done = events(out).filter(({ event }) => event === "done");
  expect(done.length).toBe(odd.length);
  for (const { path, sha256 } of done) {
    expect(sha256).toBe(
      new Bun.CryptoHasher("sha256").update(readFileSync(String(path))).digest("hex"),
    );
  }
});

const time = { modified: 1_760_000_000_000, mode: 0o644 };

/** A server that answers `tree` with these lines. */
function lyingServer(...lines: object[]) {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        for (const line of bytes.toString().split("\n")) {
          if (line === "") continue;
          const { type, ref } = JSON.parse(line) as { type: string; ref: number };
          if (type === "hello") socket.write(visitorWelcome);
          if (type === "tree")
            for (const one of lines)
              socket.write(`${JSON.stringify({ type: "tree", ref, ...one })}\n`);
        }
      },
    },
  });
}

const lies: [what: string, lines: object[], sentence: string][] = [
  ["a way out", [{ entries: [{ path: "../x", size: 1, ...time }] }], "may lead elsewhere"],
  ["an absolute path", [{ entries: [{ path: "/etc/x", size: 1, ...time }] }], "may lead elsewhere"],
  [
    "a folder that is a link",
    [
      {
        entries: [
          { path: "a", kind: "link", size: 0, ...time },
          { path: "a/b", size: 1, ...time },
        ],
      },
    ],
    "not a folder of the tree",
  ],
  [
    "a name twice",
    [
      { entries: [{ path: "a", size: 1, ...time }], more: true },
      { entries: [{ path: "a", kind: "folder", size: 0, ...time }] },
    ],
    "a path twice",
  ],
  ["a size that no disk has", [{ entries: [{ path: "a", size: 4e12, ...time }] }], "has room for"],
  [
    "a size that no file has",
    [{ entries: [{ path: "a", size: 2 ** 50, ...time }] }],
    "a file of more than",
  ],
  ["a negative size", [{ entries: [{ path: "a", size: -1, ...time }] }], "not a valid message"],
];

for (const [what, lines, sentence] of lies) {
  test(`a server that lists ${what} gets nothing written`, async () => {
    using liar = lyingServer(...lines);
    const home = newHome();
    const { code, err } = await run([
      "fetch-file",
      `127.0.0.1:${liar.port}`,
      "x/",
      "-o",
      `${home}/`,
    ]);
    expect(err).toContain(sentence);
    expect([1, 6]).toContain(code);
    expect(readdirSync(home)).toEqual([]);
  });
}

test("a program fetches a folder the same way as a file", async () => {
  const home = newHome();
  const input = `${JSON.stringify({ get: "tree/odd/", ref: 1 })}\n`;
  const words = ["--name", "Ann", "--json-in", "--json", "--downloads", home];
  const { code, out } = await run(["client", address, ...words], { input });
  expect(code).toBe(0);
  const size = odd.reduce((sum, name) => sum + Buffer.byteLength(`content of ${name}`), 0);
  expect(events(out).find(({ event }) => event === "done")).toMatchObject({
    name: "tree/odd/",
    path: join(home, "odd"),
    size,
  });
  expect(contents(join(home, "odd"))).toEqual(contents(join(tree, "odd")));
});
