// The addresses of the page's workers: the content policy allows no others.

export type WorkerAddress = "/service-worker.js" | "/file-writer.js";

type Policy = { createScriptURL(input: string): string };
type Policies = {
  createPolicy(name: string, rules: { createScriptURL(input: string): string }): Policy;
};

/** Browsers without it have no policy to satisfy. */
declare const trustedTypes: Policies | undefined;

const addresses: readonly string[] = [
  "/service-worker.js",
  "/file-writer.js",
] satisfies WorkerAddress[];

let policy: Policy | undefined;

export function workerAddress(address: WorkerAddress): string {
  if (typeof trustedTypes === "undefined") return address;
  policy ??= trustedTypes.createPolicy("parley", {
    createScriptURL(input) {
      if (addresses.includes(input)) return input;
      throw new TypeError(`${input} is no worker of this page`);
    },
  });
  return policy.createScriptURL(address);
}
