// Several rooms at once in the page, in a real browser: unread counts, joining and leaving, a
// reload, a lost connection.

import { expect } from "bun:test";
import { desktop, phone, type Tab } from "./browser.ts";
import { Bot, expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig((...tabs) => {
  [ann, bob] = tabs;
});

const firstUnread =
  "document.querySelector('.first-unread')?.parentElement.querySelector('.text').textContent";

inBrowser("two people share three rooms, each with its own people and messages", async () => {
  await ann.login("Ann", "lobby", "den", "attic");
  await bob.login("Bob", "lobby", "den");
  await ann.listsRooms("lobby", "den", "attic");
  await ann.shows("#room", "lobby");
  await ann.say("only the lobby");
  await bob.hears("only the lobby");
  await ann.show("den");
  await ann.say("only the den");
  await bob.listsRooms("lobby", "den 1");
  await bob.show("den");
  await bob.hears("only the den");
  for (const tab of [ann, bob]) {
    expect(
      await tab.get("document.querySelector('#messages').textContent.includes('only the lobby')"),
    ).toBe(false);
  }
  await ann.shows("#people-count", "2");
  await ann.show("attic");
  await ann.shows("#people-count", "1");
  await ann.shows("#room-note", "Nobody else is here");
  expect(await ann.get("document.querySelector('#text').placeholder")).toBe("Write to attic");
});

inBrowser("what is unread is counted by room, and rooms with mentions come first", async () => {
  using eve = await Bot.login(rig.port, "Eve", "lobby", "den");
  await eve.say("lobby", "one");
  await eve.say("lobby", "two");
  await eve.say("den", "hello");
  await ann.listsRooms("lobby 2", "den 1", "attic");
  await eve.say("den", "Ann, are you there?");
  await ann.listsRooms("den @1", "lobby 2", "attic");
  await ann.until("document.title === '(4) attic · parley'");
  await ann.resize(phone);
  await ann.until("!document.querySelector('#menu-badge').hidden");
  await ann.shows("#menu-badge", "1");
  await ann.click("#menu");
  await ann.show("den");
  // On a phone the conversation takes the whole screen again.
  await ann.until("!document.querySelector('#sidebar').classList.contains('open')");
  await ann.resize(desktop);
  expect(await ann.hears("Ann, are you there?")).toContain("mention");
  expect(await ann.get(firstUnread)).toBe("hello");
  await ann.listsRooms("lobby 2", "den", "attic");
  await ann.show("lobby");
  expect(await ann.get(firstUnread)).toBe("one");
  await ann.show("den");
  await ann.until("document.querySelector('.first-unread') === null");
});

inBrowser("the room that is shown counts, too, while nobody looks", async () => {
  using eve = await Bot.login(rig.port, "Eve", "den");
  await ann.get("(document.hasFocus = () => false, dispatchEvent(new Event('blur')))");
  await eve.say("den", "anybody?");
  await ann.listsRooms("lobby", "den 1", "attic");
  await ann.get("(delete document.hasFocus, dispatchEvent(new Event('focus')))");
  await ann.listsRooms("lobby", "den", "attic");
});

inBrowser("a room is joined from the suggestions, with the keyboard, and left", async () => {
  using eve = await Bot.login(rig.port, "Eve", "garden", "cellar");
  using fay = await Bot.login(rig.port, "Fay", "garden");
  await fay.say("garden", "roses");
  await eve.hears("roses");
  await bob.click("#room-name");
  const options = "[...document.querySelectorAll('#room-options [role=option]')]";
  await bob.until(`${options}.length === 3`);
  expect(await bob.get(`${options}.map((option) => option.textContent)`)).toEqual([
    "garden2 people",
    "attic1 person",
    "cellar1 person",
  ]);
  await bob.type("ARD");
  await bob.until(`${options}.length === 1`);
  await bob.press("ArrowDown");
  await bob.until(
    "document.querySelector('[aria-selected=true]')?.id === document.querySelector('#room-name').getAttribute('aria-activedescendant')",
  );
  await bob.press("Enter");
  await bob.shows("#room", "garden");
  await bob.hears("roses");
  await bob.until("document.querySelector('#room-name').value === ''");
  await bob.until("document.querySelector('#room-options').hidden");
  await bob.listsRooms("lobby 2", "den", "garden");
  await bob.click("[aria-label='Leave garden']");
  await bob.shows("#room", "den");
  await bob.listsRooms("lobby 2", "den");
  expect(await bob.get("document.querySelector('#messages').textContent.includes('roses')")).toBe(
    false,
  );
});

inBrowser(
  "a reload keeps rooms, what is unread, drafts, and counts what came meanwhile",
  async () => {
    using eve = await Bot.login(rig.port, "Eve", "lobby", "den");
    await ann.show("lobby");
    await ann.click("#text");
    await ann.type("half a sen");
    await ann.show("attic");
    await eve.say("den", "before the reload");
    await ann.listsRooms("lobby", "den 1", "attic");
    await ann.navigate("about:blank");
    await eve.say("den", "during the reload");
    await eve.say("lobby", "Ann?");
    await ann.navigate(rig.url);
    await ann.shows("#presence", "online as Ann");
    await ann.shows("#room", "attic");
    await ann.listsRooms("lobby @1", "den 2", "attic");
    await ann.show("lobby");
    expect(await ann.get("document.querySelector('#text').value")).toBe("half a sen");
    await ann.hears("only the lobby");
    await ann.clear("#text");
    await ann.show("den");
    await ann.hears("during the reload");
    await ann.hears("only the den");
  },
);

inBrowser("a lost connection loses nothing in any room", async () => {
  await ann.show("attic");
  await bob.show("den");
  await rig.kill();
  await ann.until("!document.querySelector('#connection').hidden");
  await bob.until("!document.querySelector('#connection').hidden");
  await bob.say("said to the den");
  await bob.show("lobby");
  await bob.say("said to the lobby");
  expect(await bob.hears("said to the lobby")).toContain("waiting");
  await rig.start();
  await ann.until("document.querySelector('#connection').hidden");
  await ann.listsRooms("lobby 1", "den 1", "attic");
  for (const [room, text] of [
    ["lobby", "said to the lobby"],
    ["den", "said to the den"],
  ] as const) {
    for (const tab of [ann, bob]) {
      await tab.show(room);
      await tab.hears(text);
      const count = `[...document.querySelectorAll('.text')].filter((node) => node.textContent === ${JSON.stringify(text)}).length`;
      expect(await tab.get(count)).toBe(1);
    }
  }
  await bob.until("document.querySelector('.message.waiting') === null");
});

inBrowser("a person who has left every room can still join one", async () => {
  for (const room of ["lobby", "den"]) await bob.click(`[aria-label='Leave ${room}']`);
  await bob.shows("#room", "No room");
  await bob.say("to nobody");
  await bob.shows("#send-problem", "You are not in a room. Join one first.");
  await bob.fill("#text", "/join den");
  await bob.press("Enter");
  await bob.shows("#room", "den");
  await bob.hears("only the den");
});

inBrowser("links to rooms of this page are followed in it", async () => {
  using tab = await rig.open();
  await tab.login("Guest", "porch");
  await tab.say(`come to ${rig.url}#cellar,roof, or to ${rig.url}`);
  await tab.until("document.querySelectorAll('.text a').length === 2");
  await tab.click(".text a");
  await tab.shows("#room", "cellar");
  await tab.listsRooms("porch", "roof", "cellar");
  await tab.show("porch");
  await tab.click(".text a");
  await tab.shows("#room", "cellar");
  // Typed into the address bar.
  await tab.get("void (location.hash = '#roof')");
  await tab.shows("#room", "roof");
  await tab.get("void (location.hash = '#no/room')");
  await tab.until("document.querySelector('#send-problem').textContent.includes('no/room')");
  await tab.listsRooms("porch", "roof", "cellar");
});

inBrowser("the suggestion that the keyboard has reached is in sight", async () => {
  using _ = await Bot.login(rig.port, "Gil", ...Array.from({ length: 9 }, (_, i) => `many-${i}`));
  await bob.click("#room-name");
  await bob.type("many");
  const chosen = "document.querySelector('#room-options [aria-selected=true]')";
  await bob.until("document.querySelectorAll('#room-options [role=option]').length === 8");
  for (const key of ["ArrowUp", "ArrowDown", "ArrowDown"]) {
    await bob.press(key);
    if (await bob.get<boolean>(`${chosen} === null`)) continue;
    const [top, bottom, from, to] = await bob.get<[number, number, number, number]>(`(() => {
      const [one, all] = [${chosen}, ${chosen}.parentElement].map((part) => part.getBoundingClientRect());
      return [one.top, one.bottom, all.top, all.bottom];
    })()`);
    expect(top).toBeGreaterThanOrEqual(from);
    expect(bottom).toBeLessThanOrEqual(to);
  }
  await bob.clear("#room-name");
  await bob.press("Escape");
});

expectNoComplaints(rig);
