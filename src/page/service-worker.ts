// The page's service worker: caches the page's own files, so that an installed page opens while the
// server is offline, and opens the page when a notification is clicked. The server's answer always
// takes precedence, so that nobody is left with an old page. Knows nothing of sessions, messages
// and shared files.

import type { WorkerScope } from "./worker-scope.ts";

declare const self: WorkerScope;

const store = "parley-page";
const shell = ["/", "/style.css", "/main.js", "/manifest.webmanifest", "/icon.svg"];
/**
 * A server that does not begin to answer within this time counts as offline, in milliseconds. The
 * rest of its answer may take longer: half of a new page with half of an old one would not work.
 */
const patienceMs = 4_000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(store).then((cache) => cache.addAll(shell)));
  void self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  const isShell = method === "GET" && origin === self.location.origin && shell.includes(pathname);
  if (isShell) event.respondWith(answer(event.request, pathname));
});

// Only on phones does the worker show the notifications (notifier.ts).
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openPage());
});

async function openPage(): Promise<void> {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  // Not the page for codes.
  const last = pages.find(({ url }) => new URL(url).pathname === "/");
  await (last === undefined ? self.clients.openWindow("/") : last.focus());
}

async function answer(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(store);
  const kept = await cache.match(path);
  const attempt = new AbortController();
  const deadline = setTimeout(() => kept && attempt.abort(), patienceMs);
  try {
    const response = await fetch(request, { signal: attempt.signal });
    clearTimeout(deadline);
    // Without room to keep it, the new page is used all the same, once all of it has arrived.
    if (response.ok) await cache.put(path, response.clone()).catch(() => response.clone().blob());
    // A proxy answers for an offline server, or everybody opens the page at once.
    const isAway = response.status >= 500 || response.status === 429;
    return isAway && kept !== undefined ? kept : response;
  } catch (error) {
    if (kept === undefined) throw error;
    return kept;
  }
}
