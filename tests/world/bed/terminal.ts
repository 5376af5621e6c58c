// A program on a terminal of any size, including none: its output, typed input, and the closing of
// the terminal.

import { parleyCommand } from "../../parley.ts";
import type { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";
import { until } from "./wait.ts";

export class TerminalProgram {
  readonly #terminal: Bun.Terminal;
  readonly #child: Bun.Subprocess;
  #drawn = "";

  constructor(
    scope: Scope,
    space: Namespace,
    words: readonly string[],
    { columns, rows }: { columns: number; rows: number },
  ) {
    const decoder = new TextDecoder();
    this.#terminal = new Bun.Terminal({
      cols: Math.max(columns, 1),
      rows: Math.max(rows, 1),
      data: (_, bytes) => void (this.#drawn += decoder.decode(bytes, { stream: true })),
    });
    // stty(1) can set 0 × 0, as docker exec, serial lines and expect do.
    const sized = `stty cols ${columns} rows ${rows}; exec "$@"`;
    this.#child = Bun.spawn(space.command("sh", "-c", sized, "sh", ...words), {
      terminal: this.#terminal,
      cwd: scope.folder(),
      env: { ...process.env, TERM: "xterm", LC_ALL: "C.UTF-8" },
    });
    scope.defer(async () => {
      if (!this.hasEnded) this.#child.kill("SIGKILL");
      await this.#child.exited;
      this.close();
    });
  }

  static client(
    scope: Scope,
    space: Namespace,
    words: readonly string[],
    size: { columns: number; rows: number },
  ): TerminalProgram {
    return new TerminalProgram(scope, space, [...parleyCommand(), "client", ...words], size);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** All text written, without cursor movements. */
  get text(): string {
    return Bun.stripANSI(this.#drawn).replaceAll("\r", "");
  }

  /** As `text`, without blanks and line ends: for a screen so narrow that words break anywhere. */
  get letters(): string {
    return this.text.replaceAll(/\s/g, "");
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  async shows(wanted: string | RegExp, timeoutMs?: number): Promise<void> {
    const fits = (): boolean =>
      typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text);
    await until(
      fits,
      () => `«${String(wanted)}» on the terminal:\n${this.text.slice(-3000)}`,
      timeoutMs,
    );
  }

  async exit(timeoutMs?: number): Promise<number> {
    await until(
      () => this.hasEnded,
      () => `the program's end; on the terminal:\n${this.text.slice(-3000)}`,
      timeoutMs,
    );
    return this.#child.exited;
  }

  /** Closes the terminal, as when its window is closed. */
  close(): void {
    if (!this.#terminal.closed) this.#terminal.close();
  }
}
