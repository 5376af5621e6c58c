// Files by code without a server, with the compiled programs: discovery on the network or by an
// address, folders, resuming; wrong guesses, and a man in the middle.

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { CodeGuest, codeExporterLabel } from "../../src/tls/code-exchange.ts";
import { codeOf } from "../../src/tls/code-words.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { run } from "./run.ts";
import { skipUnless } from "../skip.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("code");
let count = 0;

type Offer = { code: string; address: string; port: number };

/** A sender, and a folder for the receiver. */
class Giver implements AsyncDisposable {
  readonly folder = join(base, `${++count}`);
  #program: Parley | undefined;

  constructor() {
    mkdirSync(join(this.folder, "out", "photos", "empty"), { recursive: true });
    mkdirSync(join(this.folder, "in"));
    writeFileSync(join(this.folder, "out", "a.bin"), bytesOf(3_000_000));
    writeFileSync(join(this.folder, "out", "photos", "one.txt"), "one");
  }

  get program(): Parley {
    if (this.#program === undefined) throw new Error("nothing is offered yet");
    return this.#program;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  offer(...flags: string[]): Promise<Offer> {
    return this.#give(this.path("out", "a.bin"), this.path("out", "photos"), ...flags);
  }

  offerFile(...flags: string[]): Promise<Offer> {
    return this.#give(this.path("out", "a.bin"), ...flags);
  }

  #give(...words: string[]): Promise<Offer> {
    this.#program = new Parley("send-file", ...words, "--json");
    return this.next();
  }

  /** The code with that number. */
  async next(times = 1): Promise<Offer> {
    const line = await this.program.line(/"event":"code"/, times);
    const { code, addresses } = JSON.parse(line) as { code: string; addresses: string[] };
    const port = Number(/\d+$/.exec(addresses[0] ?? "")?.[0]);
    return { code, port, address: `127.0.0.1:${port}` };
  }

