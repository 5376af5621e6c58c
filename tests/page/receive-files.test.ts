// Files sent to a user in a browser: written to a picked file or folder, or to the downloads;
// declined, cancelled, resumed; and senders who lie.

import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pageFiles } from "../../src/limits.ts";
import { until } from "../until.ts";
import type { Tab } from "./browser.ts";
import {
  hashOf,
  isIn,
  lastCard,
  noiseFile,
  openWith,
  press,
  sender,
  sha256Of,
} from "./handover-rig.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

let ann: Tab;
let plain: Tab;
const rig = pageRig(async () => {
  ann = await openWith(rig, "pickers");
  plain = await openWith(rig, "no pickers");
  await ann.login("Ann");
  await plain.login("Plain");
});

const file = (name: string, bytes: number) => noiseFile(rig, name, bytes);

inBrowser("a file of somebody at a terminal is written where the user picks", async () => {
  const { path, sha256 } = file("plan.bin", 3_000_017);
  await using carl = sender(rig, "Carl", "Ann", path);
  await isIn(ann, "asking");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Carl offers you a file\n\nplan.bin");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("not sealed");
  await press(ann, "Accept");
  await isIn(ann, "done");
  expect(await ann.text(".offer[data-phase=done] .offer-state")).toBe("Saved as 'picked-plan.bin'");
  expect(await sha256Of(ann, "picked-plan.bin")).toBe(sha256);
  expect(await carl.exit()).toBe(0);
  expect(carl.lines.at(-1)).toContain('"event":"sent"');
});

inBrowser("where nothing can be picked it goes to the downloads", async () => {
  const { path, sha256 } = file("no picker.bin", 2_500_003);
  await using carl = sender(rig, "Carl", "Plain", path);
  await press(plain, "Accept");
  await isIn(plain, "done");
  expect(await carl.exit()).toBe(0);
  const saved = join(rig.downloads, "no picker.bin");
  await until(() => Bun.file(saved).size === 2_500_003, saved);
  expect(hashOf(readFileSync(saved))).toBe(sha256);
});

inBrowser("a page that is loaded again continues where the one before was", async () => {
  const { path, sha256 } = file("reloaded.bin", 20_000_000);
  await using carl = sender(rig, "Carl", "Plain", path, "--limit-rate", "3M");
  await press(plain, "Accept");
  const progress = `${lastCard}?.querySelector("progress").value`;
  await plain.until(`${progress} > 0.6`);
  await plain.reload();
  await plain.until(`${progress} > 0`);
  expect(await plain.get<number>(progress)).toBeGreaterThan(0.6 - pageFiles.noteBytes / 20_000_000);
  await isIn(plain, "done");
  expect(await carl.exit()).toBe(0);
  const saved = join(rig.downloads, "reloaded.bin");
  await until(() => Bun.file(saved).size === 20_000_000, saved);
  expect(hashOf(readFileSync(saved))).toBe(sha256);
  expect(await plain.get("sessionStorage.getItem('parley-received')")).toBe(null);
});

inBrowser("what a reload loses is said before it and after it", async () => {
  const { path, sha256 } = file("lost.bin", 6_000_000);
  await using carl = sender(rig, "Carl", "Ann", path, "--limit-rate", "2M");
  await press(ann, "Accept");
  await ann.until(`${lastCard}?.innerText.includes("a reload loses what has arrived")`);
  await ann.reloadAnyway();
  await ann.until(`${lastCard}?.innerText.includes("what had arrived is lost: accept it again")`);
  await press(ann, "Accept");
  await isIn(ann, "done");
  expect(await carl.exit()).toBe(0);
  expect(await sha256Of(ann, "picked-lost.bin")).toBe(sha256);
  expect(await ann.get("sessionStorage.getItem('parley-saving')")).toBe(null);
});

