// Registered names in use: the compiled client on a terminal and in a pipe, over TLS and in plain
// text, before and after a restart of the server.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { pinOf } from "../../src/tls/spki-pin.ts";
import { ServerHere } from "../server-here.ts";
import { testFolder } from "../test-folder.ts";
import { type Ended, run, runOnTerminal } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("cli-identity");
const files = join(base, "FILES");
mkdirSync(files);
let count = 0;

/** A device with its own key. */
class Device {
  readonly home = join(base, `device${++count}`);
  readonly keyFile = join(this.home, "parley", "identity");
  readonly #environment = { XDG_CONFIG_HOME: this.home, NO_COLOR: "1" };

  constructor() {
    mkdirSync(this.home);
  }

  get publicKey(): string {
    const jwk = createPublicKey(readFileSync(this.keyFile, "utf8")).export({ format: "jwk" });
    return String(jwk.x);
  }

  say(to: string, name: string, ...more: readonly string[]): Promise<Ended> {
    const words = ["client", to, "--name", name, ...more];
    return run(words, { input: "hello\n", env: this.#environment });
  }

  fetch(from: string, name: string): Promise<Ended> {
    const words = ["fetch-file", from, name, "-o", "-", "--quiet"];
    return run(words, { env: this.#environment });
  }

  /** Types these lines at the prompt, each after this answer to the previous one. */
  async type(to: string, name: string, ...lines: readonly [line: string, answer: string][]) {
    const steps = lines.map(
      ([line], i) =>
        [
          i === 0 ? "lobby>" : lines[i - 1]![1],
          (child: { type(text: string): void }) => child.type(`${line}\r`),
        ] as const,
    );
    const last = [
      lines.at(-1)![1],
      (child: { type(text: string): void }) => child.type("/quit\r"),
    ] as const;
    return runOnTerminal(["client", to, "--name", name], {
      env: this.#environment,
      columns: 200,
      steps: [...steps, last],
    });
  }

  register(to: string, name: string) {
    return this.type(to, name, ["/register", "is yours now"]);
  }
}

/** A server whose port and keys stay the same across restarts. */
class Server {
  readonly state = join(base, `state${++count}`);
  readonly #flags: readonly string[];
  #server: ServerHere | undefined;
  #port = 0;

  constructor(...flags: readonly string[]) {
    this.#flags = flags;
  }

  async start(...more: readonly string[]): Promise<this> {
    const flags = ["--port", String(this.#port), "--no-web", "--files", files];
    const state = ["--state", this.state];
    this.#server = await ServerHere.start(...flags, ...state, ...this.#flags, ...more);
    this.#port = this.#server.port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  get plain(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get tls(): string {
    return `${this.plain}#${this.#server?.pin}`;
  }

  async restart(...more: readonly string[]): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.start(...more);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

describe.each([
  ["with --data", () => ["--data", join(base, `${++count}.db`)]],
  ["without --data", () => []],
])("a registered name, %s,", (_, flags) => {
  test.each(["plain", "tls"] as const)(
    "belongs to its owner over %s, also after a restart",
    async (way) => {
      await using server = await new Server(...flags()).start();
      const [desk, thief] = [new Device(), new Device()];
      const { shown, code } = await desk.register(server[way], "Ann");
      expect(shown).toContain("The name Ann is yours now");
      expect(code).toBe(0);

      const attempt = async () => {
        const { code, err } = await thief.say(server[way], "ann");
        expect(err).toContain("The name 'Ann' is registered");
        return code;
      };
      expect(await attempt()).toBe(4);
      await server.restart();
      expect(await attempt()).toBe(4);
      expect(await desk.say(server[way], "Ann")).toMatchObject({ code: 0, out: "Ann: hello\n" });
      // The same key over the other transport.
      const other = way === "plain" ? "tls" : "plain";
      expect(await desk.say(server[other], "Ann")).toMatchObject({ code: 0 });
    },
  );
});

describe("the key of a device", () => {
  test("is created at first use, readable only by its owner, and never changes", async () => {
    await using server = await new Server().start();
    const device = new Device();
    await Promise.all([device.say(server.plain, "A"), device.say(server.plain, "B")]);
    const pem = readFileSync(device.keyFile, "utf8");
    expect(createPublicKey(pem).asymmetricKeyType).toBe("ed25519");
    if (process.platform !== "win32") expect(statSync(device.keyFile).mode & 0o777).toBe(0o600);
    await device.say(server.plain, "C");
    expect(readFileSync(device.keyFile, "utf8")).toBe(pem);
  });

  test("may be in another file, which must contain a key", async () => {
    await using server = await new Server().start();
    const [desk, other] = [new Device(), new Device()];
    await desk.register(server.plain, "Ann");
    const given = await other.say(server.plain, "Ann", "--identity", desk.keyFile);
    expect(given.code).toBe(0);
    const broken = join(base, "broken");
    writeFileSync(broken, "not a key\n", { mode: 0o600 });
    const failed = await other.say(server.plain, "Ann", "--identity", broken);
    expect(failed.code).toBe(1);
    expect(failed.err).toContain("is not an Ed25519 key");
    expect(readFileSync(broken, "utf8")).toBe("not a key\n");
  });
});

describe("a second device", () => {
  test("is added by code, is online along with the first, and is revoked again", async () => {
    await using server = await new Server().start();
    const [desk, phone] = [new Device(), new Device()];
    await desk.register(server.tls, "Ann");
    const made = await desk.type(server.tls, "Ann", ["/devices add", "/link "]);
    const [, code = ""] = /\/link ([0-9a-z]{5}-[0-9a-z]{5})/.exec(made.shown) ?? [];
    const linked = await phone.type(server.tls, "guest", [`/link ${code}`, "connect again with"]);
    expect(linked.shown).toContain("This device now belongs to Ann");
    const again = await phone.type(server.tls, "guest2", [`/link ${code}`, "owns a name already"]);
    expect(again.code).toBe(0);
    const both = await phone.type(server.tls, "Ann", ["/devices", "this one"]);
    expect(both.shown).toContain("You are Ann (registered)");
    expect(await phone.say(server.tls, "Ann")).toMatchObject({ code: 0 });
    const key = phone.publicKey.slice(0, 8);
    await desk.type(server.tls, "Ann", [`/devices revoke ${key}`, "revoked"]);
    expect(await phone.say(server.tls, "Ann")).toMatchObject({ code: 4 });
    expect(await desk.say(server.tls, "Ann")).toMatchObject({ code: 0 });
  });
});

const wordsIn = ({ shown }: { shown: string }) =>
  Array.from(shown.matchAll(/(?:Ann|Bob) \(1 device\): (?:[a-z]+ ){5}[a-z]+/g), ([row]) => row);

/** The answer of the peer registry to this request. */
async function askRegistry(port: number, request: string): Promise<string> {
  const answer = Promise.withResolvers<string>();
  let heard = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => void (heard += bytes.toString()),
      close: () => answer.resolve(heard),
      end: () => answer.resolve(heard),
    },
  });
  socket.write(request);
  return answer.promise;
}

test("a registered name can't be used in the peer registry, which has no login", async () => {
  await using server = await new Server().start();
  const desk = new Device();
  const ask = (type: string, id: string) =>
    askRegistry(server.port, `${type}\r\nclientID: ${id}\r\nIP: 127.0.0.1\r\nPort: 7777\r\n\r\n`);
  expect(await ask("REGISTER", "Ann")).toContain("REGACK");
  await desk.register(server.tls, "Ann");
  const refusal = "is registered, and there is no login here";
  expect(await ask("REGISTER", "ann")).toContain(refusal);
  expect(await ask("BRIDGE", "ANN")).toContain(refusal);
  // A peer that registered it before is not handed out either.
  expect(await ask("REGISTER", "Bob")).toContain("REGACK");
  expect(await ask("BRIDGE", "Bob")).not.toContain("Ann");
});

test("a members-only server gives its files to clients with a member's key", async () => {
  await using server = await new Server().start();
  const [desk, stranger] = [new Device(), new Device()];
  writeFileSync(join(files, "members.txt"), "for members\n");
  await desk.register(server.tls, "Ann");
  await stranger.say(server.plain, "Eve");
  await server.restart("--members-only");
  for (const to of [server.plain, server.tls]) {
    const fetched = await desk.fetch(to, "members.txt");
    expect(fetched).toMatchObject({ code: 0, out: "for members\n" });
    expect((await stranger.fetch(to, "members.txt")).code).toBe(4);
  }
});

test("/verify shows two people the same words", async () => {
  await using server = await new Server().start();
  const [desk, laptop] = [new Device(), new Device()];
  await desk.register(server.tls, "Ann");
  await laptop.register(server.tls, "Bob");
  const seen = [
    wordsIn(await desk.type(server.tls, "Ann", ["/verify Bob", "Bob (1 device): "])),
    wordsIn(await laptop.type(server.tls, "Bob", ["/verify ann", "Bob (1 device): "])),
  ];
  expect(seen[0]).toHaveLength(2);
  expect(seen[0]).toEqual(seen[1]);
});

describe("a password", () => {
  const secret = "correct horse battery";

  test("is typed without echo, and logs in without a key", async () => {
    await using server = await new Server().start();
    const [desk, other] = [new Device(), new Device()];
    await desk.register(server.tls, "Ann");
    const typed = await desk.type(
      server.tls,
      "Ann",
      ["/password", "New password"],
      [secret, "Repeat it"],
      [secret, "The password is set"],
    );
    expect(typed.code).toBe(0);
    expect(typed.shown).not.toContain("horse");
    const [right, wrong] = [join(base, "right"), join(base, "wrong")];
    writeFileSync(right, `${secret}\n`, { mode: 0o600 });
    writeFileSync(wrong, "something else\n", { mode: 0o600 });
    const login = (file: string) => other.say(server.tls, "Ann", "--password-file", file);
    expect(await login(right)).toMatchObject({ code: 0, out: "Ann: hello\n" });
    expect(await login(wrong)).toMatchObject({ code: 4 });
    expect((await other.say(server.tls, "Ann")).err).toContain("--password-file");
  });

  test("is not sent to a server met for the first time, nor read from an open file", async () => {
    await using server = await new Server().start();
    const device = new Device();
    const file = join(base, "open");
    writeFileSync(file, `${secret}\n`, { mode: 0o644 });
    const open = await device.say(server.tls, "Ann", "--password-file", file);
    if (process.platform !== "win32") {
      expect(open.code).toBe(1);
      expect(open.err).toContain("others can read it: chmod 600 it");
    }
    const beyond = await device.say("192.0.2.1:1", "Ann", "--plain", "--password-file", file);
    expect([1, 2]).toContain(beyond.code);
  });
});

/**
 * A man in the middle whose key the victim trusts: forwards everything between two TLS channels.
 */
async function relayTo(
  port: number,
): Promise<{ address: string; passed: () => string } & Disposable> {
  const { key, cert } = await createKeyPair(Date.now());
  let passed = "";
  type Pair = { other: Bun.Socket<Pair> | undefined; waiting: Uint8Array[] };
  const listener = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    socket: {
      open(victim) {
        const data: Pair = { other: undefined, waiting: [] };
        victim.data = data;
        void Bun.connect<Pair>({
          hostname: "127.0.0.1",
          port,
          tls: { rejectUnauthorized: false },
          data: { other: victim, waiting: [] },
          socket: {
            handshake(server) {
              data.other = server;
              for (const bytes of data.waiting.splice(0)) server.write(bytes);
            },
            data: (_, bytes) => void victim.write(bytes),
            close: () => void victim.end(),
          },
        });
      },
      data({ data }, bytes) {
        passed += Buffer.from(bytes).toString();
        if (data.other === undefined) data.waiting.push(new Uint8Array(bytes));
        else data.other.write(bytes);
      },
    },
  });
  const pin = pinOf(new X509Certificate(cert));
  return {
    address: `127.0.0.1:${listener.port}#${pin}`,
    passed: () => passed,
    [Symbol.dispose]: () => void listener.stop(true),
  };
}

test("a man in the middle can't relay a login, even with a key that the victim trusts", async () => {
  await using server = await new Server().start();
  const desk = new Device();
  await desk.register(server.tls, "Ann");
  using relay = await relayTo(server.port);
  const { code, err, out } = await desk.say(relay.address, "Ann");
  expect(relay.passed()).toContain(desk.publicKey);
  expect(relay.passed()).not.toContain("hello\\n");
  expect(err).toContain("does not prove the key on this connection");
  expect([code, out]).toEqual([6, ""]);
  expect(await desk.say(server.tls, "Ann")).toMatchObject({ code: 0 });
});
