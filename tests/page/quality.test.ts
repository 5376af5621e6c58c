// Quality of the page in a real browser: loading, long timelines, the keyboard.

import { expect } from "bun:test";
import { maxShown } from "../../src/page/list-window.ts";
import { desktop, Tab } from "./browser.ts";
import { expectNoComplaints, inBrowser, inChromium, pageRig } from "./page-rig.ts";
import { noteTime } from "../times.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig(async (...tabs) => {
  [ann, bob] = tabs;
  await ann.login("Ann");
  await bob.login("Robert");
});

inChromium("three requests load everything that is painted, and nothing shifts", async () =>
  noteTime("the first paint", await firstPaint("Painter"), 300),
);

/** Opens the page and logs in. Returns the time of the first paint in milliseconds. */
async function firstPaint(name: string): Promise<number> {
  using tab = await Tab.open("about:blank");
  await tab.beforeLoad(
    "window.shifts = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shifts.push(entry.value); })" +
      ".observe({ type: 'layout-shift', buffered: true });",
  );
  await tab.navigate(rig.url);
  await tab.until("performance.getEntriesByName('first-contentful-paint').length > 0");
  const asked = await tab.get<string[]>(
    "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname).sort()",
  );
  // The browser may load files that are needed to install the page; nobody waits for them.
  const needed = asked.filter((path) => !/^\/(?:manifest|icon)/.test(path));
  expect(needed).toEqual(["/main.js", "/style.css"]);
  await tab.login(name);
  expect(
    await tab.get<number>("window.shifts.reduce((sum, value) => sum + value, 0)"),
  ).toBeLessThan(0.01);
  expect(tab.complaints).toEqual([]);
  return await tab.get<number>(
    "performance.getEntriesByName('first-contentful-paint')[0].startTime",
  );
}

/** The page as a slow network brings it: up to `cut`, and the rest once `arrive` is called. */
async function slowPage(cut: string) {
  const html = await (await fetch(rig.url)).text();
  const { promise: isDue, resolve: arrive } = Promise.withResolvers<void>();
  const encoder = new TextEncoder();
  const parts = () =>
    new ReadableStream({
      async start(stream) {
        stream.enqueue(encoder.encode(html.slice(0, html.indexOf(cut))));
        await isDue;
        stream.enqueue(encoder.encode(html.slice(html.indexOf(cut))));
        stream.close();
      },
    });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch({ url }) {
      const { pathname } = new URL(url);
      const headers = { "content-type": "text/html; charset=utf-8" };
      if (pathname === "/around") return new Response("<!doctype html><title>x", { headers });
      if (pathname === "/") return new Response(parts(), { headers });
      return new Response(await (await fetch(new URL(pathname, rig.url))).blob());
    },
  });
  return { server, arrive };
}

inBrowser("the login form is not seen, and does not move, before it has arrived", async () => {
  const { server, arrive } = await slowPage('id="login-rooms"');
  using tab = await Tab.open(`${server.url.href}around`);
  await tab.get(
    "void document.body.append(Object.assign(document.createElement('iframe'), { src: '/' }))",
  );
  const login = "document.querySelector('iframe').contentDocument.querySelector('#login')";
  await tab.until(`${login}?.querySelector("#login-name")`);
  const visibility = `getComputedStyle(${login}).visibility`;
  await tab.until(`${visibility} === "hidden"`);
  arrive();
  await tab.until(`${visibility} === "visible"`);
  expect(await tab.get<boolean>(`${login}.querySelector("#connect") !== null`)).toBe(true);
  await server.stop(true);
});

inBrowser(
  "2,000 messages: the document stays small, and scrolls to the first and back",
  async () => {
    const lines = Array.from(
      { length: 2_000 },
      (_, i) => `{"type":"say","room":"lobby","text":"number ${i} of many"}\n`,
    );
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: rig.port,
      socket: {
        data() {},
        drain: (socket) => send(socket),
      },
    });
    let pending = Buffer.from(`{"type":"hello","version":2,"name":"Flood"}\n${lines.join("")}`);
    const send = (to: { write(bytes: Uint8Array): number }): void => {
      pending = pending.subarray(to.write(pending));
    };
    send(socket);
    await ann.hears("number 1999 of many");
    socket.end();
    const frames = await ann.get<{ medianMs: number; items: number }>(`(async () => {
    const scroll = document.querySelector("#scroll");
    const list = document.querySelector("#messages");
    const gaps = [];
    let items = 0, last = performance.now();
    const shown = (text) => [...list.querySelectorAll(".text")].some((node) => node.textContent === text);
    for (const [by, wanted] of [[-900, "number 0 of many"], [900, "number 1999 of many"]]) {
      for (let i = 0; i < 2000; i++) {
        scroll.scrollTop += by;
        await new Promise((go) => requestAnimationFrame(go));
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        items = Math.max(items, list.children.length);
        if (i % 10 === 0 && shown(wanted)) break;
      }
      if (!shown(wanted)) throw new Error("never reached " + wanted);
    }
    gaps.sort((a, b) => a - b);
    return { medianMs: gaps[gaps.length >> 1], items };
  })()`);
    expect(frames.items).toBeLessThanOrEqual(maxShown);
    noteTime("a frame of scrolling, in the median", frames.medianMs, 34);
  },
);

