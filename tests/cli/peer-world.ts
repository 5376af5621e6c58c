// What tests of `parley peer` share: a server and peers, the compiled programs.

import { mkdirSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { encodeRegister, withHeader } from "../../src/cpp/codec.ts";
import { openIdentity } from "../../src/tls/identity-key.ts";
import { Parley } from "../parley.ts";
import { ServerHere } from "../server-here.ts";

let count = 0;

type Ready = { port: number; pin: string };

/** A server, and users with their folders. */
export class World implements AsyncDisposable {
  readonly folder: string;
  readonly #programs: Parley[] = [];
  #server: Parley | undefined;
  #here: ServerHere | undefined;
  #flags: readonly string[] = [];
  /** Where peers that are started from now on find the server. */
  port = 0;
  pin = "";
  /** Whether they use TLS, even on this machine. */
  isPinned = false;

  constructor(base: string) {
    this.folder = join(base, `${++count}`);
  }

  async start(port = 0, ...more: readonly string[]): Promise<this> {
    mkdirSync(this.folder, { recursive: true });
    this.#flags = more;
    this.#server = this.#run("server", ...this.#place, ...more, "--port", `${port}`, "--json");
    const ready = JSON.parse(await this.#server.line(/"event":"listening"/)) as Ready;
    this.port = ready.port;
    this.pin = ready.pin;
    return this;
  }

  /** Starts the server in this process, for tests that neither kill it nor type its commands. */
  async startHere(...more: readonly string[]): Promise<this> {
    mkdirSync(this.folder, { recursive: true });
    this.#here = await ServerHere.start(...this.#place, ...more, "--port", "0");
    ({ port: this.port, pin: this.pin } = this.#here);
    return this;
  }

  get #place(): string[] {
    return ["--files", this.path("none"), "--state", this.path("state"), "--no-web"];
  }

  /** The server is killed, and starts again in its place. */
  async restart(port: number): Promise<void> {
    await this.kill();
    await this.start(port, ...this.#flags);
  }

  /** The server is killed. */
  async kill(): Promise<void> {
    this.#server?.signal("SIGKILL");
    await this.#server?.exit();
  }

  /** The first row of the answer to an operator's command. */
  async order(line: string, event: string): Promise<Record<string, unknown>> {
    const row = new RegExp(`"event":"${event}"`);
    const before = this.#server?.lines.filter((one) => row.test(one)).length ?? 0;
    this.#server?.type(line);
    const answer = (await this.#server?.line(row, before + 1)) ?? "";
    return JSON.parse(answer) as Record<string, unknown>;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** `device`: the device whose key the peer uses. */
  peer(id: string, device = id, ...flags: string[]): Parley {
    mkdirSync(this.path(device), { recursive: true });
    const own = ["--identity", this.path(device, "identity"), "--downloads", this.path(device)];
    const place = [
      "--port",
      "0",
      "--server",
      `127.0.0.1:${this.port}${this.isPinned ? `#${this.pin}` : ""}`,
    ];
    return this.#run("peer", "--id", id, ...place, ...own, ...flags);
  }

  /** Waits for a call. */
  async waiting(id: string, device = id, ...flags: string[]): Promise<Parley> {
    const peer = this.peer(id, device, ...flags);
    peer.type("/register", "/bridge");
    await peer.line(flags.includes("--json") ? /"waiting"/ : `${id} IN WAIT MODE`);
    return peer;
  }

  /** A request to the registry, and its answer. */
  async ask(message: string): Promise<string> {
    const socket = connect(this.port, "127.0.0.1");
    socket.write(message);
    let heard = "";
    for await (const bytes of socket) heard += String(bytes);
    return heard;
  }

  #run(...words: string[]): Parley {
    const program = new Parley(...words);
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs.toReversed()) {
      program.signal("SIGTERM");
      await program.exit();
    }
    await this.#here?.[Symbol.asyncDispose]();
  }
}

export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const place = server.address();
  return typeof place === "object" && place !== null ? place.port : 0;
}

/** From now on Alice is registered where nobody listens, as behind a router. */
export async function hide(world: World): Promise<void> {
  const { key } = openIdentity(world.path("Alice", "identity"));
  const closed = createServer();
  const at = { id: "Alice", ip: "127.0.0.1", port: await listening(closed) };
  await new Promise((resolve) => closed.close(resolve));
  await world.ask(withHeader(encodeRegister(at), "key", key));
}
