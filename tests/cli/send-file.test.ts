// Files from person to person with the compiled programs: sealed or not, declined, resumed after
// either end or the server was killed, and from senders who lie.

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SessionEvent } from "../../src/client/events.ts";
import { sizeText } from "../../src/size-text.ts";
import { IgnoredFile } from "../../src/terminal/ignored-file.ts";
import { openSession, type OpenSession } from "../../src/terminal/open-session.ts";
import { openIdentity } from "../../src/tls/identity-key.ts";
import { CuttingProxy } from "../fault/proxy.ts";
import { freePort } from "../free-port.ts";
import { Parley } from "../parley.ts";
import { ServerHere } from "../server-here.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { type OnTerminal, run, runOnTerminal } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("send");
let count = 0;

/** A server, and users with their folders. */
class World implements AsyncDisposable {
  readonly folder = join(base, `world${++count}`);
  #server: ServerHere | undefined;
  #program: Parley | undefined;
  port = 0;

  async start(...flags: string[]): Promise<this> {
    this.#server = await ServerHere.start(...(await this.#flags()), ...flags);
    return this;
  }

  /** Starts the server, or restarts it, as a program that can be killed. */
  async startProgram(): Promise<this> {
    this.#program = new Parley("server", ...(await this.#flags()), "--json");
    await this.#program.line(/"event":"listening"/);
    return this;
  }

