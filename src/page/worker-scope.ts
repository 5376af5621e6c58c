// The parts of a service worker's scope that ours uses: the page itself has a window's types.

type Extendable = { waitUntil(work: Promise<unknown>): void };
type Fetching = { request: Request; respondWith(response: Promise<Response>): void };

export type WorkerScope = {
  addEventListener(type: "install" | "activate", handle: (event: Extendable) => void): void;
  addEventListener(type: "fetch", handle: (event: Fetching) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly location: { origin: string };
};
