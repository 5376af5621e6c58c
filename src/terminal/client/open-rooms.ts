// The rooms that the user is in: the current one, and unread messages in the others. Pure; knows no
// session and no screen.

import { fold } from "../../chat/names/grammar.ts";
import type { SessionEvent } from "../../client/events.ts";
import { deletedText } from "../../protocol/messages.ts";
import { terminal as limits } from "../../limits.ts";

export type ChatMessage = Extract<SessionEvent, { type: "message" }>;

export type DeletedMessage = Extract<SessionEvent, { type: "deleted" }>;

/** Unread messages in a room that is not the current one. */
export type Unread = { room: string; messages: number; isMentioned: boolean };

/** What was missed in a room: the last messages, and the number of earlier ones. */
export type Missed = { messages: readonly ChatMessage[]; earlier: number };

/** `isPast`: it was said before the user entered, and does not count as unread. */
type MissedMessage = { message: ChatMessage; isMention: boolean; isPast: boolean };

type Room = {
  /** As requested; once entered, as the server spells it. */
  name: string;
  unread: number;
  missed: MissedMessage[];
  /** By a message that was missed before those. */
  isMentionedEarlier: boolean;
  missedChars: number;
  /** Sequence number of the last switch to this room. */
  switchedTo: number;
};

export class OpenRooms {
  /** By folded name. */
  readonly #rooms = new Map<string, Room>();
  #current: string | undefined;
  #switches = 0;

  /** The current room; undefined if there is none. */
  get current(): string | undefined {
    return this.#find(this.#current)?.name;
  }

  isCurrent(name: string): boolean {
    return this.#current !== undefined && fold(name) === this.#current;
  }

  has(name: string): boolean {
    return this.#rooms.has(fold(name));
  }

  /** Adds a room, or updates its spelling. */
  add(name: string): void {
    const room = this.#rooms.get(fold(name));
    if (room !== undefined) room.name = name;
    else {
      this.#rooms.set(fold(name), { name, ...nothingMissed(), switchedTo: 0 });
    }
  }

  /** Makes a room current, adding it if necessary. Returns what was missed there. */
  switchTo(name: string): Missed {
    if (!this.has(name)) this.add(name);
    this.#current = fold(name);
    const room = this.#find(this.#current);
    if (room === undefined) return { messages: [], earlier: 0 };
    const messages = room.missed.map(({ message }) => message);
    const kept = room.missed.filter(({ message, isPast }) => !message.mine && !isPast);
    const earlier = Math.max(0, room.unread - kept.length);
    room.switchedTo = ++this.#switches;
    Object.assign(room, nothingMissed());
    return { messages, earlier };
  }

  /** Forgets a room. If it was the current one, returns the room to switch back to. */
  remove(name: string): string | undefined {
    this.#rooms.delete(fold(name));
    if (!this.isCurrent(name)) return undefined;
    this.#current = undefined;
    const others = [...this.#rooms.values()];
    return others.reduce<Room | undefined>(
      (last, room) => (last === undefined || room.switchedTo > last.switchedTo ? room : last),
      undefined,
    )?.name;
  }

  /** Keeps a message of another room for later. The user's own messages do not count as unread. */
  miss(message: ChatMessage, isMention: boolean): void {
    const room = this.#find(fold(message.room));
    if (room === undefined) return;
    if (!message.mine) room.unread++;
    this.#keep(room, { message, isMention, isPast: false });
  }

  /** Keeps a message from before the user entered a room that is not shown yet. */
  missPast(message: ChatMessage): void {
    const room = this.#find(fold(message.room));
    if (room !== undefined) this.#keep(room, { message, isMention: false, isPast: true });
  }

  #keep(room: Room, missed: MissedMessage): void {
    const { message } = missed;
    room.missed.push(missed);
    room.missedChars += message.text.length;
    while (room.missed.length > limits.missedMessages || room.missedChars > limits.missedChars) {
      const oldest = room.missed.shift();
      room.missedChars -= oldest?.message.text.length ?? 0;
      room.isMentionedEarlier ||= oldest?.isMention === true;
    }
  }

  /** An operator has deleted the text of a message, which may have been missed. */
  handleDeleted({ room: name, seq }: DeletedMessage): void {
    const room = this.#find(fold(name));
    if (room === undefined) return;
    room.missed = room.missed.map((missed) =>
      missed.message.seq === seq
        ? { ...missed, message: withoutText(missed.message), isMention: false }
        : missed,
    );
    room.missedChars = room.missed.reduce((sum, { message }) => sum + message.text.length, 0);
  }

  /** The rooms with unread messages, those with a mention first. */
  get unread(): Unread[] {
    const rooms = [...this.#rooms.values()].filter(({ unread }) => unread > 0);
    return rooms
      .map((room) => ({ room: room.name, messages: room.unread, isMentioned: isMentioned(room) }))
      .sort((a, b) => Number(b.isMentioned) - Number(a.isMentioned));
  }

  #find(key: string | undefined): Room | undefined {
    return key === undefined ? undefined : this.#rooms.get(key);
  }
}

function nothingMissed(): Omit<Room, "name" | "switchedTo"> {
  return { unread: 0, missed: [], missedChars: 0, isMentionedEarlier: false };
}

function isMentioned({ missed, isMentionedEarlier }: Room): boolean {
  return isMentionedEarlier || missed.some(({ isMention }) => isMention);
}

/** A message that is not shown yet, after an operator has deleted its text. */
export function withoutText(message: ChatMessage): ChatMessage {
  return { ...message, text: deletedText, deleted: true };
}
