// Files by code in a browser from a server with a password: the page asks for it, and a wrong one
// costs a try at the password, not the code.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import type { Tab } from "./browser.ts";
import { openWith, sha256Of } from "./handover-rig.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

const folder = testFolder("closed");
const password = join(folder, "password");
writeFileSync(password, "open sesame\n", { mode: 0o600 });

let tab: Tab;
const rig = pageRig(
  async () => {
    tab = await openWith(rig, "pickers");
  },
  "--password-file",
  password,
);

inBrowser("the page asks for the server's password, and takes the files", async () => {
  const path = join(folder, "plan.bin");
  const content = noise(100_000);
  writeFileSync(path, content);
  const words = ["--code", "--json", "--password-file", password];
  await using sender = new Parley("send-file", `127.0.0.1:${rig.port}`, path, ...words);
  const line = await sender.line(/"event":"code"/);
  await tab.navigate(`${rig.url}code#${(JSON.parse(line) as { code: string }).code}`);
  await tab.click("#code-form [type=submit]");
  await tab.until("document.querySelector('#code-access-problem').textContent !== ''");
  await tab.fill("#code-access", "open barley");
  await tab.press("Enter");
  await tab.until(
    "!document.querySelector('#code-form').hidden && document.querySelector('#code-access-problem').textContent !== ''",
  );
  await tab.fill("#code-access", "open sesame");
  await tab.press("Enter");
  await tab.until("document.body.dataset.phase === 'listed'");
  await tab.click("#found-save");
  await tab.until("document.body.dataset.phase === 'done'");
  const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  expect(await sha256Of(tab, "picked-plan.bin")).toBe(sha256);
  expect(await sender.exit()).toBe(0);
});

expectNoComplaints(rig);
