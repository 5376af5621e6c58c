// A shell on its own terminal, as if a person were typing.

import { patienceMs } from "../until.ts";

/** Ends a printed line, and is not part of the typed command that prints it. */
const end = "END|";

export class Shell implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  #shown = "";
  #wake: () => void = () => {};

  constructor(
    command: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.#child = Bun.spawn([...command], {
      cwd,
      // Without this, a shell chooses its key bindings by the user's editor.
      env: {
        ...env,
        TERM: "dumb",
        HISTFILE: "",
        LC_ALL: "C.UTF-8",
        EDITOR: "emacs",
        VISUAL: "emacs",
      },
      terminal: {
        cols: 2_000,
        data: (_, bytes) => {
          this.#shown += this.#decoder.decode(bytes, { stream: true });
          this.#wake();
        },
      },
    });
  }

  /** Runs a line, and waits until it has finished. */
  async run(line: string): Promise<void> {
    await this.#type(`${line}; printf 'EN%s' 'D|'\r`);
  }

  /** Types the beginning of a line and then these keys; returns the words of the resulting line. */
  async complete(beginning: string, keys = "\t"): Promise<string[]> {
    const home = "\u0001";
    const shown = await this.#type(
      `${beginning}${keys}${home}printf '%s|' BEG '' \u0005 'EN''D'\r`,
    );
    return shown.split("BEG||").at(-1)?.split("|").slice(0, -1) ?? [];
  }

  async #type(keys: string): Promise<string> {
    this.#shown = "";
    this.#child.terminal?.write(keys);
    const deadlineMs = performance.now() + patienceMs;
    while (!this.#shown.includes(end)) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`The shell did not answer; it shows:\n${this.#shown}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([promise, Bun.sleep(leftMs)]);
    }
    const [before = ""] = this.#shown.split(end);
    return Bun.stripANSI(before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#child.terminal?.close();
  }
}
