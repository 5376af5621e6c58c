// A server process that can be killed and restarted on the same port with the same data, like an
// operator would.

import { Database } from "bun:sqlite";
import { freePort } from "../free-port.ts";
import { parleyCommand } from "../parley.ts";

export class FaultyServer implements AsyncDisposable {
  port = 0;
  #process: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  #stderr = "";

  constructor(
    readonly folder: string,
    readonly flags: readonly string[],
  ) {}

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /**
   * Starts it and waits until it listens; the first start takes a free port, and later ones reuse
   * it.
   */
  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const web = this.flags.includes("--web-port") ? [] : ["--no-web"];
    const words = ["server", "--port", String(this.port), ...web, "--rate", "0"];
    const child = Bun.spawn([...parleyCommand(), ...words, "--files", this.folder, ...this.flags], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#process = child;
    void this.#collect(child.stderr);
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      said += decoder.decode(bytes, { stream: true });
      const port = /Server listening on .*:(\d+)\n/.exec(said)?.[1];
      if (port === undefined) continue;
      this.port = Number(port);
      return;
    }
    throw new Error(`the server did not start:\n${said}\n${this.#stderr}`);
  }

  /** The port of the page, once it has said so. */
  async webPort(): Promise<number> {
    for (;;) {
      const port = /^Page: +http:\/\/[^:]+:(\d+)\//m.exec(this.#stderr)?.[1];
      if (port !== undefined) return Number(port);
      await Bun.sleep(5);
    }
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** Suspends it for a while, like a machine that sleeps. */
  async suspend(ms: number): Promise<void> {
    this.#process?.kill("SIGSTOP");
    await Bun.sleep(ms);
    this.#process?.kill("SIGCONT");
  }

  /** Stops it normally; returns its exit code. */
  async stop(): Promise<number> {
    this.#process?.kill("SIGTERM");
    return (await this.#process?.exited) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#stderr += decoder.decode(bytes, { stream: true });
  }
}

export type Line = { seq: number; text: string };

/** The lines of a room in a data file, read with SQLite alone. */
export function linesInFile(path: string, room = "lobby"): Line[] {
  using db = new Database(path, { readonly: true });
  return db
    .query<Line, [string]>("SELECT seq, text FROM chat WHERE room = ? ORDER BY seq")
    .all(room);
}
