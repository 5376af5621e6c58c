// Each state of the page on a phone and on a desktop, light and dark, with names of maximum length:
// axe-core finds nothing, nothing is wider than the screen, no button is covered or cut off.
// `SHOTS=1` takes screenshots as well, for people to look at (tests/page/shots).

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { desktop, phone, type Tab, wantsShots } from "./browser.ts";
import type { Size } from "./tab-driver.ts";
import { noise } from "../noise.ts";
import { anotherCard, drop, isIn, lastCard, press, sender } from "./handover-rig.ts";
import { Bot, expectNoComplaints, inChromium, pageRig } from "./page-rig.ts";

const longName = "Wilhelmina_von_Hohenfriedberg-32";
const longRoom = "quarterly-planning-and-roadmap-2";
const longFile = `${"meeting-recording-from-the-very-long-workshop".repeat(3)}.mkv`;

let ann: Tab;
let door: Tab;
const rig = pageRig(async (...tabs) => {
  [ann, door] = tabs;
  writeFileSync(join(rig.folder, "files", longFile), "x");
  await ann.login("Ann", "lobby", "releases", longRoom, "support", "会議室");
});

/** The page learns of its new size with the next frame. */
const frameDrawn =
  "new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(() => go(true))))";

const schemes = ["light", "dark"] as const;
let states = 0;

/**
 * Checks a state on both screens, and takes screenshots of it, each in both color schemes. Without
 * screenshots each screen has one scheme, and the other one in the next state: what looks wrong in
 * one of the four does so in several states.
 */
async function shoot(
  tab: Tab,
  state: string,
  prepare?: (size: Size) => Promise<void>,
): Promise<void> {
  states++;
  for (const [i, [name, size]] of Object.entries({ phone, desktop }).entries()) {
    await tab.resize(size);
    await tab.get(frameDrawn);
    await prepare?.(size);
    await tab.until("document.getAnimations().length === 0");
    const next = schemes[(states + i) % 2] ?? "light";
    for (const scheme of wantsShots ? schemes : [next]) {
      const shot = `${state}-${name}-${scheme}`;
      await tab.colors(scheme);
      expect([shot, await tab.get<string[]>(defects)]).toEqual([shot, []]);
      expect([shot, await violations(tab)]).toEqual([shot, []]);
      await tab.shot(shot);
    }
  }
}

const axe = await Bun.file(Bun.resolveSync("axe-core/axe.min.js", import.meta.dir)).text();

/** The accessibility problems that axe-core finds, with the elements. */
async function violations(tab: Tab): Promise<string[]> {
  const isLoaded = await tab.get<boolean>(`typeof axe !== "undefined"`);
  if (!isLoaded) await tab.get(`void (() => { ${axe}\n })()`);
  return tab.get<
    string[]
  >(`axe.run(document, { resultTypes: ["violations"], preload: false, selectors: false }).then((found) =>
    found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => [id, html.slice(0, 160), failureSummary].join(" "))))`);
}

/** Elements that are too wide, covered or cut off controls, and words that are a letter a line. */
const defects = `(() => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the screen");
  const modal = document.querySelector("dialog[open]");
  const isOpen = document.querySelector("#sidebar.open") !== null;
  for (const control of document.querySelectorAll("button, input, textarea")) {
    if (!control.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (control.closest("[inert]") !== null || (modal !== null && !modal.contains(control))) continue;
    const panel = document.querySelector("#files:not([hidden])");
    if (innerWidth < 1100 && panel !== null && !panel.contains(control)) continue;
    if (isOpen && control.closest("#sidebar") === null) continue;
    const name = control.id || control.getAttribute("aria-label") || control.textContent;
    const box = control.getBoundingClientRect();
    const scroller = control.closest("#rooms, #people, #scroll, .files-scroll, #recipient-list, #search-found");
    const frame = scroller?.getBoundingClientRect();
    if (frame !== undefined && (box.bottom > frame.bottom || box.top < frame.top)) continue;
    if (box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight) {
      found.push(name + " is cut off");
    }
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const isHit = hit === control || control.contains(hit) || hit?.closest("label")?.contains(control) === true;
    const isUnderPopup = hit?.closest("#room-options, #recipient-list") !== null;
    if (!isHit && !isUnderPopup) found.push(name + " is covered by " + (hit?.id || hit?.className));
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode()) !== null; ) {
    const range = new Range();
    range.selectNodeContents(text);
    const lines = [...range.getClientRects()];
    if (lines.length > 2 && lines.every(({ width, height }) => width < height)) {
      found.push(text.data + " is broken into letters");
    }
  }
  return found;
})()`;

