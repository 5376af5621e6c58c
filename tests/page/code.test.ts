// Files by code in a browser: the link, the list, saved with equal hashes, resumed; codes that
// are mistyped, wrong or used up; and that the page's address does not keep the code.

import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { until } from "../until.ts";
import type { Tab } from "./browser.ts";
import { hashOf, noiseFile, openWith, sha256Of } from "./handover-rig.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

let tab: Tab;
let plain: Tab;
const rig = pageRig(async () => {
  tab = await openWith(rig, "pickers");
  plain = await openWith(rig, "no pickers");
});

const file = (name: string, bytes: number) => noiseFile(rig, name, bytes);

function give(...words: string[]): Parley {
  return new Parley("send-file", `127.0.0.1:${rig.port}`, ...words, "--code", "--json");
}

async function codeOf(program: Parley): Promise<string> {
  const line = await program.line(/"event":"code"/);
  return (JSON.parse(line) as { code: string }).code;
}

async function open(tab: Tab, code: string): Promise<void> {
  await tab.navigate("about:blank");
  await tab.navigate(`${rig.url}code#${code}`);
  await tab.until("document.querySelector('#code').value !== ''");
}

const isIn = (tab: Tab, phase: string): Promise<void> =>
  tab.until(`document.body.dataset.phase === ${JSON.stringify(phase)}`);
const state = (tab: Tab): Promise<string> => tab.text("#code-state");
const submit = "#code-form [type=submit]";

inBrowser("a link shows the files, and saves one where the user picks", async () => {
  const { path, sha256 } = file("a plan.bin", 3_000_017);
  await using sender = give(path);
  await open(tab, await codeOf(sender));
  // It does not stay in the browser's history.
  expect(await tab.get("location.href")).toBe(`${rig.url}code`);
  await tab.click(submit);
  await isIn(tab, "listed");
  expect(await tab.text("#found-names")).toBe("a plan.bin");
  expect(await tab.text("#found-facts")).toBe("3.00 MB · sealed: the server can't read it");
  await tab.click("#found-save");
  await isIn(tab, "done");
  expect(await sha256Of(tab, "picked-a plan.bin")).toBe(sha256);
  expect(await sender.exit()).toBe(0);
});

inBrowser("a folder and a file, in a browser with a folder picker and without", async () => {
  const { path, sha256 } = file("beside.bin", 200_000);
  mkdirSync(join(rig.folder, "pics", "deep"), { recursive: true });
  writeFileSync(join(rig.folder, "pics", "deep", "one.txt"), "one");
  await using sender = give(path, join(rig.folder, "pics"));
  await open(tab, await codeOf(sender));
  await tab.click(submit);
  await isIn(tab, "listed");
  await tab.click("#found-save");
  await isIn(tab, "done");
  expect(await sender.exit()).toBe(0);
  expect(await sha256Of(tab, "picked/beside.bin")).toBe(sha256);
  expect(await sha256Of(tab, "picked/pics/deep/one.txt")).toBe(hashOf(Buffer.from("one")));
  await using other = give(path, join(rig.folder, "pics"));
  await open(plain, await codeOf(other));
  await plain.click(submit);
  await isIn(plain, "listed");
  expect(await plain.text("#found-facts")).toContain("This browser saves no folders");
  await plain.click("#found-save");
  await isIn(plain, "done");
  const saved = join(rig.downloads, "beside.bin");
  await until(() => Bun.file(saved).size === 200_000, saved);
  expect(hashOf(readFileSync(saved))).toBe(sha256);
  const one = join(rig.downloads, "pics - deep - one.txt");
  await until(() => Bun.file(one).size === 3, one);
  expect(await other.exit()).toBe(0);
  for (let i = 0; i < 60; i++) writeFileSync(join(rig.folder, "pics", `${i}.txt`), "x");
  await using many = give(path, join(rig.folder, "pics"));
  await open(plain, await codeOf(many));
  await plain.click(submit);
  await isIn(plain, "listed");
  await plain.click("#found-save");
  await isIn(plain, "failed");
  expect(await state(plain)).toContain("1 of 2 could not be saved");
  expect(await many.exit()).toBe(1);
  expect(many.stderr).toContain("1 of the files did not get there");
});

inBrowser("it goes on after the server was killed", async () => {
  const { path, sha256 } = file("long.bin", 15_000_000);
  await using sender = give(path, "--limit-rate", "3M");
  await open(tab, await codeOf(sender));
  await tab.click(submit);
  await isIn(tab, "listed");
  await tab.click("#found-save");
  await tab.until("document.querySelector('#found-progress').value > 0.05");
  await rig.kill();
  await isIn(tab, "interrupted");
  await rig.start();
  await isIn(tab, "running");
  expect(await sender.exit()).toBe(0);
  await isIn(tab, "done");
  expect(await sha256Of(tab, "picked-long.bin")).toBe(sha256);
});

