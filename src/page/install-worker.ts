// Installs the service worker, after everything that the user waits for.

import { workerAddress } from "./worker-address.ts";

export function installWorker(): void {
  if (!("serviceWorker" in navigator)) return;
  addEventListener("load", () => void register());
}

async function register(): Promise<void> {
  try {
    await navigator.serviceWorker.register(workerAddress("/service-worker.js"));
  } catch {
    // The page works without it: some browsers have none in private windows, or for an unknown
    // certificate.
  }
}
