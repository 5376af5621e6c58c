// The page's URL behind a reverse proxy, in users' notation.

import { expect, test } from "bun:test";
import { publicUrlOf } from "../../src/cli/proxy-flags.ts";
import { isOwnHost, isOwnOrigin } from "../../src/server/web/origin.ts";

test.each([
  ["https://chat.example", "https://chat.example/"],
  ["HTTPS://Chat.Example:443/", "https://chat.example/"],
  ["https://chat.example.", "https://chat.example/"],
  ["http://chat.example.:8080", "http://chat.example:8080/"],
  ["https://b\u00fccher.example", "https://xn--bcher-kva.example/"],
  ["http://[::1]:8080", "http://[::1]:8080/"],
])("%p is the page at %p, which accepts requests in its name", (text, href) => {
  const url = publicUrlOf(text);
  expect(url?.href).toBe(href);
  const { host, hostname, origin } = url!;
  for (const dot of hostname.startsWith("[") ? [""] : ["", "."]) {
    const named = host.replace(hostname, hostname + dot);
    expect(isOwnHost(named, new Set([hostname]))).toBe(true);
    expect(isOwnOrigin(origin.replace(hostname, hostname + dot), named, origin)).toBe(true);
  }
});

test.each(["chat.example", "ftp://x", "https://x/chat", "https://a:b@x", "https://x/?q"])(
  "%p is not the URL of a page",
  (text) => {
    expect(() => publicUrlOf(text)).toThrow(`--public-url '${text}' is not the URL of a page`);
  },
);
