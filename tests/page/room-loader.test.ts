// What the page requests of rooms, and when it requests it again. No browser.

import { expect, test } from "bun:test";
import type { SessionRequest } from "../../src/client/events.ts";
import { reduce } from "../../src/page/reducer.ts";
import { RoomLoader } from "../../src/page/room-loader.ts";
import { emptyDraft, initialState, maxPeople, type State } from "../../src/page/state.ts";

const rooms = ["lobby", "den"].map((name) => ({ name, unread: 0, mentions: 0, ...emptyDraft }));

/** A loader for somebody in two rooms, the first of which is shown. */
function start() {
  let state: State = reduce(initialState, { type: "connect", name: "Ann", rooms, shown: "lobby" });
  let requests: SessionRequest[] = [];
  let isOnline = true;
  let lastRef = 0;
  const notices: string[] = [];
  const loader = new RoomLoader({
    state: () => state,
    dispatch: (action) => (state = reduce(state, action)),
    request(request) {
      if (!isOnline) return undefined;
      requests.push(request);
      return ++lastRef;
    },
    notice: (text) => notices.push(text),
  });
  return {
    loader,
    notices,
    state: () => state,
    show: (room: string) => (state = reduce(state, { type: "show-room", room })),
    connect: (online: boolean) => (isOnline = online),
    /** The last request. */
    asked: () => requests.at(-1),
    /** The types of what was requested since. */
    requested(): string[] {
      const types = requests.map(({ type }) => type);
      requests = [];
      return types;
    },
    lastRef: () => lastRef,
  };
}

const lost = (ref: number) =>
  ({ type: "error", code: "cannot-connect", message: "lost", ref, subject: undefined }) as const;

const page = (room: string, next?: string) =>
  ({ type: "rooms", rooms: [{ room, members: 1 }], next }) as const;

test("each room is loaded once it is shown, and only once", () => {
  const { loader, requested, show } = start();
  loader.loadShown();
  loader.loadShown();
  expect(requested()).toEqual(["who", "history"]);
  show("den");
  loader.loadShown();
  show("lobby");
  loader.loadShown();
  expect(requested()).toEqual(["who", "history"]);
});

test("pages of history that only ignored people wrote are skipped, down to the first of others", () => {
  const { loader, asked, lastRef } = start();
  const page = (oldest?: number) =>
    loader.handleResponse(lastRef(), { type: "history", room: "lobby", messages: [], oldest });
  loader.loadShown();
  expect(page(801)).toBe(true);
  expect(asked()).toMatchObject({ type: "history", room: "lobby", before: 801 });
  expect(page(601)).toBe(true);
  expect(asked()).toMatchObject({ before: 601 });
  // Nothing is left, or the server repeats itself.
  expect(page()).toBe(false);
  loader.loadEarlier();
  expect(page(601)).toBe(true);
  expect(page(601)).toBe(false);
});

test("a new connection loads the members again, and the history if its request was lost", () => {
  const { loader, requested, lastRef } = start();
  loader.loadShown();
  expect(loader.handleError(lost(lastRef()))).toBe(true);
  loader.handleOnline();
  requested();
  loader.loadShown();
  expect(requested()).toEqual(["who", "history"]);
  loader.handleOnline();
  loader.loadShown();
  expect(requested()).toEqual(["who"]);
  loader.handleStart();
  loader.loadShown();
  expect(requested()).toEqual(["history"]);
});

test("nothing is lost on a page that is offline", () => {
  const { loader, requested, connect } = start();
  connect(false);
  loader.loadShown();
  expect([loader.whois("Bob"), loader.loadHistory("lobby", 5)]).toEqual([false, false]);
  connect(true);
  loader.loadShown();
  expect(requested()).toEqual(["who", "history"]);
});

test("the errors of others are theirs, and whoever asked about somebody hears that it failed", () => {
  const { loader, lastRef } = start();
  expect(loader.handleError(lost(7))).toBe(false);
  loader.whois("Bob");
  expect(loader.handleError(lost(lastRef()))).toBe(false);
});

test("members come page by page, up to what the page lists", () => {
  const { loader, requested, state, lastRef } = start();
  loader.loadShown();
  const total = 10 * maxPeople;
  let pages = 0;
  for (let ref = lastRef() - 1; pages < 100; ref = lastRef()) {
    const names = Array.from({ length: 1_000 }, (_, i) => `p${pages * 1_000 + i}`);
    requested();
    loader.handleResponse(ref, { type: "names", room: "lobby", names, total, next: "more" });
    pages++;
    if (requested().length === 0) break;
  }
  expect(pages).toBe(Math.ceil(maxPeople / 1_000));
  expect(state().rooms[0]).toMatchObject({ peopleTotal: total, isListed: true });
});

test("the list of rooms is requested once a second at most, and shown once it is complete", () => {
  const { loader, requested, notices, lastRef, state } = start();
  loader.loadDirectory(false, 5_000);
  loader.loadDirectory(false, 5_900);
  expect(requested()).toEqual(["rooms"]);
  loader.loadDirectory(true, 5_900);
  expect(requested()).toEqual(["rooms"]);
  loader.handleResponse(lastRef(), page("attic", "attic"));
  expect([requested(), notices]).toEqual([["rooms"], []]);
  loader.handleResponse(lastRef(), page("cellar"));
  expect(state().directory.map(({ room }) => room)).toEqual(["attic", "cellar"]);
  expect(notices).toEqual([expect.stringContaining("cellar")]);
});