inChromium("the login form, with and without problems", async () => {
  await shoot(door, "login");
  await door.fill("#login-name", "Ann");
  await door.press("Enter");
  await door.until("document.querySelector('#login-name-problem').textContent !== ''");
  await shoot(door, "login-name-taken");
  await door.fill("#login-name", longName);
  await door.fill("#login-rooms", "lobby, war/room");
  await door.press("Enter");
  await door.until("document.querySelector('#login-rooms-problem').textContent !== ''");
  await shoot(door, "login-bad-room");
});

inChromium("files by code", async () => {
  const code = await rig.open();
  await code.navigate(`${rig.url}code#7-olive-lamp`);
  await code.until("document.querySelector('#code').value === '7-olive-lamp'");
  await shoot(code, "code-link");
  writeFileSync(join(rig.folder, longFile), "x".repeat(5_000));
  mkdirSync(join(rig.folder, "pictures"), { recursive: true });
  const paths = [join(rig.folder, longFile), join(rig.folder, "pictures")];
  await using sender = new Parley(
    "send-file",
    `127.0.0.1:${rig.port}`,
    ...paths,
    "--code",
    "--json",
  );
  const line = await sender.line(/"event":"code"/);
  await code.fill("#code", (JSON.parse(line) as { code: string }).code);
  await code.press("Enter");
  await code.until("document.body.dataset.phase === 'listed'");
  await shoot(code, "code-listed");
  await code.click("#found-cancel");
  await code.until("document.body.dataset.phase === 'failed'");
  await shoot(code, "code-failed");
});

inChromium("as many rooms as one can be in", async () => {
  using tab = await rig.open();
  const rooms = Array.from({ length: 16 }, (_, i) => `room-number-${i}`);
  await tab.login("Everywhere", ...rooms);
  await shoot(tab, "many-rooms", async (size) => {
    if (size === phone) await tab.click("#menu");
    // One person needs little of the height.
    await tab.until("document.querySelector('#rooms').clientHeight > innerHeight / 2");
  });
  // As wide as a desktop at 400 %: the name of the room still tells it from the others.
  await tab.resize({ width: 320, height: 640 });
  await tab.until("document.querySelector('#room').clientWidth > 130");
  expect(await tab.get<string[]>(defects)).toEqual([]);
});

/** Whether the time of some message covers the end of its text. */
const timesCover = `[...document.querySelectorAll(".message")].some((message) => {
  const range = document.createRange();
  range.selectNodeContents(message.querySelector(".text"));
  const time = message.querySelector(".time").getBoundingClientRect();
  return [...range.getClientRects()].some(
    ({ right, top, bottom }) => right > time.left && bottom > time.top && top < time.bottom);
})`;

inChromium("text twice as large, as chosen in the browser", async () => {
  using tab = await rig.open();
  using bob = await Bot.login(rig.port, longName, "lobby", longRoom);
  await tab.cdp("Page.setFontSizes", { fontSizes: { standard: 32, fixed: 26 } });
  expect(await tab.get<string>("getComputedStyle(document.body).fontSize")).toBe("30px");
  await shoot(tab, "large-login");
  await tab.login("Reader", "lobby", longRoom);
  await tab.show("lobby");
  for (let i = 0; i < 120; i++) bob.send({ type: "say", room: longRoom, text: `item ${i}` });
  await bob.say("lobby", "Reader: done");
  await tab.say("good");
  await tab.hears("good");
  await tab.listsRooms("lobby", `${longRoom} 99+`);
  await shoot(tab, "large", async () => {
    expect(await tab.get<boolean>(timesCover)).toBe(false);
  });
});

inChromium("a private message that was not sent, and a new password", async () => {
  using tab = await rig.open();
  await tab.login("Sender");
  await tab.say("/msg Nobody are you there?");
  await tab.until("document.querySelector('.message.private.mine.failed') !== null");
  await shoot(tab, "not-sent");
  await tab.say("/register");
  await tab.until("document.querySelector('#password-dialog').open");
  await shoot(tab, "password");
});

