// Private messages between two registered users, with the compiled client and server: what both
// see, and what is in the server's files.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { type Ended, type OnTerminal, run, runOnTerminal, type TerminalOptions } from "./run.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("cli-sealed");
let count = 0;

class Server implements AsyncDisposable {
  readonly folder = join(base, `server${++count}`);
  readonly #server: Parley;
  port = 0;

  constructor() {
    mkdirSync(this.folder);
    const at = (name: string) => join(this.folder, name);
    const flags = ["--data", at("chat.db"), "--state", at("state"), "--files", at("files")];
    mkdirSync(at("files"));
    const more = ["--port", "0", "--no-web", "--json", "--log-level", "debug"];
    this.#server = new Parley("server", ...flags, ...more);
  }

  async start(): Promise<this> {
    const ready = JSON.parse(await this.#server.line(/"event":"listening"/)) as { port: number };
    this.port = ready.port;
    return this;
  }

  get output(): string {
    return this.#server.lines.join("\n") + this.#server.stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.signal("SIGTERM");
    await this.#server.exit();
  }

  /** Everything the server has written to files. */
  get kept(): string {
    const files = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    const paths = files.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
    return paths.map((path) => readFileSync(path, "latin1")).join("\n");
  }
}

type Event = Record<string, unknown>;
type Read = { mail: Event[]; copied: Event[] };

class Device {
  readonly home = join(base, `device${++count}`);
  readonly #env = { XDG_CONFIG_HOME: this.home, NO_COLOR: "1" };

  constructor(
    readonly server: Server,
    public name: string,
  ) {
    mkdirSync(this.home);
  }

  get #words(): string[] {
    return ["client", `127.0.0.1:${this.server.port}`, "--name", this.name];
  }

  file(name: string): string {
    return join(this.home, "parley", name);
  }

  /** Types each line once the answer to the previous one is shown. */
  type(...lines: readonly [line: string, answer: string][]) {
    const steps = [...lines, ["/quit", ""] as const].map(([line], i) => {
      const after = i === 0 ? "lobby>" : (lines[i - 1]?.[1] ?? "");
      return [after, (child: OnTerminal) => child.type(`${line}\r`)] as const;
    });
    return this.drive(steps);
  }

