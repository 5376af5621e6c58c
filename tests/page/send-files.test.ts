// Files sent to people from a browser: dropped, pasted and picked, received in another browser and
// by the terminal program; stopped by either end, resumed, changed during the transfer.

import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Parley } from "../parley.ts";
import { noise } from "../noise.ts";
import { until } from "../until.ts";
import type { Tab } from "./browser.ts";
import {
  hashOf,
  noiseFile,
  anotherCard,
  attach,
  drop,
  isIn,
  lastCard,
  openWith,
  pick,
  press,
  sha256Of,
  taker,
} from "./handover-rig.ts";
import { expectNoComplaints, inBrowser, inChromium, pageRig } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig(async () => {
  ann = await openWith(rig, "pickers");
  bob = await openWith(rig, "pickers");
  await ann.login("Ann");
  await bob.login("Bob");
  await ann.until(`document.querySelector('[data-person="Bob"]')`);
});

const file = (name: string, bytes: number) => noiseFile(rig, name, bytes);

const taken = (name: string, file: string): string => join(rig.folder, name, file);

/** A terminal user who accepts everything, once Ann's list shows them. */
async function takerInSight(name: string): Promise<Parley> {
  const program = taker(rig, name);
  await program.line(/"event":"online"/);
  await ann.until(`document.querySelector('[data-person="${name}"]')`);
  return program;
}

/** Chooses the recipient of the next messages, or none any more. */
async function toggle(name: string): Promise<void> {
  const label = await ann.get<string>("document.querySelector('#attach').title");
  await ann.click(`[aria-label='Write to ${name} privately']`);
  await ann.until(`document.querySelector('#attach').title !== ${JSON.stringify(label)}`);
}

/** Drops files on a user in Ann's list. Returns their SHA-256. */
const give = (name: string, ...files: [name: string, bytes: number][]): Promise<string[]> =>
  anotherCard(ann, () => drop(ann, `#people [data-person="${name}"]`, files));

inBrowser("dropped on a person, it comes to them in another browser", async () => {
  const sha256 = await give("Bob", ["note.bin", 300_001]);
  await isIn(ann, "waiting");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("You offer a file to Bob");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("not sealed");
  await isIn(bob, "asking");
  expect(await bob.get(`${lastCard}.innerText`)).toContain("Ann offers you a file");
  await press(bob, "Accept");
  await isIn(bob, "done");
  await isIn(ann, "done");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Bob has it, verified");
  expect(await sha256Of(bob, "picked-note.bin")).toBe(sha256[0] ?? "");
});

inBrowser("dropped on a person at a terminal, several with one name, empty ones too", async () => {
  await using _ = await takerInSight("Tom");
  const [first, second, third] = await give(
    "Tom",
    ["same.bin", 2_000_000],
    ["same.bin", 70_000],
    ["back\\slash", 0],
  );
  await isIn(ann, "done");
  expect(hashOf(readFileSync(taken("Tom", "same.bin")))).toBe(first ?? "");
  expect(hashOf(readFileSync(taken("Tom", "same (2).bin")))).toBe(second ?? "");
  expect(hashOf(readFileSync(taken("Tom", "back_slash")))).toBe(third ?? "");
});

inChromium("pasted and dropped into what is written to a person", async () => {
  await using _ = await takerInSight("Pat");
  // In the room it would be shared with everyone.
  await ann.get(`(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(900)], "image.png", { type: "image/png" }));
    window.picture = () => document.querySelector("#text").dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    window.picture();
  })()`);
  await ann.until(`document.querySelector(".upload")?.dataset.phase === "asking"`);
  await ann.get(`document.querySelector(".upload [aria-label^='Stop']").click()`);
  await toggle("Pat");
  await anotherCard(ann, () => ann.get("window.picture()"));
  await ann.until(
    `${lastCard}.innerText.includes("to Pat") && ${lastCard}.dataset.phase === "done"`,
  );
  expect(await ann.get(`${lastCard}.querySelector(".offer-names").textContent`)).toMatch(
    /^pasted \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png$/,
  );
  const [sha256] = await anotherCard(ann, () => drop(ann, "#messages", [["talk.bin", 5_000]]));
  await until(() => existsSync(taken("Pat", "talk.bin")), "talk.bin");
  await isIn(ann, "done");
  expect(hashOf(readFileSync(taken("Pat", "talk.bin")))).toBe(sha256 ?? "");
  await toggle("Pat");
});

inBrowser("text with a picture of itself is pasted as text", async () => {
  await toggle("Bob");
  const before = await ann.get("document.querySelectorAll('.offer').length");
  expect(
    await ann.get(`(() => {
      const data = new DataTransfer();
      data.setData("text/plain", "words");
      data.items.add(new File([new Uint8Array(9)], "image.png", { type: "image/png" }));
      return document.querySelector("#text").dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    })()`),
  ).toBe(true);
  expect(await ann.get("document.querySelectorAll('.offer').length")).toBe(before);
  await toggle("Bob");
});

