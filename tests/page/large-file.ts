// Measures the cost of a large file in browsers: sent from one tab to another, which writes it to a
// picked file or to the downloads; prints memory and rate. `bun tests/page/large-file.ts [MiB]`

import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { sizeText } from "../../src/size-text.ts";
import { noise } from "../noise.ts";
import { until } from "../until.ts";
import type { Tab } from "./browser.ts";
import { chromium, noChromium } from "./chromium.ts";
import { attach, isIn, lastCard, openWith, press } from "./handover-rig.ts";
import { PageRig } from "./page-rig.ts";

const MiB = 2 ** 20;
const sizeBytes = Number(process.argv[2] ?? 2_048) * MiB;

/** The peak memory of the browser's processes, by their kind, and of each tab's heap. */
class Watch {
  readonly #most = new Map<string, number>();

  constructor(readonly tabs: Readonly<Record<string, Tab>>) {}

  async look(): Promise<void> {
    for (const [kind, bytes] of residentByKind()) this.#note(kind, bytes);
    for (const [name, tab] of Object.entries(this.tabs)) {
      const heap = await tab.get<number>("performance.memory.usedJSHeapSize");
      this.#note(`heap of ${name}`, heap);
    }
  }

  #note(what: string, bytes: number): void {
    this.#most.set(what, Math.max(this.#most.get(what) ?? 0, bytes));
  }

  report(title: string, before: Watch | undefined): void {
    console.log(title);
    for (const [what, bytes] of [...this.#most].sort()) {
      const was = before === undefined ? "" : `, ${sizeText(before.#most.get(what) ?? 0)} before`;
      console.log(`  ${what}: at most ${sizeText(bytes)}${was}`);
    }
  }
}

/** Resident memory of this process's descendants that belong to a browser, summed by kind. */
function residentByKind(): Map<string, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has exited.
    }
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === process.pid || isOurs(parents.get(pid)));
  const sums = new Map<string, number>();
  for (const pid of parents.keys()) {
    if (pid === process.pid || !isOurs(pid)) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split(/[\0 ]/);
      if (!command[0]?.includes("chrom")) continue;
      const type = command.find((word) => word.startsWith("--type="))?.slice(7) ?? "browser";
      const service = command.find((word) => word.startsWith("--utility-sub-type="))?.slice(19);
      const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
      const kind = `processes: ${service ?? type}`;
      sums.set(kind, (sums.get(kind) ?? 0) + pages * 4_096);
    } catch {
      // It has exited.
    }
  }
  return sums;
}

function makeFile(path: string): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const fd = openSync(path, "w");
  for (let at = 0; at < sizeBytes; at += MiB) {
    const block = noise(Math.min(MiB, sizeBytes - at));
    hasher.update(block);
    writeSync(fd, block);
  }
  closeSync(fd);
  return hasher.digest("hex");
}

/** The hash of a file in the tab's own store, without holding the file. */
async function sha256Below(tab: Tab, name: string): Promise<string> {
  await tab.get(`void (async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle(${JSON.stringify(name)});
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await handle.getFile());
    link.download = "copy-" + ${JSON.stringify(name)};
    link.click();
  })()`);
  const copy = join(rig.downloads, `copy-${name}`);
  await until2(() => size(copy) === sizeBytes);
  return sha256Of(copy);
}

async function sha256Of(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const bytes of Bun.file(path).stream()) hasher.update(bytes);
  return hasher.digest("hex");
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function until2(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(100);
}

async function send(from: Tab, to: Tab, path: string, title: string): Promise<void> {
  const tabs = { sender: from, recipient: to };
  const before = new Watch(tabs);
  await before.look();
  await attach(from, path);
  await press(to, "Accept");
  const startedMs = performance.now();
  const watch = new Watch(tabs);
  const phase = (): Promise<string> => to.get<string>(`${lastCard}.dataset.phase`);
  for (let now = await phase(); now !== "done"; now = await phase()) {
    if (now === "failed" || now === "cancelled")
      throw new Error(await to.text(".offer:last-child"));
    await watch.look();
    await Bun.sleep(250);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  await isIn(from, "done");
  const rate = sizeText(sizeBytes / seconds);
  watch.report(`${title}: ${sizeText(sizeBytes)} in ${seconds.toFixed(1)} s, ${rate}/s`, before);
}

if (chromium === undefined) throw new Error(noChromium);
const rig = new PageRig();
await rig.start();
try {
  const path = join(rig.folder, "large.bin");
  const sha256 = makeFile(path);
  const ann = await openWith(rig, "pickers", "chromium");
  const bob = await openWith(rig, "pickers", "chromium");
  const cal = await openWith(rig, "no pickers", "chromium");
  await ann.login("Ann");
  await bob.login("Bob");
  await cal.login("Cal");
  const choose = async (name: string): Promise<void> => {
    await ann.click(`[aria-label='Write to ${name} privately']`);
    await ann.until(`document.querySelector('#attach').title.endsWith('to ${name}')`);
  };
  await choose("Bob");
  await send(ann, bob, path, "Into a picked file");
  console.log(`  equal: ${(await sha256Below(bob, "picked-large.bin")) === sha256}`);
  await ann.click("[aria-label='Write to Bob privately']");
  await choose("Cal");
  await send(ann, cal, path, "Into the downloads");
  const saved = join(rig.downloads, "large.bin");
  await until(() => size(saved) > 0, saved);
  await until2(() => size(saved) === sizeBytes);
  console.log(`  equal: ${(await sha256Of(saved)) === sha256}`);
} finally {
  await rig[Symbol.asyncDispose]();
}
