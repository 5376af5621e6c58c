// A bounded map whose owners displace only entries of their own, until it is full.

import { expect, test } from "bun:test";
import { OwnedMap } from "../src/owned-map.ts";
import { ownerAt, ownerOfAccount } from "../src/share-owner.ts";

const ann = ownerAt("192.0.2.1");
const mallory = ownerAt("192.0.2.66");

test("an owner with a quarter of the entries displaces the oldest of them", () => {
  const map = new OwnedMap<number>(16);
  map.set("ann", 1, ann);
  for (let i = 0; i < 100; i++) map.set(`m${i}`, i, mallory);
  expect(map.get("ann")).toBe(1);
  expect(map.size).toBe(1 + 4);
  expect([map.get("m95"), map.get("m96"), map.get("m99")]).toEqual([undefined, 96, 99]);
});

test("all accounts of a network have half of them", () => {
  const map = new OwnedMap<number>(16);
  for (let i = 0; i < 100; i++) map.set(`m${i}`, i, ownerOfAccount(`a${i}`, "192.0.2.66"));
  expect(map.size).toBe(8);
});

test("a full map loses its oldest entry, and a deleted one no longer counts", () => {
  const map = new OwnedMap<number>(4);
  for (let i = 0; i < 4; i++) map.set(`k${i}`, i, ownerAt(`192.0.2.${i}`));
  expect(map.delete("k1")).toBe(true);
  expect(map.delete("k1")).toBe(false);
  map.set("again", 1, ownerAt("192.0.2.1"));
  expect([map.size, map.get("k0")]).toEqual([4, 0]);
  map.set("k0", 5, ownerAt("192.0.2.0"));
  map.set("more", 2, ownerAt("192.0.2.9"));
  expect([map.size, map.get("k0"), map.get("k2")]).toEqual([4, 5, undefined]);
});

test("loopback may fill it", () => {
  const map = new OwnedMap<number>(8);
  for (let i = 0; i < 20; i++) map.set(`${i}`, i, ownerAt("127.0.0.1"));
  expect(map.size).toBe(8);
});
