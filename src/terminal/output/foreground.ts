// Waits until this process may read from its terminal: a background job (`parley server &`) that
// tries is stopped by SIGTTIN.

import { readFileSync } from "node:fs";
import { isTerminal } from "./is-terminal.ts";

/** False only if this process is known to be in the background of its terminal. */
export function mayReadTerminal(): boolean {
  if (!isTerminal(0)) return true;
  const groups = process.platform === "linux" ? groupsOfProc() : groupsOfPs();
  return groups === undefined || groups.own === groups.foreground;
}

/** Calls `act` now if this process is in the foreground, otherwise once it is. */
export function whenForeground(act: () => void): void {
  if (mayReadTerminal()) return act();
  // No signal reports the change; polling once a second costs nothing.
  setTimeout(() => whenForeground(act), checkMs).unref();
}

const checkMs = 1_000;

type Groups = { own: number; foreground: number };

/** proc(5): after the name in parentheses come state, ppid, pgrp, session, tty_nr and tpgid. */
function groupsOfProc(): Groups | undefined {
  try {
    const text = readFileSync("/proc/self/stat", "latin1");
    return parseGroups(text.slice(text.lastIndexOf(")") + 2), 2, 5);
  } catch {
    return undefined;
  }
}

function groupsOfPs(): Groups | undefined {
  try {
    const words = ["ps", "-o", "pgid=,tpgid=", "-p", String(process.pid)];
    return parseGroups(Bun.spawnSync(words).stdout.toString().trim(), 0, 1);
  } catch {
    return undefined;
  }
}

function parseGroups(text: string, ownAt: number, foregroundAt: number): Groups | undefined {
  const words = text.split(/\s+/);
  const own = Number(words[ownAt]);
  const foreground = Number(words[foregroundAt]);
  return own > 0 && foreground > 0 ? { own, foreground } : undefined;
}
