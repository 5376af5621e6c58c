// The link with which a browser fetches by code: correct for valid answers of a server, none for
// invalid ones.

import { expect, test } from "bun:test";
import { browserLink } from "../../src/codes/browser-link.ts";

const code = { number: 7, words: "olive-lamp" };
const server = { host: "192.0.2.1", port: 55_000 };

test("it has the operator's URL, or the port of the page", () => {
  const named = { url: "https://chat.example/" };
  expect(browserLink(named, server, code)).toBe("https://chat.example/code#7-olive-lamp");
  expect(browserLink({ port: 8_000, secure: true }, server, code)).toBe(
    "https://192.0.2.1:8000/code#7-olive-lamp",
  );
  const v6 = { host: "2001:db8::1", port: 55_000 };
  expect(browserLink({ port: 8_000 }, v6, code)).toBe(
    "http://[2001:db8::1]:8000/code#7-olive-lamp",
  );
});

test("there is none without a page, or if only this machine could use it", () => {
  expect(browserLink(undefined, server, code)).toBeUndefined();
  expect(browserLink({}, server, code)).toBeUndefined();
  for (const host of ["127.0.0.1", "localhost", "::1"]) {
    expect(browserLink({ port: 8_000 }, { host, port: 1 }, code)).toBeUndefined();
  }
});

test("a server can't produce a different kind of link", () => {
  for (const url of [
    "javascript:alert(1)//",
    "file:///etc/passwd",
    "https://user:secret@chat.example/",
    "not a url",
    `https://chat.example/${"x".repeat(600)}`,
    "http://127.0.0.1:8000/",
    "",
  ]) {
    expect(browserLink({ url }, server, code)).toBeUndefined();
  }
  const searching = { url: "https://chat.example/?q=1#old\u001b[31m" };
  expect(browserLink(searching, server, code)).toBe("https://chat.example/code#7-olive-lamp");
});
