// A link to an unmounted disk is not treated as a missing file: nobody is trusted as if met for the
// first time, and the link is not replaced.

import { expect } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { KnownKeysFile } from "../../src/tls/known-keys-file.ts";
import { readIfThere } from "../../src/tls/read-if-there.ts";
import { readSecretFile } from "../../src/tls/secret-file.ts";
import { SeenFile } from "../../src/tls/seen-file.ts";
import { ServerTrust } from "../../src/tls/server-trust.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("dangling");
const test = skipUnless(process.platform !== "win32", "links need rights on Windows");

/** A file of that name, stored on an unmounted disk. */
function away(name: string): { link: string; disk: string; mount: () => void } {
  const folder = mkdtempSync(join(base, "home-"));
  const disk = join(folder, "disk");
  const link = join(folder, name);
  symlinkSync(join(disk, name), link);
  return { link, disk, mount: () => mkdirSync(disk) };
}

test("a file that another program creates between two looks is no link", () => {
  const path = join(mkdtempSync(join(base, "home-")), "identity");
  const tooEarly = (): never => {
    writeFileSync(path, "content", { mode: 0o600 });
    throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  };
  expect(readSecretFile(path, "the key", tooEarly)).toBe("content");
  expect(readIfThere(path, tooEarly)).toBe("content");
});

test("no server counts as new", async () => {
  const { link, disk } = away("known_servers");
  const said: string[] = [];
  const options = { server: "chat.example:55000", pin: undefined, file: link };
  const trust = new ServerTrust({ ...options, say: (line) => said.push(line) });
  const certificate = new X509Certificate((await createKeyPair(Date.now())).cert);
  const socket = {
    getPeerX509Certificate: () => certificate,
    getTLSVersion: () => "TLSv1.3",
  };
  const selfSigned = Object.assign(new Error("x"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  expect(trust.judge(socket, selfSigned)).toContain("mount the disk it is on");
  expect(said).toEqual([]);
  expect(existsSync(disk)).toBe(false);
});

test("no user's keys count as unknown", () => {
  const { link, mount } = away("known_keys");
  const keys = new KnownKeysFile(link, "chat.example:55000");
  expect(() => keys.find("Ann")).toThrow("mount the disk it is on");
  const known = { keys: ["A".repeat(43)], isVerified: false };
  expect(() => keys.remember("Ann", known)).toThrow("mount the disk it is on");
  mount();
});

test("no sealed message counts as new, and the link stays", () => {
  const { link, disk, mount } = away("seen");
  const warned: string[] = [];
  const seen = new SeenFile(link, 0, (problem) => warned.push(problem));
  seen.add("key", "id", 1_000, 1_000);
  expect(warned).toEqual([expect.stringContaining("mount the disk it is on")]);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  mount();
  Bun.spawnSync(["touch", join(disk, "seen")]);
  seen.add("key", "other", 2_000, 2_000);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(link, "utf8")).toContain("other");
  expect(readdirSync(disk)).toEqual(["seen"]);
});
