// The `parley fetch-file` program against `parley server`: real files, odd names, invalid names,
// kills at any instant.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  cpSync,
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
import { join } from "node:path";
import { color, runOnTerminal } from "./run.ts";
import { noise } from "../noise.ts";
import { Parley, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { noteTime } from "../times.ts";
import { until } from "../until.ts";

const bunBinary = join(import.meta.dir, "../../node_modules/bun/bin/bun.exe");
const base = testFolder("fetch");
const source = join(base, "FILES");
const oddNames = ["zwei Wörter.txt", 'it\'s "quoted".txt', "日本語.txt", "-rf", "--list", "a:1"];
const mebibyte = 1 << 20;

class Server {
  port = 0;
  #child: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;

  async start(folder = source): Promise<void> {
    const flags = ["--no-web", "--port", String(this.port), "--files", folder];
    const child = Bun.spawn([...parleyCommand(), "server", ...flags], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    this.#child = child;
    const reader = child.stdout.getReader();
    for (let seen = ""; ;) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the server ended: ${seen}`);
      seen += Buffer.from(value).toString();
      const ready = /Server listening on .*:(\d+)\n/.exec(seen);
      if (ready === null) continue;
      this.port = Number(ready[1]);
      return;
    }
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
  }
}

setDefaultTimeout(180_000);

const server = new Server();
let folders = 0;

beforeAll(async () => {
  mkdirSync(source);
  for (const name of oddNames) writeFileSync(join(source, name), `content of ${name}`);
  writeFileSync(join(source, "empty"), "");
  cpSync(bunBinary, join(source, "bun.exe"));
  writeFileSync(join(source, "big"), noise(8 * mebibyte));
  writeFileSync(join(base, "secret"), "secret");
  symlinkSync("../secret", join(source, "link-out"));
  await server.start();
});

afterAll(() => server.stop());

function newFolder(): string {
  const path = join(base, `home ${++folders}`);
  mkdirSync(path);
  return path;
}

type Place = { cwd: string; variables: Record<string, string> };

function start(place: string | Place, ...words: string[]) {
  const { cwd, variables } = typeof place === "string" ? { cwd: place, variables: {} } : place;
  return Bun.spawn([...parleyCommand(), "fetch-file", ...words], {
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", ...variables },
  });
}

async function outcome(child: ReturnType<typeof start>) {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, text: Buffer.from(stdout).toString(), stderr, code };
}

/** Runs to the end, in its own folder unless told otherwise. */
function fetchFile(words: string[], cwd = newFolder()) {
  return outcome(start(cwd, ...words));
}

const here = () => `127.0.0.1:${server.port}`;

function sha256(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

function events(text: string): Record<string, unknown>[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("fetches Bun's executable intact, and prints the same as sha256sum if asked to", async () => {
  const home = newFolder();
  const { code, stderr, text } = await fetchFile([here(), "bun.exe", "--sha256"], home);
  expect(code).toBe(0);
  const wanted = sha256(bunBinary);
  expect(sha256(join(home, "Downloads", "bun.exe"))).toBe(wanted);
  expect(stderr).toContain(`sha256 ${wanted}`);
  expect(stderr).toContain(`${statSync(bunBinary).size} bytes`);
  expect(text).toBe("");
  expect(readdirSync(join(home, "Downloads"))).toEqual(["bun.exe"]);
  const saved = statSync(join(home, "Downloads", "bun.exe"));
  expect(Math.floor(saved.mtimeMs)).toBe(Math.floor(statSync(join(source, "bun.exe")).mtimeMs));
  const plain = await fetchFile([here(), "big"]);
  expect([plain.code, plain.stderr]).toEqual([0, expect.not.stringContaining("sha256")]);
});

test("fetches files with odd names and an empty one in one call", async () => {
  const home = newFolder();
  const { code } = await fetchFile(
    ["--server", here(), "--quiet", "empty", "--", ...oddNames],
    home,
  );
  expect(code).toBe(0);
  expect(readdirSync(join(home, "Downloads")).toSorted()).toEqual(
    [...oddNames, "empty"].toSorted(),
  );
  for (const name of oddNames) {
    expect(readFileSync(join(home, "Downloads", name), "utf8")).toBe(`content of ${name}`);
  }
  expect(statSync(join(home, "Downloads", "empty")).size).toBe(0);
});

test("--list shows every file once, in order", async () => {
  const { code, text } = await fetchFile([here(), "--list", "--json"]);
  expect(code).toBe(0);
  const names = events(text).map(({ name }) => name);
  expect(names).toEqual([...oddNames, "empty", "bun.exe", "big"].sort());
});

test.each([
  ["../secret", 5],
  ["../../etc/passwd", 5],
  ["/etc/passwd", 5],
  ["link-out", 5],
  ["missing", 5],
  ["..", 5],
])("%p ends with %d and leaves nothing behind", async (name, wanted) => {
  const home = newFolder();
  const { code, stderr } = await fetchFile([here(), "--", name], home);
  expect(code).toBe(wanted);
  expect(stderr).toContain(name);
  const left = existsSync(join(home, "Downloads")) ? readdirSync(join(home, "Downloads")) : [];
  expect(left).toEqual([]);
});

test("a missing file does not keep the others back: they are fetched, it is named, the exit code is 5", async () => {
  const home = newFolder();
  const { code, stderr } = await fetchFile(
    [here(), "nope", "../secret", "empty", "zwei Wörter.txt"],
    home,
  );
  expect(code).toBe(5);
  expect(stderr).toEndWith("parley fetch-file: 2 of 4 files not fetched: 'nope', '../secret'\n");
  expect(readdirSync(join(home, "Downloads")).toSorted()).toEqual(["empty", "zwei Wörter.txt"]);
  const json = await fetchFile([here(), "--json", "nope", "empty"]);
  expect(json.code).toBe(5);
  expect(events(json.text).map(({ event, name }) => [event, name])).toEqual([
    ["failed", "nope"],
    ["offer", "empty"],
    ["done", "empty"],
    ["ended", undefined],
  ]);
});

test("a file that differs does not keep the others back either", async () => {
  const home = newFolder();
  mkdirSync(join(home, "Downloads"));
  writeFileSync(join(home, "Downloads", "a:1"), "mine");
  const { code, text } = await fetchFile([here(), "--json", "--", "a:1", "empty"], home);
  expect(code).toBe(1);
  expect(events(text).map(({ event, name, code }) => [event, name, code])).toEqual([
    ["failed", "a:1", "differs"],
    ["offer", "empty", undefined],
    ["done", "empty", undefined],
    ["ended", undefined, "differs"],
  ]);
  expect(readFileSync(join(home, "Downloads", "a:1"), "utf8")).toBe("mine");
});

test("on a terminal a progress bar is shown, and replaced by the final line", async () => {
  const saved = join(newFolder(), "big");
  const words = ["fetch-file", here(), "big", "-o", saved, "--limit-rate", "7M"];
  const { code, shown } = await runOnTerminal(words, { env: { NO_COLOR: "1" } });
  expect(code).toBe(0);
  const rows = shown.split("\r").map((row) => row.replaceAll(/\u001b\[[?\d]*[a-zA-Z]/g, ""));
  const bars = rows.filter((row) => /^big +■* +\d+%  [\d.]+ \w+ of [\d.]+ MB/.test(row));
  expect(bars.length).toBeGreaterThan(1);
  for (const bar of bars) expect(Bun.stringWidth(bar)).toBeLessThan(80);
  expect(rows.at(-2)).toMatch(/^'.*big': \d+ bytes in .*B\/s\)$/);
  expect(shown).not.toMatch(color);
});

test("a single file that can't be fetched is an event too", async () => {
  const { code, text } = await fetchFile([here(), "--json", "nope"]);
  expect(code).toBe(5);
  expect(events(text)).toMatchObject([
    { event: "failed", name: "nope", code: "not-found" },
    { event: "ended", code: "not-found" },
  ]);
});

test("a missing file leaves no new folder behind, and an existing one untouched", async () => {
  const home = newFolder();
  expect((await fetchFile([here(), "nope"], home)).code).toBe(5);
  expect(readdirSync(home)).toEqual([]);
  mkdirSync(join(home, "Downloads"));
  expect((await fetchFile([here(), "nope"], home)).code).toBe(5);
  expect(readdirSync(home)).toEqual(["Downloads"]);
});

test("an empty list is reported as empty", async () => {
  await using empty = new Parley("server", "--port", "0", "--no-web", "--files", newFolder());
  const address = (await empty.line(/^Server listening on /)).split(" ").at(-1) ?? "";
  const said = async (...flags: string[]) => {
    const { code, text, stderr } = await fetchFile([address, "--list", ...flags]);
    return { code, text, stderr };
  };
  expect(await said()).toEqual({ code: 0, text: "", stderr: "The server shares no files\n" });
  expect(await said("--quiet")).toEqual({ code: 0, text: "", stderr: "" });
  expect(await said("--json")).toEqual({ code: 0, text: "", stderr: "" });
});

test("paths that can't be written are explained", async () => {
  const home = newFolder();
  writeFileSync(join(home, "plain"), "");
  symlinkSync("loop", join(home, "loop"));
  const long = "x".repeat(300);
  for (const path of ["plain/x", "loop", long]) {
    const { code, stderr } = await fetchFile([here(), "empty", "-o", path], home);
    expect({ path, code }).toEqual({ path, code: 1 });
    expect(stderr).toStartWith(`parley fetch-file: Cannot write '${path}': `);
    expect(stderr).not.toContain("internal error");
  }
});

test("two names that would be one file are refused before anything is fetched", async () => {
  for (const folder of ["one", "two"]) {
    mkdirSync(join(source, folder), { recursive: true });
    writeFileSync(join(source, folder, "same"), folder);
  }
  const home = newFolder();
  const { code, stderr } = await fetchFile([here(), "one/same", "two/same", "--force"], home);
  for (const folder of ["one", "two"]) rmSync(join(source, folder), { recursive: true });
  expect(code).toBe(2);
  expect(stderr).toContain("'one/same' and 'two/same' would have the same name in 'Downloads'");
  expect(readdirSync(home)).toEqual([]);
});

test("a link that leads nowhere is reported before anything is fetched", async () => {
  const home = newFolder();
  symlinkSync("nowhere", join(home, "empty"));
  const kept = await fetchFile([here(), "empty", "-o", "empty"], home);
  expect(kept.code).toBe(1);
  expect(kept.stderr).toContain("'empty' is a link that leads nowhere: `--force` replaces it");
  expect(readdirSync(home)).toEqual(["empty"]);
  const forced = await fetchFile([here(), "empty", "-o", "empty", "--force"], home);
  expect(forced.code).toBe(0);
  expect(lstatSync(join(home, "empty")).isFile()).toBe(true);
});

test("a name too long to append `.part` can still be fetched", async () => {
  const home = newFolder();
  const name = `${"ü".repeat(120)}.tar.gz`;
  writeFileSync(join(source, name), "long");
  expect((await fetchFile([here(), name], home)).code).toBe(0);
  rmSync(join(source, name));
  expect(readdirSync(join(home, "Downloads"))).toEqual([name]);
});

test("an address on the command line beats the environment's", async () => {
  const variables = { PARLEY_FETCH_FILE_SERVER: "127.0.0.1:1" };
  const child = start({ cwd: newFolder(), variables }, here(), "empty");
  expect((await outcome(child)).code).toBe(0);
  const named = start({ cwd: newFolder(), variables }, "empty");
  expect((await outcome(named)).code).toBe(3);
});

skipUnless(existsSync("/dev/full"), "no /dev/full")(
  "output that can't be written is an error, however short it is",
  async () => {
    for (const words of [["a:1", "-o", "-"], ["big", "-o", "-"], ["--list"], ["empty", "--json"]]) {
      const child = Bun.spawn([...parleyCommand(), "fetch-file", here(), "--quiet", ...words], {
        cwd: newFolder(),
        stdout: Bun.file("/dev/full"),
        stderr: "pipe",
      });
      expect(await child.exited).toBe(1);
      expect(await new Response(child.stderr).text()).toContain("The output can't be written");
    }
  },
);

test("a slow reader gets the whole list", async () => {
  const folder = join(base, "MANY");
  mkdirSync(folder);
  for (let i = 0; i < 2_400; i++) {
    writeFileSync(join(folder, `${"long ".repeat(12)}${i}`), "");
  }
  const many = new Server();
  await many.start(folder);
  try {
    // longer than logs are waited for
    const pipeline = '"$@" | { sleep 1.5; wc -l; }';
    const listing = [...parleyCommand(), "fetch-file", `127.0.0.1:${many.port}`, "--list"];
    const child = Bun.spawn(["sh", "-c", pipeline, "sh", ...listing], { stdout: "pipe" });
    expect((await new Response(child.stdout).text()).trim()).toBe("2400");
  } finally {
    await many.stop();
  }
});

test("SIGTERM exits with 143, SIGINT with 130, and the partial file is kept", async () => {
  for (const [signal, wanted] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    const home = newFolder();
    const part = join(home, "Downloads", "big.part");
    const child = start(home, here(), "big", "--limit-rate", "4M");
    await until(() => existsSync(part) && statSync(part).size > 0);
    child.kill(signal);
    expect((await outcome(child)).code).toBe(wanted);
    expect(existsSync(part)).toBe(true);
  }
});

test("only Downloads is created, no other folder", async () => {
  const home = newFolder();
  for (const [words, folder] of [
    [["empty", "-o", "no/such/file"], "no/such"],
    [["empty", "big", "-o", "out/"], "out"],
    [["empty", "-o", join(home, "nowhere", "y")], join(home, "nowhere")],
  ] as const) {
    const { code, stderr } = await fetchFile([here(), ...words], home);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(
        `there is no folder '${folder}'. Create it first, or choose another place with -o`,
      ),
    });
  }
  expect(readdirSync(home)).toEqual([]);
  mkdirSync(join(home, "out"));
  expect((await fetchFile([here(), "empty", "-o", "out/"], home)).code).toBe(0);
  expect((await fetchFile([here(), "empty"], home)).code).toBe(0);
  expect(readdirSync(home).toSorted()).toEqual(["Downloads", "out"]);
});

skipUnless(existsSync("/proc/self"), "no /proc")(
  "an error about a place where no files can be created names the path that was given",
  async () => {
    const { code, stderr } = await fetchFile([here(), "empty", "-o", "/proc/y"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      "parley fetch-file: Cannot write '/proc/y': files cannot be created there. Choose another place with -o\n",
    );
  },
);

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")(
  "a FIFO is not found, and does not block",
  async () => {
    Bun.spawnSync(["mkfifo", join(source, "fifo")]);
    expect((await fetchFile([here(), "fifo"])).code).toBe(5);
    rmSync(join(source, "fifo"));
    expect((await fetchFile([here(), "empty"])).code).toBe(0);
  },
);

test("wrong usage exits with 2, a server that can't be reached with 3", async () => {
  expect((await fetchFile([here()])).code).toBe(2);
  expect((await fetchFile([here(), "big", "--limit-rate", "fast"])).code).toBe(2);
  expect((await fetchFile(["--server", "non:sense", "big"])).code).toBe(2);
  expect((await fetchFile([here(), "a", "b", "-o", "-"])).code).toBe(2);
  const { code, stderr } = await fetchFile(["127.0.0.1:1", "big"]);
  expect(code).toBe(3);
  expect(stderr).toContain("127.0.0.1:1");
});

test("an equal file is left alone, a different one needs --force", async () => {
  const home = newFolder();
  expect((await fetchFile([here(), "big", "-o", "mine"], home)).code).toBe(0);
  const before = statSync(join(home, "mine"));
  const again = await fetchFile([here(), "big", "-o", "mine"], home);
  expect(again.code).toBe(0);
  expect(again.stderr).toContain("already there and of the same size and time");
  const compared = await fetchFile([here(), "big", "-o", "mine", "--checksum"], home);
  expect(compared.code).toBe(0);
  expect(compared.stderr).toContain(
    `already there and identical: 8.39 MB, sha256 ${sha256(join(home, "mine"))}`,
  );
  expect(statSync(join(home, "mine")).mtimeMs).toBe(before.mtimeMs);
  const other = readFileSync(join(home, "mine"));
  other[5_000_000] = (other[5_000_000] ?? 0) ^ 1;
  writeFileSync(join(home, "mine"), other);
  const differs = await fetchFile([here(), "big", "-o", "mine"], home);
  expect(differs.code).toBe(1);
  expect(differs.stderr).toContain("--force");
  expect(differs.stderr).toContain("--checksum");
  expect((await fetchFile([here(), "big", "-o", "mine", "--force"], home)).code).toBe(0);
  expect(sha256(join(home, "mine"))).toBe(sha256(join(source, "big")));
});

test("-o - writes the file in order, and events to stderr", async () => {
  const { code, stdout, stderr } = await fetchFile([here(), "big", "-o", "-", "--json"]);
  expect(code).toBe(0);
  expect(new Bun.CryptoHasher("sha256").update(stdout).digest("hex")).toBe(
    sha256(join(source, "big")),
  );
  expect(events(stderr).map(({ event }) => event)).toContain("done");
});

skipUnless(process.platform !== "win32", "neither /dev/null nor named pipes")(
  "-o writes to a device or a pipe, and saves nothing there",
  async () => {
    const home = newFolder();
    const thrown = await fetchFile([here(), "big", "-o", "/dev/null"], home);
    expect([thrown.code, thrown.stderr]).toEqual([
      0,
      expect.stringMatching(/^'\/dev\/null': 8388608 /),
    ]);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    const pipe = join(home, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).success).toBe(true);
    const unread = await fetchFile([here(), "big", "-o", pipe], home);
    expect([unread.code, unread.stderr]).toEqual([1, expect.stringContaining("nobody reads it")]);
    const reader = Bun.spawn(["sha256sum", pipe], { stdout: "pipe" });
    // Until the reader has opened its end.
    let piped = await fetchFile([here(), "big", "-o", pipe], home);
    while (piped.stderr.includes("nobody reads")) {
      piped = await fetchFile([here(), "big", "-o", pipe], home);
    }
    expect(piped.code).toBe(0);
    expect(await new Response(reader.stdout).text()).toStartWith(sha256(join(source, "big")));
    expect(readdirSync(home)).toEqual(["pipe"]);
  },
);

test("-o - waits for a slow reader, and ends when the reader has exited", async () => {
  const child = start(newFolder(), here(), "big", "-o", "-");
  const reader = child.stdout.getReader();
  let got = 0;
  const hasher = new Bun.CryptoHasher("sha256");
  for (let pauses = 0; ; pauses++) {
    const { value, done } = await reader.read();
    if (done) break;
    hasher.update(value);
    got += value.length;
    // slower than the sender by far, at first
    if (pauses < 20) await Bun.sleep(5);
  }
  expect(got).toBe(8 * mebibyte);
  expect(hasher.digest("hex")).toBe(sha256(join(source, "big")));
  expect(await child.exited).toBe(0);

  const left = start(newFolder(), here(), "bun.exe", "-o", "-");
  const gone = left.stdout.getReader();
  await gone.read();
  await gone.cancel();
  expect(await left.exited).not.toBe(0);
});

test("--json reports offer, progress and done; --limit-rate is respected", async () => {
  const startedMs = performance.now();
  const { code, text } = await fetchFile([here(), "big", "--json", "--limit-rate", "5M"]);
  const tookMs = performance.now() - startedMs;
  expect(code).toBe(0);
  const seen = events(text);
  expect(seen[0]).toMatchObject({
    event: "offer",
    name: "big",
    size: 8 * mebibyte,
    resumedBytes: 0,
  });
  expect(seen.some(({ event }) => event === "progress")).toBe(true);
  const done = seen.at(-1);
  expect(done).toMatchObject({ event: "done", sealed: false, over: "udp" });
  expect(done?.["sha256"]).toBeUndefined();
  for (const field of [
    "goodputBytesPerSecond",
    "rttMs",
    "lossShare",
    "retransmittedShare",
    "segmentBytes",
  ]) {
    expect(done?.[field]).toBeNumber();
  }
  expect(done?.["offload"]).toMatchObject({
    segment: expect.any(Boolean),
    merge: expect.any(Boolean),
  });
  expect(tookMs).toBeGreaterThan(1_300);
  noteTime("8 MiB at 5 MB/s", tookMs, 4_000);
});

test("a second fetch of the same name is locked out, and the first continues", async () => {
  const home = newFolder();
  const first = start(home, here(), "big", "--limit-rate", "4M");
  const part = join(home, "Downloads", "big.part");
  // It is made before it is locked.
  await until(() => existsSync(part) && statSync(part).size > 0);
  // However long the second one takes.
  first.kill("SIGSTOP");
  const second = await fetchFile([here(), "big"], home);
  first.kill("SIGCONT");
  expect(second.code).toBe(1);
  expect(second.stderr).toContain("Another fetch");
  expect((await outcome(first)).code).toBe(0);
  expect(sha256(join(home, "Downloads", "big"))).toBe(sha256(join(source, "big")));
});

test("after repeated kills at any instant, it resumes where it was", async () => {
  const home = newFolder();
  const part = join(home, "Downloads", "big.part");
  let kept = 0;
  for (let kill = 0; kill < 8; kill++) {
    const child = start(home, here(), "big", "--limit-rate", "14M");
    const target = Math.floor(Math.random() * 2 * mebibyte);
    const from = existsSync(part) ? statSync(part).size : 0;
    await until(
      () => child.exitCode !== null || (existsSync(part) && statSync(part).size >= from + target),
    );
    child.kill(kill % 4 === 3 ? "SIGINT" : "SIGKILL");
    const { code } = await outcome(child);
    if (kill % 4 === 3 && code !== 0) expect(code).toBe(130);
    if (code === 0) break;
  }
  const { code, text } = await fetchFile([here(), "big", "--json"], home);
  expect(code).toBe(0);
  const offer = events(text).find(({ event }) => event === "offer");
  kept = typeof offer?.["resumedBytes"] === "number" ? offer["resumedBytes"] : 0;
  expect(kept + (offer === undefined ? 1 : 0)).toBeGreaterThan(0);
  expect(sha256(join(home, "Downloads", "big"))).toBe(sha256(join(source, "big")));
  expect(readdirSync(join(home, "Downloads"))).toEqual(["big"]);
});

const damages: readonly [how: string, damage: (bytes: Buffer) => Buffer][] = [
  [
    "other bytes in",
    (bytes) => {
      for (const at of [100, mebibyte, mebibyte + 70_000, 3 * mebibyte]) bytes[at]! ^= 1;
      return bytes;
    },
  ],
  ["a shorter", (bytes) => bytes.subarray(0, 2 * mebibyte + 1)],
  ["a longer", (bytes) => Buffer.concat([bytes, Buffer.alloc(20 * mebibyte, 1)])],
];

test.each(damages)("%s partial file is detected and repaired", async (_, damage) => {
  const home = newFolder();
  const part = join(home, "Downloads", "big.part");
  const child = start(home, here(), "big", "--limit-rate", "3M");
  await until(() => existsSync(part) && statSync(part).size > 5 * mebibyte);
  child.kill("SIGINT");
  expect((await outcome(child)).code).toBe(130);
  writeFileSync(part, damage(readFileSync(part)));
  appendFileSync(`${part}.journal`, "half a line");
  const { code, text } = await fetchFile([here(), "big", "--json"], home);
  expect(code).toBe(0);
  expect(events(text)[0]?.["resumedBytes"]).toBeGreaterThan(mebibyte);
  expect(sha256(join(home, "Downloads", "big"))).toBe(sha256(join(source, "big")));
});

test("a partial file of another version is discarded", async () => {
  const home = newFolder();
  const part = join(home, "Downloads", "other.part");
  writeFileSync(join(source, "other"), noise(3 * mebibyte));
  const child = start(home, here(), "other", "--limit-rate", "1M");
  await until(() => existsSync(part) && statSync(part).size > mebibyte);
  child.kill("SIGINT");
  await outcome(child);
  writeFileSync(join(source, "other"), noise(3 * mebibyte));
  const { code } = await fetchFile([here(), "other"], home);
  expect(code).toBe(0);
  expect(sha256(join(home, "Downloads", "other"))).toBe(sha256(join(source, "other")));
});

test("a file that changes while it is sent makes it exit with 6, and leaves no mixture behind", async () => {
  const home = newFolder();
  writeFileSync(join(source, "change"), noise(8 * mebibyte));
  const child = start(home, here(), "change", "--limit-rate", "4M");
  const part = join(home, "Downloads", "change.part");
  // not only made, which it is before the offer, but begun
  await until(() => existsSync(part) && statSync(part).size > 0);
  const bytes = readFileSync(join(source, "change"));
  writeFileSync(join(source, "change"), bytes.fill(7, 7 * mebibyte));
  const { code, stderr } = await outcome(child);
  expect(code).toBe(6);
  expect(stderr).toContain("changed");
  expect(existsSync(join(home, "Downloads", "change"))).toBe(false);
  expect((await fetchFile([here(), "change"], home)).code).toBe(0);
  expect(sha256(join(home, "Downloads", "change"))).toBe(sha256(join(source, "change")));
});

test("the same process resumes when its server is killed and comes back", async () => {
  const home = newFolder();
  const part = join(home, "Downloads", "big.part");
  const child = start(home, here(), "big", "--limit-rate", "4M", "--json");
  await until(() => existsSync(part) && statSync(part).size > 2 * mebibyte);
  await server.stop("SIGKILL");
  await server.start();
  const { code, text } = await outcome(child);
  expect(code).toBe(0);
  expect(events(text).some(({ event }) => event === "retry")).toBe(true);
  expect(sha256(join(home, "Downloads", "big"))).toBe(sha256(join(source, "big")));
});

test("a missing file leaves no empty folder behind", async () => {
  const home = newFolder();
  const { code } = await fetchFile([here(), "missing"], home);
  expect(code).toBe(5);
  expect(readdirSync(home)).toEqual([]);
});

test("other content of the same size and time is only detected with --checksum", async () => {
  const home = newFolder();
  const file = join(source, "stamped");
  const out = join(home, "Downloads", "stamped");
  writeFileSync(file, "one");
  utimesSync(file, 1_000_000, 1_000_000);
  expect((await fetchFile([here(), "stamped"], home)).code).toBe(0);
  writeFileSync(file, "two");
  utimesSync(file, 1_000_000, 1_000_000);
  expect((await fetchFile([here(), "stamped"], home)).code).toBe(0);
  const again = await fetchFile([here(), "stamped", "--checksum"], home);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("differs")]);
  expect(readFileSync(out, "utf8")).toBe("one");
  const fresh = await fetchFile([here(), "stamped", "--checksum", "--force"], home);
  expect([fresh.code, readFileSync(out, "utf8")]).toEqual([0, "two"]);
});

test("listing 10 000 small files takes little processor time of the server", async () => {
  const many = join(base, "many");
  mkdirSync(many);
  for (let i = 0; i < 10_000; i++) writeFileSync(join(many, `${i}`), "x");
  const flags = ["--no-web", "--port", "0", "--files", many];
  const child = Bun.spawn([...parleyCommand(), "server", ...flags], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const { value } = await child.stdout.getReader().read();
  const port = /:(\d+)\n/.exec(Buffer.from(value ?? []).toString())?.[1];
  const { code, text } = await fetchFile([`127.0.0.1:${port}`, "--list"]);
  child.kill();
  await child.exited;
  expect(code).toBe(0);
  expect(text.split("\n").length - 1).toBe(10_000);
  // Start and exit included: 0.6 s; reading the list again for every page would take 20 s.
  expect(Number(child.resourceUsage()!.cpuTime.total) / 1000).toBeLessThan(6_000);
});
