// Files by code through a server, with the compiled programs: their output, resuming after either
// end or the server was disconnected, and wrong guesses.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { CodeServer } from "../../src/codes/code-server.ts";
import { announce } from "../../src/codes/lan.ts";
import { LinkedSender } from "../../src/codes/linked-sender.ts";
import { ParleyError } from "../../src/errors.ts";
import { CodeReport } from "../../src/terminal/files/code-report.ts";
import { FetchReport } from "../../src/terminal/files/fetch-report.ts";
import { runCodeFetch } from "../../src/terminal/files/run-code-fetch.ts";
import { runCodeSend } from "../../src/terminal/files/run-code-send.ts";
import { codeText } from "../../src/trust/code.ts";
import { codeOf as readCode } from "../../src/tls/code-words.ts";
import { freePort } from "../free-port.ts";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { ServerHere } from "../server-here.ts";
import { testFolder } from "../test-folder.ts";
import { runOnTerminal } from "./run.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("code-server");
let count = 0;

const content = Buffer.from(noise(3_000_000));

/** A server, a sender with files, and a folder for the receiver. */
class World implements AsyncDisposable {
  readonly folder = join(base, `${++count}`);
  readonly #programs: Parley[] = [];
  #server: ServerHere | undefined;
  port = 0;

  async start(...flags: string[]): Promise<this> {
    this.#server = await ServerHere.start(...(await this.#flags()), ...flags);
    return this;
  }

  /** Starts the server, or restarts it, as a program that can be killed. */
  async startProgram(): Promise<Parley> {
    const server = this.#run("server", ...(await this.#flags()));
    await server.line(/^Server listening/);
    return server;
  }

  async #flags(): Promise<string[]> {
    // A port that the server can use again.
    if (this.port === 0) this.port = await freePort();
    mkdirSync(join(this.folder, "out", "photos", "empty"), { recursive: true });
    mkdirSync(join(this.folder, "in"), { recursive: true });
    writeFileSync(this.path("out", "a.bin"), content);
    writeFileSync(this.path("out", "photos", "one.txt"), "one");
    const files = ["--files", this.path("none"), "--state", this.path("state")];
    return [...files, "--port", String(this.port), "--no-web"];
  }

  /** All that the server has printed and logged. */
  get output(): string {
    return this.#server?.output ?? "";
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  send(address: string, ...flags: string[]): Parley {
    const paths = [this.path("out", "a.bin"), this.path("out", "photos")];
    return this.#run("send-file", address, ...paths, "--code", "--json", ...flags);
  }

  fetch(...words: string[]): Parley {
    return this.#run("fetch-file", ...words, "-o", this.path("in"), "--json");
  }

  #run(...words: string[]): Parley {
    const program = new Parley(...words);
    this.#programs.push(program);
    return program;
  }

  expectAll(): void {
    expect(readFileSync(this.path("in", "a.bin")).equals(content)).toBe(true);
    expect(readFileSync(this.path("in", "photos", "one.txt"), "utf8")).toBe("one");
    expect(existsSync(this.path("in", "photos", "empty"))).toBe(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) {
      program.signal("SIGTERM");
      await program.exit();
    }
    await this.#server?.[Symbol.asyncDispose]();
  }
}

async function codeOf(program: Parley, times = 1): Promise<string> {
  const line = await program.line(/"event":"code"/, times);
  return (JSON.parse(line) as { code: string }).code;
}

/** Forwards connections until they are cut; keeps the forwarded bytes. */
class Between implements Disposable {
  readonly #sockets = new Set<Socket>();
  readonly #server;
  connections = 0;
  passed = "";

