// Installs the service worker, after everything that the user waits for.

/** The only script address that the page's content policy allows to create. */
const address = "/service-worker.js";

type Policy = { createScriptURL(input: string): string };
type Policies = {
  createPolicy(name: string, rules: { createScriptURL(input: string): string }): Policy;
};

/** Browsers without it have no policy to satisfy. */
declare const trustedTypes: Policies | undefined;

export function installWorker(): void {
  if (!("serviceWorker" in navigator)) return;
  addEventListener("load", () => void register());
}

async function register(): Promise<void> {
  try {
    const policy =
      typeof trustedTypes === "undefined"
        ? undefined
        : trustedTypes.createPolicy("parley", { createScriptURL: () => address });
    await navigator.serviceWorker.register(policy?.createScriptURL(address) ?? address);
  } catch {
    // The page works without it: some browsers have none in private windows, or for an unknown
    // certificate.
  }
}