  fetch(...words: string[]): Parley {
    return new Parley("fetch-file", ...words, "-o", this.path("in"), "--json");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#program?.signal("SIGTERM");
    await this.#program?.exit();
  }
}

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** A connection to a sender; `lines` grows. */
async function strangerAt(port: number): Promise<{ socket: TLSSocket; lines: string[] }> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  const lines: string[] = [];
  let rest = "";
  socket.on("data", (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  return { socket, lines };
}

test("by the address: files and folders arrive, and both programs exit with 0", async () => {
  await using giver = new Giver();
  const { code, address } = await giver.offer();
  expect(code).toMatch(/^\d{1,3}-[a-z]+-[a-z]+$/);
  expect(await giver.fetch(address, "--code", code.toUpperCase()).exit()).toBe(0);
  expect(readFileSync(giver.path("in", "a.bin"))).toEqual(Buffer.from(bytesOf(3_000_000)));
  expect(readFileSync(giver.path("in", "photos", "one.txt"), "utf8")).toBe("one");
  expect(existsSync(giver.path("in", "photos", "empty"))).toBe(true);
  expect(await giver.program.exit()).toBe(0);
  const sent = giver.program.lines.find((line) => line.includes('"event":"sent"'));
  expect(JSON.parse(sent ?? "{}")).toMatchObject({ files: 2, size: 3_000_003 });
});

const hasV6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");
skipUnless(hasV6, "no ::1")("by an IPv6 address", async () => {
  await using giver = new Giver();
  const { code, port } = await giver.offer();
  expect(await giver.fetch(`[::1]:${port}`, "--code", code).exit()).toBe(0);
  expect(readFileSync(giver.path("in", "a.bin"))).toEqual(Buffer.from(bytesOf(3_000_000)));
  expect(await giver.program.exit()).toBe(0);
});

test("a single file is saved as -o PATH, unless that is a folder", async () => {
  await using giver = new Giver();
  const { address, code } = await giver.offerFile("--keep");
  const fetch = (from: string, word: string, ...path: string[]) =>
    new Parley("fetch-file", from, "--code", word, "-o", giver.path(...path), "--json").exit();
  expect(await fetch(address, code, "in", "b.bin")).toBe(0);
  const second = await giver.next(2);
  expect(await fetch(second.address, second.code, "in", "b.bin")).toBe(0);
  const third = await giver.next(3);
  expect(await fetch(third.address, third.code, "in")).toBe(0);
  const fourth = await giver.next(4);
  expect(await fetch(fourth.address, fourth.code, "new", "/")).toBe(0);
  expect(readFileSync(giver.path("in", "b.bin"))).toEqual(Buffer.from(bytesOf(3_000_000)));
  // The same file, sent again, is left alone.
  expect(readdirSync(giver.path("in")).toSorted()).toEqual(["a.bin", "b.bin"]);
  expect(readdirSync(giver.path("new"))).toEqual(["a.bin"]);
});

test("on the same network the sender is found without an address", async () => {
  await using giver = new Giver();
  const { code } = await giver.offer();
  expect(await giver.fetch("--code", code).exit()).toBe(0);
  expect(existsSync(giver.path("in", "a.bin"))).toBe(true);
  expect(await giver.program.exit()).toBe(0);
});

test("one wrong guess makes the code void: both are told, and the right words are too late", async () => {
  await using giver = new Giver();
  const { code, address } = await giver.offer();
  const [number] = code.split("-");
  const guess = giver.fetch(address, "--code", `${number}-zoo-zoo`);
  expect(await guess.exit()).toBe(6);
  expect(guess.stderr).toContain("does not know this code");
  expect(await giver.program.exit()).toBe(4);
  expect(giver.program.stderr).toContain("Somebody at 127.0.0.1 tried a wrong code");
  expect(await giver.fetch(address, "--code", code).exit()).toBe(3);
  expect(existsSync(giver.path("in", "a.bin"))).toBe(false);
});

test("--keep continues with a new code after a guess, and after a guest", async () => {
  await using giver = new Giver();
  const first = await giver.offer("--keep");
  const [number] = first.code.split("-");
  expect(await giver.fetch(first.address, "--code", `${number}-zoo-zoo`).exit()).toBe(6);
  const second = await giver.next(2);
  expect(second.code).not.toBe(first.code);
  expect(giver.program.lines.find((line) => line.includes('"event":"void"'))).not.toContain(
    "again",
  );
  expect(await giver.fetch(second.address, "--code", second.code).exit()).toBe(0);
  const third = await giver.next(3);
  expect(third.code).not.toBe(second.code);
});

test("--keep continues with a new code after a guest who has failed or was stopped", async () => {
  await using giver = new Giver();
  const first = await giver.offer("--keep");
  rmSync(giver.path("in"), { recursive: true });
  writeFileSync(giver.path("in"), "no folder");
  expect(await giver.fetch(first.address, "--code", first.code).exit()).toBe(1);
  await giver.program.line(/"event":"void".*Cannot create the folder: /);
  rmSync(giver.path("in"));
  const second = await giver.next(2);
  const guest = giver.fetch(second.address, "--code", second.code, "--limit-rate", "300k");
  await guest.line(/"event":"progress"/);
  guest.signal("SIGINT");
  expect(await guest.exit()).toBe(130);
  const third = await giver.next(3);
  expect(await giver.fetch(third.address, "--code", third.code).exit()).toBe(0);
});

test("leaving after a try counts as a guess; leaving without one does not", async () => {
  await using giver = new Giver();
  const { code, port } = await giver.offer("--keep");
  const idle = await strangerAt(port);
  idle.socket.write('{"type":"hello","version":2}\n');
  await until(() => idle.lines.length > 0);
  idle.socket.destroy();
  const tries = await strangerAt(port);
  const exported = tries.socket.exportKeyingMaterial(32, codeExporterLabel, Buffer.alloc(0));
  const wrong = new CodeGuest(codeOf(`${code.split("-")[0]}-zoo-zoo`), new Uint8Array(exported));
  const number = Number(code.split("-")[0]);
  tries.socket.write(`${JSON.stringify({ type: "code", number, share: wrong.share, ref: 1 })}\n`);
  await until(() => tries.lines.some((line) => line.includes('"code-share"')));
  expect(giver.program.lines.some((line) => line.includes('"event":"void"'))).toBe(false);
  tries.socket.destroy();
  await giver.program.line(/"event":"void"/);
});

test("the sender learns why its files could not be saved, and that the other end was stopped", async () => {
  await using giver = new Giver();
  const { address, code } = await giver.offer();
  rmSync(giver.path("out", "a.bin"));
  expect(await giver.fetch(address, "--code", code).exit()).toBe(5);
  expect(await giver.program.exit()).toBe(1);
  expect(giver.program.stderr).toContain("2 of the files did not get there: 'a.bin' can't be read");
  await using other = new Giver();
  const offer = await other.offer();
  const guest = other.fetch(offer.address, "--code", offer.code, "--limit-rate", "300k");
  await guest.line(/"event":"progress"/);
  guest.signal("SIGINT");
  expect(await guest.exit()).toBe(130);
  expect(await other.program.exit()).toBe(4);
});

test("without the code nothing is revealed: no names, no sizes, no files", async () => {
  await using giver = new Giver();
  const { port } = await giver.offer("--keep");
  const asked = [
    '{"type":"hello","version":2,"name":"Eve"}',
    '{"type":"files","ref":1}',
    '{"type":"fetch","name":"a.bin","check":true,"ref":2}',
    '{"type":"tree","name":"photos","ref":3}',
    `{"type":"code-proof","proof":"${"A".repeat(43)}","ref":4}`,
    `{"type":"code-again","proof":"${"A".repeat(43)}","ref":5}`,
    '{"type":"code-done"}',
    '{"type":"say","room":"lobby","text":"x"}',
    "x".repeat(200_000),
  ];
  for (const line of asked) {
    const { socket, lines } = await strangerAt(port);
    socket.write(`${line}\n`);
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write('{"type":"bye"}\n');
    await ended;
    const told = lines.join("\n");
    for (const secret of ["a.bin", "photos", "one.txt", "3000000"]) {
      expect(told).not.toContain(secret);
    }
  }
  // None of them counted as a try.
  expect(giver.program.lines.some((line) => line.includes('"event":"void"'))).toBe(false);
});

test("a man in the middle is detected before the guest reveals anything, and uses up its guess", async () => {
  await using giver = new Giver();
  const { code, port } = await giver.offer();
  // The middleman forwards all lines, and has separate TLS sessions with both.
  const key = await createKeyPair(Date.now());
  const heard: string[] = [];
  const between = Bun.listen<TLSSocket>({
    hostname: "127.0.0.1",
    port: 0,
    tls: key,
    socket: {
      open(socket) {
        const on = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
        on.on("error", () => {});
        on.on("data", (bytes: Buffer) => void socket.write(bytes));
        on.on("close", () => socket.end());
        socket.data = on;
      },
      data(socket, bytes) {
        heard.push(bytes.toString());
        socket.data.write(bytes);
      },
      close: (socket) => void socket.data.destroy(),
    },
  });
  const guest = giver.fetch(`127.0.0.1:${between.port}`, "--code", code);
  expect(await guest.exit()).toBe(6);
  expect(heard.join("")).not.toContain("code-proof");
  expect(await giver.program.exit()).toBe(4);
  between.stop(true);
});

test("a fetch resumes after its connection was cut, with the secret derived from the code", async () => {
  await using giver = new Giver();
  const { code, port } = await giver.offer();
  let connections = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((inside) => {
    connections++;
    const on = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [inside, on],
      [on, inside],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {}).on("close", () => other.destroy());
      one.on("data", (bytes) => other.write(bytes));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const place = proxy.address();
  const at = typeof place === "object" && place !== null ? place.port : 0;
  const guest = giver.fetch(`127.0.0.1:${at}`, "--code", code, "--limit-rate", "1M");
  await guest.line(/"event":"progress"/);
  const before = connections;
  for (const socket of sockets) socket.destroy();
  expect(await guest.exit()).toBe(0);
  expect(connections).toBeGreaterThan(before);
  expect(readFileSync(giver.path("in", "a.bin"))).toEqual(Buffer.from(bytesOf(3_000_000)));
  expect(await giver.program.exit()).toBe(0);
  proxy.close();
});

const mistakes: [words: string[], message: RegExp][] = [
  [["fetch-file", "--code", "olive-lamp"], /--code: a code is a number and two words/],
  [
    ["fetch-file", "--code", "7-olivee-lamp"],
    /no code has the word 'olivee': did you mean 'olive'/,
  ],
  [["fetch-file", "a.txt", "--code", "7-olive-lamp"], /leave out names/],
  [["send-file"], /Which file\?/],
  [["send-file", "--to", "Bob", "--keep", "/etc/hosts"], /leave out --code and --keep/],
  [["send-file", "--room", "den", "/etc/hosts"], /--room is told .*: add --share/],
];

for (const [words, message] of mistakes) {
  test(`${words.join(" ")}: ${message.source}`, async () => {
    const program = new Parley(...words);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(message);
  });
}

test("a list of known servers that can't be read does not keep anybody from connecting", async () => {
  const config = join(base, "config");
  mkdirSync(join(config, "parley", "known_servers"), { recursive: true });
  const { code, err } = await run(["fetch-file", "--code", "7-olive-lamp", "127.0.0.1:1"], {
    env: { XDG_CONFIG_HOME: config },
  });
  expect(err).toContain("Cannot connect to 127.0.0.1:1");
  expect(code).toBe(3);
});