  private constructor(port: number) {
    this.#server = createServer((inside) => {
      this.connections++;
      const on = connect(port, "127.0.0.1");
      for (const [one, other] of [
        [inside, on],
        [on, inside],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => {}).on("close", () => other.destroy());
        one.on("data", (bytes) => {
          this.passed += bytes.toString("latin1");
          other.write(bytes);
        });
      }
    });
  }

  static async to(port: number): Promise<Between> {
    const between = new Between(port);
    await new Promise<void>((resolve) => between.#server.listen(0, "127.0.0.1", resolve));
    return between;
  }

  get address(): string {
    const place = this.#server.address();
    return `127.0.0.1:${typeof place === "object" && place !== null ? place.port : 0}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }
}

test("files and folders arrive, both programs exit with 0, and the server has not seen their names", async () => {
  await using world = await new World().start("--log-level", "debug");
  using between = await Between.to(world.port);
  const sender = world.send(between.address);
  const code = await codeOf(sender);
  expect(code).toMatch(/^\d{1,3}-[a-z]+-[a-z]+$/);
  const guest = world.fetch(between.address, "--code", code.toUpperCase(), "--plain");
  expect(await guest.exit()).toBe(0);
  world.expectAll();
  expect(await sender.exit()).toBe(0);
  const events = sender.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const server = between.address;
  const first = { event: "code", addresses: [], server, files: 2, size: 3_000_003 };
  expect(events[0]).toMatchObject(first);
  expect(events[1]).toEqual({ event: "accepted" });
  expect(events.at(-1)).toMatchObject({ event: "sent", files: 2, size: 3_000_003 });
  const [, one = "", two = ""] = code.split("-");
  const log = world.output;
  // One of them may be in any log: "ten" in "listening", "code", "page".
  expect(log).not.toMatch(new RegExp(`${one}\\W*${two}`, "i"));
  // In plain text, as relayed by the server. A single short word may occur in base64 by chance.
  for (const secret of ["a.bin", "photos", "one.txt", `${one}-${two}`]) {
    expect(between.passed).not.toContain(secret);
    expect(log).not.toContain(secret);
  }
  expect(log).toContain("code taken");
});

test("bytes go directly between the machines if possible, otherwise relayed; both ends report it", async () => {
  await using world = await new World().start();
  for (const [flags, path] of [
    [[], { path: "direct", via: "loopback" }],
    [["--no-direct"], { path: "relayed" }],
  ] as const) {
    const sender = world.send(world.address, ...flags);
    const guest = world.fetch(world.address, "--code", await codeOf(sender), ...flags);
    expect(await guest.exit()).toBe(0);
    expect(await sender.exit()).toBe(0);
    for (const program of [sender, guest]) {
      const events = program.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(events.findLast(({ event }) => event === "path")).toEqual({
        event: "path",
        ...path,
      });
    }
    rmSync(world.path("in"), { recursive: true });
  }
});

test("each side is told what the other must type, and who has connected", async () => {
  await using world = await new World().start();
  await using sender = new Parley("send-file", world.address, world.path("out", "a.bin"), "--code");
  const line = await sender.line(/fetch-file/);
  expect(line).toMatch(/^ {4}parley fetch-file 127\.0\.0\.1:\d+ --code \d+-[a-z]+-[a-z]+$/);
  const guest = world.fetch(world.address, "--code", line.split(" ").at(-1) ?? "");
  expect(await guest.exit()).toBe(0);
  expect(await sender.exit()).toBe(0);
  expect(sender.stderr).toContain("Ready to send 'a.bin', 3.00 MB. On the other machine:");
  expect(sender.stderr).toContain("Somebody has entered the code");
  expect(sender.stderr).toMatch(/Sent 1 file, 3.00 MB/);
});

test("a link for browsers, and its QR code on a terminal, if others can open the page", async () => {
  const page = ["--web", "--web-port", "0", "--public-url", "https://chat.example"];
  await using world = await new World().start(...page);
  const sender = world.send(world.address);
  const code = await codeOf(sender);
  const event = JSON.parse(sender.lines[0] ?? "") as { link: string };
  expect(event.link).toBe(`https://chat.example/code#${code}`);
  const { shown } = await runOnTerminal(
    ["send-file", world.address, world.path("out", "a.bin"), "--code"],
    { steps: [["One wrong attempt", ({ kill }) => kill("SIGINT")]] },
  );
  expect(shown).toContain("or in a browser, where whoever runs the server could read the code:");
  expect(shown).toMatch(/https:\/\/chat\.example\/code#\d+-[a-z]+-[a-z]+/);
  expect(shown).toContain("▄▄▄▄▄");
});

test("one wrong guess makes the code void, and the right words are too late", async () => {
  await using world = await new World().start();
  const sender = world.send(world.address);
  const code = await codeOf(sender);
  const guess = world.fetch(world.address, "--code", `${code.split("-")[0]}-zoo-zoo`);
  expect(await guess.exit()).toBe(6);
  expect(guess.stderr).toContain("does not know this code");
  expect(await sender.exit()).toBe(4);
  expect(sender.stderr).toContain("Somebody tried a wrong code");
  const late = world.fetch(world.address, "--code", code);
  expect(await late.exit()).toBe(5);
  expect(late.stderr).toContain("There are no files for this code, or no longer");
  expect(existsSync(world.path("in", "a.bin"))).toBe(false);
});

test("--keep continues with a new code after a guess, and after a guest", async () => {
  await using world = await new World().start();
  const sender = world.send(world.address, "--keep");
  const first = await codeOf(sender);
  const guess = world.fetch(world.address, "--code", `${first.split("-")[0]}-zoo-zoo`);
  expect(await guess.exit()).toBe(6);
  const second = await codeOf(sender, 2);
  expect(await world.fetch(world.address, "--code", second).exit()).toBe(0);
  world.expectAll();
  const third = await codeOf(sender, 3);
  expect(new Set([first, second, third]).size).toBe(3);
  sender.signal("SIGINT");
  expect(await sender.exit()).toBe(130);
  expect(await world.fetch(world.address, "--code", third).exit()).toBe(5);
});

test("both ends resume after their connections were cut repeatedly", async () => {
  await using world = await new World().start();
  using toSender = await Between.to(world.port);
  using toGuest = await Between.to(world.port);
  const sender = world.send(toSender.address, "--limit-rate", "500k");
  const guest = world.fetch(toGuest.address, "--code", await codeOf(sender), "--plain");
  for (const [times, between] of [toGuest, toSender, toGuest].entries()) {
    const before = guest.lines.length;
    const progress = () => guest.lines.slice(before).filter((line) => /"progress"/.test(line));
    await guest.until(() => progress().length > 1, `progress ${times}`);
    between.cut();
  }
  expect(await guest.exit()).toBe(0);
  expect(await sender.exit()).toBe(0);
  world.expectAll();
  expect(toGuest.connections).toBe(3);
  expect(toSender.connections).toBe(2);
  expect(sender.lines.filter((line) => /"interrupted"/.test(line)).length).toBe(3);
  // It was not fetched from the beginning each time.
  const verified = guest.lines.flatMap((line) => {
    const event = JSON.parse(line) as {
      event: string;
      name: string;
      verifiedBytes: number;
    };
    return event.event === "progress" && event.name === "a.bin" ? [event.verifiedBytes] : [];
  });
  expect(verified).toEqual(verified.toSorted((a, b) => a - b));
});

test("after a kill and a restart, the server gets the code back from its sender", async () => {
  await using world = new World();
  const server = await world.startProgram();
  const sender = world.send(world.address, "--limit-rate", "1M");
  const guest = world.fetch(world.address, "--code", await codeOf(sender), "--plain");
  await guest.line(/"event":"progress"/, 2);
  server.signal("SIGKILL");
  await server.exit();
  await world.startProgram();
  expect(await guest.exit()).toBe(0);
  expect(await sender.exit()).toBe(0);
  world.expectAll();
});

test("stopping either program ends the other too", async () => {
  await using world = await new World().start();
  for (const stopped of ["sender", "guest"] as const) {
    const sender = world.send(world.address, "--limit-rate", "300k");
    const guest = world.fetch(world.address, "--code", await codeOf(sender));
    await guest.line(/"event":"progress"/);
    const [first, other] = stopped === "sender" ? [sender, guest] : [guest, sender];
    first.signal("SIGINT");
    expect(await first.exit()).toBe(130);
    expect(await other.exit()).toBe(4);
  }
});

test("the sender learns why its files could not be saved", async () => {
  await using world = await new World().start();
  const sender = world.send(world.address);
  const code = await codeOf(sender);
  rmSync(world.path("out", "a.bin"));
  expect(await world.fetch(world.address, "--code", code).exit()).toBe(5);
  expect(await sender.exit()).toBe(1);
  expect(sender.stderr).toContain("2 of the files did not get there: 'a.bin' can't be read");
});

const newOffer = (): string => randomBytes(16).toString("base64url");

/** A connection without a name that speaks the native protocol. */
class Nameless implements Disposable {
  readonly #socket: Socket;
  #heard = "";

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").on("data", (bytes) => (this.#heard += String(bytes)));
    this.say({ type: "hello", version: 2 });
  }

  say(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The messages of this type so far. */
  heard(wanted: string): Record<string, unknown>[] {
    const lines = this.#heard.split("\n").slice(0, -1);
    const messages = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return messages.filter(({ type }) => type === wanted);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

test("a network that guesses is refused before it has tried many codes", async () => {
  await using world = await new World().start();
  const senders = Array.from({ length: 12 }, () => new Nameless(world.port));
  const guesser = new Nameless(world.port);
  for (const sender of senders) sender.say({ type: "open-code", offer: newOffer() });
  const codes = () => senders.flatMap((sender) => sender.heard("code-opened"));
  await until(() => codes().length === 12, "12 codes");
  for (const { number } of codes()) guesser.say({ type: "join-code", offer: newOffer(), number });
  const refused = () => guesser.heard("error");
  await until(() => refused().length + guesser.heard("code-joined").length === 12, "12 answers");
  expect(refused()).toMatchObject([{ code: "rate" }, { code: "rate" }]);
  for (const connection of [...senders, guesser]) connection[Symbol.dispose]();
});

test("both ends log in to a server with a password", async () => {
  const password = join(base, "password");
  writeFileSync(password, "open sesame\n", { mode: 0o600 });
  await using world = await new World().start("--password-file", password);
  const closed = world.send(world.address);
  expect(await closed.exit()).toBe(4);
  const sender = world.send(world.address, "--password-file", password);
  const code = await codeOf(sender);
  const refused = world.fetch(world.address, "--code", code);
  expect(await refused.exit()).toBe(4);
  expect(refused.stderr).toContain("password");
  const guest = world.fetch(world.address, "--code", code, "--password-file", password, "--plain");
  expect(await guest.exit()).toBe(0);
  expect(await sender.exit()).toBe(0);
});

test("an announcement that leads nowhere does not keep the guest from the server", async () => {
  await using world = await new World().start();
  const sender = world.send(world.address);
  const code = readCode(await codeOf(sender));
  const stop = announce(code.number, await freePort());
  const port = world.port;
  await runCodeFetch({
    code,
    place: undefined,
    fallback: { host: "127.0.0.1", port },
    output: world.path("in"),
    isFolder: true,
    quiet: true,
    direct: false,
    report: new FetchReport({ json: false, quiet: true, dataOnStdout: false }),
  });
  stop();
  expect(await sender.exit()).toBe(0);
  world.expectAll();
});

test("a guest who comes through the server has one progress, although this machine serves the files too", async () => {
  await using world = await new World().start();
  const code = spyOn(CodeReport.prototype, "code").mockImplementation(() => {});
  const progress = spyOn(CodeReport.prototype, "progress").mockImplementation(() => {});
  const sending = runCodeSend({
    paths: [world.path("out", "a.bin")],
    keep: false,
    json: false,
    quiet: true,
    limitBytesPerSecond: 2_000_000,
    direct: false,
    server: { host: "127.0.0.1", port: world.port },
    // This machine serves the files as well.
    isServerOptional: true,
  });
  await until(() => code.mock.calls.length > 0, "the code");
  const guest = world.fetch(
    world.address,
    "--code",
    codeText(code.mock.calls[0]![0]),
    "--no-direct",
  );
  expect(await guest.exit()).toBe(0);
  await sending;
  const bytes = progress.mock.calls.map(([sentBytes]) => sentBytes);
  code.mockRestore();
  progress.mockRestore();
  expect(bytes.length).toBeGreaterThan(1);
  expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
});

test("a sender that can't listen on this machine gives its code at the server back", async () => {
  await using world = await new World().start();
  const full = new ParleyError("failed", "Cannot listen: too many open files");
  const open = spyOn(CodeServer, "open").mockRejectedValue(full);
  const close = spyOn(LinkedSender.prototype, "close");
  const sending = runCodeSend({
    paths: [world.path("out", "a.bin")],
    keep: false,
    json: false,
    quiet: true,
    direct: false,
    server: { host: "127.0.0.1", port: world.port },
    isServerOptional: true,
  });
  await expect(sending).rejects.toBe(full);
  const closed = close.mock.calls.length;
  open.mockRestore();
  close.mockRestore();
  expect(closed).toBe(1);
});

test("a sender whose server does not answer ends when it is interrupted", async () => {
  const asked = Promise.withResolvers<void>();
  const silent = createServer((socket) => socket.once("data", () => asked.resolve()));
  const port = await freePort();
  silent.listen(port, "127.0.0.1");
  const file = join(base, "unsent.txt");
  writeFileSync(file, "unsent");
  await using sender = new Parley("send-file", `127.0.0.1:${port}`, file, "--code");
  await asked.promise;
  sender.signal("SIGINT");
  expect(await sender.exit()).toBe(130);
  silent.close();
});
