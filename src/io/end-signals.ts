// The signals that end a command: handling them, and the error (message and exit code) for each.

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { ParleyError } from "../errors.ts";
import { shutdown as limits } from "../limits.ts";

const endings = {
  SIGHUP: ["hung-up", "The terminal was closed"],
  SIGINT: ["interrupted", "Interrupted"],
  SIGTERM: ["terminated", "Terminated"],
} as const;

export type EndSignal = keyof typeof endings;

/** `left`: what remains unfinished, if anything. */
export function endedBy(signal: EndSignal, left = ""): ParleyError {
  const [code, sentence] = endings[signal];
  return new ParleyError(code, left === "" ? sentence : `${sentence}: ${left}`);
}

/**
 * Calls `handle` on each signal until the returned function is called. SIGHUP and SIGINT stay
 * ignored if they were ignored at program start, as `nohup` and `&` in a shell without job control
 * require.
 */
export function onSignals(handle: (signal: EndSignal) => void): () => void {
  const signals = Object.keys(endings) as EndSignal[];
  const heard = signals.filter((signal) => signal === "SIGTERM" || !ignoredAtStart().has(signal));
  const hear = (signal: EndSignal): void => {
    // A terminal that closes may send it twice, by its shell and by the kernel: the second must not
    // cut short what the first has begun.
    if (signal === "SIGHUP") process.on("SIGHUP", () => {});
    handle(signal);
  };
  for (const signal of heard) process.on(signal, hear);
  return () => {
    for (const signal of heard) process.off(signal, hear);
  };
}

/**
 * Calls `stop` at the first signal. A later SIGINT or SIGTERM ends the process immediately, but not
 * within a second: timeout(1), npm and others pass on what the terminal has sent already.
 */
export function stopOnSignals(stop: () => void): void {
  const stopListening = onSignals(() => {
    setTimeout(stopListening, limits.repeatedSignalMs).unref();
    stop();
  });
}

let ignored: ReadonlySet<EndSignal> | undefined;

/** Determined once, before a handler replaces the initial setting. Linux only. */
function ignoredAtStart(): ReadonlySet<EndSignal> {
  ignored ??= new Set((["SIGHUP", "SIGINT"] as const).filter((signal) => isIgnored(signal)));
  return ignored;
}

function isIgnored(signal: EndSignal): boolean {
  try {
    // proc(5): one bit per signal, in hexadecimal.
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    return (BigInt(`0x${mask ?? "0"}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
  } catch {
    return false;
  }
}