inBrowser(
  "a mistyped code costs nothing, a wrong one makes it void, a used one is none",
  async () => {
    const { path } = file("secret.bin", 1_000);
    await using sender = give(path);
    const code = await codeOf(sender);
    const [number = "", word = ""] = code.split("-");
    await open(tab, `${number}-${word}-olivee`);
    await tab.click(submit);
    await tab.shows("#code-problem", "No code has the word 'olivee': did you mean 'olive'?");
    const wrong = code.endsWith("-olive") ? "lamp" : "olive";
    await tab.fill("#code", `${number} ${word} ${wrong}`);
    await tab.press("Enter");
    await isIn(tab, "failed");
    expect(await state(tab)).toContain("The other end does not know this code");
    expect(await sender.exit()).toBe(4);
    // The page has a place for the next one, about which alone it then speaks.
    await tab.fill("#code", `${number}-${word}-olivee`);
    await tab.press("Enter");
    await tab.shows("#code-problem", "No code has the word 'olivee': did you mean 'olive'?");
    expect(await state(tab)).toBe("");
    await tab.fill("#code", code);
    await tab.press("Enter");
    await tab.until(
      "document.querySelector('#code-state').textContent.startsWith('There are no files for this code')",
    );
    expect(await tab.get("document.activeElement.id")).toBe("code");
  },
);

/** As Firefox does: what a page says when it is left reaches nobody. */
const closeEarly = `void (() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    addEventListener("beforeunload", () => this.close(), { once: true });
    return send.call(this, data);
  };
})()`;

async function reloadEnds(script: string): Promise<void> {
  const path = rig.hollowFile("reloaded.bin", 20_000_000);
  await using sender = give(path, "--limit-rate", "2M");
  await open(tab, await codeOf(sender));
  await tab.get(script);
  await tab.click(submit);
  await isIn(tab, "listed");
  await tab.click("#found-save");
  await tab.until("document.querySelector('#found-progress').value > 0.05");
  expect(await state(tab)).toContain("a reload loses what has arrived");
  await tab.reloadAnyway();
  await tab.until("document.querySelector('#code-problem').innerText.includes('used up')");
  expect(await sender.exit()).toBe(4);
  await tab.reload();
  await tab.until("document.querySelector('#code-problem').innerText === ''");
}

inBrowser("a reload ends it, which the page says before and after", () => reloadEnds("void 0"));

inBrowser("so it does in a browser that closes the connection first", () => reloadEnds(closeEarly));

inBrowser("a copy of the tab, which has all that it notes, does not end it", async () => {
  const { path, sha256 } = file("copied tab.bin", 6_000_000);
  await using sender = give(path, "--limit-rate", "2M");
  await open(tab, await codeOf(sender));
  await tab.click(submit);
  await isIn(tab, "listed");
  await tab.click("#found-save");
  await tab.until("document.querySelector('#found-progress').value > 0.05");
  // As for a tab that the user duplicates, the browser copies the session's storage.
  await tab.get("void (window.copy = open(location.pathname))");
  const isNoted = "copy.document.querySelector('#code-problem')?.innerText.includes('used up')";
  await tab.until(`copy !== null && ${isNoted}`);
  expect(await sender.exit()).toBe(0);
  await isIn(tab, "done");
  await tab.get("copy.close()");
  expect(await sha256Of(tab, "picked-copied tab.bin")).toBe(sha256);
});

inBrowser("either end can stop it", async () => {
  const path = rig.hollowFile("stopped.bin", 60_000_000);
  await using sender = give(path, "--limit-rate", "4M");
  await open(tab, await codeOf(sender));
  await tab.click(submit);
  await isIn(tab, "listed");
  await tab.click("#found-save");
  await isIn(tab, "running");
  await tab.click("#found-cancel");
  await isIn(tab, "failed");
  expect(await state(tab)).toBe("Cancelled");
  expect(await tab.text("#found-names")).toBe("stopped.bin");
  expect(await sender.exit()).not.toBe(0);
  // What was found for one code is not shown for the next.
  await tab.fill("#code", "7-olive-lamp");
  await tab.press("Enter");
  await tab.until("document.querySelector('#code-state').textContent.startsWith('There are no')");
  expect(await tab.get("document.querySelector('#found').hidden")).toBe(true);
  await using other = give(path, "--limit-rate", "4M");
  await open(tab, await codeOf(other));
  await tab.click(submit);
  await isIn(tab, "listed");
  other.signal("SIGINT");
  await isIn(tab, "failed");
  expect(await state(tab)).toBe("The sender cancelled it");
  await other.exit();
});

expectNoComplaints(rig);
