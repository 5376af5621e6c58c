// Writing to a terminal without waiting for it. One that was stopped (Ctrl-S), or whose connection hangs, makes a write block,
// and with it the event loop: Bun's own streams write to terminals that way. Here the terminal is opened anew, without blocking,
// which leaves alone what other programs have open.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { terminal as limits } from "../limits.ts";
import type { Sink } from "./writer.ts";

/** Undefined where descriptor `fd` is no terminal, or can't be opened a second time. */
export function ttyOutput(fd: 1 | 2): Sink | undefined {
  if (!isatty(fd) || process.platform === "win32") return undefined;
  // Linux opens the same terminal by this name; elsewhere it would be the same open file, so the controlling terminal has to do.
  const path = process.platform === "linux" ? `/proc/self/fd/${fd}` : "/dev/tty";
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const opened = openSync(path, flags);
    if (isatty(opened)) return new TtyOutput(opened);
    closeSync(opened);
  } catch {
    // Not ours to open, as after `su`, or no /proc.
  }
  return undefined;
}

class TtyOutput implements Sink {
  readonly #fd: number;
  /** Doubles while the terminal takes nothing. */
  #waitMs = 1;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EAGAIN" && code !== "EINTR") return done(error as Error);
      this.#waitMs = written > 0 ? 1 : Math.min(2 * this.#waitMs, limits.stoppedTerminalMs);
      setTimeout(() => this.write(bytes.subarray(written), done), this.#waitMs);
      return;
    }
    this.#waitMs = 1;
    done();
  }
}
