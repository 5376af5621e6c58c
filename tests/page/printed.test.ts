// The page on paper, and the link that only the keyboard shows.

import { expect } from "bun:test";
import type { Tab } from "./browser.ts";
import { Bot, expectNoComplaints, inBrowser, inChromium, pageRig } from "./page-rig.ts";

let ann: Tab;
const rig = pageRig((first) => {
  ann = first;
});

/** What is not to be printed, and is there all the same. */
const unwanted = `[...document.querySelectorAll("button, textarea, input, #sidebar, #files")]
  .filter((part) => part.checkVisibility()).map((part) => part.id || part.className)`;

inChromium("a conversation is printed whole, in dark ink and without controls", async () => {
  await ann.login("Ann");
  using bot = await Bot.login(rig.port, "Bob", "lobby");
  for (let i = 1; i <= 80; i++) bot.send({ type: "say", room: "lobby", text: `line ${i}` });
  await ann.hears("line 80");
  await ann.say("mine");
  await ann.hears("mine");
  await ann.colors("dark");
  await ann.cdp("Emulation.setEmulatedMedia", { media: "print" });
  expect(await ann.get<string[]>(unwanted)).toEqual([]);
  const ink = "getComputedStyle(document.querySelector('.mine .text')).color";
  expect(await ann.get<string>(ink)).toBe("rgb(31, 30, 27)");
  const { data } = (await ann.cdp("Page.printToPDF")) as { data: string };
  await ann.cdp("Emulation.setEmulatedMedia", { media: "" });
  const pages =
    Buffer.from(data, "base64")
      .toString("latin1")
      .match(/\/Type \/Page\b/g) ?? [];
  // 81 messages, about 25 on each.
  expect(pages.length).toBeGreaterThanOrEqual(3);
});

inBrowser("the link that skips to the message field is one line", async () => {
  await ann.get("document.querySelector('#skip').focus()");
  const lines = `(() => {
    const range = new Range();
    range.selectNodeContents(document.querySelector("#skip"));
    return range.getClientRects().length;
  })()`;
  expect(await ann.get<number>(lines)).toBe(1);
});

expectNoComplaints(rig);