  async #flags(): Promise<string[]> {
    // A port that the server can use again.
    if (this.port === 0) this.port = await freePort();
    mkdirSync(this.folder, { recursive: true });
    const at = (name: string) => join(this.folder, name);
    const data = ["--data", at("chat.db"), "--state", at("state"), "--files", at("none")];
    return [...data, "--port", String(this.port), "--no-web", "--log-level", "debug"];
  }

  /** The value of a metric from `--metrics-port`. */
  async metric(name: string): Promise<number> {
    const page = await fetch(`http://127.0.0.1:${this.#server?.metricsPort}/metrics`);
    return Number(new RegExp(`^${name} (\\d+)`, "m").exec(await page.text())?.[1]);
  }

  /** All that the server has printed and logged. */
  get output(): string {
    return this.#server?.output ?? "";
  }

  async kill(): Promise<void> {
    this.#program?.signal("SIGKILL");
    await this.#program?.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#program?.[Symbol.asyncDispose]();
  }

  /** The folder of a user's files. */
  home(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  #person(name: string): string[] {
    return ["--name", name, "--identity", join(this.home(name), "identity")];
  }

  send(name: string, to: string, ...paths: string[]): Parley {
    return new Parley(...this.sending(name, to, ...paths), "--json");
  }

  /** The command line, without `--json`. */
  sending(name: string, to: string, ...paths: string[]): string[] {
    const address = `127.0.0.1:${this.port}`;
    return ["send-file", address, ...paths, "--to", to, ...this.#person(name)];
  }

  /** A bot that accepts everything into its folder `in`. */
  taker(name: string): Parley {
    const words = ["--accept", join(this.home(name), "in"), "--follow", "--json"];
    return new Parley("client", `127.0.0.1:${this.port}`, ...words, ...this.#person(name));
  }

  /** A bot that is controlled by JSON. */
  commander(name: string): Parley {
    return new Parley("client", `127.0.0.1:${this.port}`, "--json-in", ...this.#person(name));
  }

  /** A session in this process, for actions that no parley program offers. */
  session(name: string, takesFiles = true): Promise<OpenSession> {
    const identity = openIdentity(join(this.home(name), "identity"));
    const to = { host: "127.0.0.1", port: this.port };
    const ignored = new IgnoredFile(undefined);
    const rest = { room: undefined, downloads: "", follow: false, json: false, takesFiles };
    return openSession({ to, name, identity, ignored, ...rest }, new Promise<never>(() => {}));
  }

  /** Registers the name, so that files to it are sealed. */
  async register(name: string): Promise<void> {
    const { session, connection, listen } = await this.session(name, false);
    const done = Promise.withResolvers<void>();
    listen((event) => {
      if (event.type === "response" && event.response.type === "registered") done.resolve();
    });
    session.request({ type: "register", label: "desk" });
    connection.applyOutputs();
    await done.promise;
    await connection.leave();
  }

  /** A file with unique content. */
  file(owner: string, name: string, bytes: number): string {
    const path = join(this.home(owner), name);
    const content = Buffer.alloc(bytes);
    for (let at = 0; at + 4 <= bytes; at += 4)
      content.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    writeFileSync(path, content);
    // Long ago, so that the time alone shows that it is unchanged.
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    return path;
  }

  taken(name: string, file: string): string {
    return join(this.home(name), "in", file);
  }
}

function isSame(one: string, other: string): boolean {
  return readFileSync(one).equals(readFileSync(other));
}

const events = (program: Parley, name: string): Record<string, unknown>[] =>
  program.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === name);

test("files and folders arrive unchanged, and the sender exits when everything is verified", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const big = world.file("Ann", "big.bin", 3_000_000);
  mkdirSync(join(world.home("Ann"), "photos", "empty"), { recursive: true });
  writeFileSync(join(world.home("Ann"), "photos", "one.txt"), "one");
  await using ann = world.send("Ann", "Bob", big, join(world.home("Ann"), "photos"));
  expect(await ann.exit()).toBe(0);
  expect(isSame(big, world.taken("Bob", "big.bin"))).toBe(true);
  expect(readFileSync(world.taken("Bob", "photos/one.txt"), "utf8")).toBe("one");
  expect(statSync(world.taken("Bob", "photos/empty")).isDirectory()).toBe(true);
  expect(statSync(world.taken("Bob", "big.bin")).mtimeMs).toBe(1_700_000_000_000);
  expect(events(ann, "offered")).toMatchObject([
    { to: "Bob", files: 2, sealed: false, here: true },
  ]);
  expect(events(ann, "sent")).toMatchObject([{ to: "Bob", files: 2, sealed: false }]);
  await bob.line(/"event":"received"/);
  expect(events(bob, "received")).toMatchObject([{ from: "Ann", files: 2, failed: 0 }]);
  // When sent again, nothing is written twice.
  await using again = world.send("Ann", "Bob", big);
  expect(await again.exit()).toBe(0);
  expect(readdirSync(join(world.home("Bob"), "in")).toSorted()).toEqual(["big.bin", "photos"]);
  // Another file of the same name gets a different name.
  writeFileSync(big, "changed");
  await using other = world.send("Ann", "Bob", big);
  expect(await other.exit()).toBe(0);
  expect(readFileSync(world.taken("Bob", "big (2).bin"), "utf8")).toBe("changed");
});

test("between two registered people the server sees neither names nor contents", async () => {
  await using world = await new World().start();
  await world.register("Ann");
  await world.register("Bob");
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const secret = world.file("Ann", "secret-plan.bin", 700_000);
  await using ann = world.send("Ann", "Bob", secret);
  expect(await ann.exit()).toBe(0);
  expect(isSame(secret, world.taken("Bob", "secret-plan.bin"))).toBe(true);
  expect(events(ann, "sent")).toMatchObject([{ sealed: true }]);
  await bob.line(/"event":"received"/);
  expect(events(bob, "offer-received")).toMatchObject([
    { from: "Ann", names: ["secret-plan.bin"], sealed: true, verified: false },
  ]);
  expect(events(bob, "done")).toMatchObject([{ sealed: true }]);
  expect(world.output).toContain("files offered");
  expect(world.output).not.toContain("secret-plan");
});

