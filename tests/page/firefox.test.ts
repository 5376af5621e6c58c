// Firefox and Chromium in one conversation: talk, files in both directions and to the room, a code,
// a lost server, and the page while the server is away. `BROWSER=firefox bun test tests/page` runs
// all the other tests of the page in Firefox as well.

import { afterAll, beforeAll, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { until } from "../until.ts";
import { skipUnless } from "../skip.ts";
import type { Tab } from "./browser.ts";
import { chromium, noChromium } from "./chromium.ts";
import { firefoxProblem } from "./firefox.ts";
import { anotherCard, attach, drop, isIn, openWith, press, sha256Of } from "./handover-rig.ts";
import { PageRig } from "./page-rig.ts";

const problem = chromium === undefined ? noChromium : await firefoxProblem();
const inBoth = skipUnless(problem === undefined, problem ?? "");

let fay: Tab;
let carl: Tab;
const rig = new PageRig(["--quota", "100M"]);

beforeAll(async () => {
  if (problem !== undefined) return;
  await rig.start();
  fay = await rig.open("firefox");
  await fay.saveDownloadsIn(rig.downloads);
  carl = await openWith(rig, "pickers", "chromium");
});
afterAll(() => rig[Symbol.asyncDispose]());

const hashOf = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

async function savedAs(name: string, bytes: number): Promise<string> {
  const path = join(rig.downloads, name);
  await until(() => Bun.file(path).size === bytes, path);
  return hashOf(readFileSync(path));
}

inBoth("they talk, count what is unread, and paste several lines", async () => {
  await fay.login("Fay", "lobby", "den");
  await carl.login("Carl", "lobby", "den");
  await carl.say("Fay, hello");
  expect(await fay.hears("Fay, hello")).toContain("mention");
  await fay.show("den");
  await carl.say("Fay, are you there?");
  await fay.listsRooms("lobby @1", "den");
  await fay.show("lobby");
  await fay.get(`navigator.clipboard.writeText("one\\ntwo")`);
  await fay.click("#text");
  await fay.press("v", "Control");
  await fay.press("Enter");
  await carl.hears("one\ntwo");
});

inBoth("a file dropped on somebody in Firefox ends in the downloads", async () => {
  const row = `[data-person="Fay"]`;
  const [sha256] = await anotherCard(fay, () => drop(carl, row, [["to fay.bin", 3_000_017]]));
  await press(fay, "Accept");
  await isIn(fay, "done");
  await isIn(carl, "done");
  expect(await savedAs("to fay.bin", 3_000_017)).toBe(sha256 ?? "");
});

inBoth("files that are picked in Firefox, both going on after the server was killed", async () => {
  const path = join(rig.folder, "to carl.bin");
  const content = noise(20_000_000);
  writeFileSync(path, content);
  await fay.click("[aria-label='Write to Carl privately']");
  await anotherCard(carl, () => attach(fay, path));
  await press(carl, "Accept");
  await carl.until("[...document.querySelectorAll('.offer progress')].at(-1)?.value > 0.05");
  await rig.kill();
  await isIn(carl, "interrupted");
  await rig.start();
  await isIn(carl, "done");
  await isIn(fay, "done");
  expect(await sha256Of(carl, "picked-to carl.bin")).toBe(hashOf(content));
});

inBoth("a file shared with the room is fetched by the other, and verified", async () => {
  // From now on to everyone.
  await fay.click("[aria-label='Write to Carl privately']");
  const [sha256] = await drop(fay, "#conversation", [["for all.bin", 2_000_000]]);
  await carl.hears("shares for all.bin (2.00 MB)");
  await fay.click("#files-toggle");
  await fay.click(`[aria-label^="Download for all.bin"]`);
  await fay.until(`document.querySelector("#file-list").innerText.includes("Saved and verified")`);
  expect(await savedAs("for all.bin", 2_000_000)).toBe(sha256 ?? "");
  await fay.press("Escape");
});

/** Offers a file by code. */
const give = (path: string, ...flags: string[]): Parley =>
  new Parley("send-file", `127.0.0.1:${rig.port}`, path, "--code", "--json", ...flags);

/** A tab in Firefox that has opened the code, and begun to save. */
async function savingFrom(sender: Parley): Promise<Tab> {
  const { code } = JSON.parse(await sender.line(/"event":"code"/)) as { code: string };
  const tab = await rig.open("firefox");
  await tab.navigate(`${rig.url}code#${code}`);
  await tab.click("#code-form [type=submit]");
  await tab.until("document.body.dataset.phase === 'listed'");
  await tab.click("#found-save");
  return tab;
}

inBoth("files by code", async () => {
  const path = join(rig.folder, "coded.bin");
  const content = noise(1_500_000);
  writeFileSync(path, content);
  await using sender = give(path);
  const tab = await savingFrom(sender);
  await tab.until("document.body.dataset.phase === 'done'");
  expect(await savedAs("coded.bin", 1_500_000)).toBe(hashOf(content));
  expect(await sender.exit()).toBe(0);
});

inBoth("a reload in Firefox ends files by code: the sender does not wait", async () => {
  const path = rig.hollowFile("reloaded.bin", 20_000_000);
  await using sender = give(path, "--limit-rate", "2M");
  const tab = await savingFrom(sender);
  await tab.until("document.querySelector('#found-progress').value > 0");
  await tab.reloadAnyway();
  expect(await sender.exit()).toBe(4);
});

inBoth("it opens while the server is away, and sends then what was written", async () => {
  await fay.until("navigator.serviceWorker.controller !== null");
  await rig.kill();
  await fay.reload();
  await fay.until(
    "document.querySelector('#connection-text').textContent.includes('Trying again')",
  );
  await fay.say("written while away");
  await rig.start();
  await carl.hears("written while away");
});

inBoth("no tab reports a script error or a violation of the content policy", () => {
  expect(rig.tabs.flatMap((tab) => tab.complaints)).toEqual([]);
});
