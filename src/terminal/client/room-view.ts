// The rooms on the terminal: which one is shown, what arrives there, what was missed in the others.
// Knows no keys and no command.

import { BoundedMap } from "../../bounded-map.ts";
import { fold, roomProblem } from "../../chat/names/grammar.ts";
import type { NativeSession, SessionEvent, SessionResponse } from "../../client/events.ts";
import { history, terminal as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import { eventText } from "../event-text.ts";
import { AwaitedHistory, type HeldEvent, type PresenceNews } from "./awaited-history.ts";
import { mentions } from "../../client/mentions.ts";
import { type ChatMessage, type DeletedMessage, type Missed, OpenRooms } from "./open-rooms.ts";
import type { Requests } from "./requests.ts";
import type { TimedMessage, Transcript } from "./transcript.ts";
import { countText } from "../output/units.ts";

type Of<T extends SessionEvent["type"]> = Extract<SessionEvent, { type: T }>;

export type RoomViewParts = {
  session: NativeSession;
  requests: Requests;
  transcript: Transcript;
  applyOutputs: () => void;
  /** Called when the prompt must show another room or other counts. */
  changed: () => void;
};

export class RoomView {
  readonly rooms = new OpenRooms();
  readonly #parts: RoomViewParts;
  readonly #awaited = new AwaitedHistory();
  /** The messages shown last since the login, by room and number. */
  #shown = newShown();

  constructor(parts: RoomViewParts) {
    this.#parts = parts;
  }

  get #self(): string {
    return this.#parts.session.name ?? "";
  }

  /** Logged in for the first time, or reconnected. */
  handleOnline({ rooms, returned }: Of<"online">): void {
    // The log may be another one, with other messages of these numbers.
    this.#shown = newShown();
    for (const room of rooms) {
      this.rooms.add(room);
      this.#askWho(room);
    }
    const [first] = rooms;
    if (returned || first === undefined) return;
    this.rooms.switchTo(first);
    this.#requestHistory(first);
  }

  handleEntered(room: string): void {
    this.rooms.add(room);
    this.#askWho(room);
    if (this.rooms.isCurrent(room)) this.#parts.transcript.rule(room);
    this.#requestHistory(room);
  }

  /** The user is not in that room, or no longer is. */
  handleLeft(room: string): void {
    const back = this.rooms.remove(room);
    if (back !== undefined) return this.#switchTo(back);
    if (this.rooms.current === undefined) this.#say("You are not in a room: /join ROOM enters one");
  }

  handleMessage(message: ChatMessage): void {
    if (!this.#awaited.hold(message)) this.#show(message);
  }

  /** What was not shown yet will be shown without its text. What was shown can't be taken back. */
  handleDeleted(message: DeletedMessage): void {
    this.#awaited.handleDeleted(message);
    this.rooms.handleDeleted(message);
    const { transcript } = this.#parts;
    const shown = this.#shown.get(keyOf(message.room, message.seq));
    const text = shown === undefined ? eventText(message) : this.#deletedText(message.room, shown);
    transcript.event(text ?? "");
  }

  #deletedText(room: string, { from, timeMs }: TimedMessage): string {
    const who = from === this.#self ? "you" : harmless(from);
    const where = this.rooms.isCurrent(room) ? "" : ` in ${harmless(room)}`;
    return `An operator has deleted what ${who} said${where} ${this.#parts.transcript.when(timeMs)}`;
  }

  handleNews(news: PresenceNews): void {
    if (!this.#awaited.hold(news)) this.#show(news);
  }

  handleHistory(
    ref: number,
    { room, messages }: Extract<SessionResponse, { type: "history" }>,
  ): void {
    const held = this.#awaited.release(ref, messages);
    if (held === undefined || this.rooms.isCurrent(room)) {
      for (const message of messages) {
        this.#parts.transcript.said(message, { mine: message.from === this.#self });
        this.#shown.set(keyOf(room, message.seq), message);
      }
    } else {
      // The user has switched to another room meanwhile.
      for (const message of messages) {
        const mine = message.from === this.#self;
        const rest = { type: "message", room, id: undefined, replayed: true } as const;
        this.rooms.missPast({ ...message, ...rest, mine });
      }
    }
    if (held === undefined && messages.length === 0) this.#say("There are no messages yet");
    for (const event of held ?? []) this.#show(event);
  }

  /** A request failed; nothing waits for its answer any more. */
  handleFailed(ref: number): void {
    for (const event of this.#awaited.release(ref) ?? []) this.#show(event);
  }

  /**
   * Whether to show news: those of the current room, except the user's own arrival, rename and
   * absence, which have already been confirmed.
   */
  #isShown(event: PresenceNews): boolean {
    const isConfirmed = event.type === "joined" || event.type === "away";
    if (isConfirmed && event.name === this.#self) return false;
    if (event.type === "renamed" && event.to === this.#self) return false;
    return event.room === undefined || this.rooms.isCurrent(event.room);
  }

  /** Shows a room, entering it if necessary; without a name, the next room with unread messages. */
  goTo(name: string | undefined, key?: string): void {
    const { session, applyOutputs, changed } = this.#parts;
    const room = name ?? this.rooms.unread[0]?.room;
    if (room === undefined) return this.#say("No unread messages in other rooms");
    const problem = roomProblem(room);
    if (problem !== undefined) return this.#say(problem);
    if (this.rooms.isCurrent(room)) return this.#say(`You are in the room ${harmless(room)}`);
    if (this.rooms.has(room)) return this.#switchTo(room);
    // Current from now on: what is typed before the server answers is meant for this room.
    this.rooms.switchTo(room);
    session.join(room, key);
    applyOutputs();
    if (!session.online) this.#say("Offline: you will enter the room once you are connected again");
    changed();
  }

  /** Without a name: leaves the current room. */
  part(name: string | undefined): void {
    const room = name ?? this.rooms.current;
    if (room === undefined) return this.#say("You are not in a room");
    if (!this.rooms.has(room)) return this.#say(`You are not in the room ${quoted(room)}`);
    this.#parts.session.part(room);
    this.#parts.applyOutputs();
  }

  #say(text: string): void {
    this.#parts.transcript.note(text);
  }

  #switchTo(room: string): void {
    this.#showMissed(this.rooms.switchTo(room));
    this.#parts.changed();
  }

  #showMissed({ messages, earlier }: Missed): void {
    this.#parts.transcript.rule(this.rooms.current ?? "");
    if (earlier > 0) {
      const last = Math.min(earlier + messages.length, history.pageMessages);
      this.#say(`… ${countText(earlier, "earlier message")}: /history ${last}`);
    }
    for (const message of messages) this.#print(message);
  }

  /** Requests the members, for completion. */
  #askWho(room: string): void {
    this.#parts.requests.send({ type: "who", room }, { isShown: false, page: 1 });
    this.#parts.applyOutputs();
  }

  #requestHistory(room: string): void {
    const request = { type: "history", room, limit: limits.enteredMessages } as const;
    const ref = this.#parts.requests.send(request, { isShown: false, page: 1 });
    if (ref !== undefined) this.#awaited.expect(ref, room);
    this.#parts.applyOutputs();
  }

  #show(event: HeldEvent): void {
    if (event.type === "message") return this.#showMessage(event);
    const text = this.#isShown(event) ? eventText(event) : undefined;
    if (text !== undefined) this.#parts.transcript.event(text);
    this.#parts.changed();
  }

  /** Shows messages of the current room; counts those of other rooms, and shows only mentions. */
  #showMessage(message: ChatMessage): void {
    const isMention = this.#isMention(message);
    const isHere = this.rooms.isCurrent(message.room);
    if (!isHere) this.rooms.miss(message, isMention);
    if (isHere || isMention) this.#print(message);
    if (isMention) this.#parts.transcript.ringBell();
    this.#parts.changed();
  }

  #print(message: ChatMessage): void {
    const isMention = this.#isMention(message);
    const room = this.rooms.isCurrent(message.room) ? undefined : message.room;
    this.#parts.transcript.said(message, { mine: message.mine, room, isMention });
    this.#shown.set(keyOf(message.room, message.seq), message);
  }

  #isMention({ mine, text, deleted }: ChatMessage): boolean {
    return !mine && deleted !== true && mentions(text, this.#self);
  }
}

function newShown(): BoundedMap<string, TimedMessage> {
  return new BoundedMap(history.pageMessages);
}

function keyOf(room: string, seq: number): string {
  return `${seq} ${fold(room)}`;
}
