// What a service worker is given, as far as ours uses it: the types of the page are a window's.

type Extendable = { waitUntil(work: Promise<unknown>): void };
type Fetching = { request: Request; respondWith(response: Promise<Response>): void };

export type WorkerScope = {
  addEventListener(type: "install" | "activate", handle: (event: Extendable) => void): void;
  addEventListener(type: "fetch", handle: (event: Fetching) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly location: { origin: string };
};
