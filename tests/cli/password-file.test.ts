// What `--password-file` takes for a password.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { passwordOf } from "../../src/cli/identity-flag.ts";
import { passwords } from "../../src/limits.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("password-file");
let files = 0;

function fileWith(content: string | Uint8Array): string {
  const path = join(folder, String(++files));
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

test("the first line, without its end and a byte order mark, is the password", () => {
  for (const [content, password] of [
    ["secret", "secret"],
    ["secret\r\nmore\n", "secret"],
    [" a secret \n", " a secret "],
    ["\ufeffsecret\n", "secret"],
    ["Straße ✓\n", "Straße ✓"],
    ["x".repeat(passwords.maxChars), "x".repeat(passwords.maxChars)],
  ] as const) {
    expect(passwordOf(fileWith(content))).toBe(password);
  }
});

test("what nobody could enter is refused", () => {
  for (const [content, problem] of [
    ["", "has no password in its first line"],
    ["\ufeff\n", "has no password in its first line"],
    ["a\0b\n", "has characters in its first line that nobody can type"],
    ["a\x1b[31m\n", "has characters in its first line that nobody can type"],
    [Buffer.from([0xff, 0xfe, 0x61]), "has characters in its first line that nobody can type"],
    ["x".repeat(passwords.maxChars + 1), "has more than 1024 characters in its first line"],
  ] as const) {
    const file = fileWith(content);
    expect(() => passwordOf(file)).toThrow(`--password-file '${file}' ${problem}`);
  }
  expect(() => passwordOf(join(folder, "none"))).toThrow("does not exist");
});
