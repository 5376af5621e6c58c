// The numbers of offers that a reload ends, kept for the page after it. The files that this tab
// offers are lost with the page, and their recipients must not wait for them. Where the browser
// keeps nothing for the next page, what was being saved is lost, too, and the user must be told.

import { pageFiles as limits } from "../../limits.ts";

const keys = { own: "parley-offers", saving: "parley-saving" } as const;
type Kind = keyof typeof keys;
const numberForm = /^[A-Za-z0-9_-]{22}$/;

export function storeOffers(kind: Kind, offers: readonly string[]): void {
  try {
    if (offers.length === 0) sessionStorage.removeItem(keys[kind]);
    else sessionStorage.setItem(keys[kind], offers.join(" "));
  } catch {
    // Storage may be disabled. Then the other end waits until the server gives up on this page.
  }
}

export function loadOffers(kind: Kind): string[] {
  try {
    const stored = sessionStorage.getItem(keys[kind]) ?? "";
    return stored
      .split(" ")
      .filter((offer) => numberForm.test(offer))
      .slice(0, limits.maxCards);
  } catch {
    return [];
  }
}
