// The fate of the composer's text: its recipients, and what is never sent by accident. No browser.

import { expect, test } from "bun:test";
import type { CommandTargets } from "../../src/page/command-runner.ts";
import { reduce } from "../../src/page/reducer.ts";
import { type Action, currentDraft, emptyDraft, initialState } from "../../src/page/state.ts";
import { submitDraft } from "../../src/page/submit-draft.ts";

/** The page without its session: requests to the controller are recorded. */
class Page {
  state = initialState;
  readonly done: string[] = [];
  /** Why nothing can be sent. */
  problem: string | undefined;

  constructor() {
    const rooms = [{ name: "lobby", unread: 0, mentions: 0, ...emptyDraft }];
    this.dispatch({ type: "connect", name: "Ann", rooms, shown: "lobby" });
  }

  dispatch(action: Action): void {
    this.state = reduce(this.state, action);
  }

  chat(state: "started" | "left", partner: string): void {
    const event = { type: "chat", state, with: partner } as const;
    this.dispatch({ type: "session-event", event, nowMs: 0 });
  }

  submit(text: string): void {
    this.dispatch({ type: "draft", text });
    this.enter();
  }

  enter(): void {
    const note =
      (what: string) =>
      (...values: readonly unknown[]): undefined =>
        void this.done.push([what, ...values.filter((value) => value !== undefined)].join(" "));
    const controller: CommandTargets["controller"] = {
      say: (text, ...manner) =>
        this.problem === undefined ? note("say")(text, ...manner) : this.problem,
      tell: note("tell"),
      join: note("join"),
      part: note("part"),
      show: note("show"),
      chat: ({ type }) => note(type)(),
      order: note("order"),
      ignore: () => "",
      devices: ({ type }) => note(type)(),
      rename: () => 1,
      notice: note("notice"),
      motd: () => "be kind",
      whois: note("whois"),
      loadEarlier: note("history"),
      dropPassword: note("drop password"),
      loadDirectory: note("rooms"),
      disconnect: note("disconnect"),
    };
    submitDraft({
      controller,
      dispatch: (action) => this.dispatch(action),
      state: () => this.state,
      openFiles: note("files"),
      chooseFilesFor: note("send"),
      download: ({ name }) => note("download")(name),
      search: note("search"),
      openNotifications: note("notifications"),
      askPassword: note("ask password"),
    });
  }

  get draft(): string {
    return currentDraft(this.state).text;
  }
}

test("several lines are one message, after which the composer is empty", () => {
  const page = new Page();
  page.submit("one\n\n  two\n/three");
  expect(page.done).toEqual(["say one\n\n  two\n/three"]);
  expect(page.draft).toBe("");
  expect(page.state.composerProblem).toBe("");
  page.submit(" \n ");
  expect([page.done.length, page.draft]).toEqual([1, ""]);
});

test("tabs in several lines indent as much as in a terminal", () => {
  const page = new Page();
  page.submit("if (a) {\n\tb();\n}");
  page.submit("a\tb");
  expect(page.done).toEqual(["say if (a) {\n    b();\n}", "say a\tb"]);
});

test("unsendable text stays, with the reason", () => {
  const page = new Page();
  page.problem = "too long";
  page.submit("one\ntwo");
  expect(page.draft).toBe("one\ntwo");
  expect(page.state.composerProblem).toBe("too long");
  page.dispatch({ type: "draft", text: "shorter" });
  expect(page.state.composerProblem).toBe("");
});

test("a paste that begins like a command is neither executed nor sent", () => {
  for (const text of ["/quit\nbye", "/join den\n/quit", "/usr/bin\n/usr/lib"]) {
    const page = new Page();
    page.submit(text);
    expect(page.done).toEqual([]);
    expect(page.draft).toBe(text);
    expect(page.state.composerProblem).not.toBe("");
  }
  const page = new Page();
  page.submit("/msg Bob one\ntwo");
  expect(page.done).toEqual(["tell Bob one\ntwo"]);
});

test("commands are executed, and not sent", () => {
  const page = new Page();
  for (const line of ["/join den", "/part", "/msg Bob,Cal hi", "/rooms", "/quit"]) {
    page.submit(line);
  }
  const wanted = ["join den composer", "part lobby", "tell Bob,Cal hi", "rooms true", "disconnect"];
  expect(page.done).toEqual(wanted);
  page.submit("/mee waves");
  expect(page.state.composerProblem).toContain("did you mean /me?");
  page.submit("/verify Bob");
  expect(page.state.composerProblem).toContain("use parley client");
  page.submit("/part nowhere");
  page.submit("/get no.txt");
  expect(page.done).toEqual([...wanted, "files"]);
  expect(page.draft).toBe("/get no.txt");
});

test("emotes, topics, searches and settings", () => {
  const page = new Page();
  const typed = ["/me waves", "/topic", "/topic Tea", "/topic LOBBY off", "/motd", "/motd off"];
  for (const line of [...typed, "/search tea", "/whois Bob", "/notify"]) page.submit(line);
  expect(page.done).toEqual([
    "say waves emote",
    "notice lobby has no topic.",
    "order topic lobby Tea",
    "order topic lobby ",
    "notice be kind",
    "order motd",
    "search tea",
    "whois Bob",
    "notifications",
  ]);
});

test("an emote in a chat that is over does not go to the room", () => {
  const page = new Page();
  page.chat("started", "Bob");
  page.dispatch({ type: "draft", text: "/me winks" });
  page.chat("left", "Bob");
  page.enter();
  expect(page.done).toEqual([]);
});

test("text written to a partner is not sent to the room because the chat has ended", () => {
  const page = new Page();
  page.chat("started", "Bob");
  page.dispatch({ type: "draft", text: "just between us" });
  page.chat("left", "Bob");
  page.dispatch({ type: "draft", text: "just between us two" });
  page.enter();
  expect(page.done).toEqual([]);
  expect(page.draft).toBe("just between us two");
  expect(page.state.composerProblem).toContain("Press Enter again to send this to lobby");
  page.enter();
  expect(page.done).toEqual(["say just between us two"]);
});

test("text that was begun after the chat, or within it, needs no second Enter", () => {
  const page = new Page();
  page.chat("started", "Bob");
  page.submit("in the chat");
  page.chat("left", "Bob");
  page.submit("in the room");
  expect(page.done).toEqual(["say in the chat", "say in the room"]);
});
