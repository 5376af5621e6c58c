// Searching and going to results, with the test in the role of the server. No browser.

import { expect, test } from "bun:test";
import type { SessionRequest } from "../../src/client/events.ts";
import { HistoryFinder } from "../../src/page/history-finder.ts";
import { reduce } from "../../src/page/reducer.ts";
import { type Action, emptyDraft, initialState, type State } from "../../src/page/state.ts";

const past = (seq: number) => ({ seq, timeMs: seq, from: "Bob", text: `tea ${seq}` });

class Page {
  state: State = initialState;
  isOnline = true;
  readonly asked: SessionRequest[] = [];
  /** The numbers before which pages of history were requested. */
  readonly loaded: (number | undefined)[] = [];
  readonly notices: string[] = [];
  readonly finder: HistoryFinder;

  constructor() {
    const rooms = [{ name: "lobby", unread: 0, mentions: 0, ...emptyDraft }];
    this.dispatch({ type: "connect", name: "Ann", rooms, shown: "lobby" });
    this.finder = new HistoryFinder({
      state: () => this.state,
      dispatch: (action) => this.dispatch(action),
      request: (request) => (this.isOnline ? this.asked.push(request) : undefined),
      loadHistory: (_room, before) => this.isOnline && this.loaded.push(before) > 0,
      show: (room) => this.dispatch({ type: "show-room", room }),
      notice: (text) => void this.notices.push(text),
    });
  }

  dispatch(action: Action): void {
    this.state = reduce(this.state, action);
  }

  /** Answers the last search. */
  found(seqs: readonly number[], next?: number): void {
    const messages = seqs.map(past);
    this.finder.handleResponse(this.asked.length, { type: "found", room: "lobby", messages, next });
  }

  /** Answers the last request for history. */
  history(from: number, to: number): void {
    const messages = Array.from({ length: to - from + 1 }, (_, i) => past(from + i));
    const response = { type: "history", room: "lobby", messages } as const;
    const event = { type: "response", ref: 1, response } as const;
    this.dispatch({ type: "session-event", event, nowMs: 0 });
    this.finder.handleHistory("lobby");
  }
}

test("what is deleted while a search continues is not found again", () => {
  const page = new Page();
  page.finder.search("tea");
  page.found([90, 91], 80);
  const event = { type: "deleted", room: "lobby", seq: 90 } as const;
  page.finder.handleDeleted(event);
  page.dispatch({ type: "session-event", event, nowMs: 0 });
  expect(page.state.search?.found.map(({ seq }) => seq)).toEqual([91]);
  page.found([7]);
  expect(page.state.search?.found.map(({ seq }) => seq)).toEqual([7, 91]);
});

test("a search shows its results, and continues until the room has no more", () => {
  const page = new Page();
  page.finder.search("tea");
  page.found([90], 80);
  expect(page.state.search).toMatchObject({ phase: "asking", found: [{ seq: 90 }] });
  page.found([7]);
  expect(page.state.search).toMatchObject({ phase: "done", isPart: false });
  expect(page.state.search?.found.map(({ seq }) => seq)).toEqual([7, 90]);
});

test("a result whose history does not come is not shown later, when other history comes", () => {
  const page = new Page();
  page.finder.goTo("lobby", 850);
  page.finder.handleFailed("den");
  page.finder.handleFailed("lobby");
  page.history(800, 899);
  expect(page.state.revealed).toBeUndefined();
});

test("a later search replaces an earlier one, whose answer is ignored", () => {
  const page = new Page();
  page.finder.search("tea");
  page.finder.search("cake");
  page.finder.handleResponse(1, {
    type: "found",
    room: "lobby",
    messages: [past(1)],
    next: undefined,
  });
  expect(page.state.search).toMatchObject({ text: "cake", phase: "asking", found: [] });
});

test("a search that fails, or can't be sent, reports it in its dialog", () => {
  const page = new Page();
  page.finder.search("tea");
  const error = { type: "error", code: "storage", message: "The disk is full" } as const;
  expect(page.finder.handleError({ ...error, ref: 9, subject: undefined })).toBe(false);
  expect(page.finder.handleError({ ...error, ref: 1, subject: undefined })).toBe(true);
  expect(page.state.search).toMatchObject({ phase: "done", problem: "The disk is full" });
  page.isOnline = false;
  page.finder.search("tea");
  expect(page.state.search?.problem).toStartWith("You are offline");
});

test("a result is shown once the history in between has arrived", () => {
  const page = new Page();
  page.history(900, 999);
  page.finder.goTo("lobby", 750);
  page.history(800, 899);
  expect(page.state.revealed).toBeUndefined();
  page.history(700, 799);
  expect(page.loaded).toEqual([900, 800]);
  const revealed = page.state.log.entries.find(({ key }) => key === page.state.revealed?.key);
  expect(revealed).toMatchObject({ seq: 750 });
  // A loaded message is shown immediately, and repeatedly.
  const before = page.state.revealed;
  page.finder.goTo("lobby", 750);
  expect(page.loaded.length).toBe(2);
  expect(page.state.revealed).not.toBe(before);
});

test("a missing message, or one too far back, is abandoned", () => {
  const page = new Page();
  page.history(900, 999);
  page.finder.goTo("lobby", 5);
  for (let last = 899; page.notices.length === 0; last--) page.history(last, last);
  expect(page.loaded.length).toBe(20);
  expect(page.notices).toEqual(["That message is too far back to be shown here."]);
  page.isOnline = false;
  page.finder.goTo("lobby", 5);
  expect(page.notices.at(-1)).toStartWith("You are offline");
});