for (const [what, path, flags, words] of [
  ["two programs of one machine", { path: "direct", via: "loopback" }, [], []],
  ["a sender that tells no address", { path: "relayed" }, [], ["--no-direct"]],
  ["the same without a relay", { path: "server" }, ["--relay", "0"], ["--no-direct"]],
] as const) {
  test(`the path of ${what} is reported at both ends`, async () => {
    await using world = await new World().start("--metrics-port", "0", ...flags);
    await world.register("Ann");
    await world.register("Bob");
    await using bob = world.taker("Bob");
    await bob.line(/"event":"online"/);
    const file = world.file("Ann", "a.bin", 8_000_000);
    await using ann = world.send("Ann", "Bob", file, ...words);
    expect(await ann.exit()).toBe(0);
    expect(isSame(file, world.taken("Bob", "a.bin"))).toBe(true);
    const [sent] = events(ann, "sent");
    expect(sent).toMatchObject({ sealed: true, ...path });
    await bob.line(/"event":"received"/);
    expect(events(bob, "received")).toMatchObject([path]);
    const last = events(ann, "path").at(-1);
    if (path.path === "server") expect(last).toBeUndefined();
    else expect(last).toMatchObject({ to: "Bob", ...path });
    const relayedBytes = await world.metric("parley_relayed_bytes_total");
    if (path.path === "relayed") expect(relayedBytes).toBeGreaterThan(8_000_000);
    else expect(relayedBytes).toBeLessThan(8_000_000);
  });
}

test("a declined offer ends with 4, one to nobody with 5", async () => {
  await using world = await new World().start();
  const file = world.file("Ann", "a.bin", 10);
  const { session, connection, listen } = await world.session("Bob");
  listen((event) => {
    if (event.type !== "offer" || event.about.type !== "offered") return;
    session.request({ type: "answer-files", offer: event.about.offer, accept: false });
    connection.applyOutputs();
  });
  await using ann = world.send("Ann", "Bob", file);
  expect(await ann.exit()).toBe(4);
  await connection.leave();
  await using nobody = world.send("Ann", "Nobody", file);
  expect(await nobody.exit()).toBe(5);
  await using missing = world.send("Ann", "Bob", join(world.folder, "missing"));
  expect(await missing.exit()).toBe(5);
  expect(missing.stderr).toContain("missing': there is no such file or folder");
});

const type = (text: string) => (terminal: OnTerminal) => terminal.type(`${text}\r`);

test("a bot sends by --json-in, and gets the results", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const plan = world.file("Ann", "plan.bin", 100_000);
  await using ann = world.commander("Ann");
  await ann.line(/"event":"online"/);
  ann.type(
    JSON.stringify({ send: plan, to: "Bob", ref: "plan" }),
    JSON.stringify({ send: [plan, join(world.home("Ann"), "missing")], to: "Bob", ref: 2 }),
    JSON.stringify({ send: plan, to: "Nobody", ref: 3 }),
    JSON.stringify({ send: plan, ref: 4 }),
  );
  const done = JSON.parse(await ann.line(/"ref":"plan"/)) as object;
  expect(done).toMatchObject({ event: "done", to: "Bob", files: 1, size: 100_000 });
  expect(isSame(world.taken("Bob", "plan.bin"), plan)).toBe(true);
  for (const [ref, code] of [
    [2, "not-found"],
    [3, "unknown-user"],
    [4, "usage"],
  ]) {
    const line = await ann.line(new RegExp(`"ref":${ref},`));
    expect(JSON.parse(line)).toMatchObject({ event: "error", code });
  }
});

