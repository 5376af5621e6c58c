// Where keys and known servers are kept on each platform.

import { expect, test } from "bun:test";
import { configFolder, stateFolder, type Surroundings } from "../../src/tls/folders.ts";

const folders = (where: Partial<Surroundings>) => {
  const full = { platform: "linux", home: "/users/ann", environment: {}, ...where } as const;
  return [configFolder(full), stateFolder(full)];
};

test("follow each platform's rules", () => {
  expect(folders({})).toEqual(["/users/ann/.config/parley", "/users/ann/.local/state/parley"]);
  const environment = { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s" };
  expect(folders({ environment })).toEqual(["/c/parley", "/s/parley"]);
  expect(folders({ environment, home: "" })).toEqual(["/c/parley", "/s/parley"]);
  expect(folders({ environment: { XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "" } })).toEqual([
    "/users/ann/.config/parley",
    "/users/ann/.local/state/parley",
  ]);
  const mac = "/users/ann/Library/Application Support/parley";
  expect(folders({ platform: "darwin" })).toEqual([mac, mac]);
  const windows = { APPDATA: "C:\\R", LOCALAPPDATA: "C:\\L" };
  expect(folders({ platform: "win32", environment: windows })).toEqual([
    "C:\\R\\parley",
    "C:\\L\\parley",
  ]);
});

test("do not exist without a home", () => {
  expect(folders({ home: "" })).toEqual([undefined, undefined]);
});