inBrowser("a folder goes into a picked folder, with names that every system can hold", async () => {
  const { path, sha256 } = file("beside.bin", 100_000);
  const photos = join(rig.folder, "photos");
  mkdirSync(join(photos, "2024", "empty"), { recursive: true });
  for (let i = 0; i < 40; i++) writeFileSync(join(photos, "2024", `${i}.txt`), `number ${i}`);
  writeFileSync(join(photos, "CON"), "a device elsewhere");
  writeFileSync(join(photos, "none"), "");
  await using carl = sender(rig, "Carl", "Ann", path, photos);
  await press(ann, "Accept");
  await isIn(ann, "done");
  expect(await carl.exit()).toBe(0);
  expect(await sha256Of(ann, "picked/beside.bin")).toBe(sha256);
  for (const i of [0, 7, 39]) {
    expect(await sha256Of(ann, `picked/photos/2024/${i}.txt`)).toBe(
      hashOf(Buffer.from(`number ${i}`)),
    );
  }
  expect(await sha256Of(ann, "picked/photos/_CON")).toBe(hashOf(Buffer.from("a device elsewhere")));
  expect(await sha256Of(ann, "picked/photos/none")).toBe(hashOf(Buffer.from("")));
  // Sent again, it replaces nothing.
  await using again = sender(rig, "Carl", "Ann", path, photos);
  await press(ann, "Accept");
  expect(await again.exit()).toBe(0);
  expect(await sha256Of(ann, "picked/beside (2).bin")).toBe(sha256);
  expect(await sha256Of(ann, "picked/photos (2)/2024/7.txt")).toBe(hashOf(Buffer.from("number 7")));
});

inBrowser("a browser that saves no folders says so, and takes their files one by one", async () => {
  const { path } = file("taken.bin", 1_000);
  const deep = join(rig.folder, "pictures", "2024");
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "beach.txt"), "waves");
  writeFileSync(join(rig.folder, "pictures", "list.txt"), "beach");
  await using both = sender(rig, "Carl", "Plain", path, join(rig.folder, "pictures"));
  await isIn(plain, "asking");
  expect(await plain.get(`${lastCard}.innerText`)).toContain("This browser saves no folders");
  await press(plain, "Accept");
  await isIn(plain, "done");
  expect(await both.exit()).toBe(0);
  for (const [name, bytes] of [
    ["taken.bin", 1_000],
    ["pictures - 2024 - beach.txt", 5],
    ["pictures - list.txt", 5],
  ] as const) {
    await until(() => Bun.file(join(rig.downloads, name)).size === bytes, name);
  }
  expect(await plain.get(`${lastCard}.querySelectorAll(".offer-saved a").length`)).toBe(3);
  for (let i = 0; i < 60; i++) writeFileSync(join(rig.folder, "pictures", `${i}.txt`), "x");
  await using many = sender(rig, "Carl", "Plain", path, join(rig.folder, "pictures"));
  await isIn(plain, "asking");
  await press(plain, "Accept");
  await isIn(plain, "failed");
  expect(await plain.get(`${lastCard}.innerText`)).toContain("up to 50, and there are 62");
  expect(await many.exit()).not.toBe(0);
  expect(many.stderr).toContain("1 of");
});

inBrowser("either end can stop it, and the card says who", async () => {
  const path = rig.hollowFile("long.bin", 40_000_000);
  await using carl = sender(rig, "Carl", "Ann", path, "--limit-rate", "4M");
  await press(ann, "Accept");
  await isIn(ann, "running");
  await ann.until(`${lastCard}.querySelector("progress").value > 0.02`);
  await press(ann, "Cancel");
  await isIn(ann, "cancelled");
  expect(await carl.exit()).toBe(4);
  expect(carl.stderr).toContain("Ann has stopped it");
  await using dan = sender(rig, "Dan", "Ann", path, "--limit-rate", "4M");
  await press(ann, "Accept");
  await isIn(ann, "running");
  dan.signal("SIGINT");
  await isIn(ann, "cancelled");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Dan has stopped it");
  await dan.exit();
});

inBrowser("it goes on where it was after the connection was lost", async () => {
  const { path, sha256 } = file("resumed.bin", 8_000_000);
  await using carl = sender(rig, "Carl", "Ann", path, "--limit-rate", "4M");
  await press(ann, "Accept");
  await ann.until(`${lastCard}.querySelector("progress").value > 0.2`);
  const before = await ann.get<number>(`${lastCard}.querySelector("progress").value`);
  await rig.kill();
  await isIn(ann, "interrupted");
  await rig.start();
  await isIn(ann, "running");
  expect(
    await ann.get<number>(`${lastCard}.querySelector("progress").value`),
  ).toBeGreaterThanOrEqual(before);
  await isIn(ann, "done");
  expect(await sha256Of(ann, "picked-resumed.bin")).toBe(sha256);
  expect(await carl.exit()).toBe(0);
});

expectNoComplaints(rig);
