// Files for everyone with the compiled programs: `send-file --share` into the shared folder of a
// server, its quota, crashes, and senders who lie.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { SessionEvent } from "../../src/client/events.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { type OnTerminal, runOnTerminal } from "./run.ts";
import { eventsOf, ShareWorld } from "./share-world.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { inUsualMemory } from "../usual-memory.ts";

setDefaultTimeout(180_000);

const onLinux = skipUnless(process.platform === "linux", "memory is read from /proc");

const isSame = (one: string, other: string): boolean =>
  readFileSync(one).equals(readFileSync(other));

test("files and folders are shared, announced in the room, and fetched by others", async () => {
  await using world = await new ShareWorld().start("--quota", "100M");
  await using bob = world.listener("Bob");
  await bob.line(/"event":"online"/);
  const big = world.file("Ann", "big file.bin", 3_000_000);
  const photos = join(world.home("Ann"), "photos");
  mkdirSync(join(photos, "empty"), { recursive: true });
  for (let i = 0; i < 300; i++) writeFileSync(join(photos, `${i}.txt`), `photo ${i}`);
  writeFileSync(join(photos, ".hidden"), "not for others");
  await using ann = world.share("Ann", big, photos);
  expect(await ann.exit()).toBe(0);
  expect(eventsOf(ann, "shared")).toMatchObject([
    { room: "lobby", files: 301, names: ["big file.bin", "photos/"], unchanged: false },
  ]);
  expect(world.listed).toEqual(["big file.bin", "photos"]);
  expect(isSame(big, join(world.files, "big file.bin"))).toBe(true);
  expect(statSync(join(world.files, "big file.bin")).mtimeMs).toBe(1_700_000_000_000);
  expect(existsSync(join(world.files, "photos", ".hidden"))).toBe(false);
  const said = JSON.parse(await bob.line(/"event":"message"/)) as Record<string, unknown>;
  expect(said).toMatchObject({ from: "Ann", kind: "notice", room: "lobby" });
  expect(said["text"]).toMatch(
    /^shares 'big file.bin' \(3.00 MB\) and 'photos\/' \(300 files, .*\): parley fetch-file NAME$/,
  );

  const saved = join(world.home("Bob"), "photos");
  await using fetched = new Parley("fetch-file", world.address, "photos/", "-o", saved);
  expect(await fetched.exit()).toBe(0);
  expect(readFileSync(join(saved, "299.txt"), "utf8")).toBe("photo 299");
  expect(existsSync(join(saved, "empty"))).toBe(true);
  await using hidden = new Parley(
    "fetch-file",
    world.address,
    ".parley-shared/",
    "-o",
    join(saved, "x"),
  );
  expect(await hidden.exit()).toBe(5);

  // The same file is neither sent nor announced again; a changed one is another file.
  await using again = world.share("Ann", big, photos);
  expect(await again.exit()).toBe(0);
  expect(eventsOf(again, "shared")).toMatchObject([{ unchanged: true }]);
  writeFileSync(big, "changed");
  await using other = world.share("Ann", big);
  expect(await other.exit()).toBe(0);
  expect(eventsOf(other, "shared")).toMatchObject([{ names: ["big file (2).bin"] }]);
  await bob.line(/"event":"message"/, 2);
  expect(eventsOf(bob, "message")).toHaveLength(2);
  expect(isSame(big, join(world.files, "big file (2).bin"))).toBe(true);
  expect(world.log).toMatch(/"message":"files shared".*"name":"Ann"/);
});

