// A server on free ports, and clients like the originals: one send and one receive per message, no
// line endings.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dialects } from "../../src/dialects/table.ts";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { patienceMs, until } from "../until.ts";

export const host = "127.0.0.1";

export const content: Uint8Array = Uint8Array.from({ length: 4_321 }, (_, i) => (i * 31) & 0xff);

/** A server that speaks every TCP and UDP dialect except CPP, each on its own port. */
export class DialectServer implements AsyncDisposable {
  readonly #folder: string;
  ports: Readonly<Record<string, number>> = {};

  private constructor(
    readonly parley: Parley,
    folder: string,
  ) {
    this.#folder = folder;
  }

  static async start(...more: string[]): Promise<DialectServer> {
    const folder = testFolder("interop");
    writeFileSync(join(folder, "a.txt"), content);
    writeFileSync(join(folder, "empty"), "");
    const ports = Object.keys(dialects)
      .map((name) => `${name}=0`)
      .join(",");
    const flags = ["--port", "0", "--no-web", "--json", "--listen", ports];
    const parley = new Parley("server", "--files", folder, ...flags, ...more);
    const server = new DialectServer(parley, folder);
    const line = await parley.line(/^\{"event":"listening"/);
    const listening = JSON.parse(line) as { port: number; dialects: Record<string, number> };
    server.ports = { ...listening.dialects, main: listening.port };
    return server;
  }

  port(dialect: string): number {
    const port = this.ports[dialect];
    if (port === undefined) throw new Error(`no port for ${dialect}`);
    return port;
  }

  /** A connection that has sent nothing yet. */
  connect(dialect: string): Promise<RawClient> {
    return RawClient.connect(this.port(dialect));
  }

  /** The server's output so far, on stdout and stderr. */
  get said(): string {
    return `${this.parley.lines.join("\n")}\n${this.parley.stderr}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parley[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A TCP client that records each receive separately. */
export class RawClient {
  /** Receives that `next` and `hears` have not taken yet. */
  readonly received: string[] = [];
  readonly #receivedMs: number[] = [];
  all = "";
  ended = false;
  #socket: Bun.Socket | undefined;
  #decoder = new TextDecoder();
  #waiting: (() => void)[] = [];

  static async connect(port: number): Promise<RawClient> {
    const client = new RawClient();
    client.#socket = await Bun.connect({
      hostname: host,
      port,
      allowHalfOpen: true,
      socket: {
        data: (_, bytes) => client.#take(bytes),
        end: () => client.#end(),
        close: () => client.#end(),
        error: () => client.#end(),
      },
    });
    client.#socket.setNoDelay(true);
    return client;
  }

  get localPort(): number {
    return this.#socket?.localPort ?? 0;
  }

  send(text: string | Uint8Array): void {
    this.#socket?.write(text);
  }

  /** Sends FIN and continues receiving. */
  endSending(): void {
    this.#socket?.shutdown();
  }

  /** Stops reading. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Resets the connection. */
  abort(): void {
    this.#socket?.terminate();
  }

  /** The next receive, like the result of `recv(1024)`. Throws if none arrives. */
  async next(): Promise<string> {
    await this.until(() => this.received.length > 0, "another message");
    return this.#shift().text;
  }

  /**
   * Waits for these messages. Returns whether each came in a receive of its own, `gapMs` after the
   * one before; on a busy machine this client is late, and gets several in one. Throws if others
   * come.
   */
  async hears(messages: readonly string[], gapMs = 0): Promise<boolean> {
    const wanted = messages.join("");
    const isThere = () => this.received.join("").length >= wanted.length;
    await this.until(isThere, JSON.stringify(wanted));
    const taken: string[] = [];
    let areApart = true;
    for (let lastMs = 0; taken.join("").length < wanted.length;) {
      const { text, ms } = this.#shift();
      if (lastMs > 0 && ms - lastMs < gapMs) areApart = false;
      lastMs = ms;
      taken.push(text);
    }
    const text = taken.join("");
    if (!text.startsWith(wanted)) {
      throw new Error(`${JSON.stringify(text)} instead of ${JSON.stringify(wanted)}`);
    }
    if (text.length > wanted.length) {
      this.received.unshift(text.slice(wanted.length));
      this.#receivedMs.unshift(0);
    }
    return areApart && taken.length === messages.length && text.length === wanted.length;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while (!condition()) {
      if (this.ended && !condition())
        throw new Error(`ended before ${what}: ${JSON.stringify(this.all)}`);
      if (performance.now() > deadlineMs) {
        throw new Error(`no ${what}: ${JSON.stringify(this.all)}`);
      }
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        Bun.sleep(200),
      ]);
    }
  }

  /** Waits until everything received ends with `text`, and discards the single receives. */
  async heard(text: string): Promise<void> {
    await this.until(() => this.all.endsWith(text), JSON.stringify(text));
    this.received.length = 0;
    this.#receivedMs.length = 0;
  }

  async end(): Promise<void> {
    await until(() => this.ended, "the end of the connection");
  }

  #take(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.all += text;
    this.received.push(text);
    this.#receivedMs.push(performance.now());
    this.#wake();
  }

  #shift(): { text: string; ms: number } {
    return { text: this.received.shift() ?? "", ms: this.#receivedMs.shift() ?? 0 };
  }

  #end(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}

/** Sends one datagram and returns the answer. */
export async function askUdp(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.udpSocket({
    hostname: host,
    connect: { hostname: host, port },
    socket: { data: (_, bytes) => resolve(bytes.toString()), error: () => resolve("(refused)") },
  });
  socket.send(text);
  const answer = await Promise.race([promise, Bun.sleep(patienceMs).then(() => "(nothing)")]);
  socket.close();
  return answer;
}
