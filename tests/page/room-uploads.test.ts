// Files shared with everyone from the browser: dropped on the room, pasted or picked; shown to the
// other tab, stopped, retried, refused because of the quota, and removed by their uploader.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../noise.ts";
import { until } from "../until.ts";
import { noFiles } from "../../src/page/handover/outgoing-names.ts";
import { RoomUploads } from "../../src/page/room-uploads.ts";
import type { SessionResponse } from "../../src/client/events.ts";
import { changeUploads, type UploadCards } from "../../src/page/upload-cards.ts";
import type { Tab } from "./browser.ts";
import { drop } from "./handover-rig.ts";
import { expectNoComplaints, inBrowser, inChromium, pageRig } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig(
  async (first, second) => {
    [ann, bob] = [first, second];
    await ann.login("Ann");
    await bob.login("Bob");
  },
  "--quota",
  "100M",
);

const shared = (name: string): string => join(rig.folder, "files", name);
const uploads = (): string[] => readdirSync(shared(".parley-shared/uploads"));
const hashOf = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

const card = `[...document.querySelectorAll(".upload")].at(-1)`;
const isIn = (tab: Tab, phase: string) =>
  tab.until(`${card}?.dataset.phase === ${JSON.stringify(phase)}`);
const none = (tab: Tab) => tab.until(`document.querySelector(".upload") === null`);

/** Picks files on disk with the paper clip. */
function pick(tab: Tab, ...files: string[]): Promise<void> {
  return tab.setFiles("#attach-files", ...files);
}

function large(name: string, bytes: number): { path: string; sha256: string } {
  const path = join(rig.folder, name);
  const content = noise(bytes);
  writeFileSync(path, content);
  return { path, sha256: hashOf(content) };
}

const unused = (): never => {
  throw new Error("nothing is sent");
};

test("a folder alone, which leaves no files, is refused", () => {
  const uploads = new RoomUploads({
    end: unused,
    ask: unused,
    dispatch: unused,
    cards: () => new Map(),
    onShared: unused,
  });
  expect(uploads.share("lobby", [], false)).toBe(noFiles);
});

test("what is stopped while the server keeps it a place gives the place back", async () => {
  const asked = Promise.withResolvers<SessionResponse>();
  const ended: string[] = [];
  let cards: UploadCards = new Map();
  let offer = "";
  const uploads = new RoomUploads({
    end: (offer) => ended.push(offer),
    ask(request) {
      if (request.type === "upload") offer = request.offer ?? "";
      return asked.promise;
    },
    dispatch: (action) => (cards = changeUploads(cards, action)),
    cards: () => cards,
    onShared: unused,
  });
  uploads.share("lobby", [new File(["x"], "x.txt")], false);
  uploads.cancel(1);
  expect(ended.splice(0)).toEqual([offer]);
  asked.resolve({ type: "upload", path: `/uploads/${offer}`, from: 0 });
  await until(() => ended.length > 0, "the place to be given back");
  expect(ended).toEqual([offer]);
});

inBrowser("dropped on the room, everybody is told, and the file is the same", async () => {
  expect(await ann.get("document.querySelector('#attach').title")).toBe("Share files with lobby");
  const [first, second] = await drop(ann, "#messages", [
    ["note one.bin", 300_001],
    ["note one.bin", 70_000],
    ["empty", 0],
  ]);
  await bob.until(`document.querySelector("#messages").innerText.includes("shares empty (0 B)")`);
  await none(ann);
  const link = await bob.get<string>(
    `document.querySelector('#messages a[download="note one (2).bin"]').href`,
  );
  expect(hashOf(new Uint8Array(await (await fetch(link)).arrayBuffer()))).toBe(second ?? "");
  expect(hashOf(readFileSync(shared("note one.bin")))).toBe(first ?? "");
  expect(hashOf(readFileSync(shared("note one (2).bin")))).toBe(second ?? "");
  expect(uploads()).toEqual([]);
});

inChromium("a pasted picture is asked about first", async () => {
  const paste = (bytes: number) =>
    ann.get(`(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(${bytes})], "image.png", { type: "image/png" }));
      document.querySelector("#text").dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    })()`);
  await paste(1_000);
  await isIn(ann, "asking");
  expect(await ann.get(`${card}.innerText`)).toContain("everybody on this server can fetch it");
  await ann.shot("upload-asking");
  await ann.get(`${card}.querySelector('[aria-label^="Stop"]').click()`);
  await none(ann);
  await paste(2_000);
  await isIn(ann, "asking");
  await ann.get(`${card}.querySelector("button").click()`);
  await none(ann);
  const name = readdirSync(shared("")).find((one) => one.startsWith("pasted "));
  expect(readFileSync(shared(name ?? "")).length).toBe(2_000);
});