test("without --quota, beyond it, or without a room for the announcement, nothing is sent", async () => {
  await using closed = await new ShareWorld().start();
  const file = closed.file("Ann", "a.bin", 1_000);
  await using refused = closed.share("Ann", file);
  expect(await refused.exit()).toBe(4);
  expect(refused.lines.at(-1)).toContain("--quota");
  expect(closed.listed).toEqual([]);

  await using world = await new ShareWorld().startProgram("--quota", "2M");
  await using large = world.share("Ann", world.file("Ann", "large.bin", 3_000_000));
  expect(await large.exit()).toBe(4);
  expect(large.lines.at(-1)).toContain("has room for 2.00 MB");
  await using fits = world.share("Ann", world.file("Ann", "fits.bin", 1_500_000));
  expect(await fits.exit()).toBe(0);
  // It counts, also after a restart of the server.
  await world.kill();
  await world.startProgram("--quota", "2M");
  await using more = world.share("Ann", world.file("Ann", "more.bin", 600_000));
  expect(await more.exit()).toBe(4);
  expect(world.listed).toEqual(["fits.bin"]);
  for (const room of ["no such room", ""]) {
    await using bad = new Parley("send-file", world.address, file, "--share", "--room", room);
    expect(await bad.exit()).toBe(2);
  }
});

test("flags and names that make no sense are refused", async () => {
  const place = testFolder("hidden");
  const hidden = join(place, ".hidden");
  writeFileSync(hidden, "x");
  const cases: [string[], RegExp][] = [
    [["server", "--quota", "lots"], /--quota 'lots' is not a size/],
    [["server", "--quota", "10k"], /at least 1M/],
    [["server", "--keep-shared", "30d"], /needs --quota/],
    [["server", "--quota", "10M", "--keep-shared", "ever"], /--keep-shared 'ever'/],
    [["send-file", "x", "--share", "--to", "Ann"], /--share is for everybody/],
    [["send-file", "x", "--share", "--keep"], /leave out --code and --keep/],
    [["send-file", "127.0.0.1:1", hidden, "--share"], /'.hidden' begins with a dot/],
  ];
  for (const [words, why] of cases) {
    await using program = new Parley(...words);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(why);
  }
});

const largeBytes = 16_000_000;

/** Shares a file slowly, and resolves when a part of it has been verified. */
async function slowly(world: ShareWorld, file: string): Promise<Parley> {
  const words = [world.address, file, "--share", "--json", "--limit-rate", "5M"];
  const ann = new Parley("send-file", ...words, ...world.person("Ann"));
  const verified = () => Number(eventsOf(ann, "progress").at(-1)?.["verifiedBytes"] ?? 0);
  await ann.until(() => verified() > largeBytes / 4, "some progress");
  return ann;
}

test("an upload resumes after kill -9 of the server, and is invisible until complete", async () => {
  await using world = await new ShareWorld().startProgram("--quota", "100M");
  const large = world.file("Ann", "large.bin", largeBytes);
  await using ann = await slowly(world, large);
  await world.kill();
  expect(world.listed).toEqual([]);
  expect(world.uploads).toHaveLength(1);
  await world.startProgram("--quota", "100M");
  expect(await ann.exit()).toBe(0);
  expect(eventsOf(ann, "interrupted").length).toBeGreaterThan(0);
  expect(isSame(large, join(world.files, "large.bin"))).toBe(true);
  expect(world.uploads).toEqual([]);
});

test("a stopped upload leaves nothing visible, and resumes when it is sent again", async () => {
  await using world = await new ShareWorld().start("--quota", "70M");
  const large = world.file("Ann", "large.bin", largeBytes);
  await using first = await slowly(world, large);
  first.signal("SIGINT");
  expect(await first.exit()).toBe(130);
  expect(world.listed).toEqual([]);
  expect(world.uploads).toHaveLength(1);
  // Waiting uploads count.
  await using other = world.share("Bob", world.file("Bob", "other.bin", 60_000_000));
  expect(await other.exit()).toBe(4);
  await using second = world.share("Ann", large);
  expect(await second.exit()).toBe(0);
  expect(Number(eventsOf(second, "shared")[0]?.["seconds"])).toBeGreaterThan(0);
  expect(isSame(large, join(world.files, "large.bin"))).toBe(true);
});

