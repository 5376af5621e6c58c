// The numbers of this tab's offers, kept over a reload: what they offered is gone with the page, and
// the other end must not wait for it.

import { pageFiles as limits } from "../../limits.ts";

const key = "parley-offers";
const numberForm = /^[A-Za-z0-9_-]{22}$/;

export function storeOwnOffers(offers: readonly string[]): void {
  try {
    if (offers.length === 0) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, offers.join(" "));
  } catch {
    // Storage may be disabled. The other end then waits until the server takes this one for gone.
  }
}

export function loadOwnOffers(): string[] {
  try {
    const stored = sessionStorage.getItem(key) ?? "";
    return stored
      .split(" ")
      .filter((offer) => numberForm.test(offer))
      .slice(0, limits.maxCards);
  } catch {
    return [];
  }
}
