// Tabs for the tests of files from person to person: with Chromium's pickers, which would open a
// system window, replaced by files and folders in the page's own store; or without, like in
// Firefox.

import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { type BrowserName, chosenBrowser, desktop, Tab } from "./browser.ts";
import type { PageRig } from "./page-rig.ts";

/** The user's choices: each file under its suggested name, and the folder `picked`. */
const pickers = `
  const own = () => navigator.storage.getDirectory();
  window.picked = [];
  window.showSaveFilePicker = async ({ suggestedName }) => {
    window.picked.push(suggestedName);
    return (await own()).getFileHandle("picked-" + suggestedName, { create: true });
  };
  window.showDirectoryPicker = async () => (await own()).getDirectoryHandle("picked", { create: true });
`;
const noPickers = "delete window.showSaveFilePicker; delete window.showDirectoryPicker;";

/** A tab at the login form, with pickers or without. */
export async function openWith(
  rig: PageRig,
  what: "pickers" | "no pickers",
  browser: BrowserName = chosenBrowser,
): Promise<Tab> {
  const tab = await Tab.open("about:blank", desktop, browser);
  rig.tabs.push(tab);
  await tab.beforeLoad(what === "pickers" ? pickers : noPickers);
  await tab.navigate(rig.url);
  await tab.saveDownloadsIn(rig.downloads);
  return tab;
}

/** The SHA-256 of a picked file, by its path in the page's own store. */
export function sha256Of(tab: Tab, path: string): Promise<string> {
  return tab.get<string>(`(async () => {
    const names = ${JSON.stringify(path.split("/"))};
    let folder = await navigator.storage.getDirectory();
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
    const file = await (await folder.getFileHandle(names.at(-1))).getFile();
    const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  })()`);
}

export function hashOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** A file of the sender, not recently changed. */
export function noiseFile(
  rig: PageRig,
  name: string,
  bytes: number,
): { path: string; sha256: string } {
  const path = join(rig.folder, name);
  const content = noise(bytes);
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  return { path, sha256: hashOf(content) };
}

/** A user who sends with the terminal program. */
export function sender(rig: PageRig, name: string, to: string, ...words: string[]): Parley {
  const identity = ["--identity", join(rig.folder, `${name}-identity`)];
  const person = ["--to", to, "--name", name, ...identity];
  return new Parley("send-file", `127.0.0.1:${rig.port}`, ...words, ...person, "--json");
}

/** A program that accepts everything into its folder. */
export function taker(rig: PageRig, name: string): Parley {
  const words = ["--accept", join(rig.folder, name), "--follow", "--json"];
  const person = ["--name", name, "--identity", join(rig.folder, `${name}-identity`)];
  return new Parley("client", `127.0.0.1:${rig.port}`, ...words, ...person);
}

/** The last card of the conversation. */
export const lastCard = `[...document.querySelectorAll(".offer")].at(-1)`;

/** Waits until the last card is in that phase. */
export function isIn(tab: Tab, phase: string): Promise<void> {
  return tab.until(`${lastCard}?.dataset.phase === ${JSON.stringify(phase)}`);
}

/** Clicks a button of the last card, as soon as it exists. */
export async function press(
  tab: Tab,
  button: "Accept" | "Decline" | "Cancel" | "Withdraw",
): Promise<void> {
  const found = `[...(${lastCard}?.querySelectorAll("button:not([hidden])") ?? [])].find(({ textContent }) => textContent === "${button}")`;
  await tab.until(found);
  await tab.get(`${found}.click()`);
}

/** Resolves when the action has created another card. */
export async function anotherCard<T>(tab: Tab, work: () => Promise<T>): Promise<T> {
  const count = "document.querySelectorAll('.offer').length";
  const before = await tab.get<number>(count);
  const done = await work();
  await tab.until(`${count} > ${before}`);
  return done;
}

/** Drops new files on an element. Returns their SHA-256. */
export function drop(
  tab: Tab,
  selector: string,
  files: readonly (readonly [name: string, bytes: number])[],
): Promise<string[]> {
  return tab.get<string[]>(`(async () => {
    const data = new DataTransfer();
    const hashes = [];
    for (const [name, bytes] of ${JSON.stringify(files)}) {
      const content = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(content.subarray(at, at + 65536));
      data.items.add(new File([content], name));
      const hash = await crypto.subtle.digest("SHA-256", content);
      hashes.push([...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
    }
    const target = document.querySelector(${JSON.stringify(selector)});
    for (const type of ["dragover", "drop"]) {
      target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
    return hashes;
  })()`);
}

/** Picks files on disk with the paper clip. */
export async function attach(tab: Tab, ...paths: string[]): Promise<void> {
  await tab.answerFileDialogs();
  await tab.click("#attach");
  await pick(tab, ...paths);
}

/** Answers the browser's file dialog. */
export async function pick(tab: Tab, ...paths: string[]): Promise<void> {
  await anotherCard(tab, () => tab.setFiles("#attach-files", ...paths));
}
