// Processes of a test: parley and its helpers, on a host of the network or on this machine, with
// their output and their exit.

import { readdirSync, readFileSync } from "node:fs";
import { parleyCommand } from "../../parley.ts";
import type { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";
import { until } from "./wait.ts";

export type Place = {
  /** The host's namespace; otherwise this machine's. */
  space?: Namespace;
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
};

export class Process {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #read: Promise<unknown>;
  stdout = "";
  stderr = "";

  constructor(scope: Scope, words: readonly string[], { space, env, cwd }: Place = {}) {
    this.#child = Bun.spawn(space === undefined ? [...words] : space.command(...words), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      cwd: cwd ?? scope.folder(),
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    this.#read = Promise.all([
      collect(this.#child.stdout, (text) => (this.stdout += text)),
      collect(this.#child.stderr, (text) => (this.stderr += text)),
    ]);
    scope.defer(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** All output so far, for failures. */
  get output(): string {
    return `stdout:\n${this.stdout}\nstderr:\n${this.stderr}`;
  }

  type(text: string): void {
    void this.#child.stdin.write(text);
    void this.#child.stdin.flush();
  }

  endInput(): void {
    void this.#child.stdin.end();
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasEnded) this.#child.kill(name);
  }

  /** Waits for matching output, on stdout or stderr. */
  async says(wanted: string | RegExp, timeoutMs?: number): Promise<void> {
    const fits = (text: string): boolean =>
      typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
    await until(
      () => fits(this.stdout) || fits(this.stderr) || this.hasEnded,
      () => `the words ${String(wanted)}; ${this.output}`,
      timeoutMs,
    );
    if (this.hasEnded) await this.#read;
    if (!fits(this.stdout) && !fits(this.stderr)) {
      throw new Error(`It ended without the words ${String(wanted)}; ${this.output}`);
    }
  }

  /** The exit code. @throws if the process does not exit in time */
  async exit(timeoutMs?: number): Promise<number> {
    await until(
      () => this.hasEnded,
      () => `the end of process ${this.pid}; ${this.output}`,
      timeoutMs,
    );
    await this.#read;
    return this.#child.exited;
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.exited;
  }

  /** Memory in MiB: now, or at its peak. */
  memoryMib(which: "now" | "peak" = "now"): number {
    const field = which === "now" ? "VmRSS" : "VmHWM";
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  }

  get openDescriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Seconds of processor time so far. */
  get processorSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}

/** Starts parley. */
export function parley(scope: Scope, words: readonly string[], place?: Place): Process {
  return new Process(scope, [...parleyCommand(), ...words], place);
}

let help: string | undefined;

/** Whether `parley server` of this binary has a flag: an older one may lack it. */
export function serverHasFlag(flag: string): boolean {
  help ??= Bun.spawnSync([...parleyCommand(), "server", "--help"]).stdout.toString();
  return help.includes(`${flag} `);
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) take(decoder.decode(bytes, { stream: true }));
}
