// The page's reducer: what each event of the session does. No browser.

import { expect, test } from "bun:test";
import { noChat } from "../../src/client/private-chat-state.ts";
import type { SessionEvent } from "../../src/client/events.ts";
import { reduce } from "../../src/page/reduce.ts";
import { initialState, offeredRooms, type Action, type State } from "../../src/page/state.ts";

const nowMs = 1_760_000_000_000;

function run(state: State, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

function heard(state: State, ...events: readonly SessionEvent[]): State {
  return run(state, ...events.map((event): Action => ({ type: "session", event, nowMs })));
}

const online: State = heard(run(initialState, { type: "connect", name: "Ann", room: "lobby" }), {
  type: "online",
  name: "Ann",
  room: "lobby",
  returned: false,
  server: "parley",
});
const crowd = run(online, {
  type: "people",
  names: ["Bob", "ann2", "Ann"],
  total: 3,
  isFirst: true,
});

function message(from: string, text: string, seq: number, id?: number): SessionEvent {
  const mine = from === "Ann";
  return { type: "message", seq, timeMs: nowMs, from, text, mine, id, replayed: false };
}

function banners(state: State): string[] {
  return state.log.entries.filter((entry) => entry.kind === "banner").map((entry) => entry.text);
}

test("the door closes once online and opens again only when asked", () => {
  expect(initialState.atDoor).toBe(true);
  expect(online).toMatchObject({ phase: "online", atDoor: false, name: "Ann" });
  const out = run(crowd, { type: "disconnect", nowMs });
  expect(out).toMatchObject({ phase: "out", atDoor: false, people: [], peopleTotal: 0 });
  expect(banners(out)).toEqual(["you left the chat"]);
  expect(run(out, { type: "door" }).atDoor).toBe(true);
});

test("leaving says what did not arrive any more", () => {
  const sent = run(crowd, { type: "said", id: 1, text: "hi", to: undefined, nowMs });
  const out = run(sent, { type: "disconnect", nowMs });
  expect(out.log.entries[0]).toMatchObject({ text: "hi", delivery: "failed" });
  const replaced = heard(sent, {
    type: "ended",
    code: "replaced",
    message: "another tab took over",
  });
  expect(replaced).toMatchObject({ phase: "out", atDoor: false, problem: "another tab took over" });
});

test("a refusal is told at the door, and only there", () => {
  const connecting = run(initialState, { type: "connect", name: "Bob", room: "lobby" });
  const refused = heard(connecting, { type: "ended", code: "name-taken", message: "Bob is taken" });
  expect(refused).toMatchObject({ phase: "out", atDoor: true, problem: "Bob is taken" });
  expect(banners(refused)).toEqual([]);
});

test("a lost connection is said, kept people and recipients come back with the list", () => {
  const lost = heard(crowd, {
    type: "offline",
    reason: "gone",
    retryMs: 1_500,
    attempt: 1,
    everOnline: true,
  });
  expect(lost).toMatchObject({ phase: "lost", status: "Connection lost. Trying again in 2 s" });
  const back = heard(
    lost,
    { type: "online", name: "Ann", room: "lobby", returned: true, server: "parley" },
    {
      type: "reconnected",
      afterMs: 1_000,
      caughtUp: 2,
      recovered: true,
      summary: "back after 1 s",
    },
  );
  expect(back).toMatchObject({ phase: "online", status: "" });
  expect(banners(back)).toContain("back after 1 s");
});

test("people are sorted, once each, and follow joins, leaves and renames", () => {
  expect(crowd.people).toEqual(["Ann", "ann2", "Bob"]);
  const more = heard(crowd, { type: "joined", name: "Cal" }, { type: "joined", name: "Cal" });
  expect(more.people).toEqual(["Ann", "ann2", "Bob", "Cal"]);
  expect(more.peopleTotal).toBe(4);
  const chosen = run(more, { type: "choose", to: ["Bob", "Cal"] });
  const fewer = heard(chosen, { type: "left", name: "Cal", reason: "lost" });
  expect(fewer.to).toEqual(["Bob"]);
  const renamed = heard(fewer, { type: "renamed", from: "Bob", to: "Rob" });
  expect(renamed.to).toEqual(["Rob"]);
  expect(renamed.people).toEqual(["Ann", "ann2", "Rob"]);
  expect(banners(renamed)).toEqual(["Cal joined", "Cal lost the connection", "Bob is Rob now"]);
});

test("one's own rename changes who one is", () => {
  const renamed = heard(crowd, { type: "renamed", from: "Ann", to: "Anna" });
  expect(renamed.name).toBe("Anna");
  expect(banners(renamed)).toEqual(["you are Anna now"]);
});

function taken(ref: number | undefined): SessionEvent {
  return { type: "error", code: "name-taken", message: "Bob is taken", ref };
}

test("the dialog for a new name waits for its answer, and says why not", () => {
  const asked = run(crowd, { type: "renaming", renaming: { ref: 7, problem: "" } });
  const refused = heard(asked, taken(7));
  expect(refused.renaming).toEqual({ ref: undefined, problem: "Bob is taken" });
  expect(banners(refused)).toEqual([]);
  const named = heard(asked, { type: "answer", ref: 7, answer: { type: "name", name: "Anna" } });
  expect(named).toMatchObject({ renaming: undefined, name: "Anna" });
  // Answers to something else are told as ever.
  for (const ref of [8, undefined]) {
    expect(heard(asked, taken(ref)).renaming).toEqual({ ref: 7, problem: "" });
    expect(banners(heard(asked, taken(ref)))).toEqual(["Bob is taken"]);
  }
  expect(run(asked, { type: "disconnect", nowMs }).renaming).toBeUndefined();
});

test("a message is shown at once, takes its place when it comes back, and is there once", () => {
  const sent = run(crowd, { type: "said", id: 1, text: "hi", to: undefined, nowMs });
  expect(sent.log.entries.at(-1)).toMatchObject({ text: "hi", delivery: "waiting" });
  const back = heard(sent, message("Bob", "first", 1), message("Ann", "hi", 2, 1), {
    type: "acknowledged",
    id: 1,
    seq: 2,
  });
  expect(back.log.entries.map((entry) => entry.text)).toEqual(["first", "hi"]);
  expect(back.log.entries[1]).toMatchObject({ delivery: "sent", seq: 2 });
});

test("a private message names its recipients and is marked by the acknowledgement", () => {
  const sent = run(crowd, { type: "said", id: 1, text: "psst", to: ["Bob"], nowMs });
  const done = heard(sent, { type: "acknowledged", id: 1, seq: undefined });
  expect(done.log.entries[0]).toMatchObject({ to: ["Bob"], delivery: "sent", mine: true });
});

test("unread counts what others say while nobody looks, and not one's own", () => {
  const away = run(crowd, { type: "away", away: true });
  const heardAway = heard(away, message("Bob", "a", 1), message("Ann", "b", 2), {
    type: "private",
    mail: 1,
    timeMs: nowMs,
    from: "Bob",
    to: ["Ann"],
    text: "c",
    replayed: false,
    chat: false,
  });
  expect(heardAway.unread).toBe(2);
  expect(run(heardAway, { type: "away", away: false }).unread).toBe(0);
});

test("a private chat goes through its states, whoever asks", () => {
  const chat = (state: State, change: "asked" | "invited" | "started" | "left" | "busy"): State =>
    heard(state, { type: "chat", state: change, with: "Bob" });
  expect(chat(crowd, "invited").chat).toEqual({ ...noChat, invitedBy: "Bob" });
  expect(chat(crowd, "started").chat).toEqual({ ...noChat, partner: "Bob" });
  expect(chat(chat(crowd, "started"), "left").chat).toEqual(noChat);
  expect(chat(chat(crowd, "asked"), "busy").chat).toEqual(noChat);
  const renamed = heard(chat(crowd, "started"), { type: "renamed", from: "Bob", to: "Rob" });
  expect(renamed.chat).toEqual({ ...noChat, partner: "Rob" });
});

test("what becomes of one's own question leaves an invitation as it is", () => {
  const invited = heard(crowd, { type: "chat", state: "invited", with: "Bob" });
  for (const state of ["busy", "rejected", "left", "lost"] as const) {
    const asking = heard(invited, { type: "chat", state: "asked", with: "ann2" });
    expect(asking.chat).toEqual({ partner: undefined, asked: "ann2", invitedBy: "Bob" });
    const answered = heard(asking, { type: "chat", state, with: "ann2" });
    expect(answered.chat).toEqual({ ...noChat, invitedBy: "Bob" });
  }
});

test("another room has another log and other people; private messages stay", () => {
  const before = heard(crowd, message("Bob", "public", 1), {
    type: "private",
    mail: 1,
    timeMs: nowMs,
    from: "Bob",
    to: ["Ann"],
    text: "secret",
    replayed: false,
    chat: false,
  });
  const moved = heard(before, { type: "entered", room: "den", recovered: false });
  expect(moved).toMatchObject({ room: "den", people: [], to: [] });
  expect(moved.log.entries.map((entry) => entry.text)).toEqual(["secret", "you entered den"]);
});

function rooms(state: State): string[] {
  return offeredRooms(state).map(({ room }) => room);
}

test("the lobby is always offered, and the room one is in", () => {
  const den = heard(crowd, { type: "entered", room: "den", recovered: false });
  expect(rooms(den)).toEqual(["den", "lobby"]);
  const listed = [{ room: "den", members: 1 }];
  const alone = heard(den, {
    type: "answer",
    ref: 1,
    answer: { type: "rooms", rooms: listed, next: undefined },
  });
  expect(offeredRooms(alone)).toEqual([{ room: "lobby", members: 0 }, ...listed]);
  expect(rooms(online)).toEqual(["lobby"]);
  expect(rooms(run(alone, { type: "disconnect", nowMs }))).toEqual(["den"]);
});

test("history of another room than this one is ignored", () => {
  const messages = [{ seq: 1, timeMs: nowMs, from: "Bob", text: "old" }];
  const answer = (room: string): State =>
    heard(crowd, { type: "answer", ref: 1, answer: { type: "history", room, messages } });
  expect(answer("den").log.entries).toEqual([]);
  expect(answer("lobby").log.entries).toHaveLength(1);
  expect(answer("lobby").log.hasEarlier).toBe(false);
});
