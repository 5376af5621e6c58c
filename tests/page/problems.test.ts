// Refusals, and where the page shows them: next to the field concerned, which keeps the typed text.
// In a real browser.

import { expect } from "bun:test";
import type { Tab } from "./browser.ts";
import { Bot, expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig(async (...tabs) => {
  [ann, bob] = tabs;
  await ann.login("Ann");
});

const value = (selector: string): string => `document.querySelector('${selector}').value`;
const invalid = "[...document.querySelectorAll('[aria-invalid=true]')].map(({ id }) => id).join()";

/** Whether `below` is under `above` with no other field between them. */
const isBelow = (below: string, above: string): string =>
  `(() => {
    const [low, high] = ['${below}', '${above}'].map((selector) => document.querySelector(selector).getBoundingClientRect());
    return low.height > 0 && low.top >= high.bottom && low.top - high.bottom < 12;
  })()`;

inBrowser("a taken or impossible name is refused below the name", async () => {
  for (const name of ["Ann", "not a name", "show"]) {
    await bob.fill("#login-name", name);
    await bob.press("Enter");
    await bob.until(
      `document.querySelector('#login-name-problem').textContent.includes('${name}')`,
    );
    expect(await bob.get(isBelow("#login-name-problem", "#login-name"))).toBe(true);
    expect(await bob.get(invalid)).toBe("login-name");
    expect(await bob.get(value("#login-name"))).toBe(name);
    expect(await bob.text("#login-problem")).toBe("");
  }
});

inBrowser("an impossible room is refused below the rooms", async () => {
  await bob.fill("#login-name", "Bob");
  await bob.fill("#login-rooms", "lobby, <den>");
  await bob.press("Enter");
  await bob.until("document.querySelector('#login-rooms-problem').textContent.includes('<den>')");
  expect(await bob.get(isBelow("#login-rooms-problem", "#login-rooms"))).toBe(true);
  await bob.fill("#login-rooms", Array.from({ length: 17 }, (_, i) => `room-${i}`).join());
  await bob.press("Enter");
  await bob.until("document.querySelector('#login-rooms-problem').textContent.includes('16')");
  expect(await bob.get(invalid)).toBe("login-rooms");
  expect(await bob.text("#login-name-problem")).toBe("");
  await bob.fill("#login-rooms", "lobby");
  await bob.press("Enter");
  await bob.shows("#presence", "online as Bob");
  expect(await bob.text("#messages")).not.toContain("<den>");
});

inBrowser("what was typed before the script arrived stays", async () => {
  using tab = await rig.open();
  await tab.beforeLoad(`new MutationObserver((_, observer) => {
    if (document.querySelector("#app") === null) return;
    observer.disconnect();
    document.querySelector("#login-name").value = "Early";
    document.querySelector("#login-rooms").value = "den";
  }).observe(document, { childList: true, subtree: true })`);
  await tab.reload();
  await tab.until("!document.querySelector('#connect').disabled");
  expect(await tab.get(`[${value("#login-name")}, ${value("#login-rooms")}]`)).toEqual([
    "Early",
    "den",
  ]);
  expect(await tab.get("document.activeElement.id")).not.toBe("login-name");
});

inBrowser("a room that can't be joined stays in its field, with the reason below", async () => {
  await ann.fill("#room-name", "no/room");
  await ann.press("Enter");
  await ann.until("document.querySelector('#room-problem').textContent.includes('no/room')");
  expect(await ann.get(isBelow("#room-problem", "#room-name"))).toBe(true);
  expect(await ann.get(value("#room-name"))).toBe("no/room");
  expect(await ann.get(invalid)).toBe("room-name");
  expect(await ann.text("#messages")).not.toContain("no/room");
  // Typing more removes the message.
  await ann.type("x");
  await ann.shows("#room-problem", "");
});

inBrowser("what the server refuses is told at the same place", async () => {
  using tab = await rig.open();
  const rooms = Array.from({ length: 16 }, (_, i) => `room${i}`);
  // By a link.
  await tab.get(`void (location.hash = "${rooms.join(",%20")}")`);
  await tab.until(`${value("#login-rooms")} === "${rooms.join(", ")}"`);
  await tab.login("Everywhere");
  await tab.fill("#room-name", "room16");
  await tab.press("Enter");
  await tab.until("document.querySelector('#room-problem').textContent !== ''");
  expect(await tab.get(value("#room-name"))).toBe("room16");
  expect(await tab.text("#messages")).not.toContain("many");
  await tab.fill("#text", "/join room17");
  await tab.press("Enter");
  await tab.until("document.querySelector('#send-problem').textContent !== ''");
  await tab.shows("#room", "room0");
});

inBrowser("nothing that begins with / is said: it is a command, or a mistake", async () => {
  using eve = await Bot.login(rig.port, "Eve", "lobby");
  await ann.until(`document.querySelector('[data-person="Eve"]')`);
  await ann.say("/who");
  await ann.until(
    "document.querySelector('#messages').textContent.includes('in lobby: Ann, Bob, Eve')",
  );
  await ann.say("/mee waves");
  await ann.until("document.querySelector('#send-problem').textContent.includes('/me?')");
  expect(await ann.get(value("#text"))).toBe("/mee waves");
  expect(await ann.get("document.querySelector('#text').getAttribute('aria-invalid')")).toBe(
    "true",
  );
  await ann.fill("#text", "/quit\nbye");
  await ann.press("Enter");
  await ann.until(
    "document.querySelector('#send-problem').textContent.startsWith('The first line starts with /')",
  );
  await ann.fill("#text", "//etc/hosts");
  await ann.press("Enter");
  expect(await bob.hears("/etc/hosts")).not.toContain("mine");
  await ann.shows("#send-problem", "");
  const texts = "[...document.querySelectorAll('.text')].map((text) => text.textContent)";
  expect(await bob.get(texts)).toEqual(["/etc/hosts"]);
  await eve.hears("/etc/hosts");
});

inBrowser("commands do what their buttons do", async () => {
  await ann.say("/join den");
  await ann.shows("#room", "den");
  await ann.say("/room lobby");
  await ann.shows("#room", "lobby");
  await ann.say("/room");
  await ann.shows("#send-problem", "There are no unread messages in your other rooms.");
  await ann.fill("#text", "/who attic");
  await ann.press("Enter");
  await ann.shows("#send-problem", "You are not in 'attic'. Join it with /join.");
  await ann.fill("#text", "/part den");
  await ann.press("Enter");
  await ann.listsRooms("lobby");
  await ann.say("/msg Bob psst");
  expect(await bob.hears("psst")).toContain("private");
  await ann.say("/rooms");
  await ann.until("document.querySelector('#messages').textContent.includes('lobby (2)')");
  await ann.say("/help");
  await ann.until(
    "document.querySelector('#messages').textContent.includes('/msg NAME[,NAME] TEXT')",
  );
  await ann.say("/files");
  await ann.until("!document.querySelector('#files').hidden");
  await ann.click("#files-close");
  await ann.say("/nick Anna");
  await ann.shows("#presence", "online as Anna");
  await ann.say("/quit");
  await ann.shows("#presence", "offline");
});

expectNoComplaints(rig);
