// What the service worker answers, with a stand-in for the browser, in virtual time. No browser.

import { afterAll, afterEach, beforeEach, expect, jest, test } from "bun:test";

const before = { self: globalThis.self, caches: globalThis.caches, fetch: globalThis.fetch };
const url = "http://parley.test/main.js";
type Fetched = { request: Request; respondWith(response: Promise<Response>): void };
type Clicked = { notification: { close(): void }; waitUntil(work: Promise<void>): void };
const handlers = {} as {
  fetch: (event: Fetched) => void;
  notificationclick: (event: Clicked) => void;
};
/** The open pages. */
let pages: { url: string; focus(): void }[];
let done: string[];
/** What the cache holds. */
let kept: string | undefined;
/** Ends the body of the server's answer. */
let finish: () => void;
/** Whether the server begins to answer. */
let isAnswering: boolean;
/** Its status. */
let status: number;
/** Whether the browser has no room for the cache. */
let isFull: boolean;

const cache = {
  match: async () => (kept === undefined ? undefined : new Response(kept)),
  async put(_: string, response: Response) {
    const text = await response.text();
    if (isFull) throw new DOMException("no room", "QuotaExceededError");
    kept = text;
  },
};

function serve(_: Request, { signal }: { signal: AbortSignal }): Promise<Response> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stream = new ReadableStream({
    start(body) {
      signal.addEventListener("abort", () => {
        body.error(signal.reason);
        reject(signal.reason);
      });
      finish = () => {
        body.enqueue(new TextEncoder().encode("new"));
        body.close();
      };
    },
  });
  return isAnswering ? Promise.resolve(new Response(stream, { status })) : promise;
}

beforeEach(async () => {
  jest.useFakeTimers();
  const self = {
    location: { origin: "http://parley.test" },
    clients: {
      matchAll: async () => pages,
      openWindow: async (path: string) => void done.push(`open ${path}`),
    },
    addEventListener: (type: string, handle: () => void) =>
      Object.assign(handlers, { [type]: handle }),
  };
  Object.assign(globalThis, { self, caches: { open: async () => cache }, fetch: serve });
  await import("../../src/page/service-worker.ts");
  kept = "old";
  isFull = false;
  status = 200;
  pages = [];
  done = [];
});

afterEach(() => void jest.useRealTimers());
afterAll(() => void Object.assign(globalThis, before));

/** The answer to a request, if the body arrives after that time. */
async function load(bodyMs: number): Promise<string> {
  const response = new Promise<Response>((resolve) => {
    handlers.fetch({ request: new Request(url), respondWith: (given) => resolve(given) });
  });
  // The worker looks into its cache first.
  for (let i = 0; i < 10; i++) await Promise.resolve();
  jest.advanceTimersByTime(bodyMs);
  if (isAnswering) finish();
  return (await response).text();
}

test("a new page that arrives slowly is not replaced by half of the kept one", async () => {
  isAnswering = true;
  expect(await load(60_000)).toBe("new");
  expect(kept).toBe("new");
});

test("a server that does not begin to answer is taken for offline", async () => {
  isAnswering = false;
  expect(await load(60_000)).toBe("old");
  expect(kept).toBe("old");
});

test("a server that is away behind its proxy, or gets too many requests, leaves the kept page", async () => {
  isAnswering = true;
  for (const refusal of [429, 502]) {
    status = refusal;
    expect(await load(0)).toBe("old");
  }
  kept = undefined;
  expect(await load(0)).toBe("new");
});

test("a full disk does not keep an old page in use", async () => {
  isAnswering = true;
  isFull = true;
  expect(await load(0)).toBe("new");
  kept = undefined;
  expect(await load(0)).toBe("new");
});

test("a notification leads to the page, or opens it", async () => {
  const click = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<Promise<void>>();
    const notification = { close: () => void done.push("close") };
    handlers.notificationclick({ notification, waitUntil: resolve });
    await promise;
  };
  await click();
  pages = [
    // The page for codes was used last.
    { url: "http://parley.test/code", focus: () => void done.push("focus /code") },
    { url: "http://parley.test/#den", focus: () => void done.push("focus /") },
  ];
  await click();
  expect(done).toEqual(["close", "open /", "close", "focus /"]);
});