inChromium("a busy conversation in several rooms", async () => {
  using wilhelmina = await Bot.login(rig.port, longName, "lobby", "releases", longRoom);
  using bob = await Bot.login(rig.port, "Bob", "lobby", "support", "releases");
  await bob.say("lobby", "Has anybody seen the new build?");
  await ann.say("It is in the files, with its hash.");
  await ann.hears("It is in the files, with its hash.");
  await wilhelmina.say(
    "lobby",
    "Found it, thank you! The notes say that it starts in half the time.",
  );
  await wilhelmina.say("lobby", `https://example.org/${"a-very-long-address/".repeat(6)}`);
  await ann.click("[aria-label='Write to Bob privately']");
  await ann.say("Lunch at noon?");
  await ann.until("document.querySelector('.message.private.mine.sent') !== null");
  bob.send({ type: "tell", to: ["Ann"], text: "Make it half past." });
  await ann.hears("Make it half past.");
  await ann.click("[aria-label='Write to Bob privately']");
  await bob.say("lobby", "Ann, could you sign the release?");
  await wilhelmina.say("releases", "1.4 is tagged");
  await bob.say("support", "Ann: a customer is asking for you");
  for (let i = 0; i < 120; i++) wilhelmina.send({ type: "say", room: longRoom, text: `item ${i}` });
  await ann.listsRooms("support @1", "lobby", "releases 1", `${longRoom} 99+`, "会議室");
  await ann.say("/me nods");
  await ann.hears("* Ann nods");
  await ann.say("/nod");
  await ann.until("document.querySelector('#send-problem').textContent !== ''");
  await shoot(ann, "conversation");
  await ann.clear("#text");
  await ann.show(longRoom);
  await ann.hears("item 119");
  await shoot(ann, "long-names");
  await ann.show("support");
  await ann.until("document.querySelector('.first-unread') !== null");
  await shoot(ann, "mention");
  await shoot(ann, "sidebar", async (size) => {
    if (size === phone) await ann.click("#menu");
    await ann.fill("#room-name", "no/such/room");
    await ann.press("Enter");
    await ann.until("document.querySelector('#room-problem').textContent !== ''");
    if (size === phone) return;
    await ann.clear("#room-name");
  });
});

/** The tests' Chromium has no mouse that could point at something. */
const withMouse = `void [...document.styleSheets]
  .flatMap((sheet) => [...sheet.cssRules])
  .filter(({ media }) => media !== undefined)
  .forEach(({ media }) => {
    if (media.mediaText === "(hover: hover)") media.mediaText = "all";
    if (media.mediaText === "(hover: none)") media.mediaText = "not all";
  })`;

inChromium("a name has the place of the buttons beside it until one points at it", async () => {
  using bob = await Bot.login(rig.port, "Wilhelmina_Hohen", "terrace");
  using tab = await rig.open();
  await tab.resize(desktop);
  await tab.login("Uma", "terrace");
  await tab.get(withMouse);
  const row = "document.querySelector('[data-person]')";
  await tab.until(row);
  const isWhole = `(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(${row}.querySelector(".who"))`;
  const heightPixels = `${row}.getBoundingClientRect().height`;
  expect(await tab.get<boolean>(isWhole)).toBe(true);
  const beforePixels = await tab.get<number>(heightPixels);
  await tab.get(`${row}.querySelector("button").focus()`);
  expect(await tab.get<boolean>(isWhole)).toBe(false);
  expect(await tab.get<number>(heightPixels)).toBe(beforePixels);
  bob.send({ type: "bye" });
});

