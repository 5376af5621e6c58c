// What operators have decided about rooms: their topics, which are private and for whom, and what
// everybody is told on entering the server. Pure.

import { rights as limits } from "../../limits.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

export type RoomSettings = {
  /** Empty: none. */
  topic: string;
  /** Only guests and operators get in, and nobody else learns of it. */
  isPrivate: boolean;
  /** IDs of accounts. */
  guests: readonly string[];
};

const ordinary: RoomSettings = { topic: "", isPrivate: false, guests: [] };

export class AllRoomSettings {
  readonly #journal: RightsJournal;
  readonly #byRoom = new Map<string, RoomSettings>();
  #motd: string | undefined;

  constructor(rows: Iterable<RightsRow>, journal: RightsJournal) {
    this.#journal = journal;
    const kept = [...rows];
    const read = readRows(kept, rowKind, (room, fields) => ({
      room,
      topic: fields.text("topic"),
      isPrivate: fields.flag("isPrivate"),
      guests: fields.texts("guests"),
    }));
    for (const { room, ...settings } of read) this.#byRoom.set(room, settings);
    [this.#motd] = readRows(kept, motdKind, (_, fields) => fields.text("text"));
  }

  of(room: string): RoomSettings {
    return this.#byRoom.get(room) ?? ordinary;
  }

  /** Whether somebody who is known by these IDs may be in the room, or know of it. */
  admits(room: string, ids: readonly string[]): boolean {
    const settings = this.#byRoom.get(room);
    if (settings === undefined || !settings.isPrivate) return true;
    return ids.some((id) => settings.guests.includes(id));
  }

  /** Undefined: nobody has decided about it. */
  get motd(): string | undefined {
    return this.#motd;
  }

  /** False: there are too many rooms with settings, or guests in this one. */
  change(room: string, change: Partial<RoomSettings>): boolean {
    const settings = { ...this.of(room), ...change };
    if (settings.guests.length > limits.maxGuests) return false;
    const { topic, isPrivate, guests } = settings;
    if (topic === "" && !isPrivate && guests.length === 0) {
      if (this.#byRoom.delete(room)) this.#journal.remove(`${rowKind}/${room}`);
      return true;
    }
    if (!this.#byRoom.has(room) && this.#byRoom.size >= limits.maxRoomSettings) return false;
    this.#byRoom.set(room, settings);
    this.#journal.put(`${rowKind}/${room}`, settings);
    return true;
  }

  /** Empty: nobody is told anything. */
  setMotd(text: string): void {
    this.#motd = text;
    this.#journal.put(`${motdKind}/`, { text });
  }
}

const rowKind = "room";
const motdKind = "motd";
