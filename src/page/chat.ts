// The page's talk with the server: one session at a time, what it says goes to the reducer, and what the page wants to know is asked.

import type {
  Answer,
  ListedFile,
  Question,
  SessionEvent,
  SessionOptions,
  Unsayable,
} from "../client/events.ts";
import { harmless } from "../text.ts";
import { ClientSession } from "../client/session.ts";
import { Driver } from "./driver.ts";
import { forget, keep, newSecret, type Kept } from "./session-storage.ts";
import { maxFiles, maxPeople, type Action, type State } from "./state.ts";

/** Messages of the past that a newcomer sees, and that "Show earlier" brings. */
const pageMessages = 200;
/** Rooms are counted again this often while somebody looks. */
const roomsMs = 15_000;

export class Chat {
  readonly #dispatch: (action: Action) => void;
  readonly #state: () => State;
  readonly #heard: (events: readonly SessionEvent[]) => void;
  #session: ClientSession | undefined;
  #driver: Driver | undefined;
  #secret = "";
  /** Of the log that the page shows. */
  #epoch: string | undefined;
  /** Not online yet since `connect`: nothing of the past is on the page. */
  #isFresh = true;
  /** Questions whose answers come in pages: how many names came already. */
  #people = new Map<number, number>();

  constructor(
    dispatch: (action: Action) => void,
    state: () => State,
    heard: (events: readonly SessionEvent[]) => void,
  ) {
    this.#dispatch = dispatch;
    this.#state = state;
    this.#heard = heard;
    setInterval(() => !document.hidden && this.ask({ type: "rooms" }), roomsMs);
    addEventListener("pagehide", () => this.#keep());
    // A phone may end a hidden page without another word.
    document.addEventListener("visibilitychange", () => this.#keep());
    addEventListener("online", () => this.#driver?.wake());
  }

  connect(options: Omit<Kept, "secret"> & { secret?: string }): void {
    this.#session?.leave();
    this.#driver?.step();
    this.#secret = options.secret ?? newSecret();
    this.#isFresh = true;
    const { name, room, since } = options;
    const own: SessionOptions = { name, room, secret: this.#secret, random: Math.random };
    const session = new ClientSession(since === undefined ? own : { ...own, since });
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
    this.#dispatch({ type: "connect", name, room });
    this.#session = session;
    const driver = new Driver(session, url, (events) => {
      if (this.#session === session) this.#hear(events);
    });
    this.#driver = driver;
    driver.start();
  }

  disconnect(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.leave();
    this.#driver?.step();
    forget();
    this.#dispatch({ type: "disconnect", nowMs: Date.now() });
  }

  /** Says `text` to whom the page has chosen; it is shown at once. Answers the message's number or why it does not go. */
  send(text: string): number | Unsayable {
    const session = this.#session;
    if (session === undefined) return "ended";
    const { to, chat } = this.#state();
    const { partner } = chat;
    const isChosen = partner === undefined && to.length > 0;
    const id = isChosen ? session.tell(to, text) : session.say(text);
    if (typeof id === "number") {
      const chosen = isChosen ? to : undefined;
      const audience = partner === undefined ? chosen : [partner];
      const shown = harmless(text);
      this.#dispatch({ type: "said", id, text: shown, to: audience, nowMs: Date.now() });
    }
    this.#driver?.step();
    return id;
  }

  ask(question: Question): number | undefined {
    const ref = this.#session?.ask(question);
    this.#driver?.step();
    return ref;
  }

  enter(room: string): void {
    this.#session?.enter(room);
    this.#driver?.step();
  }

  earlier(beforeSeq: number | undefined): void {
    const question: Question = { type: "history", limit: pageMessages };
    this.ask(beforeSeq === undefined ? question : { ...question, before: beforeSeq });
  }

  #hear(events: readonly SessionEvent[]): void {
    for (const event of events) this.#hearOne(event);
    if (events.some(({ type }) => type === "online" || type === "entered")) this.#keep();
    this.#heard(events);
  }

  #hearOne(event: SessionEvent): void {
    // A reloaded page has not been away for anyone to be told of.
    if (event.type === "reconnected" && this.#isFresh) {
      this.#isFresh = false;
      return;
    }
    if (event.type === "online") this.#compareEpoch();
    this.#dispatch({ type: "session", event, nowMs: Date.now() });
    if (event.type === "online") {
      // A private chat ends with the connection; the session knows if this one did not.
      if (this.#session?.partner === undefined) this.#dispatch({ type: "chat-over" });
      this.#arrived(this.#isFresh);
    } else if (event.type === "entered") this.#arrived(true);
    else if (event.type === "answer") this.#answered(event.ref, event.answer);
    else if (event.type === "offline") this.#isFresh = false;
    else if (event.type === "ended") {
      forget();
      this.#session = undefined;
    }
  }

  /** In a room: who is there, and what was said before. */
  #arrived(isNew: boolean): void {
    this.#people.clear();
    this.#askPeople(0);
    this.ask({ type: "rooms" });
    if (isNew) this.earlier(undefined);
  }

  /** Another epoch: what is on the page carries numbers of a log that is gone. */
  #compareEpoch(): void {
    const epoch = this.#session?.resumePoint?.epoch;
    if (this.#epoch !== undefined && epoch !== this.#epoch) this.#dispatch({ type: "new-epoch" });
    this.#epoch = epoch;
  }

  #askPeople(known: number, after?: string): void {
    const ref = this.ask(after === undefined ? { type: "who" } : { type: "who", after });
    if (ref !== undefined) this.#people.set(ref, known);
  }

  #answered(ref: number, answer: Answer): void {
    const known = this.#people.get(ref);
    if (answer.type !== "names" || known === undefined) return;
    this.#people.delete(ref);
    const { names, total, next } = answer;
    this.#dispatch({ type: "people", names, total, isFirst: known === 0 });
    if (next !== undefined && known + names.length < maxPeople) {
      this.#askPeople(known + names.length, next);
    }
  }

  #keep(): void {
    const session = this.#session;
    if (session?.name === undefined) return;
    const { name, room, resumePoint: since } = session;
    const kept = { name, room, secret: this.#secret };
    keep(since === undefined ? kept : { ...kept, since }, this.#state().log.entries);
  }
}

/** The server's files, all pages of the list up to what the page shows. */
export async function listFiles(dispatch: (action: Action) => void): Promise<void> {
  try {
    let after: string | undefined;
    let count = 0;
    do {
      const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
      const response = await fetch(`/files${query}`);
      if (!response.ok) throw new Error(`The list of files can't be had (${response.status}).`);
      const page = (await response.json()) as FilePage;
      const files = page.files.map(toListed);
      dispatch({ type: "files", files, isFirst: after === undefined });
      count += files.length;
      after = page.next;
    } while (after !== undefined && count < maxFiles);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    dispatch({ type: "files-failed", problem });
  }
}

/** The answer of `GET /files` (docs/web.md); it comes from the server that this very page comes from. */
type FilePage = {
  files: readonly { name: string; size: number; modified: number }[];
  next?: string;
};

function toListed(file: FilePage["files"][number]): ListedFile {
  return { name: file.name, sizeBytes: file.size, modifiedMs: file.modified };
}
