// Flags that name the folder to save into. It need not exist, but if a file is in its place, the
// command refuses to start: a bot might run for weeks before the first offer reveals the mistake.

import { statSync } from "node:fs";
import { ParleyError, systemCode } from "../errors.ts";
import { quoted } from "../text.ts";

export const defaultDownloads = "./Downloads";

/** Where `/get` saves files. Nobody has asked for the default yet. @throws ParleyError */
export function downloadsFolder(path: string): string {
  return path === defaultDownloads ? path : savingFolder("--downloads", path, defaultDownloads);
}

/** `example`: for the error to suggest. @throws ParleyError */
export function savingFolder(flag: string, path: string, example: string): string {
  if (path !== "" && !isNoFolder(path)) return path;
  const sentence = `${flag} ${quoted(path)} is not a folder: try ${example}, which need not exist`;
  throw new ParleyError("usage", sentence);
}

function isNoFolder(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch (error) {
    return systemCode(error) === "ENOTDIR";
  }
}
