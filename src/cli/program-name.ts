// How whoever reads our hints can start this program: by name where the shell finds it, else by path. Knows no command.

import { basename, relative } from "node:path";

/** `parley`, or a path to it as short as possible. */
export function ownCommand(
  executable = process.execPath,
  folder = process.cwd(),
  find: (name: string) => string | null = Bun.which,
): string {
  const name = basename(executable).replace(/\.exe$/i, "");
  // Run from the sources: the executable is Bun's.
  if (name === "bun") return "parley";
  if (find(name) === executable) return name;
  const near = relative(folder, executable);
  const path = near.startsWith("..") ? executable : /[/\\]/.test(near) ? near : `./${near}`;
  return path.includes(" ") ? `"${path}"` : path;
}
