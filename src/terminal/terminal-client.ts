// `parley client` on a terminal: keys and session events in, rows above a prompt out. Knows the
// session, but no tty, signal or socket: those are handed in.

import { roomProblem } from "../chat/names/grammar.ts";
import { personNameProblem } from "../dialects/table.ts";
import { endedBy } from "../io/end-signals.ts";
import type {
  ChatRequest,
  NativeSession,
  SessionEvent,
  SessionRequest,
  SessionResponse,
  Unsayable,
} from "../client/events.ts";
import {
  PrivateMessages,
  type SealingDevice,
  type SentPrivate,
} from "../client/private-messages.ts";
import type { ParleyError } from "../errors.ts";
import { history, message, terminal as limits } from "../limits.ts";
import { harmless, lineCount, quoted } from "../text.ts";
import { AwaitedHistory } from "./awaited-history.ts";
import { CompletionSource } from "./completion-source.ts";
import type { Words } from "./completion.ts";
import { applyIgnore } from "./apply-ignore.ts";
import { eventText, unsayableText } from "./event-text.ts";
import type { Key } from "./keys.ts";
import { mentions } from "./mention.ts";
import { NewPassword } from "./new-password.ts";
import { refusal } from "./open-session.ts";
import { type Missed, OpenRooms, type ChatMessage } from "./open-rooms.ts";
import { PendingPrivate } from "./pending-private.ts";
import { PlainPrompt, type PromptLike } from "./plain-terminal.ts";
import { Prompt, type PromptParts } from "./prompt.ts";
import { promptLabel } from "./prompt-label.ts";
import { Requests } from "./requests.ts";
import { responseRows } from "./response-rows.ts";
import { type Completes, helpRows, readTyped, type TypedLine } from "./slash-commands.ts";
import type { Style } from "./style.ts";
import { type Calendar, Transcript } from "./transcript.ts";
import { Typing } from "./typing.ts";
import { countText } from "./units.ts";
import { Verification } from "./verification.ts";

export type TerminalParts = PromptParts & {
  session: NativeSession;
  /** Carries out the session's outputs; call it after every request to the session. */
  applyOutputs: () => void;
  style: Style;
  calendar: Calendar;
  /** This device's public key, if it has one, and somebody's keys as words. */
  key: string | undefined;
  wordsOf: (keys: readonly string[]) => string;
  /** Undefined: private messages are not sealed. */
  sealing?: SealingDevice | undefined;
  /** What this machine is called. */
  device: string;
  /** Suspends the program until it is brought back to the foreground. */
  suspend: () => void;
  /** Keeps the names of people who are ignored; returns why it can't. */
  keepIgnored: (names: readonly string[]) => string | undefined;
  downloads: Downloads;
  /** No prompt: the terminal can't move its cursor. */
  plain?: boolean;
};

/** Fetches one file at a time, and reports through `progress` and `say`. */
export interface Downloads {
  readonly running: boolean;
  start(
    name: string,
    report: { progress: (text: string | undefined) => void; say: (text: string) => void },
  ): void;
  stop(): void;
}

const laterText = "Offline: this is sent once the connection is back";

type Of<T extends SessionEvent["type"]> = Extract<SessionEvent, { type: T }>;

export class TerminalClient {
  readonly #parts: TerminalParts;
  readonly #session: NativeSession;
  readonly #prompt: PromptLike;
  readonly #transcript: Transcript;
  readonly #over = Promise.withResolvers<ParleyError | undefined>();
  readonly #requests: Requests;
  readonly #rooms = new OpenRooms();
  readonly #awaited = new AwaitedHistory();
  readonly #completion = new CompletionSource();
  readonly #pending = new PendingPrivate();
  readonly #newPassword: NewPassword;
  readonly #verification: Verification;
  readonly #private: PrivateMessages;
  readonly #typing: Typing;

