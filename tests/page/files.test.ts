// The page's list of shared files, in a real browser: malicious names, and more files than one page
// holds.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tab } from "./browser.ts";
import { expectNoComplaints, hostileNames, inBrowser, pageRig } from "./page-rig.ts";

const fileCount = 2_300;
let ann: Tab;
const rig = pageRig(async (tab) => {
  ann = tab;
  for (let i = 0; i < fileCount; i++) {
    writeFileSync(join(rig.folder, "files", `report-${String(i).padStart(4, "0")}.txt`), "");
  }
  mkdirSync(join(rig.folder, "files", "quarter"));
  await ann.login("Ann");
});

const rows = "[...document.querySelectorAll('.file')]";
const names = `${rows}.map((row) => row.querySelector('bdi').textContent)`;

inBrowser("file names can't reverse their letters or clash with built-in properties", async () => {
  await ann.click("#files-toggle");
  await ann.until(`${rows}.length > 0`);
  expect(await ann.get(`${names}.slice(0, 4)`)).toEqual([
    "<b>bold<b>.txt",
    "constructor",
    "data.bin",
    "photogpj.exe",
  ]);
  expect(await ann.get("document.body.innerHTML.includes('\\u202E')")).toBe(false);
  await ann.click("[aria-label='Download constructor']");
  await ann.until("document.querySelector('.file-state.verified') !== null");
  await ann.click("[aria-label='Download photogpj.exe']");
  await ann.until("document.querySelectorAll('.file-state.verified').length === 2");
});

inBrowser("a download can be stopped, and started again", async () => {
  const row = `${rows}.find((row) => row.textContent.includes("data.bin"))`;
  // The server sends nothing: the files are on a disk that hangs, say.
  rig.server?.signal("SIGSTOP");
  await ann.click("[aria-label='Download data.bin']");
  await ann.click("[aria-label='Stop the download of data.bin']");
  await ann.until(`${row}.querySelector(".file-state.failed")?.textContent === "Stopped."`);
  rig.server?.signal("SIGCONT");
  await ann.click("[aria-label='Download data.bin']");
  await ann.until(`${row}.querySelector(".file-state.verified") !== null`);
});

inBrowser(
  "a long list says that there is more, and grows page by page to the last file",
  async () => {
    await ann.shows("#files-note", "The first 999 files and 1 folder; there are more.");
    // The rows of a page stay in the document while the next ones arrive.
    await ann.get(`(() => {
    window.removed = 0;
    new MutationObserver((changes) => {
      for (const { removedNodes } of changes) window.removed += removedNodes.length;
    }).observe(document.querySelector('#file-list'), { childList: true });
    ${rows}.at(-1).dataset.seen = 'yes';
  })()`);
    await ann.get("document.querySelector('#files-more').scrollIntoView()");
    await ann.shows("#files-note", "The first 1,999 files and 1 folder; there are more.");
    await ann.get("document.querySelector('#files-more').click()");
    const total = fileCount + hostileNames.length + 1;
    await ann.shows("#files-note", `${total.toLocaleString("en")} files and 1 folder`);
    expect(await ann.get(`${rows}.length`)).toBe(total + 1);
    expect(await ann.get("document.querySelectorAll('[data-seen]').length")).toBe(1);
    expect(await ann.get("window.removed")).toBe(0);
    expect(await ann.get("document.querySelector('#files-more').hidden")).toBe(true);
    // The new ones are last, although the list is sorted.
    expect(await ann.get(`${names}.at(-1)`)).toBe(`report-${fileCount - 1}.txt`);
  },
);

expectNoComplaints(rig);
