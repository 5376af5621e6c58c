// The name of this program for hints that can be pasted into the shell. Knows no command.

import { basename, relative } from "node:path";

/** `parley` if it is in the PATH, otherwise the shortest path to it. */
export function ownCommand(
  executable = process.execPath,
  folder = process.cwd(),
  find: (name: string) => string | null = Bun.which,
): string {
  const name = basename(executable).replace(/\.exe$/i, "");
  // When run from source, the executable is Bun's.
  if (name === "bun") return "parley";
  if (find(name) === executable) return name;
  const near = relative(folder, executable);
  const path = near.startsWith("..") ? executable : /[/\\]/.test(near) ? near : `./${near}`;
  return path.includes(" ") ? `"${path}"` : path;
}
