// The numbers of this tab's offers, kept across a reload: the offered files are lost with the page,
// and the other end must not wait for them.

import { pageFiles as limits } from "../../limits.ts";

const key = "parley-offers";
const numberForm = /^[A-Za-z0-9_-]{22}$/;

export function storeOwnOffers(offers: readonly string[]): void {
  try {
    if (offers.length === 0) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, offers.join(" "));
  } catch {
    // Storage may be disabled. Then the other end waits until the server gives up on this page.
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