inChromium(
  "a large file shows how far it is, and nothing is left of it when it is stopped",
  async () => {
    const path = rig.hollowFile("large.bin", 60_000_000);
    await ann.cdp("Network.enable");
    const slow = {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: 6_000_000,
    };
    await ann.cdp("Network.emulateNetworkConditions", slow);
    await pick(ann, path);
    await ann.until(`${card}?.querySelector("progress").value > 0.05`);
    await ann.shot("upload-running");
    expect(existsSync(shared("large.bin"))).toBe(false);
    expect(uploads()).toHaveLength(1);
    await ann.get(`${card}.querySelector('[aria-label^="Stop"]').click()`);
    await none(ann);
    await until(() => uploads().length === 0, "the rest of it to go");
    expect(existsSync(shared("large.bin"))).toBe(false);
    const fast = { ...slow, uploadThroughput: -1 };
    await ann.cdp("Network.emulateNetworkConditions", fast);
  },
);

inChromium("an upload continues after the server was killed", async () => {
  const { path, sha256 } = large("again.bin", 25_000_000);
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 5_000_000 };
  await ann.cdp("Network.emulateNetworkConditions", slow);
  await pick(ann, path);
  await ann.until(`${card}?.querySelector("progress").value > 0.1`);
  await rig.kill();
  await ann.until(`${card}?.innerText.includes("continues by itself")`);
  await ann.shot("upload-interrupted");
  await rig.start();
  await ann.cdp("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });
  await none(ann);
  expect(hashOf(readFileSync(shared("again.bin")))).toBe(sha256);
});

inChromium("an upload continues where it was after a lost connection", async () => {
  const { path, sha256 } = large("lost.bin", 30_000_000);
  await ann.get(`void (() => {
    window.sentBytes = [];
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (body) {
      window.sentBytes.push(body.size);
      window.request = this;
      send.call(this, body);
    };
  })()`);
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 10_000_000 };
  await ann.cdp("Network.emulateNetworkConditions", slow);
  await pick(ann, path);
  await ann.until(`${card}?.querySelector("progress").value > 0.3`);
  // The page notices before the server does.
  await ann.get("void window.request.dispatchEvent(new ProgressEvent('error'))");
  await ann.until(`${card}?.innerText.includes("continues by itself")`);
  await ann.cdp("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });
  await none(ann);
  expect(hashOf(readFileSync(shared("lost.bin")))).toBe(sha256);
  const [all = 0, ...rest] = await ann.get<number[]>("window.sentBytes");
  expect(all).toBe(30_000_000);
  expect(Math.min(...rest)).toBeLessThan(25_000_000);
});

inChromium("what does not fit is refused beside the file", async () => {
  const path = rig.hollowFile("huge.bin", 90_000_000);
  await pick(ann, path);
  await isIn(ann, "failed");
  expect(await ann.get(`${card}.innerText`)).toContain("has room for");
  await ann.get(`${card}.querySelector('[aria-label^="Stop"]').click()`);
  await none(ann);
});

const row = (name: string) =>
  `[...document.querySelectorAll("#file-list .file")].find((row) => row.innerText.includes(${JSON.stringify(name)}))`;

inBrowser("what is shared while the list of files loads is on it", async () => {
  // The first answer is kept back until everything is shared.
  await ann.get(`void (() => {
    const { fetch } = window;
    window.fetch = async (...how) => {
      const answer = await fetch(...how);
      if (window.held !== undefined) return answer;
      window.held = new Promise((go) => (window.arrive = go));
      await window.held;
      return answer;
    };
  })()`);
  await ann.click("#files-toggle");
  await ann.until("window.held !== undefined");
  await drop(ann, "#messages", [["meanwhile.bin", 10]]);
  await none(ann);
  await ann.get("window.arrive()");
  await ann.until(row("meanwhile.bin"));
  await ann.click("#files-toggle");
});

inBrowser("whoever has shared a file removes it, nobody else", async () => {
  for (const tab of [ann, bob]) {
    await tab.get("window.confirm = () => true");
    await tab.click("#files-toggle");
    await tab.until(row("note one (2).bin"));
  }
  const button = (name: string) => `${row(name)}.querySelector('[aria-label^="Remove"]')`;
  await ann.until(`${button("note one (2).bin")}.hidden === false`);
  expect(await ann.get(`${button("data.bin")}.hidden`)).toBe(true);
  expect(await bob.get(`${button("note one (2).bin")}.hidden`)).toBe(true);
  await ann.shot("upload-own");
  await ann.get(`${button("note one (2).bin")}.click()`);
  await ann.until(`${row("note one (2).bin")} === undefined`);
  expect(existsSync(shared("note one (2).bin"))).toBe(false);
  expect(existsSync(shared("note one.bin"))).toBe(true);
});

inBrowser("nothing is taken from somebody who has left: the next one would send it", async () => {
  await ann.say("/quit");
  await ann.until("document.querySelector('#attach').disabled");
  await drop(ann, "#messages", [["late.bin", 10]]);
  await ann.get("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))");
  expect(await ann.get("document.querySelectorAll('.upload').length")).toBe(0);
});

expectNoComplaints(rig);