  constructor(parts: TerminalParts) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#requests = new Requests(parts.session);
    this.#prompt =
      parts.plain === true
        ? new PlainPrompt(parts)
        : new Prompt({ ...parts, severalLines: true }, (columns) => this.#label(columns));
    this.#transcript = new Transcript(this.#prompt, parts.style, parts.calendar);
    this.#private = new PrivateMessages(parts.session, parts.sealing, {
      deliver: (event) => this.#showPrivate(event),
      sent: (result, message) => this.#handleSent(result, message.text, message),
      note: (text) => this.say(text),
      applyOutputs: parts.applyOutputs,
    });
    this.#verification = new Verification({
      ownKey: parts.key,
      ownName: () => this.#session.name ?? "",
      wordsOf: parts.wordsOf,
      ask: (name) => this.#ask({ type: "keys", name }),
      confirmed: (name, keys) => this.#private.verify(name, keys),
      say: (text) => this.say(text),
    });
    this.#newPassword = new NewPassword(
      (label) => this.#prompt.askSecret(label),
      (text) => this.say(text),
      (password) => this.#ask({ type: "set-password", password }),
    );
    this.#typing = new Typing({
      prompt: this.#prompt,
      now: parts.calendar.now,
      words: (wanted) => this.#words(wanted),
      secret: (edit) => this.#newPassword.takes(edit),
      submit: (line) => this.#run(readTyped(line)),
      stop: () => this.#stopDownload(),
      leave: (how) => this.#over.resolve(how === "end" ? undefined : endedBy("SIGINT")),
      suspend: parts.suspend,
      say: (text) => this.say(text),
      rows: (rows) => this.#transcript.noteRows(rows),
    });
  }

  /** Resolves when the client is done, with the error if there was one. */
  get over(): Promise<ParleyError | undefined> {
    return this.#over.promise;
  }

  keys(keys: readonly Key[]): void {
    for (const key of keys) this.#typing.key(key);
  }

  resize(columns: number, rows: number): void {
    this.#prompt.resize(columns, rows);
  }

  /** Draws the prompt again, after `hide` or after something else used the terminal. */
  draw(): void {
    this.#prompt.draw();
  }

  /** Erases the prompt until `draw`; lines that arrive meanwhile wait. */
  hide(): void {
    this.#prompt.hide();
  }

  /** Prints a line above the prompt. */
  say(text: string): void {
    this.#transcript.note(text);
  }

  /** Resolves when no private message is being sealed or opened. */
  settled(): Promise<void> {
    return this.#private.settled();
  }

  /** The terminal has gone. */
  gone(): void {
    this.#over.resolve(endedBy("SIGHUP"));
  }

  handleEvent(event: SessionEvent): void {
    this.#completion.handleEvent(event);
    this.#pending.handleEvent(event);
    if (this.#private.handleEvent(event)) return;
    switch (event.type) {
      case "online":
        return this.#handleOnline(event);
      case "entered":
        return this.#handleEntered(event.room);
      case "join-failed":
      case "parted":
        return this.#handleLeft(event);
      case "message":
        if (!this.#awaited.hold(event)) this.#show(event);
        return;
      case "private":
      case "token":
        return;
      case "acknowledged":
        return this.#handleAcknowledged(event.id);
      case "response":
        return this.#handleResponse(event.ref, event.response);
      case "error":
        return this.#handleError(event);
      case "ended":
        return this.#over.resolve(
          event.code === "left" ? undefined : refusal(event.code, event.message),
        );
      case "joined":
      case "left":
      case "renamed":
      case "gap":
        if (this.#isRelevant(event)) this.#showEvent(event);
        return;
      case "motd":
        for (const line of event.text.split("\n")) this.say(harmless(line));
        return;
      case "account-changed":
      case "topic":
      case "deleted":
      case "failed":
      case "offline":
      case "reconnected":
      case "chat":
        return this.#showEvent(event);
    }
  }

  #label(columns: number): string {
    const { partner, online } = this.#session;
    const { current, unread } = this.#rooms;
    return promptLabel({ room: current, partner, online, unread }, columns, this.#parts.width);
  }

  /** Asks the server for what is not known yet; the next Tab has it. */
  #words(wanted: Completes | undefined): Words {
    if (wanted === "file") this.#ask({ type: "files" }, false);
    if (wanted === "room") this.#ask({ type: "rooms" }, false);
    return this.#completion.words(this.#session.name ?? "", this.#rooms.current);
  }

  #stopDownload(): boolean {
    const { downloads } = this.#parts;
    const isRunning = downloads.running;
    if (isRunning) downloads.stop();
    return isRunning;
  }

  #run(typed: TypedLine): void {
    switch (typed.do) {
      case "nothing":
        return;
      case "say":
        return this.#say(typed.text);
      case "tell":
        return this.#tell(typed.to, typed.text);
      case "explain":
        return this.say(typed.text);
      case "help":
        return this.#transcript.noteRows(helpRows(this.#prompt.area));
      case "quit":
        return this.#over.resolve(undefined);
      case "get":
        return this.#get(typed.name);
      case "go":
        return this.#goTo(typed.room);
      case "part":
        return this.#part(typed.room);
      case "nick": {
        const { name } = typed;
        const problem = personNameProblem(name);
        return problem === undefined ? this.#ask({ type: "rename", name }) : this.say(problem);
      }
      case "register":
        return this.#ask({ type: "register", label: this.#parts.device });
      case "link":
        return this.#ask({ type: "link", code: typed.name, label: this.#parts.device });
      case "verify":
      case "verified":
      case "accept-key":
        return this.#runOnKeys(typed.do, typed.name);
      case "revoke":
        return this.#ask({ type: "revoke", key: typed.name });
      case "devices":
      case "device-code":
        return this.#ask({ type: typed.do });
      case "drop-password":
        return this.#ask({ type: "set-password" });
      case "set-password":
        if (this.#parts.plain !== true) return this.#newPassword.ask();
        return this.say("TERM=dumb shows what is typed: set a password on another terminal");
      case "invite":
        return this.#requestChat({ type: "invite", to: typed.name });
      case "accept":
      case "reject":
      case "leave":
        return this.#requestChat({ type: typed.do });
      case "who":
        return this.#askAbout(typed.room, (room) => ({ type: "who", room }));
      case "history":
        return this.#askAbout(undefined, (room) => ({ type: "history", room, limit: typed.limit }));
      case "rooms":
      case "files":
        return this.#ask({ type: typed.do });
      default:
        return this.#moderate(typed);
    }
  }

  #moderate(typed: Extract<TypedLine, { do: "ignore" | "unignore" | "order" }>): void {
    if (typed.do === "order") return this.#ask({ type: "admin", command: typed.command });
    this.say(applyIgnore(typed, this.#session.ignored, this.#parts.keepIgnored));
  }

  #runOnKeys(what: "verify" | "verified" | "accept-key", name: string): void {
    if (what === "verify") this.#verification.start(name);
    else if (what === "verified") this.#verification.confirm(name);
    else this.#private.accept(name);
  }

  #say(text: string): void {
    const { partner } = this.#session;
    if (partner !== undefined) return this.#tell([partner], text);
    const room = this.#rooms.current;
    this.#handleSent(room === undefined ? "not-in-room" : this.#session.say(room, text), text);
  }

  #tell(to: readonly string[], text: string): void {
    const { textChars, online } = this.#session;
    if (text.length > textChars) return this.say(unsayableText("too-long", text, textChars));
    if (lineCount(text) > message.maxTextLines) {
      return this.say(unsayableText("too-many-lines", text, textChars));
    }
    this.#private.tell(to, text);
    if (!online) this.say(laterText);
  }

  #showPrivate(event: Of<"private">): void {
    this.#transcript.private(event);
    // During a private chat the user is looking anyway.
    if (!event.chat) this.#transcript.ringBell();
  }

  /** `message`: a private one, which the server does not send back. */
  #handleSent(result: number | Unsayable, text: string, message?: SentPrivate): void {
    if (typeof result === "number" && message !== undefined) this.#pending.add(result, message);
    this.#parts.applyOutputs();
    const { textChars, online } = this.#session;
    if (typeof result !== "number") this.say(unsayableText(result, text, textChars));
    else if (!online && message === undefined) this.say(laterText);
  }

  // Shown only once the server has them, since a refused message reaches nobody.
  #handleAcknowledged(upTo: number): void {
    for (const message of this.#pending.takeAcknowledged(upTo)) {
      this.#transcript.privateTo(message);
    }
  }

  #goTo(name: string | undefined): void {
    const room = name ?? this.#rooms.unread[0]?.room;
    if (room === undefined) return this.say("No unread messages in other rooms");
    const problem = roomProblem(room);
    if (problem !== undefined) return this.say(problem);
    if (this.#rooms.isCurrent(room)) return this.say(`You are in the room ${harmless(room)}`);
    if (this.#rooms.has(room)) return this.#switchTo(room);
    // Current from now on: what is typed before the server answers is meant for this room.
    this.#rooms.switchTo(room);
    this.#session.join(room);
    this.#parts.applyOutputs();
    if (!this.#session.online) this.say("Offline: the room is entered once the connection is back");
    this.#prompt.drawSoon();
  }

  #switchTo(room: string): void {
    this.#showMissed(this.#rooms.switchTo(room));
    this.#prompt.drawSoon();
  }

  #showMissed({ messages, earlier }: Missed): void {
    this.#transcript.rule(this.#rooms.current ?? "");
    if (earlier > 0) {
      const last = Math.min(earlier + messages.length, history.pageMessages);
      this.say(`… ${countText(earlier, "earlier message")}: /history ${last}`);
    }
    for (const message of messages) this.#print(message);
  }

  #part(name: string | undefined): void {
    const room = name ?? this.#rooms.current;
    if (room === undefined) return this.say("You are in no room");
    if (!this.#rooms.has(room)) return this.say(`You are not in the room ${quoted(room)}`);
    this.#session.part(room);
    this.#parts.applyOutputs();
  }

  #handleOnline({ rooms, returned, ...rest }: Of<"online">): void {
    for (const room of rooms) {
      this.#rooms.add(room);
      this.#ask({ type: "who", room }, false);
    }
    const [first] = rooms;
    if (returned) return this.#prompt.drawSoon();
    this.#showEvent({ rooms, returned, ...rest });
    if (first === undefined) return;
    this.#rooms.switchTo(first);
    this.#requestHistory(first);
  }

  #handleEntered(room: string): void {
    this.#rooms.add(room);
    this.#ask({ type: "who", room }, false);
    if (!this.#rooms.isCurrent(room)) return;
    this.#transcript.rule(room);
    this.#requestHistory(room);
  }

  #requestHistory(room: string): void {
    const request = { type: "history", room, limit: limits.enteredMessages } as const;
    const ref = this.#requests.send(request, { isShown: false, page: 1 });
    if (ref !== undefined) this.#awaited.expect(ref, room);
    this.#parts.applyOutputs();
  }

  #handleLeft(event: Of<"join-failed" | "parted">): void {
    this.#showEvent(event);
    const back = this.#rooms.remove(event.room);
    if (back !== undefined) return this.#switchTo(back);
    if (this.#rooms.current === undefined) this.say("You are in no room: /join ROOM enters one");
  }

  #ask(request: Exclude<SessionRequest, ChatRequest>, isShown = true): void {
    const ref = this.#requests.send(request, { isShown, page: 1 });
    if (ref !== undefined) this.#parts.applyOutputs();
    else if (isShown) this.say("Not connected: try again in a moment");
  }

  #askAbout(
    name: string | undefined,
    request: (room: string) => Exclude<SessionRequest, ChatRequest>,
  ): void {
    const room = name ?? this.#rooms.current;
    if (room === undefined) return this.say("You are in no room");
    const problem = roomProblem(room);
    if (problem === undefined) this.#ask(request(room));
    else this.say(problem);
  }

  /** The outcome is an event, not a response. */
  #requestChat(request: ChatRequest): void {
    const ref = this.#session.request(request);
    if (ref === undefined) this.say("Not connected: try again in a moment");
    else this.#parts.applyOutputs();
  }

  #handleResponse(ref: number, response: SessionResponse): void {
    const asked = this.#requests.finish(ref);
    if (asked === undefined) return;
    this.#completion.handleResponse(response, asked.page === 1);
    if (response.type === "history") return this.#showHistory(ref, response);
    if (response.type === "keys") return this.#verification.handle(response);
    if (asked.isShown) {
      this.#transcript.noteRows(responseRows(response, this.#rooms, this.#prompt.area));
    }
    this.#requests.sendNext(response, asked);
    this.#parts.applyOutputs();
  }

  #showHistory(
    ref: number,
    { room, messages }: Extract<SessionResponse, { type: "history" }>,
  ): void {
    const held = this.#awaited.release(ref, messages);
    const self = this.#session.name;
    if (held === undefined || this.#rooms.isCurrent(room)) {
      for (const message of messages) {
        this.#transcript.said(message, { mine: message.from === self });
      }
    }
    if (held === undefined && messages.length === 0) this.say("There are no messages yet");
    for (const message of held ?? []) this.#show(message);
  }

  #handleError(event: Of<"error">): void {
    const asked = event.ref === undefined ? undefined : this.#requests.finish(event.ref);
    const held = event.ref === undefined ? [] : (this.#awaited.release(event.ref) ?? []);
    for (const message of held) this.#show(message);
    if (asked?.isShown !== false) this.#showEvent(event);
  }

  /** Shows messages of the current room; counts those of others, and shows only mentions of us. */
  #show(message: ChatMessage): void {
    const isMention = this.#isMention(message);
    const isHere = this.#rooms.isCurrent(message.room);
    if (!isHere) this.#rooms.miss(message, isMention);
    if (isHere || isMention) this.#print(message);
    if (isMention) this.#transcript.ringBell();
    this.#prompt.drawSoon();
  }

  #print(message: ChatMessage): void {
    const isMention = this.#isMention(message);
    const room = this.#rooms.isCurrent(message.room) ? undefined : message.room;
    this.#transcript.said(message, { mine: message.mine, room, isMention });
  }

  #isMention({ mine, text }: ChatMessage): boolean {
    return !mine && mentions(text, this.#session.name ?? "");
  }

  /**
   * Whether to show an event: those of the current room, except our own arrival and our new name,
   * which has been confirmed already.
   */
  #isRelevant(event: Of<"joined" | "left" | "renamed" | "gap">): boolean {
    const self = this.#session.name;
    if (event.type === "joined" && event.name === self) return false;
    if (event.type === "renamed" && event.to === self) return false;
    return event.room === undefined || this.#rooms.isCurrent(event.room);
  }

  #showEvent(event: SessionEvent): void {
    const text = eventText(event);
    if (text !== undefined) this.#transcript.event(text);
    // The label shows whether we are online, and the current room.
    this.#prompt.drawSoon();
  }

  #get(name: string): void {
    if (this.#parts.downloads.running) {
      return this.say("One file at a time: wait for it, or stop it with Ctrl-C");
    }
    this.#parts.downloads.start(name, {
      progress: (text) => {
        this.#prompt.status = text;
      },
      say: (text) => this.say(text),
    });
  }
}
