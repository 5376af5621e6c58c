// Where the focus goes: whoever has only a keyboard goes on from there.

import { expect } from "bun:test";
import type { Tab } from "./browser.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";

let ann: Tab;
// The second tab is in front: Firefox clicks nothing for a key in another.
const rig = pageRig(async (_, second) => {
  ann = second;
  const denied = `Object.defineProperty(Notification, "permission", { get: () => "denied" })`;
  await ann.beforeLoad(denied);
  await ann.reload();
  await ann.login("Ann", "lobby", "den", "attic");
});

const focused = "(document.activeElement.dataset.room ?? document.activeElement.id)";

inBrowser("after a room is left, it is on the one that is shown", async () => {
  for (const [room, shown] of [
    ["den", "lobby"],
    ["lobby", "attic"],
  ]) {
    await ann.get(`document.querySelector("[aria-label='Leave ${room}']").focus()`);
    await ann.press("Enter");
    await ann.until(`document.querySelector("[data-room=${room}]") === null`);
    expect(await ann.get<string>(focused)).toBe(shown ?? "");
  }
});

inBrowser("where notifications are blocked, it is in their dialog all the same", async () => {
  await ann.get("document.querySelector('#notify').focus()");
  await ann.press("Enter");
  await ann.until("document.querySelector('#notify-dialog').open");
  expect(await ann.get<boolean>("document.querySelector('#notify-toggle').disabled")).toBe(true);
  expect(await ann.get<string>(focused)).toBe("notify-close");
  await ann.press("Escape");
  await ann.until(`${focused} === "notify"`);
});

expectNoComplaints(rig);
