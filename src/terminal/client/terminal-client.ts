// `parley client` on a terminal: keys and session events in, rows above a prompt out. Knows the
// session, but no tty, signal or socket; those are passed in.

import { roomProblem } from "../../chat/names/grammar.ts";
import { personNameProblem } from "../../dialects/reserved-names.ts";
import { endedBy } from "../../io/end-signals.ts";
import type {
  ChatRequest,
  NativeSession,
  SessionEvent,
  SessionRequest,
  SessionResponse,
  Unsayable,
} from "../../client/events.ts";
import { DeviceLinks, type LinkingDevice } from "../../client/device-links.ts";
import { PrivateMessages, type SentPrivate } from "../../client/private-messages.ts";
import type { SealingDevice } from "../../client/sealing-device.ts";
import type { MessageKind } from "../../protocol/messages.ts";
import type { ParleyError } from "../../errors.ts";
import { message } from "../../limits.ts";
import { countText } from "../output/units.ts";
import { harmless, lineCount, quoted } from "../../text.ts";
import { CompletionSource } from "../editor/completion-source.ts";
import type { Completion, Words } from "../editor/completion.ts";
import { applyIgnore } from "../../client/apply-ignore.ts";
import type { Completes } from "../../client/slash-commands.ts";
import { eventText, topicText, unaskedText, unsayableText } from "../event-text.ts";
import type { Key } from "../editor/keys.ts";
import { Ending } from "./ending.ts";
import { NewPassword } from "../editor/new-password.ts";
import { refusal } from "../open-session.ts";
import { PendingPrivate } from "./pending-private.ts";
import { PlainPrompt, type PromptLike } from "../editor/plain-terminal.ts";
import { Prompt, type PromptParts } from "../editor/prompt.ts";
import { promptLabel } from "../editor/prompt-label.ts";
import { type Asked, Requests } from "./requests.ts";
import { Searching } from "./searching.ts";
import { responseRows } from "./response-rows.ts";
import { RoomView } from "./room-view.ts";
import {
  type FileLine,
  helpRows,
  type Inquiry,
  readTyped,
  type TypedLine,
} from "./slash-commands.ts";
import type { Style } from "../output/style.ts";
import { type Calendar, Transcript } from "./transcript.ts";
import { Typing } from "../editor/typing.ts";
import { Verification } from "./verification.ts";
import { whoisText } from "./whois-text.ts";

export type TerminalParts = PromptParts & {
  session: NativeSession;
  /** Carries out the session's outputs; call it after every request to the session. */
  applyOutputs: () => void;
  style: Style;
  calendar: Calendar;
  /** This device's public key, if it has one, and a function that turns keys into words. */
  key: string | undefined;
  wordsOf: (keys: readonly string[]) => string;
  /** Undefined: this device does not vouch for others. */
  linking?: LinkingDevice | undefined;
  /** Undefined: private messages are not sealed. */
  sealing?: SealingDevice | undefined;
  /** The name of this machine. */
  device: string;
  /** Suspends the program until it returns to the foreground. */
  suspend: () => void;
  /** Stores that somebody is ignored, or no longer; returns why it can't. */
  keepIgnored: (name: string, isIgnored: boolean) => string | undefined;
  downloads: Downloads;
  /** Files to and from people; undefined until the session has been passed in. */
  people?: () => PersonFiles | undefined;
  /** No prompt: the terminal can't move its cursor. */
  plain?: boolean;
  /** False: no bell for mentions and private messages. */
  bell?: boolean;
};

/** Files to and from people. */
export interface PersonFiles {
  /** Accepts the offer with that number, or from that person; false: there is no such offer. */
  get(word: string): boolean;
  decline(word: string): void;
  /** `paths`: as typed. */
  send(to: string, paths: string): void;
  /** Puts files into the shared folder and notifies `room`. */
  share(room: string, paths: string): void;
  /** Completes the last of these paths. */
  completePath(before: string): Completion;
  /** Stops running transfers; returns whether there were any. */
  stop(): boolean;
}

