// Where parley stores persistent files: a person's settings and a server's state. Follows the
// conventions of each platform. Pure: environment and home are passed in.

import { posix, win32 } from "node:path";

export type Surroundings = {
  platform: NodeJS.Platform;
  /** The home folder; empty if there is none. */
  home: string;
  environment: Readonly<Record<string, string | undefined>>;
};

/** Known servers and identities; undefined if there is no home folder. */
export function configFolder(where: Surroundings): string | undefined {
  return folder(where, "XDG_CONFIG_HOME", ".config", "APPDATA");
}

/** A server's key, unless it is stored next to the server's data file. */
export function stateFolder(where: Surroundings): string | undefined {
  return folder(where, "XDG_STATE_HOME", posix.join(".local", "state"), "LOCALAPPDATA");
}

/** XDG Base Directory Specification: a relative path in a variable counts as unset. */
function folder(
  { platform, home, environment }: Surroundings,
  variable: string,
  beneathHome: string,
  onWindows: string,
): string | undefined {
  const path = platform === "win32" ? win32 : posix;
  const given = environment[variable] ?? "";
  if (path.isAbsolute(given)) return path.join(given, "parley");
  if (platform === "win32") {
    const known = environment[onWindows] ?? "";
    if (known !== "") return path.join(known, "parley");
  }
  if (home === "") return undefined;
  if (platform === "darwin") return path.join(home, "Library", "Application Support", "parley");
  return path.join(home, beneathHome, "parley");
}
