// Writing and notifications in a real browser: input methods, links and code, reading history while
// others write, and notifications per room.

import { expect } from "bun:test";
import type { Tab } from "./browser.ts";
import { Bot, expectNoComplaints, inBrowser, inChromium, pageRig } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig(async (...tabs) => {
  [ann, bob] = tabs;
  await bob.login("Bob", "lobby", "den");
});

/** The page's requests for permission, and the shown notifications. */
const fakeNotifications = `
  window.asked = 0;
  window.shown = [];
  class Fake extends EventTarget {
    static permission = "default";
    static async requestPermission() { window.asked++; return (Fake.permission = "granted"); }
    constructor(title, { body }) { super(); window.shown.push(body); }
  }
  Object.defineProperty(window, "Notification", { value: Fake });
  window.isAway = false;
  document.hasFocus = () => !window.isAway;
`;

inBrowser("an Enter that belongs to an input method sends nothing", async () => {
  await ann.login("Ann");
  await ann.click("#text");
  await ann.type("にほんご");
  const press = (composing: string) =>
    ann.get(
      `document.querySelector("#text").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ${composing} }))`,
    );
  // Not prevented: the browser handles it as usual.
  expect(await press("isComposing: true")).toBe(true);
  expect(await press("keyCode: 229")).toBe(true);
  expect(await ann.get("document.querySelector('#text').value")).toBe("にほんご");
  await ann.press("Enter");
  await bob.hears("にほんご");
});

inChromium("a text that is far too long for a message does not get into the field", async () => {
  const paste = (chars: number): Promise<unknown> =>
    ann.cdp("Input.insertText", { text: "x".repeat(chars) });
  await ann.click("#text");
  await paste(1_000_000);
  await ann.until("document.querySelector('#send-problem').textContent.includes('1000000')");
  expect(await ann.get("document.querySelector('#text').value")).toBe("");
  // A smaller one can be shortened.
  await paste(20_000);
  await ann.until("document.querySelector('#text').value.length === 20_000");
  expect(await ann.text("#send-problem")).toBe("");
  await ann.clear("#text");
});

inChromium("on a phone Enter begins a line, and the button sends", async () => {
  using phone = await rig.open();
  await phone.cdp("Emulation.setTouchEmulationEnabled", { enabled: true });
  await phone.cdp("Emulation.setEmulatedMedia", {
    features: [
      { name: "hover", value: "none" },
      { name: "pointer", value: "coarse" },
    ],
  });
  await phone.reload();
  await phone.login("Phone");
  await phone.click("#text");
  await phone.type("one");
  await phone.press("Enter");
  await phone.type("two");
  expect(await phone.get("document.querySelector('#text').value")).toBe("one\ntwo");
  await phone.get("document.querySelector('#send').click()");
  await bob.hears("one\ntwo");
});

inBrowser("what somebody writes becomes links and code, and no markup", async () => {
  using eve = await Bot.login(rig.port, "Eve", "lobby");
  const text = "<b>x</b> `<i>y</i>` javascript:alert(1) https://example.org/?a=<script>";
  eve.send({ type: "say", room: "lobby", text });
  await ann.hears(text.replaceAll("`", ""));
  const nodes = "[...document.querySelectorAll('.message .text')].at(-1).querySelectorAll('*')";
  expect(
    await ann.get(`[...${nodes}].map((node) => node.localName + " " + (node.href ?? ""))`),
  ).toEqual(["code ", "a https://example.org/?a="]);
});

inBrowser("who reads further up stays there while others write", async () => {
  using eve = await Bot.login(rig.port, "Eve", "lobby");
  for (let i = 0; i < 80; i++) eve.send({ type: "say", room: "lobby", text: `line ${i}` });
  await ann.hears("line 79");
  await ann.get("document.querySelector('#scroll').scrollTop -= 700");
  await ann.until("!document.querySelector('#jump').hidden");
  const place = `(() => {
    const top = document.querySelector("#scroll").getBoundingClientRect().top;
    const first = [...document.querySelectorAll(".item")].find((item) => item.getBoundingClientRect().bottom > top);
    return first.textContent + Math.round(first.getBoundingClientRect().top);
  })()`;
  const before = await ann.get<string>(place);
  await eve.say("lobby", "two\nmore\nlines\nbelow");
  await ann.shows("#jump-text", "1 new");
  expect(await ann.get<string>(place)).toBe(before);
  await ann.click("#jump");
  await ann.hears("two\nmore\nlines\nbelow");
});

