// Runs the page's session: passes its events to the reducer, requests the data that the page shows,
// and stores what a reload needs. Needs no DOM elements.

import { secretText } from "../secrets.ts";
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
import { message as limits, names } from "../limits.ts";
import type { MessageKind } from "../protocol/messages.ts";
import { applyIgnore } from "../client/apply-ignore.ts";
import type { IgnoreLine } from "../client/slash-commands.ts";
import { harmlessLines } from "../text.ts";
import { changedIgnored, loadIgnored, storeIgnored } from "./ignored-storage.ts";
import { HistoryFinder } from "./history-finder.ts";
import { hasCipher } from "./handover/chunk-cipher.ts";
import { type OfferPort, offerPort } from "./handover/offer-port.ts";
import { OwnRequests } from "./own-requests.ts";
import type { PageHandover } from "./handover/page-handover.ts";
import type { RoomUploads } from "./room-uploads.ts";
import { RoomLoader } from "./room-loader.ts";
import { clearStored, store, type StoredSession } from "./session-storage.ts";
import {
  type Action,
  currentDraft,
  emptyDraft,
  isSameName,
  type Origin,
  roomNamed,
  type SentMessage,
  type State,
} from "./state.ts";
import { WebSocketDriver } from "./websocket-driver.ts";

export type Login = {
  name: string;
  rooms: readonly string[];
  /** Undefined: no password was requested. */
  password?: string | undefined;
  /** A password or a pass, if the server requires one; otherwise empty. */
  accessWord: string;
};

const noNames: ReadonlySet<string> = new Set();

export class SessionController {
  readonly #dispatch: (action: Action) => void;
  readonly #state: () => State;
  readonly #onEvents: (events: readonly SessionEvent[]) => void;
  #session: ClientSession | undefined;
  #driver: WebSocketDriver | undefined;
  #secret = "";
  #token: string | undefined;
  /** Kept only in memory: storage must not grant access a second time. */
  #accessWord = "";
  /** Epoch of the server's log that the page's sequence numbers refer to. */
  #epoch: string | undefined;
  /** The session has not been online yet. */
  #isFresh = true;
  /** Searches, and shows the results. */
  readonly finder: HistoryFinder;
  readonly #loader: RoomLoader;
  /** For files from person to person. */
  readonly offers: OfferPort = offerPort(
    () => this.#session,
    () => this.#driver,
  );
  /** Requests whose answers are not shown. */
  readonly own = new OwnRequests((request) => this.#request(request));
  /** Handles the session's events about them. */
  handover: Pick<PageHandover, "handle" | "disconnect"> | undefined;
  /** Files on their way to rooms, which are this user's. */
  uploads: Pick<RoomUploads, "disconnect"> | undefined;

  /** `onEvents` gets the session's events after the reducer has applied them. */
  constructor(
    dispatch: (action: Action) => void,
    state: () => State,
    onEvents: (events: readonly SessionEvent[]) => void,
  ) {
    this.#dispatch = dispatch;
    this.#state = state;
    this.#onEvents = onEvents;
    const request = (request: SessionRequest) => this.#request(request);
    const notice = (text: string): void => this.notice(text);
    this.#loader = new RoomLoader({
      state,
      dispatch,
      request,
      notice,
      historyFailed: (room) => this.finder.handleFailed(room),
    });
    this.finder = new HistoryFinder({
      state,
      dispatch,
      request,
      loadHistory: (room, before) => this.#loader.loadHistory(room, before),
      show: (room) => this.show(room),
      notice,
    });
    addEventListener("pagehide", () => this.#store());
    // Phones may kill a hidden page without `pagehide`.
    document.addEventListener("visibilitychange", () => this.#store());
    addEventListener("online", () => this.#driver?.checkAlive());
  }

  /** Starts a session, unless the name or a room is malformed. */
  login({ name, rooms, password, accessWord }: Login): void {
    // Only the server knows which names are reserved.
    const badName = nameProblem(name, noNames);
    const badRoom = rooms.map(roomProblem).find((problem) => problem !== undefined);
    if (badName !== undefined) return this.#refuseLogin("name", badName);
    if (badRoom !== undefined) return this.#refuseLogin("rooms", badRoom);
    const most = names.maxRoomsPerSession;
    if (rooms.length > most) {
      return this.#refuseLogin("rooms", `You can be in at most ${most} rooms, not ${rooms.length}`);
    }
    const { drafts } = this.#state();
    const wanted = rooms.map((room) => {
      const draft = drafts.get(room) ?? emptyDraft;
      return { name: room, unread: 0, mentions: 0, ...draft };
    });
    const secret = secretText(16);
    this.#accessWord = accessWord;
    const fresh = { shown: undefined, since: undefined, messages: [], token: undefined };
    this.#start({ name, secret, rooms: wanted, ...fresh }, password);
  }

  /** Continues the session from before a reload. */
  resume(stored: StoredSession): void {
    this.#dispatch({ type: "restore", messages: stored.messages });
    this.#start(stored);
  }

  disconnect(): void {
    this.handover?.disconnect();
    this.uploads?.disconnect();
    const session = this.#session;
    this.#session = undefined;
    session?.leave();
    this.#driver?.step();
    this.own.handleOver();
    clearStored();
    this.#dispatch({ type: "disconnect", nowMs: Date.now() });
  }

  /**
   * Sends a line to the partner, the chosen recipients or the current room. Returns the reason if
   * that is impossible.
   */
  say(text: string, manner?: MessageKind): string | undefined {
    const { shown, chat } = this.#state();
    const { recipients } = currentDraft(this.#state());
    if (chat.partner !== undefined) {
      return this.#send({ room: undefined, to: [chat.partner], text, manner }, (session) =>
        session.sayToPartner(text, manner),
      );
    }
    if (recipients.length > 0) return this.tell(recipients, text, manner);
    if (shown === undefined) return "You are not in a room. Join one first.";
    return this.#send({ room: shown, to: undefined, text, manner }, (session) =>
      session.say(shown, text, manner),
    );
  }

  tell(to: readonly string[], text: string, manner?: MessageKind): string | undefined {
    return this.#send({ room: undefined, to, text, manner }, (session) =>
      session.tell(to, text, { kind: manner }),
    );
  }

