// Between the page and its session: runs one session at a time, gives its events to the reducer, requests what the page has to
// show, and keeps what a reload needs. Knows no DOM element.

import { nameProblem, roomProblem } from "../chat/names/grammar.ts";
import type {
  ChatRequest,
  SessionEvent,
  SessionOptions,
  SessionRequest,
  SessionResponse,
  Unsayable,
} from "../client/events.ts";
import { ClientSession } from "../client/session.ts";
import { harmless } from "../text.ts";
import { directoryText } from "./command-output.ts";
import { oldestSeq } from "./message-log.ts";
import { clearStored, newSecret, store, type StoredSession } from "./session-storage.ts";
import {
  type Action,
  maxPeople,
  type Origin,
  roomNamed,
  type SentMessage,
  type State,
} from "./state.ts";
import { WebSocketDriver } from "./websocket-driver.ts";

/** Messages of the past in one request. */
const historyMessages = 200;
/** A list of rooms that is older than this is requested again when it is needed. */
const directoryMs = 10_000;
/** Pages of the list of rooms at most. */
const maxDirectoryPages = 4;

export type Login = { name: string; rooms: readonly string[] };

/** What a response is for. */
type Pending =
  | { type: "people"; room: string; known: number }
  | { type: "history"; room: string }
  | { type: "directory"; page: number; isShown: boolean };

const noNames: ReadonlySet<string> = new Set();

export class SessionController {
  readonly #dispatch: (action: Action) => void;
  readonly #state: () => State;
  readonly #onEvents: (events: readonly SessionEvent[]) => void;
  #session: ClientSession | undefined;
  #driver: WebSocketDriver | undefined;
  #secret = "";
  /** Of the log that the page's numbers are from. */
  #epoch: string | undefined;
  /** Not online yet since `#start`: the page has nothing of this session. */
  #isFresh = true;
  #pending = new Map<number, Pending>();
  /** Rooms whose people or history have been requested: the lists are good for one connection, the history for one session. */
  #listed = new Set<string>();
  #recalled = new Set<string>();
  #directoryAtMs = Number.NEGATIVE_INFINITY;

