// Links to rooms of this page, such as `/#den` or `/#den,attic`: somebody who is connected follows
// them here, since another tab would ask for another name.

import { byId } from "./dom.ts";

/** What a link says after its `#`; empty if nothing or nonsense. */
export function roomsInHash(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

/** The names in a list of rooms, as people type it. */
export function roomNames(list: string): readonly string[] {
  return list.split(/[\s,]+/).filter((room) => room !== "");
}

/** `join` gets the rooms of a link that is clicked in a message, or of an address that is typed. */
export function listenForRoomLinks(join: (rooms: readonly string[]) => void): void {
  byId("messages", HTMLOListElement).addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const isNewTab = event.ctrlKey || event.metaKey || event.shiftKey;
    if (link === null || isNewTab || !isOfThisPage(link)) return;
    const rooms = roomNames(roomsInHash(link.hash));
    if (rooms.length === 0) return;
    event.preventDefault();
    join(rooms);
  });
  addEventListener("hashchange", () => join(roomNames(roomsInHash(location.hash))));
}

function isOfThisPage({ origin, pathname, search }: HTMLAnchorElement): boolean {
  return origin === location.origin && pathname === location.pathname && search === location.search;
}