/** Fetches one file at a time and reports through `progress` and `say`. */
export interface Downloads {
  readonly running: boolean;
  start(
    name: string,
    report: { progress: (text: string | undefined) => void; say: (text: string) => void },
  ): void;
  stop(): void;
}

/** The typed line is gone from the screen, and the message is only shown once it is sent. */
function laterText(text: string): string {
  return `Offline: ${quoted(text, 60)} will be sent once you are connected again`;
}

type Of<T extends SessionEvent["type"]> = Extract<SessionEvent, { type: T }>;

export class TerminalClient {
  readonly #parts: TerminalParts;
  readonly #session: NativeSession;
  readonly #prompt: PromptLike;
  readonly #transcript: Transcript;
  readonly #ending = new Ending();
  readonly #requests: Requests;
  readonly #view: RoomView;
  readonly #completion = new CompletionSource();
  readonly #pending = new PendingPrivate();
  readonly #newPassword: NewPassword;
  readonly #verification: Verification;
  readonly #private: PrivateMessages;
  readonly #links: DeviceLinks;
  readonly #typing: Typing;
  readonly #searching: Searching;

  constructor(parts: TerminalParts) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#requests = new Requests(parts.session);
    this.#prompt =
      parts.plain === true
        ? new PlainPrompt(parts)
        : new Prompt({ ...parts, severalLines: true }, (columns) => this.#label(columns));
    const isSilent = parts.bell === false;
    this.#transcript = new Transcript(this.#prompt, parts.style, parts.calendar, isSilent);
    this.#view = new RoomView({
      session: parts.session,
      requests: this.#requests,
      transcript: this.#transcript,
      applyOutputs: parts.applyOutputs,
      changed: () => this.#prompt.drawSoon(),
    });
    this.#private = new PrivateMessages(parts.session, parts.sealing, {
      deliver: (event) => this.#showPrivate(event),
      copied: (event) => this.#transcript.copied(event, this.#session.name ?? ""),
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
    this.#links = new DeviceLinks(parts.linking);
    this.#newPassword = new NewPassword(
      (label) => this.#prompt.askSecret(label),
      (text) => this.say(text),
      (password) => this.#ask({ type: "set-password", password }),
    );
    this.#searching = new Searching({
      transcript: this.#transcript,
      ask: (request) => this.#send(request),
      self: () => this.#session.name ?? "",
    });
    this.#typing = new Typing({
      prompt: this.#prompt,
      now: parts.calendar.now,
      words: (wanted) => this.#words(wanted),
      secret: (edit) => this.#newPassword.takes(edit),
      submit: (line) => this.#run(readTyped(line)),
      isSaid: (line) => readTyped(line).do === "say",
      place: () => ({ partner: this.#session.partner, room: this.#view.rooms.current }),
      stop: () => this.#stopDownload(),
      leave: (how) => this.#ending.reach(how === "end" ? undefined : endedBy("SIGINT")),
      suspend: parts.suspend,
      say: (text) => this.say(text),
      rows: (rows) => this.#transcript.noteRows(rows),
    });
  }

  /** Resolves when the client is done, with the error if there was one. */
  get over(): Promise<ParleyError | undefined> {
    return this.#ending.over;
  }

  keys(keys: readonly Key[]): void {
    for (const key of keys) if (!this.#ending.isReached) this.#typing.key(key);
  }

  resize(columns: number, rows: number): void {
    this.#prompt.resize(columns, rows);
  }

  /** Draws the prompt again, after `hide` or after something else used the terminal. */
  draw(): void {
    this.#prompt.draw();
  }

  /** Erases the prompt until `draw`; lines that arrive meanwhile are held back. */
  hide(): void {
    this.#prompt.hide();
  }

  /** Prints a line above the prompt. */
  say(text: string): void {
    this.#transcript.note(text);
  }

  /** Private messages, including the known keys. */
  get mail(): PrivateMessages {
    return this.#private;
  }

  /** Shows progress in the prompt. */
  showStatus(text: string | undefined): void {
    this.#prompt.showStatus(text);
  }

  /** Resolves when no private message is being sealed or opened. */
  settled(): Promise<void> {
    return this.#private.settled();
  }

  /** The terminal was closed. */
  gone(): void {
    this.#ending.reach(endedBy("SIGHUP"));
  }

  handleEvent(event: SessionEvent): void {
    this.#completion.handleEvent(event);
    this.#typing.handleEvent(event);
    this.#pending.handleEvent(event);
    this.#searching.handleEvent(event);
    if (this.#private.handleEvent(event)) return;
    switch (event.type) {
      case "online":
        this.#showEvent(event);
        return this.#view.handleOnline(event);
      case "entered":
        return this.#view.handleEntered(event.room);
      case "join-failed":
      case "parted":
        this.#showEvent(event);
        return this.#view.handleLeft(event.room);
      case "message":
        return this.#view.handleMessage(event);
      case "private":
      case "copied":
      case "token":
      case "offer":
        return;
      case "acknowledged":
        return this.#handleAcknowledged(event.id);
      case "response":
        return this.#handleResponse(event.ref, event.response);
      case "error":
        return this.#handleError(event);
      case "ended":
        return this.#ending.reach(
          event.code === "left" ? undefined : refusal(event.code, event.message),
        );
      case "joined":
      case "left":
      case "renamed":
      case "gap":
      case "away":
        return this.#view.handleNews(event);
      case "offline":
        return this.#showOffline(event);
      case "motd":
        return this.#showMotd(event.text);
      case "account-changed":
        this.#showEvent(event);
        return this.#vouch(event);
      case "deleted":
        return this.#view.handleDeleted(event);
      case "topic":
      case "mode":
      case "call":
      case "failed":
      case "reconnected":
      case "chat":
        return this.#showEvent(event);
    }
  }

  #label(columns: number): string {
    const { partner, online } = this.#session;
    const { current, unread } = this.#view.rooms;
    return promptLabel({ room: current, partner, online, unread }, columns, this.#parts.width);
  }

  /** Requests what is not known yet from the server, so that the next Tab can complete it. */
  #words(wanted: Completes | undefined): Words {
    if (wanted === "file") this.#ask({ type: "files", folders: true }, { isShown: false });
    if (wanted === "room") this.#ask({ type: "rooms" }, { isShown: false });
    const words = this.#completion.words(this.#session.name ?? "", this.#view.rooms.current);
    const people = this.#parts.people?.();
    return { ...words, path: people && ((before) => people.completePath(before)) };
  }

  /** The device to which this one has shown a code has joined. */
  #vouch(event: Of<"account-changed">): void {
    const request = this.#links.vouchFor(this.#session.name ?? "", event);
    if (request === undefined) return;
    this.#session.request(request);
    this.#parts.applyOutputs();
    this.say("This device vouches for it, so that people who know you need not accept its key");
  }

  #stopDownload(): boolean {
    const { downloads } = this.#parts;
    const isRunning = downloads.running;
    if (isRunning) downloads.stop();
    return isRunning || this.#parts.people?.()?.stop() === true;
  }

  #run(typed: TypedLine): void {
    switch (typed.do) {
      case "nothing":
        return;
      case "say":
        return this.#say(typed.text, typed.kind);
      case "tell":
        return this.#tell(typed.to, typed.text);
      case "explain":
        return this.say(typed.text);
      case "help":
        return this.#transcript.noteRows(helpRows(this.#prompt.area));
      case "quit":
        return this.#ending.reach(undefined);
      case "get":
      case "decline":
      case "send":
      case "share":
        return this.#handOver(typed);
      case "go":
        return this.#view.goTo(typed.room, typed.key);
      case "part":
        return this.#view.part(typed.room);
      case "nick":
        return this.#rename(typed.name);
      case "register":
        return this.#ask({ type: "register", label: this.#parts.device });
      case "link":
        return this.#ask(this.#links.join(typed.name, this.#parts.device));
      case "verify":
        return this.#verification.start(typed.name);
      case "verified":
        return this.#verification.confirm(typed.name);
      case "accept-key":
        return this.#private.accept(typed.name);
      case "revoke":
        return this.#ask({ type: "revoke", key: typed.key });
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
      case "ignore":
      case "unignore":
        return this.say(applyIgnore(typed, this.#session, this.#parts.keepIgnored));
      case "order":
        return this.#ask({ type: "admin", command: typed.command });
      default:
        return this.#inform(typed);
    }
  }

  #rename(name: string): void {
    const problem = personNameProblem(name);
    if (problem === undefined) this.#ask({ type: "rename", name });
    else this.say(problem);
  }

  /** Shows information, known here or requested from the server. */
  #inform(typed: Inquiry): void {
    switch (typed.do) {
      case "who":
        return this.#askAbout(typed.room, (room) => ({ type: "who", room }));
      case "history":
        return this.#askAbout(undefined, (room) => ({ type: "history", room, limit: typed.limit }));
      case "rooms":
        return this.#ask({ type: "rooms" });
      case "files":
        return this.#ask({ type: "files", folders: true });
      case "topic":
        return this.#topic(typed.words);
      case "motd":
        return this.#showMotd(this.#session.motd);
      case "search":
        return this.#search(typed.text);
      case "whois":
        return this.#ask({ type: "keys", name: typed.name }, { isWhois: true });
      default:
        return typed satisfies never;
    }
  }

  /** Words that do not begin with one of the user's rooms are about the current one. */
  #topic(words: string): void {
    const { rooms } = this.#view;
    const [, first = "", rest = ""] = /^(\S*)\s*(.*)$/s.exec(words) ?? [];
    const isRoom = rooms.has(first);
    const room = isRoom ? first : rooms.current;
    const text = isRoom ? rest : words;
    if (room === undefined) return this.say("You are not in a room");
    if (text !== "") {
      return this.#ask({ type: "admin", command: `topic ${room} ${text === "off" ? "" : text}` });
    }
    this.say(topicText(room, this.#session.topicOf(room)));
  }

  #search(text: string): void {
    const room = this.#view.rooms.current;
    if (room === undefined) this.say("You are not in a room");
    else this.#searching.start(room, text);
  }

  #showMotd(text: string): void {
    if (text === "") return this.say("There is no message of the day");
    for (const line of text.split("\n")) this.say(harmless(line));
  }

  #say(text: string, kind?: MessageKind): void {
    const { partner } = this.#session;
    if (partner !== undefined) return this.#tell([partner], text, kind);
    const room = this.#view.rooms.current;
    const result = room === undefined ? "not-in-room" : this.#session.say(room, text, kind);
    this.#handleSent(result, text);
  }

  #tell(to: readonly string[], text: string, kind?: MessageKind): void {
    const { textChars, online } = this.#session;
    if (text.length > textChars) return this.say(unsayableText("too-long", text, textChars));
    if (lineCount(text) > message.maxTextLines) {
      return this.say(unsayableText("too-many-lines", text, textChars));
    }
    if (this.#private.tell(to, text, kind) && !online) this.say(laterText(text));
  }

  #showPrivate(event: Of<"private">): void {
    this.#transcript.private(event);
    // During a private chat the user is watching anyway.
    if (!event.chat) this.#transcript.ringBell();
  }

  /** `message`: a private message, which the server does not echo. */
  #handleSent(result: number | Unsayable, text: string, message?: SentPrivate): void {
    if (typeof result === "number" && message !== undefined) this.#pending.add(result, message);
    this.#parts.applyOutputs();
    const { textChars, online } = this.#session;
    if (typeof result !== "number") this.say(unsayableText(result, text, textChars));
    else if (!online && message === undefined) this.say(laterText(text));
  }

  // Shown only once the server has them, since a refused message reaches nobody.
  #handleAcknowledged(upTo: number): void {
    for (const message of this.#pending.takeAcknowledged(upTo)) {
      this.#transcript.privateTo(message, this.#session.name ?? "");
    }
  }

  #ask(request: Exclude<SessionRequest, ChatRequest>, how: Partial<Asked> = {}): void {
    this.#send(request, how);
  }

  /** Returns the request's `ref`; undefined while the server can't be reached. */
  #send(
    request: Exclude<SessionRequest, ChatRequest>,
    how: Partial<Asked> = {},
  ): number | undefined {
    const ref = this.#requests.send(request, { isShown: true, page: 1, ...how });
    if (ref !== undefined) this.#parts.applyOutputs();
    else if (how.isShown !== false) this.say(unaskedText(this.#session.online));
    return ref;
  }

  #askAbout(
    name: string | undefined,
    request: (room: string) => Exclude<SessionRequest, ChatRequest>,
  ): void {
    const room = name ?? this.#view.rooms.current;
    if (room === undefined) return this.say("You are not in a room");
    const problem = roomProblem(room);
    if (problem === undefined) this.#ask(request(room));
    else this.say(problem);
  }

  /** The outcome is an event, not a response. */
  #requestChat(request: ChatRequest): void {
    if (this.#session.request(request) !== undefined) this.#parts.applyOutputs();
    else this.say(unaskedText(this.#session.online));
  }

  #handleResponse(ref: number, response: SessionResponse): void {
    const asked = this.#requests.finish(ref);
    if (asked === undefined) return;
    this.#completion.handleResponse(response, asked.page === 1);
    if (response.type === "history") return this.#view.handleHistory(ref, response);
    if (response.type === "found") return this.#searching.handleFound(ref, response);
    if (response.type === "keys") {
      if (asked.isWhois !== true) return this.#verification.handle(response);
      return this.say(whoisText(response, this.#completion.roomsOf(response.name)));
    }
    if (response.type === "offering" || response.type === "sharing") return;
    // Tickets are for the page, codes for commands of their own.
    if (response.type === "upload" || response.type === "code-joined") return;
    if (response.type === "linked") this.#links.handleLinked(response.name);
    if (asked.isShown) {
      const shown =
        response.type === "device-code"
          ? { ...response, code: this.#links.show(response.code) }
          : response;
      this.#transcript.noteRows(responseRows(shown, this.#view.rooms, this.#prompt.area));
    }
    this.#requests.sendNext(response, asked);
    this.#parts.applyOutputs();
  }

  #handleError(event: Of<"error">): void {
    const asked = event.ref === undefined ? undefined : this.#requests.finish(event.ref);
    if (event.ref !== undefined) this.#view.handleFailed(event.ref);
    if (asked?.isShown !== false) this.#showEvent(event);
  }

  #showOffline(event: Of<"offline">): void {
    this.#showEvent(event);
    const { unacknowledged: count } = this.#session;
    if (event.attempt > 1 || count === 0) return;
    // They were typed before the loss was noticed, and are on no screen.
    this.say(`${countText(count, "message")} will be sent once you are connected again`);
  }

  #showEvent(event: SessionEvent): void {
    const text = eventText(event);
    if (text !== undefined) this.#transcript.event(text);
    // The label shows the connection state and the current room.
    this.#prompt.drawSoon();
  }

  #handOver(typed: FileLine): void {
    const people = this.#parts.people?.();
    if (typed.do === "share") return this.#share(typed.paths);
    if (typed.do === "send") people?.send(typed.to, typed.paths);
    else if (typed.do === "decline") people?.decline(typed.name);
    else if (people?.get(typed.name) === true) return;
    else if (typed.name !== "") this.#get(typed.name);
    else this.say("There is no offer, or more than one: /get N, or /get FILE for a shared file");
  }

  #share(paths: string): void {
    const { current } = this.#view.rooms;
    if (current === undefined)
      return this.say("You are not in a room that could be told: /join one");
    this.#parts.people?.()?.share(current, paths);
  }

  #get(name: string): void {
    if (this.#parts.downloads.running) {
      return this.say("One file at a time: wait for it, or stop it with Ctrl-C");
    }
    this.#parts.downloads.start(name, {
      progress: (text) => this.showStatus(text),
      say: (text) => this.say(text),
    });
  }
}