test("two people at their prompts: /send, /get and /decline", async () => {
  await using world = await new World().start();
  const file = world.file("Ann", "with space.bin", 100_000);
  mkdirSync(join(world.home("Bob"), "in"), { recursive: true });
  writeFileSync(join(world.home("Bob"), "in", "with space.bin"), "another file");
  const words = (name: string) => {
    const identity = ["--identity", join(world.home(name), "identity")];
    const downloads = ["--downloads", join(world.home(name), "in")];
    return ["client", `127.0.0.1:${world.port}`, "--name", name, ...identity, ...downloads];
  };
  await using watch = world.taker("Cal");
  await watch.line(/"event":"online"/);
  const bob = runOnTerminal(words("Bob"), {
    columns: 200,
    steps: [
      ["You are Bob", type("/get")],
      ["There is no offer", (): void => {}],
      ["Ann offers 1 file", type("/get")],
      ["'with space.bin' is saved as ", (): void => {}],
      ["/decline 2 declines", type("/decline")],
      ["You have declined", type("/quit")],
    ],
  });
  await watch.line(/"event":"joined".*"Bob"/);
  const ann = await runOnTerminal(words("Ann"), {
    columns: 200,
    steps: [
      ["You are Ann", type(`/send Bob ${file}`)],
      ["Bob has received 1 file", type(`/send Bob "${file}"`)],
      ["Bob declined it", type("/quit")],
    ],
  });
  expect(ann.code).toBe(0);
  expect((await bob).code).toBe(0);
  expect(isSame(file, world.taken("Bob", "with space (2).bin"))).toBe(true);
  expect(ann.shown).toContain("not sealed: the server can read it");
});

test("--limit-rate limits the rate of a sender", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const file = world.file("Ann", "slow.bin", 1_000_000);
  await using ann = world.send("Ann", "Bob", file, "--limit-rate", "800k");
  expect(await ann.exit()).toBe(0);
  // A tenth of a second's worth may be sent immediately.
  expect(Number(events(ann, "sent")[0]?.["seconds"])).toBeGreaterThan(1);
  expect(isSame(file, world.taken("Bob", "slow.bin"))).toBe(true);
});

/** Large and slow enough to interrupt a transfer in the middle, on any machine. */
const largeBytes = 24_000_000;
const slowly = ["--limit-rate", "8M"];

/** Resolves when a part of the file has been verified, and recorded in the journal. */
async function underWay(ann: Parley): Promise<void> {
  const verified = () => Number(events(ann, "progress").at(-1)?.["verifiedBytes"] ?? 0);
  await ann.until(() => verified() > largeBytes / 3, "some progress");
}

test("a recipient that was killed resumes when it is started again", async () => {
  await using world = await new World().start();
  const large = world.file("Ann", "large.bin", largeBytes);
  await using first = world.taker("Bob");
  await first.line(/"event":"online"/);
  await using ann = world.send("Ann", "Bob", large, ...slowly);
  await underWay(ann);
  first.signal("SIGKILL");
  await first.exit();
  await ann.line(/"event":"interrupted"/);
  await using second = world.taker("Bob");
  expect(await ann.exit()).toBe(0);
  await second.line(/"event":"received"/);
  expect(events(second, "done")).toMatchObject([{ resumedBytes: expect.any(Number) }]);
  expect(Number(events(second, "done")[0]?.["resumedBytes"])).toBeGreaterThan(0);
  expect(isSame(large, world.taken("Bob", "large.bin"))).toBe(true);
});

test("a sender that was killed resumes its offer when it is started again", async () => {
  await using world = await new World().start();
  await world.register("Ann");
  await world.register("Bob");
  const large = world.file("Ann", "large.bin", largeBytes);
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  await using first = world.send("Ann", "Bob", large, ...slowly);
  await underWay(first);
  first.signal("SIGKILL");
  await first.exit();
  await using second = world.send("Ann", "Bob", large);
  expect(await second.exit()).toBe(0);
  await bob.line(/"event":"received"/);
  // The recipient got no second offer, and has not started over.
  expect(events(bob, "offer-received").length).toBe(1);
  expect(events(bob, "done")).toMatchObject([{ sealed: true }]);
  expect(isSame(large, world.taken("Bob", "large.bin"))).toBe(true);
  // What was there already does not count for the rate.
  const [sent] = events(second, "sent") as { seconds: number; goodputBytesPerSecond: number }[];
  expect(sent!.seconds * sent!.goodputBytesPerSecond).toBeLessThan(0.9 * largeBytes);
  const third = await run([...world.sending("Ann", "Bob", large)]);
  expect(third.err).toContain(`Bob already has 1 file, ${sizeText(largeBytes)}`);
});

