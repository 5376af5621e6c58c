// The page as an installed app: it meets the browser's requirements, opens while the server is
// offline, keeps messages written then, and sends them once the server is back. In the whole
// browser: its engine alone has nothing against any page.

import { expect } from "bun:test";
import { type Tab, wholeBrowser } from "./browser.ts";
import { expectNoComplaints, rigIn, testsIn } from "./page-rig.ts";

let ann: Tab;
let bob: Tab;
const { inBrowser, inChromium } = testsIn(wholeBrowser);
const rig = rigIn(wholeBrowser, (...tabs) => {
  [ann, bob] = tabs;
});

inChromium("the browser has nothing against installing it", async () => {
  const { errors, data } = (await ann.cdp("Page.getAppManifest")) as {
    errors: unknown[];
    data: string;
  };
  expect(errors).toEqual([]);
  const { icons } = JSON.parse(data) as { icons: { src: string; sizes: string; type: string }[] };
  for (const { src, sizes, type } of icons) {
    const response = await fetch(new URL(src, rig.url));
    expect([src, response.status, response.headers.get("content-type")]).toEqual([src, 200, type]);
    const bytes = new DataView(await response.arrayBuffer());
    // A PNG's width and height.
    if (type === "image/png") {
      expect(`${bytes.getUint32(16)}x${bytes.getUint32(20)}`).toBe(sizes);
    }
  }
  expect(await ann.cdp("Page.getInstallabilityErrors")).toEqual({ installabilityErrors: [] });
});

inBrowser("it opens while the server is away, and sends then what was written", async () => {
  await bob.login("Bob");
  await ann.login("Ann");
  await ann.until("navigator.serviceWorker.controller !== null");
  await ann.until(
    "window.kept ?? void caches.match('/main.js').then((kept) => (window.kept = kept))",
  );
  await rig.kill();
  await ann.reload();
  await ann.until(
    "document.querySelector('#connection-text').textContent.includes('Trying again')",
  );
  await ann.say("written while away");
  await ann.until("document.querySelector('.message.mine.waiting') !== null");
  await rig.start();
  await bob.hears("written while away");
  await ann.until("document.querySelector('.message.mine.sent') !== null");
});

inBrowser("a newer page of the server wins over the kept one", async () => {
  await ann.get(
    "caches.open('parley-page').then((cache) => cache.put('/', new Response('old', { headers: { 'Content-Type': 'text/html' } })))",
  );
  await ann.reload();
  await ann.until("document.querySelector('#messages') !== null");
});

expectNoComplaints(rig);