inBrowser("what a search finds is shown where it was said, however far back", async () => {
  using eve = await Bot.login(rig.port, "Eve", "lobby");
  await eve.say("lobby", "a needle, ages ago");
  for (let i = 0; i < 900; i++) eve.send({ type: "say", room: "lobby", text: `hay ${i}` });
  await eve.hears("hay 899");
  using tab = await rig.open();
  await tab.login("Finder");
  await tab.hears("hay 899");
  await tab.click("#search");
  await tab.until("document.activeElement.id === 'search-text'");
  await tab.type("hay");
  await tab.press("Enter");
  // Of many, the newest are in sight, and last.
  await tab.until(`(() => {
    const list = document.querySelector("#search-found").getBoundingClientRect();
    const last = [...document.querySelectorAll(".found")].at(-1);
    return last?.textContent.includes("hay 899") && last.getBoundingClientRect().bottom <= list.bottom + 1;
  })()`);
  await tab.fill("#search-text", "NEEDLE ago");
  await tab.press("Enter");
  await tab.until("document.querySelectorAll('.found').length === 1");
  await tab.click(".found .meta");
  const needle = `[...document.querySelectorAll(".message")].find((message) => message.querySelector(".text").textContent === "a needle, ages ago")`;
  await tab.until(`(() => {
    const box = ${needle}?.getBoundingClientRect();
    const frame = document.querySelector("#scroll").getBoundingClientRect();
    return box !== undefined && box.top >= frame.top && box.bottom <= frame.bottom;
  })()`);
  expect(await tab.get("document.querySelector('#search-dialog').open")).toBe(false);
  await tab.click("#jump");
  await tab.hears("hay 899");
});

inBrowser("the browser is asked by a click alone, and tells of each room as chosen", async () => {
  using tab = await rig.open();
  await tab.beforeLoad(fakeNotifications);
  await tab.reload();
  await tab.login("Cal", "lobby", "den");
  expect(await tab.get("window.asked")).toBe(0);
  await tab.click("#notify");
  await tab.click("#notify-toggle");
  await tab.until("document.querySelector('#notify-toggle').checked");
  expect(await tab.get("window.asked")).toBe(1);
  await tab.get(`(() => {
    const select = document.querySelector("[aria-label='Notifications from den']");
    select.value = "mentions";
    select.dispatchEvent(new Event("change"));
  })()`);
  const close = async (): Promise<void> => {
    await tab.click("#notify-close");
    await tab.until("!document.querySelector('#notify-dialog').open");
  };
  await close();
  // The browser's own settings may change at any time.
  await tab.get(`(Notification.permission = "denied", 1)`);
  await tab.click("#notify");
  await tab.until("document.querySelector('#notify-toggle:disabled:not(:checked)') !== null");
  await close();
  await tab.get(`(Notification.permission = "granted", 1)`);
  await tab.click("#notify");
  await tab.until("document.querySelector('#notify-toggle:enabled:checked') !== null");
  await close();
  await tab.get("(window.isAway = true, window.dispatchEvent(new Event('blur')), 1)");
  using eve = await Bot.login(rig.port, "Eve", "lobby", "den");
  await eve.say("den", "for everybody");
  await eve.say("den", "Cal, for you");
  await eve.say("lobby", "in the lobby");
  await tab.until("window.shown.length === 2");
  expect(await tab.get("window.shown")).toEqual(["Eve in den: Cal, for you", "Eve: in the lobby"]);
  // The choice survives.
  await tab.reload();
  await tab.until("document.querySelector('#notify-dialog') !== null");
  expect(await tab.get("localStorage.getItem('parley-notifications')")).toBe(
    '{"isWanted":true,"rooms":[{"room":"den","level":"mentions"}]}',
  );
});

inBrowser("among many people a recipient is found by a part of the name", async () => {
  const names = Array.from({ length: 9 }, (_, i) => `guest-${i}`);
  const bots = await Promise.all(
    [...names, "Zoë", "Lorenzo"].map((name) => Bot.login(rig.port, name, "hall")),
  );
  using tab = await rig.open();
  await tab.login("Host", "hall");
  await tab.until(`document.querySelector('[data-person="Lorenzo"]')`);
  await tab.click("#text");
  await tab.type("only for you");
  await tab.click("#recipients");
  await tab.until("document.activeElement.id === 'recipient-find'");
  const found = `[...document.querySelectorAll("#recipient-people input")].map((box) => box.value).join()`;
  await tab.type("ZO");
  await tab.until(`${found} === "Zoë,Lorenzo"`);
  await tab.press("Enter");
  await tab.shows("#recipients-text", "Zoë");
  // All of them again, for another one.
  await tab.until(`${found}.split(",").length === 11`);
  await tab.type("enz");
  await tab.until(`${found} === "Lorenzo"`);
  // Somebody leaves meanwhile.
  bots[0]?.[Symbol.dispose]();
  await tab.until(`!document.querySelector('[data-person="guest-0"]')`);
  await tab.press("Enter");
  await tab.shows("#recipients-text", "Zoë, Lorenzo");
  await tab.type("nobody");
  await tab.shows("#recipient-nobody", "Nobody has that name");
  await tab.press("Enter");
  await tab.press("Escape");
  await tab.click("#recipients");
  await tab.until(`${found}.split(",").length === 10`);
  // Enter alone goes on to the message, which nothing has sent so far.
  await tab.press("Enter");
  await tab.until("document.activeElement.id === 'text'");
  await tab.press("Enter");
  await tab.hears("only for you");
  for (const bot of bots.slice(-2)) await bot.hears("only for you");
  for (const bot of bots) bot[Symbol.dispose]();
});

inBrowser("a few people need not be searched", async () => {
  await ann.click("#recipients");
  await ann.until("document.activeElement.id === 'recipient-everyone'");
  expect(await ann.get("document.querySelector('#recipient-finder').hidden")).toBe(true);
  await ann.press("Escape");
});

expectNoComplaints(rig);
