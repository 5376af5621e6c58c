// A file shared at one server is announced at the other, counts there, and can be removed there by
// its uploader.

import { expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { testFolder } from "../test-folder.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

withPostgres(
  "servers of one database and one folder share files, the quota, and who may remove what",
  async () => {
    const home = testFolder("cluster-share");
    // The servers share the setting's folder.
    const flags = ["--quota", "5M"];
    await using setting = await Setting.start(2, [flags, flags]);
    const [east = "", west = ""] = setting.ports.map((port) => `127.0.0.1:${port}`);
    const person = (name: string) => ["--name", name, "--identity", join(home, name), "--json"];
    const file = (name: string, bytes: number): string => {
      writeFileSync(join(home, name), noise(bytes));
      return join(home, name);
    };
    await using bob = new Parley("client", west, "--follow", ...person("Bob"));
    await bob.line(/"event":"online"/);
    const sharing = ["send-file", east, file("a.bin", 3_000_000), "--share"];
    await using ann = new Parley(...sharing, ...person("Ann"));
    expect(await ann.exit()).toBe(0);
    expect(existsSync(join(setting.folder, "a.bin"))).toBe(true);
    expect(await bob.line(/shares 'a.bin' \(3.00 MB\)/)).toContain('"from":"Ann"');
    await using more = new Parley(
      "send-file",
      west,
      file("b.bin", 3_000_000),
      "--share",
      ...person("Cal"),
    );
    expect(await more.exit()).toBe(4);
    expect(more.lines.at(-1)).toContain("has room for 2.00 MB");
    const identity = ["--identity", join(home, "Ann")];
    await using other = new Parley(
      "admin",
      west,
      "unshare",
      "a.bin",
      "--identity",
      join(home, "Bob"),
    );
    expect(await other.exit()).toBe(4);
    await using own = new Parley("admin", west, "unshare", "a.bin", ...identity);
    expect(await own.exit()).toBe(0);
    expect(existsSync(join(setting.folder, "a.bin"))).toBe(false);
  },
  180_000,
);