inBrowser("dropped beside everybody, it neither goes anywhere nor replaces the page", async () => {
  const before = await ann.get("document.querySelectorAll('.offer').length");
  await drop(ann, ".brand", [["stray.bin", 10]]);
  expect(await ann.get("document.querySelectorAll('.offer, .upload').length")).toBe(before);
});

inBrowser(
  "dropped on the room of a server without --quota, it says why it is not shared",
  async () => {
    await drop(ann, "#messages", [["stray.bin", 10]]);
    await ann.until(`document.querySelector(".upload")?.innerText.includes("--quota")`);
    await ann.get(`document.querySelector(".upload [aria-label^='Stop']").click()`);
  },
);

inBrowser("the paper clip picks files; either end can stop it", async () => {
  await toggle("Bob");
  const path = rig.hollowFile("clip.bin", 300_000_000);
  await attach(ann, path);
  await press(bob, "Accept");
  await isIn(ann, "running");
  await isIn(bob, "running");
  // Leaving now would lose it, so the browser asks.
  const leaves = "dispatchEvent(new Event('beforeunload', { cancelable: true }))";
  expect([await ann.get(leaves), await bob.get(leaves)]).toEqual([false, false]);
  await press(bob, "Cancel");
  await isIn(bob, "cancelled");
  await isIn(ann, "cancelled");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Bob has stopped it");
  expect(await ann.get(leaves)).toBe(true);
  await attach(ann, path);
  await press(bob, "Accept");
  await isIn(bob, "running");
  await isIn(ann, "running");
  await press(ann, "Cancel");
  await isIn(ann, "cancelled");
  await isIn(bob, "cancelled");
  expect(await bob.get(`${lastCard}.innerText`)).toContain("Ann has stopped it");
  await attach(ann, path);
  await press(bob, "Decline");
  await isIn(ann, "declined");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Bob declined it");
  await toggle("Bob");
});

inBrowser(
  "both go on after the server was killed, and the terminal keeps what it has",
  async () => {
    await using tom = await takerInSight("Tom");
    await toggle("Tom");
    const { path, sha256 } = file("resumed.bin", 40_000_000);
    await attach(ann, path);
    await ann.until(`${lastCard}.querySelector("progress").value > 0.1`);
    await rig.kill();
    await isIn(ann, "interrupted");
    await rig.start();
    await isIn(ann, "done");
    expect(hashOf(readFileSync(taken("Tom", "resumed.bin")))).toBe(sha256);
    const done = await tom.line(/"event":"done","name":"resumed.bin"/);
    expect(done).toContain('"event":"done"');
    await tom.line(/"event":"received"/);
    const offers = tom.lines.filter((line) => /"event":"offer",.*resumed\.bin/.test(line));
    expect(offers.length).toBeGreaterThan(0);
    await toggle("Tom");
  },
);

inBrowser("/send lets files be picked for a person whom nothing else goes to", async () => {
  await ann.answerFileDialogs();
  await ann.say("/send Bob");
  await ann.until("document.querySelector('#text').value === ''");
  const { path, sha256 } = file("command.bin", 1_000);
  await pick(ann, path);
  expect(await ann.get(`${lastCard}.innerText`)).toContain("You offer a file to Bob");
  await press(bob, "Accept");
  await isIn(ann, "done");
  expect(await sha256Of(bob, "picked-command.bin")).toBe(sha256);
});

inBrowser(
  "what is picked goes to whom it was picked for, whatever is chosen meanwhile",
  async () => {
    await toggle("Bob");
    await ann.click("#attach");
    await toggle("Bob");
    await pick(ann, file("for-bob.bin", 10).path);
    expect(await ann.get(`${lastCard}.innerText`)).toContain("You offer a file to Bob");
    await press(ann, "Withdraw");
    await isIn(ann, "cancelled");
  },
);

inChromium("a file that has changed since it was chosen is not sent", async () => {
  await using _ = await takerInSight("Uma");
  await toggle("Bob");
  const { path } = file("log.bin", 50_000);
  await attach(ann, path);
  await isIn(bob, "asking");
  writeFileSync(path, noise(60_000));
  await press(bob, "Accept");
  await isIn(ann, "failed");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("has changed since it was chosen");
  await isIn(bob, "failed");
  await toggle("Bob");
});

inBrowser("to nobody, and to somebody who is away", async () => {
  await ann.get(`document.querySelector('[data-person="Bob"]').dataset.person = "Nobody"`);
  await give("Nobody", ["x.bin", 10]);
  await isIn(ann, "failed");
  expect(await ann.get(`${lastCard}.innerText`)).toContain("Not offered:");
  await ann.get(`document.querySelector('[data-person="Nobody"]').dataset.person = "Bob"`);
});

inBrowser("a reload ends what this page offers, so that nobody waits for it", async () => {
  await give("Bob", ["lost.bin", 10]);
  await isIn(bob, "asking");
  await ann.reload();
  await isIn(bob, "cancelled");
});

expectNoComplaints(rig);