/** Where a message is on the screen; undefined if it is not in the document. */
const topOf = (text: string): string =>
  `[...document.querySelectorAll(".text")].find((node) => node.textContent === "${text}")
    ?.getBoundingClientRect().top`;

inBrowser("earlier messages come in above what is being read", async () => {
  using tab = await rig.open();
  await tab.login("Late");
  await tab.hears("number 1999 of many");
  const first = "number 1800 of many";
  await tab.until(
    `(document.querySelector("#scroll").scrollTop = 0, !document.querySelector("#earlier").hidden)`,
  );
  const beforePixels = await tab.get<number>(topOf(first));
  await tab.click("#earlier");
  await tab.until(topOf("number 1799 of many"));
  expect(Math.abs((await tab.get<number>(topOf(first))) - beforePixels)).toBeLessThan(10);
  // A phone that is turned, and turned back.
  for (const size of [{ width: 330, height: 700 }, { width: 700, height: 330 }, desktop]) {
    await tab.resize(size);
    await tab.until(`innerWidth === ${size.width}`);
    await tab.get("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))");
    const pixels = await tab.get<number>(topOf(first));
    expect([pixels > 0, pixels < size.height]).toEqual([true, true]);
  }
});

/** A clock that a test can put forward, and timers of more than a minute, which it can call. */
const ownClock = `
  const BrowserDate = Date;
  const browserTimeout = setTimeout;
  window.aheadMs = 0;
  window.later = [];
  Date = class extends BrowserDate {
    constructor(...parts) {
      super(...(parts.length === 0 ? [Date.now()] : parts));
    }
    static now() {
      return BrowserDate.now() + aheadMs;
    }
  };
  setTimeout = (run, ms, ...more) =>
    ms > 60_000 ? later.push(run) : browserTimeout(run, ms, ...more);
`;

inBrowser("the days of messages are named anew at midnight", async () => {
  using tab = await Tab.open("about:blank");
  await tab.beforeLoad(ownClock);
  await tab.navigate(rig.url);
  await tab.login("Owl", "night");
  await tab.say("still up");
  await tab.hears("still up");
  const day = JSON.stringify(await tab.text(".day"));
  await tab.get("void (aheadMs = 24 * 3_600_000, later.splice(0).forEach((run) => run()))");
  await tab.until(`document.querySelector(".day").textContent !== ${day}`);
  expect(await tab.get<number>("later.length")).toBe(1);
});

inChromium("everything can be done with the keyboard alone", async () => {
  using tab = await rig.open();
  await tab.press("Tab");
  await tab.until("document.activeElement.id.startsWith('login-')");
  await tab.get("document.querySelector('#login-name').select()");
  await tab.type("Keys");
  await tab.press("Enter");
  await tab.until("document.activeElement.id === 'text'");
  await tab.type("typed");
  await tab.press("Enter");
  await tab.hears("typed");
  const reached = new Set<string>();
  for (let i = 0; i < 60; i++) {
    await tab.press("Tab");
    reached.add(
      await tab.get<string>(
        "document.activeElement.id || document.activeElement.getAttribute('aria-label') || ''",
      ),
    );
  }
  for (const id of [
    "rename",
    "disconnect",
    "room-name",
    "search",
    "notify",
    "save",
    "files-toggle",
    "scroll",
    "recipients",
    "text",
    "send",
  ]) {
    expect([...reached]).toContain(id);
  }
  expect([...reached]).toContain("Invite Ann to a private chat");
  await tab.get("document.querySelector('#disconnect').focus()");
  await tab.press("Enter");
  await tab.until("document.querySelector('#presence').textContent === 'offline'");
  await tab.sees("You disconnected");
  await tab.until("document.activeElement.id === 'reconnect'");
  await tab.press("Enter");
  await tab.until("document.activeElement.id === 'login-name'");
});

expectNoComplaints(rig);
