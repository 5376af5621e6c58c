// Writes to a terminal without blocking. If the terminal is stopped (Ctrl-S) or its connection
// hangs, a write by Bun's own streams blocks the event loop. So this opens the terminal a second
// time with O_NONBLOCK, which does not affect the descriptors of other programs.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { systemCode } from "../../errors.ts";
import { terminal as limits } from "../../limits.ts";
import { isTerminal } from "./is-terminal.ts";
import type { Sink } from "./writer.ts";

/** Undefined if the terminal `fd` can't be opened a second time. */
export function ttyOutput(fd: 1 | 2): Sink | undefined {
  if (process.platform === "win32") return undefined;
  // On Linux this name opens the same terminal again. Elsewhere it would refer to the same open
  // file, so the controlling terminal has to do.
  const path = process.platform === "linux" ? `/proc/self/fd/${fd}` : "/dev/tty";
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const opened = openSync(path, flags);
    if (isTerminal(opened)) return new TtyOutput(opened);
    closeSync(opened);
  } catch {
    // No permission, as after `su`, or no /proc.
  }
  return undefined;
}

class TtyOutput implements Sink {
  readonly #fd: number;
  /** Doubles while the terminal accepts nothing. */
  #waitMs = 1;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch (error) {
      const code = systemCode(error);
      if (code !== "EAGAIN" && code !== "EINTR") return done(error as Error);
      this.#waitMs = written > 0 ? 1 : Math.min(2 * this.#waitMs, limits.stoppedTerminalMs);
      setTimeout(() => this.write(bytes.subarray(written), done), this.#waitMs);
      return;
    }
    this.#waitMs = 1;
    done();
  }
}
