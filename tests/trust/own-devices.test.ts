// The list of a user's own devices: what counts in it, and what is ignored.

import { expect, test } from "bun:test";
import { findOwnDevices, type OwnDeviceNews, ownDeviceLine } from "../../src/trust/own-devices.ts";
import { keyOf } from "../chat/owner.ts";

const [desk, phone] = [keyOf("desk"), keyOf("phone")];
const secret = "0123456789abcde";

function listOf(...news: readonly OwnDeviceNews[]): string {
  return news.map((one) => ownDeviceLine("", "Host:1", "Ann", one)).join("");
}

function find(text: string, nowMs = 0) {
  return findOwnDevices(text, "host:1", "ANN", nowMs);
}

test("the last line for a device counts", () => {
  expect(find("")).toEqual({ keys: [], gone: [], secret: undefined });
  expect(find(listOf({ key: desk }, { key: phone }))).toMatchObject({ keys: [desk, phone] });
  const left = [{ key: desk }, { key: phone }, { gone: desk }] as const;
  expect(find(listOf(...left))).toMatchObject({ keys: [phone], gone: [desk] });
  expect(find(listOf(...left, { key: desk }))).toMatchObject({ keys: [desk, phone], gone: [] });
});

test("a secret is valid until its time, or until a device has proved its key with it", () => {
  const typed = listOf({ secret, until: 100 });
  expect(find(typed, 100).secret).toBe(secret);
  expect(find(typed, 101).secret).toBeUndefined();
  expect(find(typed + listOf({ gone: desk })).secret).toBe(secret);
  expect(find(typed + listOf({ key: desk }))).toEqual({
    keys: [desk],
    gone: [],
    secret: undefined,
  });
});

test("other names, other servers and malformed lines do not count", () => {
  const lines = [
    `host:2 ann key ${desk}`,
    `host:1 bob key ${desk}`,
    `host:1 ann key ${desk.slice(1)}`,
    `host:1 ann keys ${desk}`,
    `host:1 ann code ${secret}x 100`,
    `host:1 ann code ${secret} soon`,
    `host:1 ann`,
  ];
  expect(find(lines.join("\r\n"))).toEqual({ keys: [], gone: [], secret: undefined });
});

test("a line after an incomplete last line begins on its own", () => {
  const text = listOf({ key: desk }, { key: phone }).trimEnd();
  const withLast = text + ownDeviceLine(text, "host:1", "Ann", { gone: phone });
  expect(find(withLast)).toMatchObject({ keys: [desk], gone: [phone] });
});
