// Registered names in a real browser: registered with a password, which is not stored; a token
// replaces it across a reload, and ends with the session.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { passwords as passwordLimits } from "../../src/limits.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";
import type { Tab } from "./browser.ts";

const password = "correct horse battery";
let ann: Tab;
let bob: Tab;
const rig = pageRig((...tabs) => {
  [ann, bob] = tabs;
});

const everythingStored = `JSON.stringify([
  { ...sessionStorage }, { ...localStorage }, document.cookie,
  [...document.querySelectorAll("input, textarea")].map((field) => field.value),
])`;

/** The appearance of a field, as one text. */
const look = (id: string): string =>
  `(({ width, height, borderRadius }) => [width, height, borderRadius].join())(getComputedStyle(document.querySelector("${id}")))`;

const tokenIn = (tab: Tab) =>
  tab.get<string | undefined>("JSON.parse(sessionStorage['parley-session'] ?? '{}').token");

inBrowser("a name is made one's own, and the password is nowhere then", async () => {
  await ann.login("Ann");
  await ann.say("/register");
  await ann.until("document.querySelector('#password-dialog').open");
  await ann.shows("#password-title", "Make Ann your name");
  const { minChars: minPasswordChars } = passwordLimits;
  expect(await ann.text("#password-hint")).toStartWith(`At least ${minPasswordChars} characters.`);
  expect(await ann.get<number>("document.querySelector('#new-password').minLength")).toBe(
    minPasswordChars,
  );
  await ann.fill("#new-password", password);
  await ann.fill("#new-password-again", "something else");
  await ann.press("Enter");
  await ann.shows("#password-problem", "The two passwords differ.");
  await ann.fill("#new-password", password);
  await ann.fill("#new-password-again", password);
  await ann.press("Enter");
  await ann.sees("The name Ann is yours now.");
  await ann.until("!document.querySelector('#password-dialog').open");
  await ann.until("sessionStorage['parley-session'].includes('token')");
  expect(await ann.get<string>(everythingStored)).not.toContain("horse");
});

inBrowser("a reload continues without it", async () => {
  await ann.navigate(rig.url);
  await ann.shows("#presence", "online as Ann");
});

inBrowser("another browser is asked for it, and told when it is wrong", async () => {
  await bob.fill("#login-name", "ann");
  expect(await bob.get("document.querySelector('#login-password-part').hidden")).toBe(true);
  await bob.press("Enter");
  await bob.until("!document.querySelector('#login-password-part').hidden");
  await bob.shows("#login-name-problem", "The name 'Ann' is registered");
  expect(await bob.get<string>(look("#login-password"))).toBe(
    await bob.get<string>(look("#login-name")),
  );
  await bob.fill("#login-password", "not the password");
  await bob.press("Enter");
  await bob.shows("#login-password-problem", "This is not the password of 'Ann'");
  await bob.fill("#login-password", password);
  await bob.press("Enter");
  await bob.shows("#presence", "online as Ann");
  await bob.until("sessionStorage['parley-session'].includes('token')");
  expect(await bob.get<string>(everythingStored)).not.toContain("horse");
});

inBrowser("both are one person, and a token ends with its session", async () => {
  await ann.say("/who");
  await ann.sees("1 person in lobby: Ann");
  const token = await tokenIn(bob);
  expect(token).toBeString();
  expect(token).not.toBe(await tokenIn(ann));
  await bob.click("#disconnect");
  await bob.until("sessionStorage['parley-session'] === undefined");
  const hello = { type: "hello", version: 2, name: "Ann", token };
  const refusal = await bob.get<string>(`new Promise((done) => {
    const socket = new WebSocket("ws://" + location.host + "/ws");
    socket.onopen = () => socket.send('${JSON.stringify(hello)}');
    socket.onmessage = ({ data }) => done(data);
  })`);
  expect(refusal).toContain('"code":"name-registered"');
  await ann.shows("#presence", "online as Ann");
});

inBrowser("the server's file has hashes of both", () => {
  const files = ["chat.sqlite", "chat.sqlite-wal"].map((name) => join(rig.folder, name));
  const content = files.map((path) => readFileSync(path, "latin1")).join("");
  expect(content).not.toContain("horse");
  expect(content).toContain("$argon2id$");
});

inBrowser("the form leaves the field alone that one is in while the server is away", async () => {
  await bob.navigate(rig.url);
  await bob.fill("#login-name", "ann");
  await bob.press("Enter");
  await bob.until("!document.querySelector('#login-password-part').hidden");
  await bob.get(`void (() => {
    window.tries = 0;
    window.WebSocket = class extends WebSocket {
      constructor(...how) {
        super(...how);
        window.tries++;
      }
    };
  })()`);
  await rig.kill();
  await bob.fill("#login-password", password);
  await bob.press("Enter");
  await bob.shows("#login-problem", "Connection failed. Trying again …");
  await bob.fill("#login-rooms", "den");
  const tries = await bob.get<number>("window.tries");
  await bob.until(`window.tries > ${tries + 1}`);
  expect(await bob.get("document.activeElement.id")).toBe("login-rooms");
  await rig.start();
  await bob.shows("#presence", "online as Ann");
});

expectNoComplaints(rig);