onLinux("a large file by HTTP is never in the server's memory as a whole", async () => {
  await using world = await inUsualMemory(() => new ShareWorld().startProgram("--quota", "1G"));
  world.program?.type("/token builds");
  const line = await world.program?.line(/"event":"token"/);
  const { token } = JSON.parse(line ?? "") as { token: string };
  const peakBytes = (): number => {
    const status = readFileSync(`/proc/${world.program?.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  };
  const url = `http://127.0.0.1:${world.webPort}/files/`;
  const headers = { Authorization: `Bearer ${token}` };
  const put = async (name: string, path: string): Promise<number> =>
    (await fetch(url + name, { method: "PUT", headers, body: Bun.file(path) })).status;
  expect(await put("small", world.file("Ann", "small", 1_000_000))).toBe(201);
  const before = peakBytes();
  expect(await put("large", world.file("Ann", "large", 240_000_000))).toBe(201);
  expect(peakBytes() - before).toBeLessThan(120_000_000);
});

test("kill -9 in the middle of a PUT leaves a part that counts, but is never visible", async () => {
  await using world = await new ShareWorld().startProgram("--quota", "10M");
  world.program?.type("/token builds");
  const line = await world.program?.line(/"event":"token"/);
  const { token } = JSON.parse(line ?? "") as { token: string };
  const socket = connect({ port: world.webPort, host: "127.0.0.1" });
  socket.on("error", () => {});
  const head = ["PUT /files/cut.bin HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 2000000"];
  socket.write([...head, `Authorization: Bearer ${token}`, "", ""].join("\r\n"));
  socket.write(Buffer.alloc(900_000));
  const part = () =>
    statSync(join(world.files, ".parley-shared", "uploads", world.uploads[0] ?? "", "data", "0"), {
      throwIfNoEntry: false,
    });
  await until(() => (part()?.size ?? 0) >= 900_000, "a part to be written");
  await world.kill();
  socket.destroy();
  expect(world.listed).toEqual([]);
  await world.startProgram("--quota", "10M");
  expect(world.uploads).toHaveLength(1);
  // It counts until it is removed: two of ten megabytes.
  await using ann = world.share("Ann", world.file("Ann", "nine.bin", 9_000_000));
  expect(await ann.exit()).toBe(4);
  expect(ann.lines.at(-1)).toContain("has room for 8.00 MB");
  await using fits = world.share("Ann", world.file("Ann", "seven.bin", 7_000_000));
  expect(await fits.exit()).toBe(0);
  expect(world.listed).toEqual(["seven.bin"]);
});

test("a file that changes while it is sent is never shared as a mixture", async () => {
  await using world = await new ShareWorld().start("--quota", "200M");
  const file = world.file("Ann", "log.bin", largeBytes);
  await using first = await slowly(world, file);
  writeFileSync(file, Buffer.alloc(largeBytes, "new"));
  // Either in its final state, or not at all.
  const code = await first.exit();
  expect([0, 6]).toContain(code);
  expect(world.listed).toEqual(code === 0 ? ["log.bin"] : []);
  if (code === 0) expect(isSame(file, join(world.files, "log.bin"))).toBe(true);
  const other = world.file("Ann", "other.bin", largeBytes);
  await using second = await slowly(world, other);
  writeFileSync(other, Buffer.alloc(largeBytes + 1_000));
  expect(await second.exit()).toBe(6);
  expect(world.listed).not.toContain("other.bin");
  await until(() => world.uploads.length === 0, "the rest to go");
});

/** The outcome of an upload whose sender answers requests with these lines. */
async function lie(
  world: ShareWorld,
  name: string,
  summary: { files: number; folders?: number; bytes: number },
  answer: (line: Record<string, unknown>) => unknown,
): Promise<string> {
  const { session, connection, listen } = await world.session(name);
  const offer = Buffer.alloc(16, name).toString("base64url");
  const over = Promise.withResolvers<string>();
  listen((event: SessionEvent) => {
    if (event.type === "error") over.resolve(event.code);
    if (event.type !== "offer") return;
    const { about } = event;
    if (about.type === "offer-ended") over.resolve(`${about.code} ${about.message}`);
    if (about.type !== "passed") return;
    const line = Buffer.from(about.data, "base64").subarray(1).toString();
    const said = answer(JSON.parse(line) as Record<string, unknown>);
    if (said === undefined) return;
    const frame = Buffer.concat([Buffer.of(1), Buffer.from(JSON.stringify(said))]);
    session.pass(offer, about.channel, frame.toString("base64"));
    connection.applyOutputs();
  });
  session.request({
    type: "share-files",
    offer,
    room: "lobby",
    summary: { ...summary, names: [] },
  });
  connection.applyOutputs();
  const outcome = await over.promise;
  await connection.leave();
  return outcome;
}

const type = (text: string) => (terminal: OnTerminal) => terminal.type(`${text}\r`);

test("at the prompt: /share, and /unshare only by the uploader and by operators", async () => {
  await using world = await new ShareWorld().startProgram("--quota", "100M");
  const file = world.file("Ann", "with space.bin", 100_000);
  const client = (name: string) => ["client", world.address, ...world.person(name)];
  const ann = await runOnTerminal(client("Ann"), {
    columns: 200,
    steps: [
      ["You are Ann", type(`/share ${file}`)],
      ["the room 'lobby' has been told", type(`/share ${join(world.base, "missing")}`)],
      ["Cannot send", type("/shared")],
      ["1 thing, 100 kB", type("/quit")],
    ],
  });
  expect(ann.code).toBe(0);
  expect(ann.shown).toContain("with space.bin  by Ann");
  expect(isSame(file, join(world.files, "with space.bin"))).toBe(true);
  const bob = await runOnTerminal(client("Bob"), {
    columns: 200,
    steps: [
      ["You are Bob", type("/unshare with space.bin")],
      ["was put there by 'Ann'", type("/quit")],
    ],
  });
  expect(bob.code).toBe(0);
  expect(world.listed).toEqual(["with space.bin"]);
  // Ann again, identified only by her key.
  const words = [world.address, "unshare", "with", "space.bin"];
  const identity = ["--identity", join(world.home("Ann"), "identity")];
  await using admin = new Parley("admin", ...words, ...identity);
  expect(await admin.exit()).toBe(0);
  expect(world.listed).toEqual([]);
  expect(world.log).toMatch(/"message":"shared file removed".*"file":"with space.bin"/);
  await using again = world.share("Ann", file);
  expect(await again.exit()).toBe(0);
  world.program?.type("/unshare with space.bin");
  await until(() => world.listed.length === 0, "the operator to remove it");
});

test("a bot shares by --json-in, and gets the resulting names", async () => {
  await using world = await new ShareWorld().start("--quota", "100M");
  const file = world.file("Ann", "plan.bin", 100_000);
  await using bot = new Parley("client", world.address, "--json-in", ...world.person("Ann"));
  await bot.line(/"event":"online"/);
  bot.type(
    JSON.stringify({ share: file, ref: 1 }),
    JSON.stringify({ share: [world.file("Ann", "b.bin", 5)], room: "den", ref: 2 }),
    JSON.stringify({ share: "", ref: 3 }),
  );
  const done = JSON.parse(await bot.line(/"event":"done","ref":1/)) as object;
  expect(done).toMatchObject({ room: "lobby", names: ["plan.bin"], files: 1, size: 100_000 });
  expect(JSON.parse(await bot.line(/"ref":2/))).toMatchObject({ code: "not-in-room" });
  expect(JSON.parse(await bot.line(/"ref":3/))).toMatchObject({ code: "usage" });
  // It already exists; it is still announced in another room.
  await using bob = new Parley("client", world.address, "--room", "den", "--follow", "--json");
  await bob.line(/"event":"online"/);
  bot.type(JSON.stringify({ enter: "den" }), JSON.stringify({ share: file, room: "den", ref: 4 }));
  await bob.line(/shares 'plan.bin'/);
  expect(JSON.parse(await bot.line(/"ref":4/))).toMatchObject({ names: ["plan.bin"] });
  expect(world.listed).toEqual(["plan.bin"]);
});

test("files older than --keep-shared are deleted, the operator's own files stay", async () => {
  await using world = await new ShareWorld().startProgram("--quota", "100M", "--keep-shared", "1h");
  await using ann = world.share("Ann", world.file("Ann", "old.bin", 1_000));
  expect(await ann.exit()).toBe(0);
  const own = join(world.files, "own.bin");
  writeFileSync(own, "own");
  utimesSync(own, 1, 1);
  await world.kill();
  await world.startProgram("--quota", "100M", "--keep-shared", "1s");
  const isLogged = () => /"message":"shared file expired".*"file":"old.bin"/.test(world.log);
  await until(isLogged, "the file to expire");
  expect(world.listed).toEqual(["own.bin"]);
});

test("servers that share the folder share the quota and the ownership of files", async () => {
  await using one = await new ShareWorld().start("--quota", "5M");
  await using two = new ShareWorld();
  two.files = one.files;
  await two.start("--quota", "5M");
  const file = one.file("Ann", "a.bin", 3_000_000);
  await using ann = one.share("Ann", file);
  expect(await ann.exit()).toBe(0);
  await using more = two.share("Bob", two.file("Bob", "b.bin", 3_000_000));
  expect(await more.exit()).toBe(4);
  expect(more.lines.at(-1)).toContain("has room for 2.00 MB");
  // With her key, at the other server.
  const words = [two.address, "unshare", "a.bin", "--identity", join(one.home("Ann"), "identity")];
  await using admin = new Parley("admin", ...words);
  expect(await admin.exit()).toBe(0);
  await using again = two.share("Bob", two.file("Bob", "b.bin", 3_000_000));
  expect(await again.exit()).toBe(0);
  expect(one.listed).toEqual(["b.bin"]);
});

const hostileNames = [
  "../x",
  "/etc/x",
  "a/b",
  "..",
  ".",
  ".ssh",
  "a\\b",
  "a\nb",
  "x\u0000y",
  "\u001b[2Jx",
  "",
];

const listing = (files: object[]) => (line: Record<string, unknown>) =>
  line["type"] === "files" ? { type: "files", files, ref: line["ref"] } : undefined;

const tree = (entries: object[]) => (line: Record<string, unknown>) => {
  const { type, ref } = line;
  if (type === "files") return { type, files: [{ name: "d/", size: 1, modified: 0 }], ref };
  return type === "tree" ? { type, entries, ref } : undefined;
};

test("a sender that lies puts nothing into the folder, and learns no path of the server", async () => {
  await using world = await new ShareWorld().start("--quota", "10M");
  let liars = 0;
  const told: string[] = [];
  const refused = async (
    answer: (line: Record<string, unknown>) => unknown,
    why: RegExp,
    summary = { files: 1, folders: 1, bytes: 10 },
  ): Promise<void> => {
    const outcome = await lie(world, `Liar${++liars}`, summary, answer);
    told.push(outcome);
    expect(outcome).toMatch(why);
  };
  for (const name of hostileNames) {
    await refused(
      listing([{ name, size: 1, modified: 0 }]),
      /^protocol .*(not a file name|hidden)/,
    );
  }
  const many = Array.from({ length: 60 }, (_, i) => ({ name: `f${i}`, size: 0, modified: 0 }));
  const pages = (line: Record<string, unknown>) => {
    if (line["type"] !== "files") return undefined;
    const from = Number(String(line["after"] ?? "f00000").slice(1));
    const files = many.map((one, i) => ({
      ...one,
      name: `f${String(from + i + 1).padStart(5, "0")}`,
    }));
    return { type: "files", files, next: files.at(-1)?.name, ref: line["ref"] };
  };
  await refused(pages, /^protocol at most 1000/);
  // A folder with more content than announced, and paths that lead elsewhere.
  const entry = { size: 1, modified: 0, mode: 0o644 };
  for (const path of ["../../x", "a//b", "..", "a/../b"]) {
    await refused(tree([{ ...entry, path }]), /^protocol .*may lead elsewhere/);
  }
  const crowd = Array.from({ length: 50 }, (_, i) => ({ ...entry, size: 0, path: `f${i + 10}` }));
  await refused(tree(crowd), /^protocol .*more in it than was said/);
  const folders = crowd.map((one) => ({ ...one, kind: "folder" }));
  await refused(tree(folders), /^protocol .*more in it than was said/);
  // Each folder is as announced, but not all of them together.
  await refused((line) => {
    const { type, ref } = line;
    const names = ["d/", "e/", "f/"];
    const files = names.map((name) => ({ name, size: 0, modified: 0 }));
    if (type === "files") return { type, files, ref };
    return type === "tree" ? { type, entries: [{ ...entry, size: 0, path: "f" }], ref } : undefined;
  }, /^protocol .*more in it than was said/);
  // The list is honest, but the file is not.
  await refused((line) => {
    const { type, ref } = line;
    if (type === "files") return { type, files: [{ name: "x", size: 10, modified: 0 }], ref };
    if (type !== "fetch") return undefined;
    const rest = { transfer: 1, modified: 0, version: "v", udpPort: 1, maxSegmentBytes: 1_444 };
    return { type: "offer", name: "x", size: 1e12, chunkBytes: 4_194_304, ...rest, ref };
  }, /^protocol .*more than was offered/);
  await refused(() => undefined, /full/, { files: 1, folders: 1, bytes: 2 ** 50 });
  await refused(() => undefined, /full/, { files: 1_000_000, folders: 0, bytes: 1 });
  await refused(() => undefined, /not-allowed/, { files: 0, folders: 0, bytes: 0 });
  expect(told.filter((text) => text.includes(world.base))).toEqual([]);
  await until(() => world.uploads.length === 0, "the uploads to be removed");
  expect(world.listed).toEqual([]);
  // The whole quota is free again.
  await using ann = world.share("Ann", world.file("Ann", "all.bin", 9_900_000));
  expect(await ann.exit()).toBe(0);
});

const disk = new ShareWorld();
mkdirSync(disk.files);
const mounted =
  process.getuid?.() === 0 &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk.files]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", [disk.files]);
  rmSync(disk.base, { recursive: true, force: true });
});
const diskTest = skipUnless(mounted, "a full disk needs root, mount(8) and tmpfs");

