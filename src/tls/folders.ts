// Where parley keeps what outlives a process: settings of a person, state of a server. The rules are
// those of each platform. Pure: environment and home are passed in.

import { posix, win32 } from "node:path";

export type Surroundings = {
  platform: NodeJS.Platform;
  /** The home folder; empty if there is none. */
  home: string;
  environment: Readonly<Record<string, string | undefined>>;
};

/** Known servers and identities; undefined if there is no home. */
export function configFolder(where: Surroundings): string | undefined {
  return folder(where, "XDG_CONFIG_HOME", ".config", "APPDATA");
}

/** A server's key, unless it has a data file to put it beside. */
export function stateFolder(where: Surroundings): string | undefined {
  return folder(where, "XDG_STATE_HOME", posix.join(".local", "state"), "LOCALAPPDATA");
}

/** XDG Base Directory Specification: a relative path in a variable counts as not set. */
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
