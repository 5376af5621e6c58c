// What the page requests of rooms, and when it requests it again. No browser.

import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { pageFiles } from "../../src/limits.ts";
import type { SessionRequest } from "../../src/client/events.ts";
import { reduce } from "../../src/page/reducer.ts";
import { RoomLoader } from "../../src/page/room-loader.ts";
import { emptyDraft, initialState, maxPeople, type State } from "../../src/page/state.ts";

const rooms = ["lobby", "den"].map((name) => ({ name, unread: 0, mentions: 0, ...emptyDraft }));

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A loader for somebody in two rooms, the first of which is shown. */
function start() {
  let state: State = reduce(initialState, { type: "connect", name: "Ann", rooms, shown: "lobby" });
  let requests: SessionRequest[] = [];
  let isOnline = true;
  let lastRef = 0;
  const notices: string[] = [];
  const failed: string[] = [];
  const loader = new RoomLoader({
    state: () => state,
    dispatch: (action) => (state = reduce(state, action)),
    request(request) {
      if (!isOnline) return undefined;
      requests.push(request);
      return ++lastRef;
    },
    notice: (text) => notices.push(text),
    historyFailed: (room) => failed.push(room),
  });
  return {
    loader,
    notices,
    failed,
    leave: (room: string) => {
      const event = { type: "parted", room } as const;
      state = reduce(state, { type: "session-event", event, nowMs: 0 });
      loader.handleParted(room);
    },
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

const refused = (ref: number) => ({ ...lost(ref), code: "rate", message: "Too fast" }) as const;

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

test("what is refused because of the rate is asked for again, and nothing is said of it", () => {
  const { loader, requested, failed } = start();
  loader.loadShown();
  expect(loader.handleError(refused(1))).toBe(true);
  expect(loader.handleError(refused(2))).toBe(true);
  loader.loadShown();
  expect(requested()).toEqual(["who", "history"]);
  jest.advanceTimersByTime(pageFiles.retryMs);
  expect(requested()).toEqual(["who", "history"]);
  loader.handleResponse(4, { type: "history", room: "lobby", messages: [] });
  loader.loadShown();
  expect(requested()).toEqual([]);
  expect(failed).toEqual([]);
});

test("it is not asked for again in a room that was left meanwhile, but later if offline", () => {
  const { loader, requested, connect, leave } = start();
  loader.loadShown();
  loader.handleError(refused(2));
  connect(false);
  jest.advanceTimersByTime(pageFiles.retryMs);
  connect(true);
  requested();
  loader.loadShown();
  expect(requested()).toEqual(["history"]);
  loader.handleError(refused(3));
  leave("lobby");
  jest.advanceTimersByTime(pageFiles.retryMs);
  expect(requested()).toEqual([]);
});

test("history that does not come is reported to whoever waits for it", () => {
  const { loader, failed } = start();
  loader.loadShown();
  loader.handleError(lost(1));
  expect(failed).toEqual([]);
  loader.handleError(lost(2));
  expect(failed).toEqual(["lobby"]);
  loader.loadEarlier();
  expect(loader.handleError({ ...lost(3), code: "not-in-room" })).toBe(false);
  expect(failed).toEqual(["lobby", "lobby"]);
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
