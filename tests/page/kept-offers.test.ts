// What a tab notes about the files that it receives: found again after a reload, only for the offer
// that was accepted; bounded, whatever is in the browser's storage.

import { beforeEach, expect, test } from "bun:test";
import { pageFiles as limits } from "../../src/limits.ts";
import { type FileNote, KeptOffers } from "../../src/page/handover/kept-offers.ts";

const stored = new Map<string, string>();
const key = "parley-received";

beforeEach(() => {
  stored.clear();
  const sessionStorage = {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => void stored.set(name, value),
    removeItem: (name: string) => void stored.delete(name),
  };
  Object.assign(globalThis, { sessionStorage });
});

const accepted = { offer: "AAECAwQFBgcICQoLDA0ODw", terms: "Eve, 1 file" };
const own = "c9c833fd-c8cb-49ec-b65b-6ba3637b98a6";
const note: FileNote = { own, version: "v", size: 40_000_000, bytes: 30_000_000, isSaved: false };

test("the next page knows what this one has", () => {
  new KeptOffers().open(accepted).note("a.bin", note);
  const next = new KeptOffers();
  expect(next.has(accepted)).toBe(true);
  expect(next.bytesOf(accepted.offer)).toBe(30_000_000);
  expect(next.isNoted(own)).toBe(true);
  expect(next.isNoted("d9c833fd-c8cb-49ec-b65b-6ba3637b98a6")).toBe(false);
  expect(next.open(accepted).noteOf("a.bin")).toEqual(note);
  expect(next.open(accepted).noteOf("b.bin")).toBeUndefined();
});

test("another offer under the same number was not accepted", () => {
  new KeptOffers().open(accepted).note("a.bin", note);
  expect(new KeptOffers().has({ ...accepted, terms: "Eve, 1000 files" })).toBe(false);
});

test("nothing is left of an offer that is over, or of the session", () => {
  const kept = new KeptOffers();
  kept.open(accepted).note("a.bin", note);
  kept.drop(accepted.offer);
  expect(stored.size).toBe(0);
  kept.open(accepted).note("a.bin", note);
  kept.clear();
  expect([stored.size, kept.has(accepted)]).toEqual([0, false]);
});

test("the number of notes is bounded", () => {
  const notes = new KeptOffers().open(accepted);
  for (let i = 0; i < limits.maxKeptFiles + 10; i++) notes.note(`${i}`, note);
  expect(notes.noteOf(`${limits.maxKeptFiles - 1}`)).toEqual(note);
  expect(notes.noteOf(`${limits.maxKeptFiles}`)).toBeUndefined();
  // Those that exist are still updated.
  notes.note("0", { ...note, bytes: 40_000_000 });
  const next = new KeptOffers().open(accepted);
  expect(next.noteOf("0")?.bytes).toBe(40_000_000);
  expect(next.noteOf(`${limits.maxKeptFiles - 1}`)).toEqual(note);
});

test("anything else in the storage is ignored", () => {
  const offers = [accepted];
  const file = { offer: accepted.offer, path: "a.bin", ...note };
  for (const text of [
    "",
    "{",
    "[]",
    `{"offers":1,"files":[]}`,
    JSON.stringify({ offers: [{ offer: "../x", terms: "" }], files: [] }),
    JSON.stringify({ offers, files: [{ ...file, own: "../../x" }] }),
    JSON.stringify({ offers, files: [{ ...file, bytes: -1 }] }),
    JSON.stringify({ offers, files: [{ ...file, size: 1e300 }] }),
  ]) {
    stored.set(key, text);
    expect([text, new KeptOffers().has(accepted)]).toEqual([text, false]);
  }
  stored.set(key, JSON.stringify({ offers, files: [file, { ...file, offer: "x".repeat(22) }] }));
  expect(new KeptOffers().open(accepted).noteOf("a.bin")).toEqual(note);
});
