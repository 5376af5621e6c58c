// `--cert` and `--key`: reloaded when they change, and never as a pair that does not match.

import { beforeAll, expect, test } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyPair, type KeyPair } from "../../src/tls/certificate.ts";
import { CertificateFiles } from "../../src/tls/certificate-files.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("cert");

const [certPath, keyPath] = [join(base, "cert.pem"), join(base, "key.pem")];
let one: KeyPair;
let two: KeyPair;

beforeAll(async () => {
  one = await createKeyPair(Date.now());
  two = await createKeyPair(Date.now());
});

/** Like ACME clients: another file under the same name. */
function put(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test("a new pair is used only once both files are there", () => {
  put(certPath, one.cert);
  put(keyPath, one.key);
  const files = new CertificateFiles(certPath, keyPath);
  expect(files.pair).toEqual(one);
  expect(files.refresh()).toBe(false);
  put(certPath, two.cert);
  expect(() => files.refresh()).toThrow(/is for a different key from --key/);
  expect(files.pair).toEqual(one);
  // Nothing has changed.
  expect(files.refresh()).toBe(false);
  put(keyPath, two.key);
  expect(files.refresh()).toBe(true);
  expect(files.pair).toEqual(two);
  // Begun with a byte order mark, but identical.
  put(keyPath, `\ufeff${two.key}`);
  expect(files.refresh()).toBe(false);
  // Written again, but identical.
  put(certPath, two.cert);
  expect(files.refresh()).toBe(false);
});

test("missing or damaged files change nothing", () => {
  put(certPath, one.cert);
  put(keyPath, one.key);
  const files = new CertificateFiles(certPath, keyPath);
  rmSync(keyPath);
  expect(() => files.refresh()).toThrow(/--key '.*' can't be used: no such file or directory$/);
  put(keyPath, "no key");
  expect(() => files.refresh()).toThrow(/--key '.*' can't be used/);
  expect(files.pair).toEqual(one);
});

const open = (cert: string, key: string) => () => new CertificateFiles(cert, key);

test("an unusable file at startup is an error that names flag and file", () => {
  put(certPath, one.cert);
  put(keyPath, one.key);
  expect(open(base, keyPath)).toThrow(`--cert '${base}' can't be used: not a file`);
  expect(open(join(base, "none"), keyPath)).toThrow(
    /--cert '.*none' can't be used: no such file or directory$/,
  );
  const long = join(base, "x".repeat(300));
  expect(open(long, keyPath)).toThrow(/--cert '.*' can't be used: (?:file )?name too long$/);
  expect(open(keyPath, keyPath)).toThrow(
    `--cert '${keyPath}' can't be used: it holds no certificate in PEM format`,
  );
  expect(open(certPath, certPath)).toThrow(
    `--key '${certPath}' can't be used: it holds no private key in PEM format`,
  );
  const damaged = one.key.replace("\nM", "\nA");
  for (const [label, why] of [
    ["EC PRIVATE KEY", "its key is damaged or of an unusual kind: use RSA"],
    ["PRIVATE KEY", "its key is damaged or of an unusual kind: use RSA"],
    ["ENCRYPTED PRIVATE KEY", "it has a passphrase: remove it"],
  ] as const) {
    put(keyPath, damaged.replaceAll("PRIVATE KEY", label));
    expect(open(certPath, keyPath)).toThrow(`--key '${keyPath}' can't be used: ${why}`);
  }
  put(keyPath, one.cert.replace("\nM", "\nA"));
  expect(open(keyPath, certPath)).toThrow(
    `--cert '${keyPath}' can't be used: its certificate is damaged`,
  );
  put(keyPath, two.key);
  expect(open(certPath, keyPath)).toThrow(/is for a different key/);
  put(keyPath, "x".repeat(300_000));
  expect(open(certPath, keyPath)).toThrow(/--key .*: too large/);
});