test("both resume after the server was killed and started again", async () => {
  await using world = await new World().startProgram();
  const large = world.file("Ann", "large.bin", largeBytes);
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  await using ann = world.send("Ann", "Bob", large, ...slowly);
  await underWay(ann);
  await world.kill();
  await world.startProgram();
  expect(await ann.exit()).toBe(0);
  await bob.line(/"event":"received"/);
  expect(events(bob, "offer-received").length).toBe(1);
  expect(isSame(large, world.taken("Bob", "large.bin"))).toBe(true);
});

test("both go on when the connection of either to the server was cut, and then of both", async () => {
  await using world = await new World().start();
  const large = world.file("Ann", "large.bin", largeBytes);
  using toBob = new CuttingProxy(world.port, () => Infinity);
  using toAnn = new CuttingProxy(world.port, () => Infinity);
  world.port = toBob.port;
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  world.port = toAnn.port;
  await using ann = world.send("Ann", "Bob", large, "--no-direct", ...slowly);
  for (const [round, cut] of [[toBob], [toAnn], [toBob, toAnn]].entries()) {
    const wanted = (largeBytes * (round + 1)) / 5;
    const verified = () => Number(events(ann, "progress").at(-1)?.["verifiedBytes"] ?? 0);
    await ann.until(() => verified() > wanted, `${wanted} bytes`);
    for (const proxy of cut) proxy.cutAll();
  }
  expect(await ann.exit()).toBe(0);
  await bob.line(/"event":"received"/);
  expect(events(bob, "offer-received").length).toBe(1);
  expect(isSame(large, world.taken("Bob", "large.bin"))).toBe(true);
});

const hostileNames = ["../x", "/etc/x", "a/b", "..", ".", "a\\b", "a\nb", "x\u0000y", ""];

/** A sender that answers every request with these lines. */
async function lie(
  world: World,
  name: string,
  answer: (line: string) => unknown,
  names: readonly string[] = ["x"],
): Promise<OpenSession> {
  const opened = await world.session(name, false);
  const { session, connection, listen } = opened;
  const offer = Buffer.alloc(16, name).toString("base64url");
  let channel = 0;
  listen((event: SessionEvent) => {
    if (event.type !== "offer") return;
    const { about } = event;
    if (about.type === "channel") ({ channel } = about);
    if (about.type !== "passed") return;
    const line = Buffer.from(about.data, "base64").subarray(1).toString();
    const said = answer(line);
    if (said === undefined) return;
    const frame = Buffer.concat([Buffer.of(1), Buffer.from(JSON.stringify(said))]);
    session.pass(offer, channel, frame.toString("base64"));
    connection.applyOutputs();
  });
  const summary = { files: 1, bytes: 10, names };
  session.request({ type: "offer-files", offer, to: "Bob", summary });
  connection.applyOutputs();
  return opened;
}

const listing = (files: object[]) => (line: string) => {
  const { type, ref } = JSON.parse(line) as { type: string; ref: number };
  return type === "files" ? { type: "files", files, ref } : undefined;
};