diskTest("a disk that fills up is told in a sentence, and leaves nothing", async () => {
  const world = disk;
  try {
    await world.startProgram("--quota", "1G");
    await using never = world.share("Ann", world.file("Ann", "never.bin", 45_000_000));
    expect(await never.exit()).toBe(1);
    expect(never.lines.at(-1)).toContain("disk has room for");
    const large = world.file("Ann", "large.bin", 30_000_000);
    const words = [world.address, large, "--share", "--json", "--limit-rate", "16M"];
    await using ann = new Parley("send-file", ...words, ...world.person("Ann"));
    const verified = () => Number(eventsOf(ann, "progress").at(-1)?.["verifiedBytes"] ?? 0);
    await ann.until(() => verified() > 5_000_000, "some progress");
    // Somebody else fills the rest.
    spawnSync("dd", ["if=/dev/zero", `of=${join(world.files, "ballast")}`, "bs=64k"]);
    expect(await ann.exit()).toBe(1);
    expect(ann.lines.at(-1)).toContain("The server's disk is full");
    expect(world.listed).toEqual(["ballast"]);
    await until(() => world.uploads.length === 0, "the upload to be removed");
    spawnSync("dd", ["if=/dev/zero", `of=${join(world.files, "more")}`, "bs=4k"]);
    world.program?.type("/token builds");
    const line = await world.program?.line(/"event":"token"/);
    const { token } = JSON.parse(line ?? "") as { token: string };
    const headers = { Authorization: `Bearer ${token}` };
    const url = `http://127.0.0.1:${world.webPort}/files/x`;
    const put = await fetch(url, { method: "PUT", headers, body: "x".repeat(100_000) });
    expect([put.status, ((await put.json()) as { code: string }).code]).toEqual([507, "storage"]);
  } finally {
    await world.kill();
  }
});
