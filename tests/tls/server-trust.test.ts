// Which servers a client trusts: by pin, by memory, or at first contact; and what it never trusts.

import { beforeAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodeOf } from "../../src/errors.ts";
import { tls as limits } from "../../src/limits.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { ServerTrust, type TlsSocket } from "../../src/tls/server-trust.ts";
import { pinOf } from "../../src/tls/spki-pin.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("trust");

const server = "chat.example:55000";
const selfSigned = Object.assign(new Error("self signed"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
let ours: X509Certificate;
let theirs: X509Certificate;

beforeAll(async () => {
  ours = new X509Certificate((await createKeyPair(Date.now())).cert);
  theirs = new X509Certificate((await createKeyPair(Date.now())).cert);
});

const socket = (certificate: X509Certificate | undefined, version = "TLSv1.3"): TlsSocket => ({
  getPeerX509Certificate: () => certificate,
  getTLSVersion: () => version,
});

let count = 0;
const newFile = () => join(base, String(++count), "known_servers");

function meet(file: string | undefined, pin?: string) {
  const said: string[] = [];
  const trust = new ServerTrust({ server, pin, file, say: (line) => said.push(line) });
  return { trust, said, judge: (to: TlsSocket) => trust.judge(to, selfSigned) };
}

test("the first key is reported and remembered, and recognized silently the next time", () => {
  const file = newFile();
  const first = meet(file);
  expect(first.judge(socket(ours))).toBeUndefined();
  expect(first.said).toEqual([
    `First contact with ${server}: trusting its key ${pinOf(ours)}, remembered in ${file}`,
  ]);
  expect(readFileSync(file, "utf8")).toBe(`${server} ${pinOf(ours)}\n`);
  if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
  const second = meet(file);
  expect(second.judge(socket(ours))).toBeUndefined();
  expect(second.judge(socket(ours))).toBeUndefined();
  expect(second.said).toEqual([]);
  expect(readFileSync(file, "utf8").split("\n")).toHaveLength(2);
});

test.each(["password", "claim"] as const)(
  "an unknown server is not trusted with a %s",
  (secret) => {
    const file = newFile();
    const options = { server, file, secret, say: () => {} };
    const strict = (pin?: string) => new ServerTrust({ ...options, pin });
    for (const one of [
      strict(),
      new ServerTrust({ ...options, file: undefined, pin: undefined }),
    ]) {
      expect(one.judge(socket(ours), selfSigned)).toContain(`connect to ${server}#${pinOf(ours)}`);
      expect(one.problem?.message).toContain(`no ${secret} was sent`);
      expect(one.problem).toMatchObject({ code: "untrusted-server" });
    }
    expect(existsSync(file)).toBe(false);
    expect(strict(pinOf(ours)).judge(socket(ours), selfSigned)).toBeUndefined();
    // That has made it known.
    expect(strict().judge(socket(ours), selfSigned)).toBeUndefined();
    expect(strict().judge(socket(theirs), selfSigned)).toContain("has changed");
  },
);

test("a changed key is an error that names the file and the line, and changes nothing", () => {
  const file = newFile();
  meet(file).judge(socket(ours));
  const before = readFileSync(file, "utf8");
  const { trust, said, judge } = meet(file);
  expect(judge(socket(theirs))).toContain(`remove line 1 of ${file}`);
  expect(trust.problem).toMatchObject({ code: "untrusted-server" });
  expect(trust.problem && exitCodeOf(trust.problem)).toBe(6);
  expect([said, readFileSync(file, "utf8")]).toEqual([[], before]);
  // Retrying does not help, and the right key is still accepted.
  expect(judge(socket(theirs))).toBeDefined();
  expect(judge(socket(ours))).toBeUndefined();
  expect(trust.problem).toBeUndefined();
});

test("a process that knows a server accepts no other key, even if the line was removed", () => {
  for (const file of [newFile(), undefined]) {
    const { judge } = meet(file);
    expect(judge(socket(ours))).toBeUndefined();
    if (file !== undefined) rmSync(file);
    expect(judge(socket(theirs))).toContain(`The key of ${server} has changed`);
    expect(judge(socket(ours))).toBeUndefined();
  }
});

test("a pin alone decides, and is remembered for the address without it", () => {
  const file = newFile();
  const pinned = meet(file, pinOf(ours));
  expect(pinned.judge(socket(theirs))).toContain(`expected ${pinOf(ours)}, found ${pinOf(theirs)}`);
  expect(pinned.judge(socket(ours))).toBeUndefined();
  expect(pinned.said).toEqual([]);
  expect(meet(file).judge(socket(theirs))).toContain("has changed");
  // It does not overwrite a known key.
  expect(meet(file, pinOf(theirs)).judge(socket(theirs))).toBeUndefined();
  expect(readFileSync(file, "utf8")).toBe(`${server} ${pinOf(ours)}\n`);
});

test("if the key can't be stored, it is trusted for this process, and a message says so", () => {
  const nowhere = meet(undefined);
  expect(nowhere.judge(socket(ours))).toBeUndefined();
  expect(nowhere.said.join()).toContain("there is no home directory to remember it in");
  const file = join(base, "file");
  writeFileSync(file, "");
  const unwritable = meet(join(file, "known_servers"));
  const problem = unwritable.judge(socket(ours));
  // A path below a file can't be read either.
  expect([problem, ...unwritable.said].join()).toMatch(/not a directory/);
});

describe("refused", () => {
  test("a line without a valid key", () => {
    const file = newFile();
    meet(file).judge(socket(ours));
    writeFileSync(file, `# mine\n${server} broken\n`);
    expect(meet(file).judge(socket(ours))).toContain(`Line 2 of ${file}`);
  });

  test("a file that is not a list", () => {
    const file = newFile();
    meet(file).judge(socket(ours));
    writeFileSync(file, "x".repeat(limits.maxKnownServersBytes + 1));
    expect(meet(file).judge(socket(ours))).toMatch(/ is larger than .*: remove lines of servers/);
  });

  test("a server without a certificate, or with an older TLS", () => {
    const { judge, said } = meet(newFile());
    expect(judge(socket(undefined))).toContain("does not speak TLS 1.3");
    expect(judge(socket(ours, "TLSv1.2"))).toContain("does not speak TLS 1.3");
    expect(said).toEqual([]);
  });

  test.each([
    ["EPROTO", "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "plain text"],
    ["EPROTO", "error:1000007b:SSL routines:OPENSSL_internal:BAD_SIGNATURE", "Nothing was sent"],
    ["SOMETHING_NEW", "no idea", "Nothing was sent"],
    ["", "no code", "Nothing was sent"],
  ])("a handshake that fails with %s %s, whatever certificate it shows", (code, message, why) => {
    const { trust, said } = meet(newFile(), pinOf(ours));
    const error = Object.assign(new Error(message), code === "" ? {} : { code });
    expect(trust.judge(socket(ours), error)).toContain(why);
    expect(trust.problem?.code).toBe("untrusted-server");
    expect(said).toEqual([]);
  });

  test.each([
    ["ECONNRESET", "reset", "closed during the TLS handshake"],
    ["EPROTO", "SSL routines:OPENSSL_internal:TLSV1_ALERT_INTERNAL_ERROR", "refuses TLS"],
    ["EPROTO", "SSL routines:OPENSSL_internal:TLSV1_ALERT_PROTOCOL_VERSION", "TLS 1.3"],
  ])("a connection lost to %s %s says nothing about trust", (code, message, why) => {
    const { trust } = meet(newFile());
    const error = Object.assign(new Error(message), { code });
    expect(trust.judge(socket(ours), error)).toContain(why);
    expect(trust.problem).toBeUndefined();
  });
});