test("a sender that lies gets nothing written outside of the folder, and not more than was accepted", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const before = readdirSync(world.folder).toSorted();
  let liars = 0;
  const refused = async (
    answer: (line: string) => unknown,
    why: RegExp,
    names?: readonly string[],
  ): Promise<void> => {
    const { connection } = await lie(world, `Liar${++liars}`, answer, names);
    await bob.until(() => events(bob, "offer-refused").length === liars, `refusal ${liars}`);
    expect(events(bob, "offer-refused").at(-1)?.["reason"]).toMatch(why);
    await connection.leave();
  };
  for (const name of hostileNames) {
    await refused(listing([{ name, size: 1, modified: 0 }]), /not a file name/);
  }
  const many = Array.from({ length: 50 }, (_, i) => ({ name: `f${i}`, size: 0, modified: 0 }));
  await refused(listing(many), /something other than was offered/);
  await refused(listing([{ name: "x", size: 1e12, modified: 0 }]), /other than was offered/);
  // Not the name that was shown to whoever accepted it.
  await refused(listing([{ name: ".bashrc", size: 1, modified: 0 }]), /other than was offered/);
  await refused(listing([]), /other than was offered/);
  // Files that cost no bytes are files, too.
  const crowd = Array.from({ length: 1_030 }, (_, i) => ({
    path: `f${String(i).padStart(4, "0")}`,
    size: 0,
    modified: 0,
    mode: 0o644,
  }));
  await refused(
    (line) => {
      const { type, ref } = JSON.parse(line) as { type: string; ref: number };
      if (type === "files") return { type, files: [{ name: "y/", size: 0, modified: 0 }], ref };
      return type === "tree" ? { type, entries: crowd, ref } : undefined;
    },
    /other than was offered/,
    ["y/"],
  );
  // The list is honest, but the file is not.
  await refused((line) => {
    const { type, ref } = JSON.parse(line) as { type: string; ref: number };
    if (type === "files") return { type, files: [{ name: "x", size: 10, modified: 0 }], ref };
    if (type !== "fetch") return undefined;
    const rest = { transfer: 1, modified: 0, version: "v", udpPort: 1, maxSegmentBytes: 1_444 };
    return { type: "offer", name: "x", size: 1e12, chunkBytes: 4_194_304, ...rest, ref };
  }, /more than was offered/);
  // Not a frame at all.
  await refused(() => "no object", /./).catch(() => {});
  expect(
    readdirSync(world.folder)
      .filter((name) => !name.startsWith("Liar"))
      .toSorted(),
  ).toEqual(before);
  expect(existsSync(world.taken("Bob", "x"))).toBe(false);
  expect(existsSync(join(world.home("Bob"), "x"))).toBe(false);
});

test("a file whose name is too long for this disk arrives under a shorter one", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const name = `${"n".repeat(300)}.txt`;
  const answer = (line: string) => {
    const { type, ref } = JSON.parse(line) as { type: string; ref: number };
    if (type === "files") return { type, files: [{ name, size: 0, modified: 0 }], ref };
    if (type !== "fetch") return undefined;
    const rest = { transfer: 1, modified: 0, version: "v", udpPort: 1, maxSegmentBytes: 1_444 };
    return { type: "offer", name, size: 0, chunkBytes: 65_536, ...rest, ref };
  };
  const { connection } = await lie(world, "Ann", answer, [name]);
  await bob.line(/"event":"received"/);
  expect(events(bob, "received")).toMatchObject([{ files: 1, failed: 0 }]);
  const path = String(events(bob, "done")[0]?.["path"]);
  expect(path).toMatch(/\/n+~[0-9a-f]{8}\.txt$/);
  expect(existsSync(path)).toBe(true);
  await connection.leave();
});

test("only the recipient can say that everything has arrived, not somebody who ends the offer", async () => {
  await using world = await new World().start();
  const { session, connection, listen } = await world.session("Bob");
  listen((event: SessionEvent) => {
    if (event.type !== "offer" || event.about.type !== "offered") return;
    const { offer } = event.about;
    session.request({ type: "answer-files", offer, accept: true });
    session.endOffer(offer, "done");
    connection.applyOutputs();
  });
  await using ann = world.send("Ann", "Bob", world.file("Ann", "a.txt", 10));
  expect(await ann.exit()).toBe(6);
  expect(ann.stderr).toContain("Bob has not confirmed it: send it again");
  await connection.leave();
});

test("an empty path is not the working folder, and a root has no name to be sent under", async () => {
  await using world = await new World().start();
  await using ann = world.send("Ann", "Bob", "");
  expect(await ann.exit()).toBe(2);
  expect(ann.stderr).toContain("'' is not the path of a file or folder");
  await using root = world.send("Ann", "Bob", "/");
  expect(await root.exit()).toBe(2);
  expect(root.stderr).toContain("'/' has no name to be sent under: send what is in it");
});

