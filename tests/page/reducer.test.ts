// The page's reducer: the effect of each action and each event of the session. No browser.

import { expect, test } from "bun:test";
import type { FileEntry, SessionEvent } from "../../src/client/events.ts";
import { noChat } from "../../src/client/private-chat-state.ts";
import { entriesIn } from "../../src/page/message-log.ts";
import { reduce } from "../../src/page/reducer.ts";
import { deletedText } from "../../src/protocol/messages.ts";
import {
  type Action,
  currentDraft,
  emptyDraft,
  hasEarlier,
  initialState,
  isRunning,
  isSharing,
  joinableRooms,
  orderedRooms,
  type Room,
  shownRoom,
  type State,
  unreadElsewhere,
  unreadTotal,
} from "../../src/page/state.ts";

const nowMs = 1_760_000_000_000;

function run(state: State, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

function hear(state: State, ...events: readonly SessionEvent[]): State {
  return run(state, ...events.map((event): Action => ({ type: "session-event", event, nowMs })));
}

const stored = (name: string) => ({ name, unread: 0, mentions: 0, ...emptyDraft });

function connect(...rooms: readonly string[]): Action {
  return { type: "connect", name: "Ann", rooms: rooms.map(stored), shown: undefined };
}

function online(...rooms: readonly string[]): SessionEvent {
  return {
    type: "online",
    name: "Ann",
    rooms,
    returned: false,
    registered: false,
    server: "parley",
  };
}

const inLobby = hear(run(initialState, connect("lobby")), online("lobby"));
/** In three rooms, the first of them shown. */
const inThree = hear(
  run(initialState, connect("lobby", "den", "attic")),
  online("lobby", "den", "attic"),
);
const names = ["Bob", "ann2", "Ann"];
const crowd = run(inLobby, { type: "people", room: "lobby", names, total: 3, isFirst: true });

function message(
  from: string,
  text: string,
  seq: number,
  more: { room?: string; id?: number; replayed?: boolean } = {},
): SessionEvent {
  const { room = "lobby", id, replayed = false } = more;
  const mine = from === "Ann";
  return { type: "message", room, seq, timeMs: nowMs, from, text, mine, id, replayed };
}

function privately(from: string, text: string): SessionEvent {
  const to = ["Ann"];
  return {
    type: "private",
    mail: 1,
    timeMs: nowMs,
    from,
    to,
    text,
    replayed: false,
    chat: false,
  };
}

function sent(text: string, id: number, to?: readonly string[]): Action {
  const room = to === undefined ? "lobby" : undefined;
  return { type: "sent", message: { room, to, text, id }, nowMs };
}

function notices(state: State, room = state.shown): string[] {
  return entriesIn(state.log, room)
    .filter(({ kind }) => kind === "notice")
    .map(({ text }) => text);
}

function texts(state: State, room = state.shown): string[] {
  return entriesIn(state.log, room).map(({ text }) => text);
}

function room(state: State, name: string): Room {
  const found = state.rooms.find((room) => room.name === name);
  if (found === undefined) throw new Error(`not in ${name}`);
  return found;
}

test("a server for members only asks for the password of a registered name, too", () => {
  const message = "This server is for members only: ask an operator for a pass";
  const connecting = run(initialState, {
    type: "connect",
    name: "Ann",
    rooms: [],
    shown: undefined,
  });
  const refused = hear(connecting, { type: "ended", code: "members-only", message });
  expect(refused).toMatchObject({
    isPasswordAsked: true,
    loginProblem: { field: "access", text: message },
  });
});

test("the login form disappears once online, and returns only on request", () => {
  expect(initialState.isLoginShown).toBe(true);
  expect(inLobby).toMatchObject({ phase: "online", isLoginShown: false, shown: "lobby" });
  const over = run(crowd, { type: "disconnect", nowMs });
  expect(over).toMatchObject({ phase: "offline", isLoginShown: false });
  expect(shownRoom(over)).toMatchObject({ people: [], peopleTotal: 0 });
  expect(notices(over)).toEqual(["You disconnected"]);
  expect(run(over, { type: "show-login" }).isLoginShown).toBe(true);
});

test("messages that were not delivered when the session ends are marked", () => {
  const waiting = run(crowd, sent("hi", 1));
  const over = run(waiting, { type: "disconnect", nowMs });
  expect(over.log.entries[0]).toMatchObject({ text: "hi", delivery: "failed" });
  const replaced = hear(waiting, { type: "ended", code: "replaced", message: "moved elsewhere" });
  expect(replaced).toMatchObject({ phase: "offline", isLoginShown: false });
  expect(replaced.loginProblem?.text).toBe("moved elsewhere");
});

test("a refused login is shown next to the field concerned, and nowhere else", () => {
  const refusals = [
    ["name-taken", "name"],
    ["name-invalid", "name"],
    ["room-invalid", "rooms"],
    ["version", "form"],
    ["constructor", "form"],
  ] as const;
  for (const [code, field] of refusals) {
    const connecting = run(initialState, connect("lobby"));
    const refused = hear(connecting, { type: "ended", code, message: `because of ${code}` });
    expect(refused).toMatchObject({ phase: "offline", isLoginShown: true });
    expect(refused.loginProblem).toEqual({ field, text: `because of ${code}` });
    expect(refused.log.entries).toEqual([]);
    expect(run(refused, connect("lobby")).loginProblem).toBeUndefined();
  }
});

test("a lost connection is shown; rooms, messages and unread counts stay", () => {
  const before = hear(
    inThree,
    message("Bob", "hello", 1),
    message("Bob", "psst", 1, { room: "den" }),
  );
  const lost = hear(before, {
    type: "offline",
    reason: "gone",
    retryMs: 1_500,
    attempt: 1,
    everOnline: true,
  });
  expect(lost).toMatchObject({
    phase: "reconnecting",
    status: "Connection lost. Trying again …",
  });
  const back = hear(
    lost,
    {
      type: "online",
      name: "Ann",
      rooms: ["lobby", "den"],
      returned: true,
      registered: false,
      server: "parley",
    },
    {
      type: "reconnected",
      afterMs: 1_000,
      caughtUp: 2,
      recovered: true,
      summary: "back after 1 s",
    },
  );
  expect(back).toMatchObject({ phase: "online", status: "", shown: "lobby" });
  expect(back.rooms.map(({ name }) => name)).toEqual(["lobby", "den"]);
  expect(room(back, "den")).toMatchObject({ unread: 1, isListed: false });
  expect(texts(back)).toContain("hello");
  expect(notices(back, "den")).toContain("back after 1 s");
});

test("a room that the server spells differently after a restart keeps its messages", () => {
  const before = hear(inLobby, message("Bob", "hello", 1));
  const back = hear(before, online("Lobby"));
  expect(back.shown).toBe("Lobby");
  expect(texts(back)).toEqual(["hello"]);
});

test("members are sorted, listed once each, and follow joins, leaves and renames", () => {
  expect(shownRoom(crowd)?.people).toEqual(["Ann", "ann2", "Bob"]);
  const joined: SessionEvent = { type: "joined", room: "lobby", name: "Cal" };
  const more = hear(crowd, joined, joined);
  expect(shownRoom(more)).toMatchObject({ people: ["Ann", "ann2", "Bob", "Cal"], peopleTotal: 4 });
  const chosen = run(more, { type: "choose-recipients", to: ["Bob", "Cal"] });
  const fewer = hear(chosen, { type: "left", room: "lobby", name: "Cal", reason: "lost" });
  const renamed = hear(fewer, { type: "renamed", room: "lobby", from: "Bob", to: "Rob" });
  expect(currentDraft(renamed).recipients).toEqual(["Rob", "Cal"]);
  expect(shownRoom(renamed)?.people).toEqual(["Ann", "ann2", "Rob"]);
  expect(notices(renamed)).toEqual(["Cal joined", "Cal lost the connection", "Bob is now Rob"]);
});

test("somebody who left while the connection was lost is told of when they come back", () => {
  const back = hear(crowd, online("lobby"));
  const joined = hear(back, { type: "joined", room: "lobby", name: "Bob" });
  expect(texts(joined)).toEqual(["Bob joined"]);
});

test("members, rooms to join and files are in natural order", () => {
  const names = ["den-1", "den-10", "den-2"];
  const directory = names.map((name) => ({ room: name, members: 1 }));
  const files = names.map(file);
  const listed = run(
    inLobby,
    { type: "people", room: "lobby", names, total: 3, isFirst: true },
    { type: "directory", rooms: directory, isFirst: true },
    { type: "files", files: files.slice(0, 2), next: "den-10", isFirst: true },
    { type: "files", files: files.slice(2), next: undefined, isFirst: false },
  );
  const inOrder = ["den-1", "den-2", "den-10"];
  expect(shownRoom(listed)?.people).toEqual(inOrder);
  expect(joinableRooms(listed, "").map(({ room }) => room)).toEqual(inOrder);
  expect(listed.listing.files.map(({ name }) => name)).toEqual(inOrder);
});

test("a chosen recipient who leaves stays chosen: no private message goes to everyone", () => {
  const chosen = run(crowd, { type: "choose-recipients", to: ["Bob"] });
  for (const [reason, said] of [
    ["quit", "Bob disconnected"],
    ["lost", "Bob lost the connection"],
    ["parted", "Bob left"],
  ] as const) {
    const left = hear(chosen, { type: "left", room: "lobby", name: "Bob", reason });
    expect(currentDraft(left).recipients).toEqual(["Bob"]);
    expect(notices(left)).toEqual([said]);
  }
});

test("events of one room do not affect others", () => {
  const people = { type: "people", total: 2, isFirst: true } as const;
  const listed = run(
    inThree,
    { ...people, room: "lobby", names: ["Ann", "Bob"] },
    { ...people, room: "den", names: ["Ann", "Bob"] },
  );
  const left = hear(listed, { type: "left", room: "den", name: "Bob", reason: "parted" });
  expect(room(left, "lobby").people).toEqual(["Ann", "Bob"]);
  expect(room(left, "den").people).toEqual(["Ann"]);
  expect(notices(left, "lobby")).toEqual([]);
  expect(notices(left, "den")).toEqual(["Bob left"]);
});

test("a changed name of the user changes their identity", () => {
  const renamed = hear(crowd, { type: "renamed", room: "lobby", from: "Ann", to: "Anna" });
  expect(renamed.name).toBe("Anna");
  expect(notices(renamed)).toEqual(["You are now Anna"]);
});

function nameTaken(ref: number | undefined): SessionEvent {
  return { type: "error", code: "name-taken", message: "Bob is taken", ref, subject: "Bob" };
}

test("a name without devices says so", () => {
  const response = { type: "devices", devices: [] } as const;
  const told = hear(inLobby, { type: "response", ref: 1, response });
  expect(told.log.entries.at(-1)).toMatchObject({
    kind: "notice",
    text: "Your name has no device: you log in with its password.",
  });
});

test("why files were not taken is shown until others are", () => {
  const problem = "too many files";
  const refused = run(inLobby, { type: "problem", origin: "composer", problem });
  const card = {
    id: 1,
    room: "lobby",
    name: "a.txt",
    size: 1,
    phase: "waiting",
    doneBytes: 0,
    detail: "",
  } as const;
  const shared = run(refused, { type: "upload", card });
  expect(shared.composerProblem).toBe("");
  expect(
    run(
      { ...shared, composerProblem: problem },
      { type: "upload-change", id: 1, change: { doneBytes: 1 } },
    ).composerProblem,
  ).toBe(problem);
});

test("a page with shared files on their way asks before it is closed", () => {
  const file = { name: "a", sizeBytes: 9, modifiedMs: 0 };
  const download = { file, doneBytes: 0, detail: "" };
  for (const phase of ["running", "checking", "verified", "failed"] as const) {
    const state = run(inLobby, { type: "download", download: { ...download, phase } });
    expect([phase, isSharing(state)]).toEqual([phase, isRunning({ ...download, phase })]);
  }
  const card = { id: 1, room: "lobby", name: "a", size: 1, doneBytes: 0, detail: "" };
  for (const phase of ["asking", "waiting", "running", "failed"] as const) {
    const state = run(inLobby, { type: "upload", card: { ...card, phase } });
    expect([phase, isSharing(state)]).toEqual([phase, phase === "waiting" || phase === "running"]);
  }
});

test("a room that the server spells in another way keeps what was being written there", () => {
  const written = run(inThree, { type: "draft", text: "half a sen" });
  const back = hear(written, online("LOBBY", "den", "attic"));
  expect([back.shown, currentDraft(back).text]).toEqual(["LOBBY", "half a sen"]);
});

test("a room that is shown because the last one is gone has been read", () => {
  const inDen = run(inThree, { type: "show-room", room: "den" });
  const unread = hear(inDen, message("Bob", "Ann: hi", 1));
  const back = hear(unread, online("lobby", "attic"));
  expect(back.shown).toBe("lobby");
  expect([unreadTotal(unread), unreadTotal(back)]).toEqual([1, 0]);
  expect(shownRoom(back)?.firstUnreadKey).toBeDefined();
});

test("the rename dialog waits for its response, and shows a refusal", () => {
  const asked = run(crowd, { type: "renaming", renaming: { ref: 7, problem: "" } });
  const refused = hear(asked, nameTaken(7));
  expect(refused.renaming).toEqual({ ref: undefined, problem: "Bob is taken" });
  expect(notices(refused)).toEqual([]);
  const named = hear(asked, {
    type: "response",
    ref: 7,
    response: { type: "name", name: "Anna" },
  });
  expect(named).toMatchObject({ renaming: undefined, name: "Anna" });
  for (const ref of [8, undefined]) {
    expect(hear(asked, nameTaken(ref)).renaming).toEqual({ ref: 7, problem: "" });
    expect(notices(hear(asked, nameTaken(ref)))).toEqual(["Bob is taken"]);
  }
  expect(run(asked, { type: "disconnect", nowMs }).renaming).toBeUndefined();
});

test("a message is shown immediately, takes its place when it is confirmed, and appears once", () => {
  const waiting = run(crowd, sent("hi", 1));
  expect(waiting.log.entries.at(-1)).toMatchObject({ text: "hi", delivery: "waiting" });
  const back = hear(waiting, message("Bob", "first", 1), message("Ann", "hi", 2, { id: 1 }), {
    type: "acknowledged",
    id: 1,
    room: "lobby",
    seq: 2,
  });
  expect(texts(back)).toEqual(["first", "hi"]);
  expect(back.log.entries[1]).toMatchObject({ delivery: "sent", seq: 2 });
});

test("a refused message shows the reason", () => {
  const failed = hear(run(crowd, sent("hi", 1)), {
    type: "failed",
    id: 1,
    room: "lobby",
    text: "hi",
    code: "text-invalid",
    message: "no",
  });
  expect(failed.log.entries[0]).toMatchObject({ delivery: "failed", problem: "no" });
});

test("a private message names its recipients and is marked by the acknowledgement", () => {
  const done = hear(run(crowd, sent("psst", 1, ["Bob"])), {
    type: "acknowledged",
    id: 1,
    room: undefined,
    seq: undefined,
  });
  expect(done.log.entries[0]).toMatchObject({ to: ["Bob"], delivery: "sent", mine: true });
});

test("text from the server loses characters that hide or forge something", () => {
  const evil = "a\u202Eb\u001B[2Jc";
  const state = hear(crowd, message("Bob", evil, 1), privately("Bob", evil));
  expect(texts(state)).toEqual(["abc", "abc"]);
});

test("unread counts others' messages in other rooms; own messages count as read", () => {
  const state = hear(
    inThree,
    message("Bob", "in sight", 1),
    message("Bob", "not in sight", 1, { room: "den" }),
    message("Ann", "from me", 2, { room: "den" }),
    message("Bob", "missed while away", 3, { room: "den", replayed: true }),
  );
  expect(state.rooms.map(({ unread }) => unread)).toEqual([0, 2, 0]);
  expect(unreadTotal(state)).toBe(2);
  const shown = run(state, { type: "show-room", room: "den" });
  expect(room(shown, "den")).toMatchObject({ unread: 0, mentions: 0 });
  expect(shown.shown).toBe("den");
});

test("the first unread message is marked for as long as its room is shown", () => {
  const state = hear(
    inThree,
    message("Bob", "one", 1, { room: "den" }),
    message("Bob", "two", 2, { room: "den" }),
  );
  const shown = run(state, { type: "show-room", room: "den" });
  const marked = shown.log.entries.find(({ key }) => key === room(shown, "den").firstUnreadKey);
  expect(marked?.text).toBe("one");
  const back = run(shown, { type: "show-room", room: "lobby" });
  expect(room(back, "den").firstUnreadKey).toBeUndefined();
});

test("rooms with mentions come first, the others stay where they are", () => {
  const state = hear(
    inThree,
    message("Bob", "hello", 1, { room: "den" }),
    message("Bob", "Ann, look", 1, { room: "attic" }),
  );
  expect(room(state, "attic")).toMatchObject({ unread: 1, mentions: 1 });
  expect(orderedRooms(state).map(({ name }) => name)).toEqual(["attic", "lobby", "den"]);
  expect(unreadElsewhere(state)).toEqual({ unread: 2, mentions: 1 });
  const shown = run(state, { type: "show-room", room: "attic" });
  expect(orderedRooms(shown).map(({ name }) => name)).toEqual(["lobby", "den", "attic"]);
  expect(shown.log.entries.map((entry) => entry.kind === "message" && entry.mentionsMe)).toEqual([
    false,
    true,
  ]);
});

test("while the page is hidden everything counts as unread, until it is visible again", () => {
  const away = run(inThree, { type: "away", isAway: true });
  const heard = hear(away, message("Bob", "a", 1), privately("Bob", "b"));
  expect(unreadTotal(heard)).toBe(2);
  expect(unreadTotal(run(heard, { type: "show-room", room: "den" }))).toBe(2);
  const back = run(heard, { type: "away", isAway: false });
  expect(unreadTotal(back)).toBe(0);
});

test("a requested room is shown once it is entered", () => {
  const joining = run(inLobby, { type: "join", room: "DEN", origin: "form" });
  expect(joining.shown).toBe("lobby");
  const entered = hear(joining, { type: "entered", room: "den" });
  expect(entered).toMatchObject({ shown: "den", joining: undefined });
  expect(notices(entered)).toEqual(["You joined den"]);
  // A room that was not requested here does not take over the screen.
  const another = hear(entered, { type: "entered", room: "attic" });
  expect(another.shown).toBe("den");
  expect(another.rooms.map(({ name }) => name)).toEqual(["lobby", "den", "attic"]);
});

test("a refused join is shown where the room was requested, not among the messages", () => {
  const refused = (origin: "form" | "composer"): State =>
    hear(run(inLobby, { type: "join", room: "den", origin }), {
      type: "join-failed",
      room: "den",
      code: "full",
      message: "too many rooms",
    });
  expect(refused("form")).toMatchObject({ joinProblem: "too many rooms", composerProblem: "" });
  expect(refused("composer")).toMatchObject({ joinProblem: "", composerProblem: "too many rooms" });
  expect(refused("form").log.entries).toEqual([]);
  expect(refused("form").shown).toBe("lobby");
  const keyed = { type: "join-failed", room: "den", code: "room-key", message: "it has a key" };
  const told = hear(inLobby, keyed as SessionEvent);
  expect(told.log.entries.at(-1)).toMatchObject({ text: "it has a key: /join den KEY" });
  const again = run(refused("form"), { type: "join", room: "attic", origin: "form" });
  expect(again.joinProblem).toBe("");
});

test("leaving a room drops its messages and shows the next; private messages stay", () => {
  const state = hear(
    run(inThree, { type: "show-room", room: "den" }),
    message("Bob", "public", 1, { room: "den" }),
    privately("Bob", "secret"),
  );
  const left = hear(state, { type: "parted", room: "den" });
  expect(left.shown).toBe("attic");
  expect(texts(left)).toEqual(["secret", "You are no longer in den"]);
  const none = hear(
    left,
    { type: "parted", room: "attic" },
    { type: "parted", room: "lobby", by: "Bob", text: "too loud" },
  );
  expect(texts(none)).toContain("Bob has removed you from lobby: too loud");
  expect(none).toMatchObject({ shown: undefined, rooms: [] });
  expect(texts(none)).toContain("secret");
});

test("one's own absence is confirmed by the answer alone, that of others is shown", () => {
  const events = ["Ann", "Bob"].map((name): SessionEvent => ({
    type: "away",
    room: "lobby",
    name,
    text: "tea",
  }));
  expect(notices(hear(inLobby, ...events)).join("\n")).toContain("Bob is away: tea");
  expect(notices(hear(inLobby, ...events)).join("\n")).not.toContain("Ann");
});

test("text and recipients are kept per room", () => {
  const chosen = run(
    inThree,
    { type: "choose-recipients", to: ["Bob"] },
    { type: "draft", text: "half a sen" },
    { type: "show-room", room: "den" },
  );
  expect(currentDraft(chosen)).toEqual(emptyDraft);
  const back = run(chosen, { type: "show-room", room: "lobby" });
  expect(currentDraft(back)).toMatchObject({ text: "half a sen", recipients: ["Bob"] });
});

test("a private chat goes through its states, whoever invites", () => {
  const chat = (state: State, change: "asked" | "invited" | "started" | "left" | "busy"): State =>
    hear(state, { type: "chat", state: change, with: "Bob" });
  expect(chat(crowd, "invited").chat).toEqual({ ...noChat, invitedBy: "Bob" });
  expect(chat(crowd, "started").chat).toEqual({ ...noChat, partner: "Bob" });
  expect(chat(chat(crowd, "started"), "left").chat).toEqual(noChat);
  expect(chat(chat(crowd, "asked"), "busy").chat).toEqual(noChat);
  // A partner who shares no room.
  const renamed = hear(chat(crowd, "started"), {
    type: "renamed",
    room: undefined,
    from: "Bob",
    to: "Rob",
  });
  expect(renamed.chat).toEqual({ ...noChat, partner: "Rob" });
  // What was being written to them is still for them.
  const writing = run(chat(crowd, "started"), { type: "draft", text: "half a sen" });
  const written = hear(writing, { type: "renamed", room: "lobby", from: "Bob", to: "Rob" });
  expect(currentDraft(written).writtenTo).toBe("Rob");
});

test("the result of the user's own invitation does not affect another user's", () => {
  const invited = hear(crowd, { type: "chat", state: "invited", with: "Bob" });
  for (const state of ["busy", "rejected", "left", "lost"] as const) {
    const asking = hear(invited, { type: "chat", state: "asked", with: "ann2" });
    expect(asking.chat).toEqual({ partner: undefined, asked: "ann2", invitedBy: "Bob" });
    const answered = hear(asking, { type: "chat", state, with: "ann2" });
    expect(answered.chat).toEqual({ ...noChat, invitedBy: "Bob" });
  }
});

function history(roomName: string, ...seqs: readonly number[]): SessionEvent {
  const messages = seqs.map((seq) => ({ seq, timeMs: nowMs + seq, from: "Bob", text: `#${seq}` }));
  return { type: "response", ref: 1, response: { type: "history", room: roomName, messages } };
}

test("history goes to its room; earlier messages can be loaded until the server has none", () => {
  const loaded = hear(inThree, history("den", 5, 6));
  expect(texts(loaded, "den")).toEqual(["#5", "#6"]);
  expect(texts(loaded, "lobby")).toEqual([]);
  expect(unreadTotal(loaded)).toBe(0);
  expect(hasEarlier(loaded, room(loaded, "den"))).toBe(true);
  expect(hasEarlier(loaded, room(loaded, "lobby"))).toBe(false);
  const more = hear(loaded, history("den", 3, 4));
  expect(hasEarlier(more, room(more, "den"))).toBe(true);
  // The server keeps nothing before 3.
  const all = hear(more, history("den"));
  expect(hasEarlier(all, room(all, "den"))).toBe(false);
});

function numbered(state: State): string[] {
  return texts(state, "den").filter((text) => text.startsWith("#"));
}

test("a new session of the same user leaves no gap between what it shows and what it has loaded", () => {
  const before = hear(inThree, history("den", 1, 2, 3));
  const again = run(before, { type: "disconnect", nowMs }, connect("den"));
  const far = hear(again, history("den", 7, 8));
  expect(numbered(far)).toEqual(["#7", "#8"]);
  expect(hasEarlier(far, room(far, "den"))).toBe(true);
  const whole = hear(far, history("den", 4, 5, 6), history("den", 1, 2, 3));
  expect(numbered(whole)).toEqual(["#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8"]);
  const near = hear(again, history("den", 4, 5));
  expect(numbered(near)).toEqual(["#1", "#2", "#3", "#4", "#5"]);
  expect(numbered(hear(again, history("den", 2, 3)))).toEqual(["#1", "#2", "#3"]);
});

test("the same page of history twice does not look like the beginning of the room", () => {
  const loaded = hear(inThree, history("den", 5, 6));
  // Somebody has clicked twice before the answer.
  const twice = hear(loaded, history("den", 3, 4), history("den", 3, 4));
  expect(texts(twice, "den")).toEqual(["#3", "#4", "#5", "#6"]);
  expect(hasEarlier(twice, room(twice, "den"))).toBe(true);
});

test("a page of history that only ignored people wrote is not the beginning of the room", () => {
  const loaded = hear(inThree, history("den", 5, 6));
  const response = { type: "history", room: "den", messages: [], oldest: 3 } as const;
  const ignored = hear(loaded, { type: "response", ref: 1, response });
  expect(hasEarlier(ignored, room(ignored, "den"))).toBe(true);
});

test("a deleted message looks the same in history as when it is deleted, and mentions nobody", () => {
  const secret = "Ann, a secret";
  const live = hear(inThree, message("Bob", secret, 1), { type: "deleted", room: "lobby", seq: 1 });
  const past = { seq: 1, timeMs: nowMs, from: "Bob", text: deletedText, deleted: true };
  const later = hear(inThree, {
    type: "response",
    ref: 1,
    response: { type: "history", room: "lobby", messages: [past] },
  });
  const gone = { text: deletedText, isDeleted: true, mentionsMe: false };
  expect(live.log.entries.at(-1)).toMatchObject(gone);
  expect(later.log.entries.at(-1)).toMatchObject(gone);
});

test("a mention that is deleted before it is read no longer counts", () => {
  const inDen = { room: "den" };
  const read = hear(
    run(inThree, { type: "show-room", room: "den" }),
    message("Bob", "Ann, read", 1, inDen),
  );
  const heard = hear(
    run(read, { type: "show-room", room: "lobby" }),
    message("Bob", "Ann, a secret", 2, inDen),
    message("Bob", "Ann, lunch", 3, inDen),
    message("Bob", "nothing", 4, inDen),
  );
  const after = (...seqs: number[]) => {
    const gone = seqs.map((seq): SessionEvent => ({ type: "deleted", room: "den", seq }));
    const { unread, mentions } = room(hear(heard, ...gone), "den");
    return [unread, mentions];
  };
  expect(after()).toEqual([3, 2]);
  expect(after(2)).toEqual([3, 1]);
  // Twice, one that is no mention, one that was read.
  expect(after(2, 2, 4, 1)).toEqual([3, 1]);
  expect(after(3, 2)).toEqual([3, 0]);
});

test("what the user has sent to people from another tab is shown like one's own", () => {
  const copied = {
    type: "copied",
    mail: 1,
    timeMs: nowMs,
    to: ["Bob"],
    text: "psst",
    replayed: false,
  } as const;
  const away = run(inThree, { type: "away", isAway: true });
  const shown = hear(away, copied, { ...copied, text: "", sealed: { key: "k", boxes: [] } });
  expect(shown.log.entries).toMatchObject([
    { text: "psst", from: "Ann", mine: true, to: ["Bob"], delivery: "sent" },
  ]);
  expect(shown.unreadPrivate).toBe(0);
});

test("a message that is deleted is no longer found", () => {
  const search = {
    room: "lobby",
    text: "secret",
    phase: "new",
    found: [],
    isPart: false,
    problem: "",
  };
  const asked = run(inThree, { type: "search", search: { ...search, phase: "asking" } });
  const found = [1, 2].map((seq) => ({ seq, timeMs: nowMs, from: "Bob", text: "secret" }));
  const shown = run(asked, { type: "found", found, isPart: false, isDone: true });
  const left = hear(shown, { type: "deleted", room: "lobby", seq: 1 });
  expect(left.search?.found.map(({ seq }) => seq)).toEqual([2]);
});

test("another user on the same page sees nothing of the previous one", () => {
  const over = run(hear(crowd, privately("Bob", "secret")), { type: "disconnect", nowMs });
  const same = run(over, connect("lobby"));
  expect(texts(same)).toContain("secret");
  const other = run(over, {
    type: "connect",
    name: "Eve",
    rooms: [{ ...stored("lobby"), text: "dear Bob", recipients: ["Bob"] }],
    shown: undefined,
  });
  expect(other.log.entries).toEqual([]);
  expect(currentDraft(other)).toEqual(emptyDraft);
});

test("a session that continues after a reload has its rooms, counts and drafts", () => {
  const draft = { text: "half a sen", recipients: ["Bob"], writtenTo: undefined };
  const rooms = [stored("lobby"), { name: "den", unread: 7, mentions: 2, ...draft }];
  const resuming = run(
    initialState,
    { type: "restore", messages: [] },
    { type: "connect", name: "Ann", rooms, shown: "den" },
  );
  expect(resuming).toMatchObject({ isLoginShown: false, phase: "connecting" });
  const resumed = hear(resuming, online("lobby", "den"));
  expect(resumed.shown).toBe("den");
  expect(room(resumed, "den")).toMatchObject({ unread: 7, mentions: 2 });
  expect(currentDraft(resumed)).toEqual(draft);
});

test("joinable rooms are those on the server that the user is not in, the busiest first", () => {
  const rooms = [
    { room: "lobby", members: 9 },
    { room: "Garden", members: 1 },
    { room: "den", members: 4 },
    { room: "cellar", members: 1 },
  ];
  const known = run(inLobby, { type: "directory", rooms, isFirst: true });
  const found = (query: string): string[] => joinableRooms(known, query).map(({ room }) => room);
  expect(found("")).toEqual(["den", "cellar", "Garden"]);
  expect(found("DEN")).toEqual(["den", "Garden"]);
  expect(found("nowhere")).toEqual([]);
});

function file(name: string): FileEntry {
  return { name, sizeBytes: 1, modifiedMs: nowMs };
}

test("pages of the file list are combined, and names are only names", () => {
  const [a, b] = [file("a"), file("constructor")];
  const first = run(
    initialState,
    { type: "files-loading" },
    { type: "files", files: [a], next: "a", isFirst: true },
  );
  const both = run(first, { type: "files", files: [b], next: undefined, isFirst: false });
  expect(both.listing).toMatchObject({ files: [a, b], next: undefined, phase: "loaded" });
  expect(both.downloads.get("constructor")).toBeUndefined();
  const failed = run(both, { type: "files-failed", problem: "no" });
  expect(failed.listing).toMatchObject({ files: [a, b], problem: "no" });
});