  /** Joins a room, or shows it if already joined. Returns the reason if that is impossible. */
  join(room: string, origin: Origin, key?: string): string | undefined {
    const known = roomNamed(this.#state(), room);
    if (known !== undefined) {
      this.show(known.name);
      return undefined;
    }
    const problem = roomProblem(room) ?? this.#offlineProblem();
    if (problem !== undefined) return problem;
    this.#dispatch({ type: "join", room, origin });
    this.#session?.join(room, key);
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

  /** Returns the request's ref; undefined while offline. */
  rename(name: string): number | undefined {
    return this.#request({ type: "rename", name });
  }

  /**
   * Registers the name with a password, or changes the password. Returns the ref; undefined:
   * offline.
   */
  choosePassword(purpose: "register" | "change", password: string): number | undefined {
    return this.#request(
      purpose === "register"
        ? { type: "register", label: "", password, remember: true }
        : { type: "set-password", password, remember: true },
    );
  }

  /** Returns the reason if that is impossible. */
  dropPassword(): string | undefined {
    return this.#request({ type: "set-password" }) === undefined
      ? this.#offlineProblem()
      : undefined;
  }

  /** Sends a request about the devices of the name. Returns the reason if that is impossible. */
  devices(request: { type: "devices" | "device-code" } | { type: "revoke"; key: string }) {
    return this.#request(request) === undefined ? this.#offlineProblem() : undefined;
  }

  /** Returns the reason if the request can't be sent. */
  chat(request: ChatRequest): string | undefined {
    return this.#request(request) === undefined ? this.#offlineProblem() : undefined;
  }

  /** Ignores a user, or stops ignoring them. Returns the message to show. */
  ignore(command: IgnoreLine): string {
    if (this.#session === undefined) return "You are offline.";
    return `${applyIgnore(command, this.#session, storeIgnored)}.`;
  }

  /** Another tab of this browser has changed the stored list. */
  ignoredElsewhere(before: string | null, now: string | null): void {
    const { added, removed } = changedIgnored(before, now);
    for (const name of removed) this.#session?.ignored.remove(name);
    for (const name of added) this.#session?.ignored.add(name);
  }

  /** Sends an operator's command. Returns the reason if that is impossible. */
  order(command: string): string | undefined {
    const ref = this.#request({ type: "admin", command });
    return ref === undefined ? this.#offlineProblem() : undefined;
  }

  /** Adds a notice to the current room. */
  notice(text: string): void {
    this.#dispatch({ type: "notice", text, nowMs: Date.now() });
  }

  motd(): string {
    return harmlessLines(this.#session?.motd ?? "");
  }

  /** Shows known facts about a user. Returns the reason if that is impossible. */
  whois(name: string): string | undefined {
    return this.#loader.whois(name) ? undefined : this.#offlineProblem();
  }

  loadEarlier(): void {
    this.#loader.loadEarlier();
  }

  /**
   * Refreshes the list of the server's rooms. With `isShown` the result is also shown as a notice.
   */
  loadDirectory(isShown = false): void {
    this.#loader.loadDirectory(isShown, performance.now());
  }

  #start(stored: StoredSession, password?: string): void {
    this.#session?.leave();
    this.#driver?.step();
    const { name, secret, rooms, since, token } = stored;
    if (!isSameName(name, this.#state().name)) this.uploads?.disconnect();
    this.#secret = secret;
    this.#token = token;
    this.#isFresh = true;
    this.#loader.handleStart();
    this.finder.handleStart();
    const options: SessionOptions = {
      name,
      rooms: rooms.map((room) => room.name),
      secret,
      // The server also accepts it as a pass.
      access: this.#accessWord === "" ? {} : { serverPassword: this.#accessWord },
      ignored: loadIgnored(),
      takesFiles: hasCipher,
      random: Math.random,
      ...(since !== undefined && { since }),
      ...(token !== undefined && { proof: { token } }),
      ...(password !== undefined && { proof: { password, remember: true } }),
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
      // Before the session's next events, which may confirm it.
      const shown = { ...message, text: harmlessLines(message.text), id };
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

  #handle(all: readonly SessionEvent[]): void {
    // Frames of files arrive by the thousand, and change nothing else.
    const events = all.filter(
      (event) => this.handover?.handle(event) !== true && !this.own.handle(event),
    );
    if (events.length === 0) return;
    for (const event of events) this.#handleOne(event);
    this.#loadShown();
    if (events.some(({ type }) => type === "online" || type === "entered" || type === "parted")) {
      this.#store();
    }
    this.#onEvents(events);
  }

  #handleOne(event: SessionEvent): void {
    // After a reload there is no interruption to report.
    if (event.type === "reconnected" && this.#isFresh) {
      this.#isFresh = false;
      return;
    }
    if (event.type === "online") {
      this.#compareEpoch();
      if (event.access !== undefined) allowFiles(event.access, this.#driver?.server);
    }
    if (event.type === "error" && this.finder.handleError(event)) return;
    if (event.type === "deleted") this.finder.handleDeleted(event);
    if (event.type === "error" && this.#loader.handleError(event)) return;
    this.#dispatch({ type: "session-event", event, nowMs: Date.now() });
    switch (event.type) {
      case "online":
        this.#loader.handleOnline();
        // The private chat may have ended with the old connection.
        if (this.#session?.partner === undefined) this.#dispatch({ type: "chat-ended" });
        return;
      case "offline":
        this.#isFresh = false;
        return;
      case "token":
        this.#token = event.token;
        return this.#store();
      case "parted":
        return this.#loader.handleParted(event.room);
      case "response":
        return this.#responded(event.ref, event.response);
      case "ended":
        clearStored();
        this.#session = undefined;
        this.own.handleOver();
    }
  }

  /** A new epoch means a new log at the server: the page's sequence numbers are obsolete. */
  #compareEpoch(): void {
    const epoch = this.#session?.position?.epoch;
    if (this.#epoch !== undefined && epoch !== this.#epoch) {
      this.#dispatch({ type: "epoch-changed" });
    }
    this.#epoch = epoch;
  }

  #loadShown(): void {
    if (this.#session?.online === true) this.#loader.loadShown();
  }

  #responded(ref: number, response: SessionResponse): void {
    if (this.#loader.handleResponse(ref, response)) return;
    if (this.finder.handleResponse(ref, response)) return;
    if (response.type === "history") this.finder.handleHistory(response.room);
  }

  #store(): void {
    const session = this.#session;
    if (session?.name === undefined) return;
    const { rooms, drafts, shown, log } = this.#state();
    const stored = rooms.map(({ name, unread, mentions }) => {
      const draft = drafts.get(name) ?? emptyDraft;
      return { name, unread, mentions, ...draft };
    });
    const { name, position: since } = session;
    const token = this.#token;
    store({ name, secret: this.#secret, token, rooms: stored, shown, since }, log);
  }
}

function unsayable(reason: Unsayable, session: ClientSession | undefined): string {
  switch (reason) {
    case "too-many-lines":
      return `A message can have at most ${limits.maxTextLines} lines.`;
    case "too-long":
      return `A message can have at most ${session?.textChars ?? 0} characters.`;
    case "queue-full":
      return "Too many messages are waiting for the connection. Try again in a moment.";
    case "ended":
      return "You are not connected.";
    case "no-recipient":
      return "Choose at least one recipient.";
    case "not-in-room":
      return "You are no longer in this room.";
    case "no-partner":
      return "The private chat is over.";
  }
}

/**
 * Grants access to downloads and lists of files while the session lasts. They, and uploads, go to
 * the same `server` as the session.
 */
function allowFiles(access: string, server = ""): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `parley_access=${access}; Path=/files; SameSite=Strict${secure}`;
  const age = server === "" ? "; Max-Age=0" : "";
  for (const path of ["/files", "/uploads"]) {
    document.cookie = `parley_at=${server}; Path=${path}; SameSite=Strict${age}${secure}`;
  }
}
