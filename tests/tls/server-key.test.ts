// The server's key: created once, readable only by its owner, and unchanged ever after.

import { describe, expect, spyOn, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { openServerKey, restoreServerKey } from "../../src/tls/server-key.ts";
import { isPin } from "../../src/trust/pin.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("key");

let count = 0;
const freshFolder = () => join(base, String(++count), "deep");

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("is a P-256 key with a certificate that contains no name and does not expire", async () => {
  const { cert, pin } = await openServerKey(freshFolder());
  const certificate = new X509Certificate(cert);
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(certificate.subject).toBe("CN=parley");
  expect(certificate.subjectAltName).toBe("DNS:parley, DNS:localhost");
  expect(certificate.ca).toBe(false);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(new Date(certificate.validFrom).getTime()).toBeLessThan(Date.now());
  expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
  expect(isPin(pin)).toBe(true);
});

test("is kept with mode 0600 in a folder with 0700, and no other file is left there", async () => {
  const folder = freshFolder();
  const first = await openServerKey(folder);
  expect(await openServerKey(folder)).toEqual(first);
  expect(readdirSync(folder)).toEqual(["server.pem"]);
  if (process.platform === "win32") return;
  expect([mode(folder), mode(join(folder, "server.pem"))]).toEqual(["700", "600"]);
});

test("is the same for servers that start simultaneously, and different for each folder", async () => {
  const folder = freshFolder();
  const keys = await Promise.all(Array.from({ length: 8 }, () => openServerKey(folder)));
  expect(new Set(keys.map(({ pin }) => pin)).size).toBe(1);
  expect(readdirSync(folder)).toEqual(["server.pem"]);
  expect((await openServerKey(freshFolder())).pin).not.toBe(keys[0]?.pin);
});

test("is whole or missing on a disk that gets full, also without hard links", async () => {
  const folder = freshFolder();
  const path = join(folder, "server.pem");
  spyOn(fs, "linkSync").mockImplementation(() => {
    throw Object.assign(new Error("no links"), { code: "EPERM" });
  });
  spyOn(fs, "copyFileSync").mockImplementation(() => {
    writeFileSync(path, "-----BEGIN");
    throw Object.assign(new Error("full"), { code: "ENOSPC" });
  });
  const first = await openServerKey(folder);
  expect(await openServerKey(folder)).toEqual(first);
  expect(readdirSync(folder)).toEqual(["server.pem"]);
});

describe("if its file is removed while it is in use", () => {
  test("is put back as it was, and otherwise left alone", async () => {
    const folder = freshFolder();
    const path = join(folder, "server.pem");
    const key = await openServerKey(folder);
    expect(restoreServerKey(folder, key)).toBe(false);
    for (const removed of [path, folder]) {
      rmSync(removed, { recursive: true });
      expect(restoreServerKey(folder, key)).toBe(true);
      expect(await openServerKey(folder)).toEqual(key);
      expect(readdirSync(folder)).toEqual(["server.pem"]);
    }
    for (const other of ["another key", "."]) {
      rmSync(path, { force: true });
      if (other === ".") symlinkSync("/nowhere/server.pem", path);
      else writeFileSync(path, other);
      expect(restoreServerKey(folder, key)).toBe(false);
    }
  });

  test("an error says if it can't be put back", async () => {
    const folder = freshFolder();
    const key = await openServerKey(folder);
    rmSync(dirname(folder), { recursive: true });
    expect(() => restoreServerKey(folder, key)).toThrow(
      /is no longer in '.*server\.pem', and can't be put back \(no such file or directory\)/,
    );
  });
});

describe("is refused, and left unchanged,", () => {
  test.each([
    ["empty", () => ""],
    ["text", () => "not a key\n"],
    ["a certificate alone", (pem: string) => pem.slice(pem.indexOf("-----BEGIN CERTIFICATE"))],
    ["a key alone", (pem: string) => pem.slice(0, pem.indexOf("-----BEGIN CERTIFICATE"))],
    ["cut short", (pem: string) => pem.slice(0, -100)],
  ])("if the file is %s", async (_, damage) => {
    const folder = freshFolder();
    await openServerKey(folder);
    const path = join(folder, "server.pem");
    const damaged = damage(readFileSync(path, "utf8"));
    writeFileSync(path, damaged);
    await expect(openServerKey(folder)).rejects.toThrow(
      /is not a server's key \(it is damaged\): restore it/,
    );
    expect(readFileSync(path, "utf8")).toBe(damaged);
  });

  test("if its certificate is for another key", async () => {
    const folder = freshFolder();
    const path = join(folder, "server.pem");
    const [one, two] = [await openServerKey(folder), await openServerKey(freshFolder())];
    writeFileSync(path, one.key + two.cert);
    await expect(openServerKey(folder)).rejects.toThrow("the certificate is for another key");
  });

  test("if it is a link to a disk that is not mounted", async () => {
    const folder = freshFolder();
    mkdirSync(folder, { recursive: true });
    symlinkSync("/nowhere/server.pem", join(folder, "server.pem"));
    await expect(openServerKey(folder)).rejects.toThrow(
      /is a link to something that does not exist: mount/,
    );
  });

  test("if others can read it", async () => {
    if (process.platform === "win32") return;
    const folder = freshFolder();
    await openServerKey(folder);
    chmodSync(join(folder, "server.pem"), 0o640);
    await expect(openServerKey(folder)).rejects.toThrow(/others can read it: chmod 600/);
  });
});

test("if it can't be stored, the error names a solution", async () => {
  const file = join(base, "file");
  writeFileSync(file, "");
  await expect(openServerKey(join(file, "state"))).rejects.toThrow(/another folder with --state/);
});
