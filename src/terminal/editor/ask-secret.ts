// Asks for one line on the terminal before there is a prompt: a password, which is not echoed, or a
// confirmation. The question goes to stderr, since stdout may carry data.

import { closeSync, constants, openSync } from "node:fs";
import type { ReadStream } from "node:tty";
import { ParleyError } from "../../errors.ts";
import { mayReadTerminal } from "../output/foreground.ts";
import { isTerminal } from "../output/is-terminal.ts";
import { AskedLine } from "./asked-line.ts";
import { KeyReader } from "./keys.ts";
import { stderr } from "../output/output.ts";

/** Whether a person can be asked. */
export function canAsk(): boolean {
  if (!isTerminal(0) || !isTerminal(2) || !mayReadTerminal()) return false;
  if (process.platform === "win32") return true;
  const fd = openTerminal();
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

/**
 * Reads a line without echo; undefined if it is empty or Ctrl-D was pressed.
 * @throws ParleyError `interrupted` on Ctrl-C
 */
export async function askSecret(question: string): Promise<string | undefined> {
  const text = await askLine(question, false);
  return text === "" ? undefined : text;
}

/** @throws ParleyError `interrupted` on Ctrl-C */
export async function askYes(question: string): Promise<boolean> {
  const text = await askLine(`${question} (yes or no) `, true);
  return text?.trim().toLowerCase() === "yes";
}

function askLine(question: string, isShown: boolean): Promise<string | undefined> {
  const terminal = terminalStream();
  const line = new AskedLine((text) => isShown && stderr.data(text));
  const reader = new KeyReader();
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    const end = (): void => finish(() => resolve(undefined));
    const read = (bytes: Buffer): void => {
      for (const key of reader.push(decoder.decode(bytes, { stream: true }))) {
        const outcome = line.handleKey(key);
        if (outcome === "done") return finish(() => resolve(line.text));
        if (outcome === "closed") return finish(() => resolve(undefined));
        if (outcome === "interrupted") {
          return finish(() => reject(new ParleyError("interrupted", "Interrupted")));
        }
      }
    };
    const finish = (settle: () => void): void => {
      terminal.off("data", read);
      for (const how of endings) terminal.off(how, end);
      // Errors after the end, such as those of a closed terminal, do not matter.
      terminal.on("error", () => {});
      restore();
      terminal.destroy();
      process.off("exit", restore);
      stderr.data("\n");
      settle();
    };
    const restore = (): void => {
      try {
        terminal.setRawMode(false);
      } catch {
        // The terminal was closed.
      }
    };
    terminal.setRawMode(true);
    // Even a crash must not leave the shell without echo.
    process.on("exit", restore);
    terminal.on("data", read);
    for (const how of endings) terminal.on(how, end);
    stderr.data(question);
  });
}

/** Events that end a terminal's input; an error means that the terminal was closed. */
const endings = ["end", "error", "close"] as const;

/** Not stdin itself: once Bun has paused it, nobody can read it as a stream again. */
function terminalStream(): ReadStream {
  const tty = process.getBuiltinModule("node:tty");
  return new tty.ReadStream(process.platform === "win32" ? 0 : (openTerminal() ?? 0));
}

/**
 * Opens the terminal once more. After `su -c` or `setsid` stdin is a terminal, but /dev/tty is not:
 * it does not control the program. Undefined: neither can be opened.
 */
function openTerminal(): number | undefined {
  const paths = process.platform === "linux" ? ["/dev/tty", "/proc/self/fd/0"] : ["/dev/tty"];
  for (const path of paths) {
    try {
      return openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
    } catch {
      // The terminal may also belong to another user.
    }
  }
  return undefined;
}