inChromium("a crowd that comes and goes", async () => {
  using tab = await rig.open();
  await tab.login("Zoe", "square");
  const bots = [];
  for (const name of ["Bob", longName, "Carol", "Dave", "Erin"]) {
    bots.push(await Bot.login(rig.port, name, "square"));
  }
  await tab.until("document.querySelector('.run')?.textContent.endsWith('and 3 others joined')");
  await tab.click(".run summary");
  const lines = "[...document.querySelectorAll('.run li')].map((line) => line.textContent)";
  await tab.until(`${lines}.length === 5`);
  // Further changes join the unfolded run, and the focus stays there.
  bots.pop()?.[Symbol.dispose]();
  await tab.until(`${lines}.length === 6`);
  expect(await tab.get<string[]>(lines)).toEqual(
    ["Bob joined", `${longName} joined`, "Carol joined", "Dave joined", "Erin joined"]
      .concat("Erin disconnected")
      .map((line) => expect.stringMatching(new RegExp(`^\\d\\d:\\d\\d ${line}$`))),
  );
  expect(await tab.text(".run summary")).toBe(
    `Bob, ${longName} and 3 others joined; Erin disconnected`,
  );
  expect(await tab.get<string>("document.activeElement.tagName")).toBe("SUMMARY");
  await shoot(tab, "crowd");
  await tab.press("Enter");
  await tab.until("!document.querySelector('.run').open");
  await bots[0]?.say("square", "Quite a crowd");
  await tab.hears("Quite a crowd");
  await shoot(tab, "crowd-folded");
  for (const bot of bots) bot[Symbol.dispose]();
});

inChromium("code, links and lists", async () => {
  using bob = await Bot.login(rig.port, "Bob", "lobby");
  await ann.resize(desktop);
  await ann.show("lobby");
  const code = Array.from({ length: 6 }, (_, i) => `  row_${i} = read("${"x".repeat(30 * i)}")`);
  bob.send({
    type: "say",
    room: "lobby",
    text: `Like this, see https://example.org/docs?page=2#top:\n\`\`\`py\nfor x in y:\n${code.join("\n")}\n\`\`\`\n- run \`make all\`\n- then wait`,
  });
  bob.send({ type: "say", room: "lobby", text: "build 14 is green", kind: "notice" });
  bob.send({ type: "say", room: "lobby", text: "sleeps", kind: "emote" });
  await ann.hears("* Bob sleeps");
  await ann.click("#text");
  await ann.type("two");
  await ann.press("Enter", "Shift");
  await ann.type("lines, `and code`");
  await ann.press("Enter");
  await ann.hears("two\nlines, and code");
  expect(
    await ann.get(
      "[...document.querySelectorAll('.text a')].map(({ href, rel, target }) => [href, rel, target].join(' ')).at(-1)",
    ),
  ).toBe("https://example.org/docs?page=2#top noopener noreferrer _blank");
  await shoot(ann, "code");
});

inChromium("a search", async () => {
  await ann.resize(desktop);
  await ann.show("lobby");
  await ann.click("#search");
  await shoot(ann, "search-empty");
  await ann.type("the");
  await ann.press("Enter");
  await ann.until("document.querySelector('#search-found').children.length > 0");
  await shoot(ann, "search");
  await ann.fill("#search-text", "nothing of that kind");
  await ann.press("Enter");
  await ann.until("document.querySelector('#search-status').textContent.startsWith('Nothing')");
  await ann.press("Escape");
  await ann.until("!document.querySelector('#search-dialog').open");
});

inChromium("the choice of notifications", async () => {
  await ann.resize(desktop);
  await ann.click("#notify");
  await shoot(ann, "notifications");
  await ann.click("#notify-close");
});

inChromium("suggested rooms and chosen recipients", async () => {
  using bob = await Bot.login(rig.port, "Bob", "garden", "cellar", "roof", "lobby");
  using eve = await Bot.login(rig.port, longName, "garden", "support", "lobby");
  await eve.say("garden", "roses");
  await bob.hears("roses");
  await ann.resize(desktop);
  await ann.show("lobby");
  await ann.click("#recipients");
  await ann.click(`.choice input[value='${longName}']`);
  await ann.click(".choice input[value='Bob']");
  await shoot(ann, "recipients");
  await ann.click("#recipient-everyone");
  await ann.press("Escape");
  await shoot(ann, "suggestions", async (size) => {
    if (size === phone) await ann.click("#menu");
    else await ann.get("document.activeElement.blur()");
    await ann.clear("#room-name");
    await ann.until("document.querySelectorAll('#room-options li').length >= 3");
    await ann.press("ArrowDown");
  });
  await ann.press("Escape");
  bob.send({ type: "invite", to: "Ann" });
  await ann.until("!document.querySelector('#accept').hidden");
  await shoot(ann, "invitation");
  await ann.click("#accept");
  await ann.until("!document.querySelector('#leave').hidden");
  await shoot(ann, "private-chat");
  await ann.click("#leave");
  await ann.until("document.querySelector('#private-chat').hidden");
});

