// Registered names as users meet them: the compiled client on a terminal and in a pipe, over TLS and
// in plain text, before and after the server's restart.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createPublicKey } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { type Ended, run, runOnTerminal } from "./run.ts";

setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "parley-cli-identity-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const files = join(base, "FILES");
mkdirSync(files);
let count = 0;

/** A device, with a key of its own. */
class Device {
  readonly home = join(base, `device${++count}`);
  readonly keyFile = join(this.home, "parley", "identity");
  readonly #environment = { XDG_CONFIG_HOME: this.home, NO_COLOR: "1" };

  constructor() {
    mkdirSync(this.home);
  }

  say(to: string, name: string, ...more: readonly string[]): Promise<Ended> {
    const words = ["client", to, "--name", name, ...more];
    return run(words, { input: "hello\n", env: this.#environment });
  }

  /** Types these lines at the prompt, each once the one before has been answered with this text. */
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

type Ready = { port: number; pin: string };

/** A server whose port and keys stay the same over a restart. */
class Server {
  readonly state = join(base, `state${++count}`);
  readonly #flags: readonly string[];
  #server: Parley | undefined;
  #port = 0;
  pin = "";

  constructor(...flags: readonly string[]) {
    this.#flags = flags;
  }

  async start(): Promise<this> {
    const flags = ["--port", String(this.#port), "--no-web", "--files", files, "--json"];
    this.#server = new Parley("server", ...flags, "--state", this.state, ...this.#flags);
    const ready = JSON.parse(await this.#server.line(/"event":"listening"/)) as Ready;
    this.#port = ready.port;
    this.pin = ready.pin;
    return this;
  }

  get plain(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get tls(): string {
    return `${this.plain}#${this.pin}`;
  }

  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.signal("SIGTERM");
    await this.#server?.exit();
  }
}

describe.each([
  ["with --data", () => ["--data", join(base, `${++count}.db`)]],
  ["without --data", () => []],
])("a registered name, %s,", (_, flags) => {
  test.each(["plain", "tls"] as const)("is its owner's over %s, restart included", async (way) => {
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
    // The same key over the other way.
    const other = way === "plain" ? "tls" : "plain";
    expect(await desk.say(server[other], "Ann")).toMatchObject({ code: 0 });
  });
});

describe("the key of a device", () => {
  test("is made at the first use, for its owner alone, and is the same ever after", async () => {
    await using server = await new Server().start();
    const device = new Device();
    await Promise.all([device.say(server.plain, "A"), device.say(server.plain, "B")]);
    const pem = readFileSync(device.keyFile, "utf8");
    expect(createPublicKey(pem).asymmetricKeyType).toBe("ed25519");
    if (process.platform !== "win32") expect(statSync(device.keyFile).mode & 0o777).toBe(0o600);
    await device.say(server.plain, "C");
    expect(readFileSync(device.keyFile, "utf8")).toBe(pem);
  });

  test("may be in another file, which must be a key", async () => {
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
