// The page of a server with a password, in a real browser: requested when the server requires it,
// valid for chat and files, and not stored anywhere.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tab } from "./browser.ts";
import { inBrowser, pageRig } from "./page-rig.ts";
import { testFolder } from "../test-folder.ts";

const word = "open sesame";
const folder = testFolder("password");
const passwordFile = join(folder, "password");
writeFileSync(passwordFile, `${word}\n`, { mode: 0o600 });

let ann: Tab;
const rig = pageRig(
  (tab) => {
    ann = tab;
  },
  "--password-file",
  passwordFile,
);

const isAsked = "!document.querySelector('#login-access').hidden";
const kept = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }])";

inBrowser("the password is asked for, and a wrong one is refused below its field", async () => {
  expect(await ann.get(isAsked)).toBe(false);
  await ann.fill("#login-name", "Ann");
  await ann.press("Enter");
  await ann.shows("#login-access-problem", "This server asks for a password");
  expect(await ann.get(isAsked)).toBe(true);
  await ann.fill("#login-access-word", "close sesame");
  await ann.press("Enter");
  await ann.shows("#login-access-problem", "The password is wrong");
  const shown = "getComputedStyle(document.querySelector('#login-access-word')).webkitTextSecurity";
  expect(await ann.get(shown)).toBe("disc");
});

inBrowser("with it there is chat, and the files can be listed, fetched and verified", async () => {
  expect((await fetch(`${rig.url}files`)).status).toBe(401);
  expect((await fetch(`${rig.url}files/data.bin`)).status).toBe(401);
  await ann.fill("#login-access-word", word);
  await ann.press("Enter");
  await ann.shows("#presence", "online as Ann");
  await ann.say("inside");
  await ann.click("#files-toggle");
  await ann.until("document.querySelectorAll('.file').length > 0");
  await ann.click("[aria-label='Download constructor']");
  await ann.until("document.querySelector('.file-state.verified') !== null");
});

inBrowser("nothing that is stored opens the door a second time", async () => {
  expect(await ann.get(kept)).not.toContain("sesame");
  await ann.reload();
  await ann.shows("#login-access-problem", "This server asks for a password");
  expect(await ann.get("document.querySelector('#login-access-word').value")).toBe("");
  await ann.fill("#login-access-word", word);
  await ann.press("Enter");
  await ann.shows("#presence", "online as Ann");
  await ann.hears("inside");
});