  drive(steps: NonNullable<TerminalOptions["steps"]>) {
    return runOnTerminal(this.#words, { env: this.#env, columns: 250, steps });
  }

  /** Connects, reads the waiting mail, and leaves. */
  async read(...flags: readonly string[]): Promise<Ended & Read> {
    const ended = await run([...this.#words, "--json", ...flags], {
      env: this.#env,
      input: "hi\n",
    });
    const events = ended.out.split("\n").filter((line) => line !== "");
    const objects = events.map((line) => JSON.parse(line) as Record<string, unknown>);
    const of = (event: string): Event[] => objects.filter((one) => one["event"] === event);
    return { ...ended, mail: of("private"), copied: of("copied") };
  }
}

async function registered(server: Server, ...names: readonly string[]): Promise<Device[]> {
  const devices = names.map((name) => new Device(server, name));
  for (const device of devices) await device.type(["/register", "is yours now"]);
  return devices;
}

test("mail for an offline user is nowhere readable on the server, and arrives when they connect", async () => {
  const secret = `aardvark-${crypto.randomUUID()}`;
  await using server = await new Server().start();
  const [ann, bob] = (await registered(server, "Ann", "Bob")) as [Device, Device];
  const shown = `to Bob (sealed, unverified): ${secret}`;
  const sent = await ann.type([`/msg Bob ${secret}`, shown]);
  expect(sent.code).toBe(0);
  expect(sent.shown).toContain("/verify Bob compares it");
  for (const device of [ann, bob])
    expect(statSync(device.file("identity")).mode & 0o777).toBe(0o600);
  expect(readFileSync(ann.file("known_keys"), "utf8")).toMatch(
    /^127\.0\.0\.1:\d+ bob met [\w-]{43}\n$/,
  );
  expect(statSync(ann.file("known_keys")).mode & 0o777).toBe(0o600);

  const { mail, err } = await bob.read();
  expect(mail).toEqual([
    expect.objectContaining({ from: "Ann", text: secret, sealed: true, key: "unverified" }),
  ]);
  expect(err).toContain("First contact with Ann");
  expect(statSync(bob.file("identity.seen")).mode & 0o777).toBe(0o600);
  // The search works: unsealed text is found.
  const plain = `badger-${crypto.randomUUID()}`;
  const guest = new Device(server, "Guest");
  const open = await guest.type([`/msg Bob ${plain}`, `to Bob (private, not sealed): ${plain}`]);
  expect(open.code).toBe(0);
  expect((await bob.read()).mail).toEqual([
    expect.objectContaining({ from: "Guest", text: plain, sealed: false }),
  ]);
  expect(server.kept).toContain(plain);
  expect(server.kept).not.toContain(secret);
  expect(server.output).not.toContain(secret);
});

test("messages between two online users are sealed, also in a private chat", async () => {
  const secret = `capybara-${crypto.randomUUID()}`;
  await using server = await new Server().start();
  const [ann, bob] = (await registered(server, "Ann", "Bob")) as [Device, Device];
  // Ann connects once Bob is online.
  const his = bob.type(
    ["/who", "Ann invites you"],
    ["/accept", `Ann (sealed, unverified): ${secret}`],
    ["and back", "to Ann (sealed, unverified): and back"],
  );
  const watcher = new Device(server, "Eve");
  await until(async () => (await watcher.type(["/who", " in lobby"])).shown.includes("Bob"));
  const hers = ann.type(
    ["/invite Bob", "Private chat with Bob"],
    [secret, "(sealed, unverified): and back"],
  );
  expect([(await hers).code, (await his).code]).toEqual([0, 0]);
  expect(server.kept).not.toContain(secret);
  expect(server.output).not.toContain(secret);
});

test("messages show a verified key; a new device stops sending until it is accepted", async () => {
  await using server = await new Server().start();
  const [ann, bob] = (await registered(server, "Ann", "Bob")) as [Device, Device];
  const compared = await ann.type(
    ["/verified Bob", "Compare first"],
    ["/verify Bob", "Then type /verified Bob"],
    ["/verified Bob", "are verified now"],
    ["/msg Bob one", "to Bob (sealed): one"],
  );
  expect(compared.code).toBe(0);
  const made = await bob.type(["/devices add", "/link "]);
  expect(made.shown).toContain("Ann (sealed, unverified): one");
  const [, code = ""] = /\/link ([0-9a-z]{5}-[0-9a-z]{5})/.exec(made.shown) ?? [];
  const phone = new Device(server, "guest");
  await phone.type([`/link ${code}`, "connect again with"]);
  const refused = await ann.type(
    ["/msg Bob two", "Not sent: Bob has a new device"],
    ["/accept-key Bob", "Accepted: send the message again"],
    ["/msg Bob three", "to Bob (sealed, unverified): three"],
  );
  expect(refused.code).toBe(0);
  const { mail } = await bob.read();
  expect(mail.map(({ text }) => text)).toEqual(["three"]);
});

test("a device that another one vouches for needs no acceptance, and reads what follows", async () => {
  await using server = await new Server().start();
  const [ann, bob] = (await registered(server, "Ann", "Bob")) as [Device, Device];
  await ann.type(["/verify Bob", "Then type /verified Bob"], ["/verified Bob", "are verified now"]);
  const phone = new Device(server, "guest");
  const joined = Promise.withResolvers<unknown>();
  const his = bob.drive([
    ["lobby>", (child) => child.type("/devices add\r")],
    ["/link ", () => {}],
    [
      // The line is complete once the prompt is drawn below it.
      "lobby>",
      (child) => {
        const [, code = ""] = /\/link ([0-9a-z-]{29})/.exec(child.shown()) ?? [];
        joined.resolve(phone.type([`/link ${code}`, "connect again with"]));
      },
    ],
    ["This device vouches for it", (child) => child.type("/quit\r")],
  ]);
  await joined.promise;
  expect((await his).code).toBe(0);
  const sent = await ann.type(["/msg Bob psst", "to Bob (sealed): psst"]);
  expect(sent.shown).toContain("Bob has a new device; a device that you know vouches for it");
  phone.name = "Bob";
  for (const device of [bob, phone]) {
    const { mail } = await device.read();
    expect(mail.map(({ text }) => text)).toEqual(["psst"]);
  }
  // Each of the two gets what was sent from the other one.
  const [first, second] = ["from the desk", "from the phone"].map(
    (text) => `${text} ${crypto.randomUUID()}`,
  );
  await bob.type([`/msg Ann ${first}`, `to Ann (sealed, unverified): ${first}`]);
  const onPhone = await phone.type([
    `/msg Ann ${second}`,
    `to Ann (sealed, unverified): ${second}`,
  ]);
  expect(onPhone.shown).toContain(`to Ann (from another device): ${first}`);
  const { copied } = await bob.read();
  expect(copied).toEqual([expect.objectContaining({ to: ["Ann"], text: second })]);
  const { mail } = await ann.read();
  expect(mail.map(({ text }) => text)).toEqual([first, second]);
  expect(statSync(phone.file("identity.devices")).mode & 0o777).toBe(0o600);
  for (const text of [first, second]) expect(server.kept).not.toContain(text);
  // And files, from one to the other.
  const [address, content] = [`127.0.0.1:${server.port}`, `for myself ${crypto.randomUUID()}`];
  const [file, folder] = [bob.file("note.txt"), phone.file("in")];
  writeFileSync(file, content);
  const own = (device: Device) => ["--name", "Bob", "--identity", device.file("identity")];
  const taking = ["client", address, ...own(phone), "--accept", folder, "--follow", "--json"];
  await using taker = new Parley(...taking);
  await taker.line(/"event":"online"/);
  const sending = await run(["send-file", address, file, "--to", "bob", ...own(bob)]);
  expect(sending).toMatchObject({ code: 0, err: expect.stringContaining("(sealed: nobody but") });
  expect(readFileSync(join(folder, "note.txt"), "utf8")).toBe(content);
});