  /** `onEvents` hears of the session's events after the reducer has. */
  constructor(
    dispatch: (action: Action) => void,
    state: () => State,
    onEvents: (events: readonly SessionEvent[]) => void,
  ) {
    this.#dispatch = dispatch;
    this.#state = state;
    this.#onEvents = onEvents;
    addEventListener("pagehide", () => this.#store());
    // A phone may end a hidden page without another word.
    document.addEventListener("visibilitychange", () => this.#store());
    addEventListener("online", () => this.#driver?.wake());
  }

  /** Starts a session, if name and rooms can be such. */
  login({ name, rooms }: Login): void {
    // Which names are reserved the server knows.
    const badName = nameProblem(name, noNames);
    const badRoom = rooms.map(roomProblem).find((problem) => problem !== undefined);
    if (badName !== undefined) return this.#refuseLogin("name", badName);
    if (badRoom !== undefined) return this.#refuseLogin("rooms", badRoom);
    const known = (room: string) => roomNamed(this.#state(), room);
    const entered = rooms.map((room) => ({
      name: room,
      unread: 0,
      mentions: 0,
      draft: known(room)?.draft ?? "",
    }));
    const secret = newSecret();
    this.#start({ name, secret, rooms: entered, shown: undefined, since: undefined, messages: [] });
  }

  /** Goes on with the session of a page that was reloaded. */
  resume(stored: StoredSession): void {
    this.#dispatch({ type: "restore", messages: stored.messages });
    this.#start(stored);
  }

  disconnect(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.leave();
    this.#driver?.step();
    clearStored();
    this.#dispatch({ type: "disconnect", nowMs: Date.now() });
  }

  /** Sends a line to the partner, the chosen recipients or the room that is shown. Returns why it can't be sent, or nothing. */
  say(text: string): string | undefined {
    const { recipients, shown, chat } = this.#state();
    if (chat.partner !== undefined) {
      return this.#send({ room: undefined, to: [chat.partner], text }, (session) =>
        session.sayToPartner(text),
      );
    }
    if (recipients.length > 0) return this.tell(recipients, text);
    if (shown === undefined) return "You are in no room. Join one first.";
    return this.#send({ room: shown, to: undefined, text }, (session) => session.say(shown, text));
  }

  tell(to: readonly string[], text: string): string | undefined {
    return this.#send({ room: undefined, to, text }, (session) => session.tell(to, text));
  }

  /** Joins a room, or shows it if we are in it. Returns why it can't be joined, or nothing. */
  join(room: string, origin: Origin): string | undefined {
    const known = roomNamed(this.#state(), room);
    if (known !== undefined) {
      this.show(known.name);
      return undefined;
    }
    const problem = roomProblem(room) ?? this.#offlineProblem();
    if (problem !== undefined) return problem;
    this.#dispatch({ type: "join", room, origin });
    this.#session?.join(room);
    this.#driver?.step();
    return undefined;
  }

  part(room: string): void {
    this.#session?.part(room);
    this.#driver?.step();
  }

  show(room: string): void {
    this.#dispatch({ type: "show-room", room });
    this.#loadShown();
  }

  /** Undefined: it could not be requested. */
  rename(name: string): number | undefined {
    return this.#request({ type: "rename", name });
  }

  /** Returns why it could not be requested, or nothing. */
  chat(request: ChatRequest): string | undefined {
    return this.#request(request) === undefined ? this.#offlineProblem() : undefined;
  }

  /** A line for this user alone, in the room that is shown. */
  notice(text: string): void {
    this.#dispatch({ type: "notice", text, nowMs: Date.now() });
  }

  loadEarlier(): void {
    const { shown, log } = this.#state();
    if (shown !== undefined) this.#requestHistory(shown, oldestSeq(log, shown));
  }

  /** Brings the list of the server's rooms up to date; `isShown`: as a notice, too. */
  loadDirectory(isShown = false): void {
    const nowMs = performance.now();
    if (!isShown && nowMs - this.#directoryAtMs < directoryMs) return;
    if (this.#requestDirectory(1, isShown)) this.#directoryAtMs = nowMs;
  }

  #start(stored: StoredSession): void {
    this.#session?.leave();
    this.#driver?.step();
    const { name, secret, rooms, since } = stored;
    this.#secret = secret;
    this.#isFresh = true;
    this.#recalled.clear();
    const options: SessionOptions = {
      name,
      rooms: rooms.map((room) => room.name),
      secret,
      random: Math.random,
      ...(since !== undefined && { since }),
    };
    const session = new ClientSession(options);
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
    this.#dispatch({ type: "connect", name, rooms, shown: stored.shown });
    this.#session = session;
    const driver = new WebSocketDriver(session, url, (events) => {
      if (this.#session === session) this.#handle(events);
    });
    this.#driver = driver;
    driver.start();
  }

  #refuseLogin(field: "name" | "rooms", text: string): void {
    this.#dispatch({ type: "login-problem", problem: { field, text } });
  }

  #send(
    message: Omit<SentMessage, "id">,
    send: (session: ClientSession) => number | Unsayable,
  ): string | undefined {
    const session = this.#session;
    if (session === undefined) return unsayable("ended", undefined);
    const id = send(session);
    if (typeof id === "number") {
      // Shown at once, before the session's next events.
      const shown = { ...message, text: harmless(message.text), id };
      this.#dispatch({ type: "sent", message: shown, nowMs: Date.now() });
    }
    this.#driver?.step();
    return typeof id === "number" ? undefined : unsayable(id, session);
  }

  #request(request: SessionRequest): number | undefined {
    const ref = this.#session?.request(request);
    this.#driver?.step();
    return ref;
  }

  #offlineProblem(): string | undefined {
    if (this.#session?.online === true) return undefined;
    return "You are offline. Try again once you are connected.";
  }

  #handle(events: readonly SessionEvent[]): void {
    for (const event of events) this.#handleOne(event);
    this.#loadShown();
    if (events.some(({ type }) => type === "online" || type === "entered" || type === "parted")) {
      this.#store();
    }
    this.#onEvents(events);
  }

  #handleOne(event: SessionEvent): void {
    // A page that was reloaded has not been away: nobody needs to be told.
    if (event.type === "reconnected" && this.#isFresh) {
      this.#isFresh = false;
      return;
    }
    if (event.type === "online") this.#compareEpoch();
    if (event.type === "error" && this.#isOwnRequestLost(event)) return;
    this.#dispatch({ type: "session-event", event, nowMs: Date.now() });
    switch (event.type) {
      case "online":
        this.#pending.clear();
        this.#listed.clear();
        // A private chat may have ended with the connection; the session knows.
        if (this.#session?.partner === undefined) this.#dispatch({ type: "chat-ended" });
        return;
      case "offline":
        this.#isFresh = false;
        return;
      case "parted":
        this.#listed.delete(event.room);
        this.#recalled.delete(event.room);
        return;
      case "response":
        return this.#responded(event.ref, event.response);
      case "ended":
        clearStored();
        this.#session = undefined;
    }
  }

  /** Another epoch: what is on the page carries numbers of a log that is gone. */
  #compareEpoch(): void {
    const epoch = this.#session?.position?.epoch;
    if (this.#epoch !== undefined && epoch !== this.#epoch) {
      this.#dispatch({ type: "epoch-changed" });
    }
    this.#epoch = epoch;
  }

  /** Requests what the room that is shown lacks. */
  #loadShown(): void {
    const { shown } = this.#state();
    if (shown === undefined || this.#session?.online !== true) return;
    if (!this.#listed.has(shown)) this.#requestPeople(shown, 0);
    if (!this.#recalled.has(shown)) this.#requestHistory(shown, undefined);
  }

  #requestPeople(room: string, known: number, after?: string): void {
    const ref = this.#request({ type: "who", room, ...(after !== undefined && { after }) });
    if (ref === undefined) return;
    this.#listed.add(room);
    this.#pending.set(ref, { type: "people", room, known });
  }

  #requestHistory(room: string, before: number | undefined): void {
    const request: SessionRequest = { type: "history", room, limit: historyMessages };
    const ref = this.#request(before === undefined ? request : { ...request, before });
    if (ref === undefined) return;
    this.#recalled.add(room);
    this.#pending.set(ref, { type: "history", room });
  }

  #requestDirectory(page: number, isShown: boolean, after?: string): boolean {
    const ref = this.#request({ type: "rooms", ...(after !== undefined && { after }) });
    if (ref !== undefined) this.#pending.set(ref, { type: "directory", page, isShown });
    return ref !== undefined;
  }

  #responded(ref: number, response: SessionResponse): void {
    const pending = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (response.type === "names" && pending?.type === "people") {
      const { room, names, total, next } = response;
      const { known } = pending;
      this.#dispatch({ type: "people", room, names, total, isFirst: known === 0 });
      const listed = known + names.length;
      if (next !== undefined && listed < maxPeople) this.#requestPeople(room, listed, next);
    } else if (response.type === "rooms" && pending?.type === "directory") {
      const { rooms, next } = response;
      const { page, isShown } = pending;
      this.#dispatch({ type: "directory", rooms, isFirst: page === 1 });
      const isMore = next !== undefined && page < maxDirectoryPages;
      if (isMore && this.#requestDirectory(page + 1, isShown, next)) return;
      if (isShown) this.notice(directoryText(this.#state()));
    }
  }

  /** A request of the page itself is gone with its connection: nobody needs to be told, and the next connection makes it again. */
  #isOwnRequestLost({ ref, code }: SessionEvent & { type: "error" }): boolean {
    const pending = ref === undefined ? undefined : this.#pending.get(ref);
    if (ref === undefined || pending === undefined) return false;
    this.#pending.delete(ref);
    if (code !== "cannot-connect") return false;
    if (pending.type === "history") this.#recalled.delete(pending.room);
    return true;
  }

  #store(): void {
    const session = this.#session;
    if (session?.name === undefined) return;
    const { rooms, shown, log } = this.#state();
    const { name, position: since } = session;
    store({ name, secret: this.#secret, rooms, shown, since }, log);
  }
}

function unsayable(reason: Unsayable, session: ClientSession | undefined): string {
  switch (reason) {
    case "too-long":
      return `A message can have at most ${session?.textChars ?? 0} characters.`;
    case "queue-full":
      return "Too many messages are waiting for the connection. Try again in a moment.";
    case "ended":
      return "You are not connected.";
    case "no-recipient":
      return "Choose at least one recipient.";
    case "not-in-room":
      return "You are not in this room any more.";
    case "no-partner":
      return "The private chat is over.";
  }
}
