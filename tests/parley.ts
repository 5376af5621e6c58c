// Runs parley like a user: an executable (PARLEY_BIN or dist/parley), or the sources if there is
// none yet.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { workingFolder } from "./own-folders.ts";
import { patienceMs } from "./until.ts";

const root = join(import.meta.dir, "..");

/** The compiled executable. */
export function parleyBinary(): string {
  return resolve(process.env["PARLEY_BIN"] ?? join(root, "dist/parley"));
}

/** The command to spawn; arguments follow. */
export function parleyCommand(): string[] {
  const binary = parleyBinary();
  return existsSync(binary) ? [binary] : [process.execPath, join(root, "src/main.ts")];
}

/** A running parley. Tests type lines and wait for lines, never for time. */
export class Parley implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #ended: Promise<unknown>;
  #out = "";
  #err = "";
  #waiting: (() => void)[] = [];

  constructor(...args: readonly string[]) {
    this.#process = Bun.spawn([...parleyCommand(), ...args], {
      cwd: workingFolder(),
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, NO_COLOR: "1" },
    });
    const out = this.#collect(this.#process.stdout, (text) => (this.#out += text));
    const err = this.#collect(this.#process.stderr, (text) => (this.#err += text));
    this.#ended = Promise.all([out, err]);
  }

  /** The complete lines on stdout so far. */
  get lines(): string[] {
    return this.#out.split("\n").slice(0, -1);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get stderr(): string {
    return this.#err;
  }

  type(...lines: readonly string[]): void {
    void this.#process.stdin.write(lines.map((line) => `${line}\n`).join(""));
    void this.#process.stdin.flush();
  }

  endInput(): void {
    void this.#process.stdin.end();
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /**
   * Waits until this line has appeared `times` times on stdout; the error contains all output so
   * far.
   */
  async line(wanted: string | RegExp, times = 1): Promise<string> {
    const fits = (line: string) =>
      typeof wanted === "string" ? line === wanted : wanted.test(line);
    await this.until(() => this.lines.filter(fits).length >= times, String(wanted));
    return this.lines.filter(fits)[times - 1] ?? "";
  }

  /**
   * Waits until stderr contains this: what is written to stdout and to stderr may arrive in either
   * order.
   */
  async says(...all: readonly (string | RegExp)[]): Promise<void> {
    for (const wanted of all) {
      const isSaid = () =>
        typeof wanted === "string" ? this.#err.includes(wanted) : wanted.test(this.#err);
      await this.until(isSaid, `${String(wanted)} on stderr`);
    }
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > deadlineMs) {
        throw new Error(`waited for ${what} in vain; stdout:\n${this.#out}\nstderr:\n${this.#err}`);
      }
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        Bun.sleep(100),
      ]);
    }
  }

  /** Waits for the exit, with all output read; returns the exit code. */
  async exit(): Promise<number> {
    const code = await this.#process.exited;
    await this.#ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill("SIGKILL");
    await this.exit();
  }

  async #collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      take(decoder.decode(bytes, { stream: true }));
      for (const resume of this.#waiting.splice(0)) resume();
    }
  }
}