inChromium("files from person to person", async () => {
  using bob = await Bot.login(rig.port, "Bob", "lobby");
  using eve = await Bot.login(rig.port, longName, "lobby");
  await ann.resize(desktop);
  await ann.show("lobby");
  await bob.say("lobby", "I have the pictures for you");
  await eve.say("lobby", "and I the recording");
  await ann.until(`document.querySelector('[data-person="Bob"]')`);
  const names = ["beach.jpg", "sunset over the harbour.jpg", "raw/"];
  const offer = { type: "offer-files", to: "Ann" } as const;
  const summary = { files: 41, bytes: 2_100_000_000, names };
  bob.send({ ...offer, offer: "AAAAAAAAAAAAAAAAAAAAAA", summary });
  await isIn(ann, "asking");
  const recording = { files: 1, bytes: 734_003_200, names: [longFile] };
  await anotherCard(ann, async () =>
    eve.send({ ...offer, offer: "BAAAAAAAAAAAAAAAAAAAAA", summary: recording }),
  );
  await anotherCard(ann, () =>
    drop(ann, `[data-person="Bob"]`, [
      ["notes.txt", 12_000],
      ["plan.pdf", 340_000],
    ]),
  );
  await anotherCard(ann, () =>
    drop(ann, `[data-person="${longName}"]`, [["no-thanks.zip", 5_000]]),
  );
  await ann.until(
    `${lastCard}.querySelector(".offer-state").textContent.includes("can't receive files")`,
  );
  await shoot(ann, "offers");
  await ann.resize(desktop);
  await ann.get(`${lastCard}.querySelector("button:not([hidden])").click()`);
  await isIn(ann, "cancelled");
  await ann.click("[aria-label='Write to Bob privately']");
  await ann.until("document.querySelector('#attach').title.endsWith('to Bob')");
  await ann.get(`(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], "x"));
    document.querySelector("#messages").dispatchEvent(
      new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
  })()`);
  await shoot(ann, "offers-drag");
  await ann.get("document.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))");
  await ann.resize(desktop);
  await ann.click("[aria-label='Write to Bob privately']");
  // Without pickers, received files can be saved again.
  await ann.get("delete window.showSaveFilePicker");
  await ann.saveDownloadsIn(rig.downloads);
  const path = join(rig.folder, "holiday.mp4");
  writeFileSync(path, noise(30_000_000));
  await using carl = await anotherCard(ann, async () =>
    sender(rig, "Carl", "Ann", path, "--limit-rate", "3M"),
  );
  await press(ann, "Accept");
  await ann.until(`${lastCard}.querySelector("progress").value > 0.05`);
  await shoot(ann, "offers-running");
  carl.signal("SIGINT");
  await isIn(ann, "cancelled");
  const recorded = join(rig.folder, longFile);
  writeFileSync(recorded, "short");
  await using dan = await anotherCard(ann, async () => sender(rig, "Dan", "Ann", recorded));
  await press(ann, "Accept");
  await isIn(ann, "done");
  await dan.exit();
  await shoot(ann, "offers-done");
});

inChromium("files, a dialog, and no connection", async () => {
  await ann.saveDownloadsIn(rig.downloads);
  await ann.click("#files-toggle");
  await ann.click("[aria-label='Download data.bin']");
  await ann.until("document.querySelector('.file-state.verified') !== null");
  await shoot(ann, "files");
  await ann.click("#files-close");
  await ann.resize(desktop);
  await ann.click("#rename");
  await ann.fill("#new-name", "not a name");
  await ann.press("Enter");
  await ann.until("document.querySelector('#rename-problem').textContent !== ''");
  await shoot(ann, "rename");
  await ann.press("Escape");
  await rig.kill();
  await ann.until("!document.querySelector('#connection').hidden");
  await ann.say("said while offline");
  await ann.hears("said while offline");
  await shoot(ann, "reconnecting");
  await ann.resize(desktop);
  await ann.click("#disconnect");
  await ann.until("!document.querySelector('#reconnect').hidden");
  await shoot(ann, "disconnected");
});

expectNoComplaints(rig);
