// Runs the compiled program to its end like a shell: arguments, environment and input in, exit code
// and output out.

import { join } from "node:path";
import { workingFolder } from "../own-folders.ts";
import { parleyCommand } from "../parley.ts";
import { patienceMs } from "../until.ts";

export type Ended = { code: number; out: string; err: string };

export type RunOptions = {
  /** Added to this process's environment, without its PARLEY_ variables. */
  env?: Readonly<Record<string, string>>;
  input?: string;
};

export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = Bun.spawn([...parleyCommand(), ...args], {
    cwd: workingFolder(),
    stdin: new TextEncoder().encode(options.input ?? ""),
    stdout: "pipe",
    stderr: "pipe",
    env: environment(options.env),
    timeout: patienceMs,
    killSignal: "SIGKILL",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}

/** The same for several lines of commands, from the sources and in one process. */
export async function runTogether(lines: readonly (readonly string[])[]): Promise<Ended[]> {
  const script = join(import.meta.dir, "command-lines.ts");
  const child = Bun.spawn([process.execPath, script, JSON.stringify(lines)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: environment(),
  });
  const [outs, errs] = await Promise.all(
    [child.stdout, child.stderr].map(async (stream) =>
      (await new Response(stream).text()).split("\0"),
    ),
  );
  return lines.map((_, at) => ({
    code: Number(outs?.[2 * at + 1]),
    out: outs?.[2 * at] ?? "",
    err: errs?.[2 * at] ?? "",
  }));
}

export type TerminalOptions = {
  env?: Readonly<Record<string, string>>;
  columns?: number;
  /** A shell command to run first, on the same terminal. */
  before?: string;
  /** Each action is done once the terminal has shown this text since the previous one. */
  steps?: readonly (readonly [shown: string, act: (child: OnTerminal) => void])[];
};

export type OnTerminal = {
  /** Everything shown so far. */
  shown: () => string;
  type: (text: string) => void;
  kill: (signal: NodeJS.Signals) => void;
  /** The window is closed. */
  hangUp: () => void;
};

/**
 * The same on its own terminal: the output of both streams there, and whether echo is on again at
 * the end.
 */
export async function runOnTerminal(
  args: readonly string[],
  { env = {}, columns = 80, before = ":", steps = [] }: TerminalOptions = {},
): Promise<{ code: number; shown: string; echoes: boolean }> {
  let shown = "";
  let from = 0;
  const waiting = [...steps];
  const decoder = new TextDecoder();
  const command = ["sh", "-c", `${before}; exec "$@"`, "sh", ...parleyCommand(), ...args];
  const child = Bun.spawn(command, {
    terminal: {
      cols: columns,
      data: (terminal, bytes) => {
        shown += decoder.decode(bytes, { stream: true });
        for (let [next] = waiting; next !== undefined; [next] = waiting) {
          const at = shown.indexOf(next[0], from);
          if (at < 0) return;
          from = at + next[0].length;
          waiting.shift();
          next[1]({
            shown: () => shown,
            type: (text) => terminal.write(text),
            kill: (signal) => child.kill(signal),
            hangUp: () => terminal.close(),
          });
        }
      },
    },
    cwd: workingFolder(),
    env: { ...environment(), TERM: "xterm-256color", ...env },
    timeout: patienceMs,
  });
  const code = await child.exited;
  const echoes = ((child.terminal?.localFlags ?? 0) & echoFlag) !== 0;
  child.terminal?.close();
  return { code, shown, echoes };
}

/** ECHO of termios. */
const echoFlag = 8;

export function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || /^(?:PARLEY_(?!BIN$)|NO_COLOR$|FORCE_COLOR$)/.test(name)
      ? []
      : [[name, value] as const],
  );
  return { ...Object.fromEntries(inherited), ...more };
}

/** Escape sequences: colour, cursor. */
export const escape = /\u001b/;
/** Escape sequences that change the look of text. */
export const color = /\u001b\[[\d;]*m/;
