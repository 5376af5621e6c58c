// Tells terminals from pipes, files and /dev/null by itself: for that alone a command would load
// `node:tty`, with Node's streams behind it, in a quarter of the time that it takes to start.

import { fstatSync, statSync } from "node:fs";

export function isTerminal(fd: number): boolean {
  return mayBeTerminal(fd) && process.getBuiltinModule("node:tty").isatty(fd);
}

function mayBeTerminal(fd: number): boolean {
  if (process.platform === "win32") return true;
  try {
    const file = fstatSync(fd);
    return file.isCharacterDevice() && file.rdev !== statSync("/dev/null").rdev;
  } catch {
    return false;
  }
}
