// The bots of docs/bots.md, exactly as printed there, on a real server.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { docsBlock } from "../docs-blocks.ts";
import { Parley, parleyCommand } from "../parley.ts";
import { python3 } from "../python.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const folder = testFolder("bots");
const home = join(folder, "home");
let server: Parley;
let address = "";
let page = "";

const withCurl = skipUnless(
  Bun.which("curl") !== null && Bun.which("bash") !== null,
  "curl and bash run these bots",
);
const withPython = skipUnless(python3 !== undefined, "python3 runs these bots");
const [program = "", ...programArgs] = parleyCommand();
const withBinary = skipUnless(programArgs.length === 0, "the bot calls the compiled parley");

beforeAll(async () => {
  for (const name of ["home", "files", "bin"]) mkdirSync(join(folder, name));
  symlinkSync(program, join(folder, "bin", "parley"));
  const place = ["--files", join(folder, "files"), "--state", join(folder, "state")];
  const flags = ["--json", "--port", "0", "--web-port", "0", "--quota", "10M"];
  server = new Parley("server", ...flags, ...place);
  const ready = JSON.parse(await server.line(/"listening"/)) as { port: number; webPort: number };
  address = `127.0.0.1:${ready.port}`;
  page = `http://127.0.0.1:${ready.webPort}`;
  server.type("/topic ops what goes wrong");
});

/** A file with the token of a name that only this bot uses: other bots may not have left yet. */
async function headerOf(name: string): Promise<string> {
  server.type(`/token ${name}`);
  const line = await server.line(new RegExp(`"event":"token".*"name":"${name}"`));
  const { token } = JSON.parse(line) as { token: string };
  const header = join(folder, `${name}.header`);
  writeFileSync(header, `Authorization: Bearer ${token}\n`);
  return header;
}

afterAll(() => server[Symbol.asyncDispose]());

function environment(header: string): Record<string, string> {
  const path = `${join(folder, "bin")}:${dirname(process.execPath)}:${process.env["PATH"]}`;
  const own = { PARLEY: page, HEADER: header, XDG_CONFIG_HOME: home, PATH: path };
  return { ...(process.env as Record<string, string>), ...own };
}

/** Runs a bot until the end of the test. */
class Bot implements AsyncDisposable {
  readonly #process: Bun.Subprocess;

  /** `name`: the name of the bot and its file. */
  static async start(
    name: string,
    heading: string,
    command: readonly string[],
    args: readonly string[] = [],
  ): Promise<Bot> {
    return new Bot(name, heading, [...command, join(folder, name), ...args], await headerOf(name));
  }

  private constructor(name: string, heading: string, words: string[], header: string) {
    writeFileSync(join(folder, name), docsBlock("bots.md", heading));
    const env = environment(header);
    this.#process = Bun.spawn(words, { env, stdout: "ignore", stderr: "inherit" });
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its children exit when their pipes close.
    this.#process.kill();
    await this.#process.exited;
  }
}

async function person(name: string, ...flags: string[]): Promise<Parley> {
  const client = new Parley("client", address, "--name", name, "--json", ...flags);
  await client.line(/"online"/);
  return client;
}

/** Repeats the message until the answer arrives: the bot may not be online yet. */
async function answered(asking: Parley, question: string, answer: RegExp): Promise<string> {
  const timer = setInterval(() => asking.type(question), 500);
  try {
    return await asking.line(answer);
  } finally {
    clearInterval(timer);
  }
}

withCurl("the time, by bash and curl", async () => {
  await using bot = await Bot.start("time", "## Bash and curl", ["bash"]);
  await using ann = await person("Ann");
  expect(bot).toBeDefined();
  expect(await answered(ann, "!time", /"text":"It is \d\d:\d\d"/)).toContain('"from":"time"');
});

withPython("dice, by Python", async () => {
  await using bot = await Bot.start("dice", "## Python", [python3!]);
  await using ann = await person("Ann");
  expect(bot).toBeDefined();
  expect(await answered(ann, "!roll", /"text":"Ann rolls [1-6]"/)).toContain('"from":"dice"');
});

const runtimes = [process.execPath, Bun.which("node")].filter((path) => path !== null);
test.each(runtimes)("a greeter, by %s", async (runtime) => {
  await using bob = await person("Bob");
  await using bot = await Bot.start(`${basename(runtime)}-greeter.mjs`, "## JavaScript", [runtime]);
  expect(bot).toBeDefined();
  await bob.line(/"joined".*greeter.mjs/);
  await using cal = await person("Cal");
  expect(await cal.line(/"text":"Welcome, Cal!"/)).toContain("greeter.mjs");
});

(python3 === undefined ? withPython : withBinary)("private answers, by parley client", async () => {
  await using bot = await Bot.start(
    "helper-py",
    "## `parley client --json-in`",
    [python3 ?? ""],
    [address],
  );
  expect(bot).toBeDefined();
  await using ann = await person("Ann", "--json-in");
  const question = JSON.stringify({ to: "helper", text: "hello" });
  expect(await answered(ann, question, /"text":"I read: hello"/)).toContain('"from":"helper"');
});

withCurl("what failed, from cron", async () => {
  const path = join(folder, "failing");
  writeFileSync(path, "echo fine; exit 0");
  await using well = await Bot.start("cron", "## Cron", ["sh"], ["sh", path]);
  expect(await well.exited).toBe(0);
  writeFileSync(path, "echo no space left >&2; exit 3");
  await using failed = await Bot.start("cron", "## Cron", ["sh"], ["sh", path]);
  expect(await failed.exited).toBe(3);
  const [name = "", value = ""] = (await Bun.file(await headerOf("reader")).text())
    .trim()
    .split(": ");
  const headers = { [name]: value };
  const { messages } = (await (await fetch(`${page}/rooms/ops`, { headers })).json()) as {
    messages: { text: string }[];
  };
  expect(messages.map(({ text }) => text)).toEqual([`sh ${path} failed with 3:\nno space left`]);
});

withCurl("the latest backup, from cron", async () => {
  const path = join(folder, "db.gz");
  writeFileSync(path, "the data");
  await using bob = await person("Bob", "--room", "ops", "--follow");
  await using sharing = await Bot.start("backups", "## Cron: the latest", ["sh"], [path]);
  expect(await sharing.exited).toBe(0);
  await bob.line(/"from":"backups","text":"shares 'db.gz'/);
  expect(readFileSync(join(folder, "files", "db.gz"), "utf8")).toBe("the data");
});