skipUnless(process.platform !== "win32", "no named pipes")(
  "a pipe is not sent as a file, but what comes through it can be",
  async () => {
    await using world = await new World().start();
    const pipe = join(base, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).success).toBe(true);
    await using ann = world.send("Ann", "Bob", pipe);
    expect(await ann.exit()).toBe(2);
    expect(ann.stderr).toContain("send what comes through a pipe with `-`, from stdin");
  },
);

test("what is left out of a folder is said to the sender", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  world.file("Ann/d", "a", 10);
  world.file("Ann/d", ".env", 10);
  symlinkSync("a", join(world.home("Ann/d"), "link"));
  await using ann = world.send("Ann", "Bob", world.home("Ann/d"));
  expect(await ann.exit()).toBe(0);
  expect(events(ann, "left-out")).toMatchObject([{ links: 1, others: 0, hidden: 1 }]);
});

test("`--quiet --json` reports what is left out, too: only lines for people are omitted", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  world.file("Ann/d", "a", 10);
  world.file("Ann/d", ".env", 10);
  await using ann = world.send("Ann", "Bob", world.home("Ann/d"), "--quiet");
  expect(await ann.exit()).toBe(0);
  expect(events(ann, "left-out")).toMatchObject([{ links: 0, others: 0, hidden: 1 }]);
});

test("`-` sends what comes from stdin, under the name that --as gives it", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  const input = "line\n".repeat(50_000);
  const to = [`127.0.0.1:${world.port}`, "--to", "Bob", "--name", "Ann", "-q"];
  const env = { TMPDIR: world.home("tmp") };
  const named = await run(["send-file", ...to, "-", "--as", "log.txt"], { input, env });
  expect(named).toEqual({ code: 0, out: "", err: "" });
  expect(readFileSync(world.taken("Bob", "log.txt"), "utf8")).toBe(input);
  const plain = await run(["send-file", ...to, "-"], { input: "x", env });
  expect(plain.code).toBe(0);
  expect(readFileSync(world.taken("Bob", "stdin"), "utf8")).toBe("x");
  for (const words of [
    ["-", "--as", "../x"],
    ["-", "--as", ""],
    ["a", "--as", "b"],
  ]) {
    const { code, err } = await run(["send-file", ...to, ...words], { env });
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("--as") });
  }
  expect(readdirSync(world.home("tmp"))).toEqual([]);
});

test("the sender learns which file could not be saved and why, but not where", async () => {
  await using world = await new World().start();
  await using bob = world.taker("Bob");
  await bob.line(/"event":"online"/);
  world.file("Ann/d", "a", 10);
  world.file("Ann/d", "b", 10);
  mkdirSync(world.taken("Bob", "d/b"), { recursive: true });
  await using ann = world.send("Ann", "Bob", world.home("Ann/d"));
  expect(await ann.exit()).toBe(1);
  expect(ann.stderr).toContain("1 of 2 files did not get to 'Bob': 'd/b' is a folder.");
});

test("a file's name can't send codes to the recipient's terminal", async () => {
  await using world = await new World().start();
  const words = ["--accept", join(world.home("Bob"), "in"), "--follow", "--name", "Bob"];
  await using bob = new Parley("client", `127.0.0.1:${world.port}`, ...words);
  await bob.says("You are Bob");
  const name = "a\u001b]0;title\u0007\u202e";
  world.file("Ann/d", name, 10);
  mkdirSync(world.taken("Bob", join("d", name)), { recursive: true });
  await using ann = world.send("Ann", "Bob", world.home("Ann/d"));
  expect(await ann.exit()).toBe(1);
  await bob.says("could not be saved", "is a folder.", "Saved 0 files from Ann");
  expect(bob.stderr).not.toMatch(/[\u001b\u0007\u202e]/);
  expect(ann.stderr).not.toMatch(/[\u001b\u0007\u202e]/);
});
