// What operators have decided about rooms: their topics, which are private and for whom, and what
// everybody is told on entering the server. Pure.

import { rights as limits } from "../../limits.ts";
import { type RoomFlag, roomFlags } from "../room-change.ts";
import type { RoomBan } from "../room-events.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

export type RoomSettings = {
  /** Empty: none. */
  topic: string;
  /** Only guests and operators get in, and nobody else learns of it. */
  isPrivate: boolean;
  /** IDs of accounts. */
  guests: readonly string[];
  /** Who set the topic, and when in Unix milliseconds. */
  topicBy: string;
  topicMs: number;
  flags: readonly RoomFlag[];
  /** Undefined: none is asked for. */
  key: string | undefined;
  limit: number | undefined;
  bans: readonly RoomBan[];
  /** IDs of accounts and keys: those who are operators or may speak whenever they come. */
  operators: readonly string[];
  voices: readonly string[];
};

const usual: readonly RoomFlag[] = ["members-only", "topic-locked"];

const ordinary: RoomSettings = {
  topic: "",
  isPrivate: false,
  guests: [],
  topicBy: "",
  topicMs: 0,
  flags: usual,
  key: undefined,
  limit: undefined,
  bans: [],
  operators: [],
  voices: [],
};

export class AllRoomSettings {
  readonly #journal: RightsJournal;
  readonly #byRoom = new Map<string, RoomSettings>();
  /** Rooms whose settings end with the room, since nobody who can be known again decided them. */
  readonly #passing = new Set<string>();
  readonly #isShared: boolean;
  #motd: string | undefined;

  /** `isShared`: other servers have to know them too, so they are stored as long as they hold. */
  constructor(rows: Iterable<RightsRow>, journal: RightsJournal, isShared = false) {
    this.#journal = journal;
    this.#isShared = isShared;
    const kept = [...rows];
    const read = readRows(kept, rowKind, (room, fields) => ({
      room,
      topic: fields.text("topic"),
      isPrivate: fields.flag("isPrivate"),
      guests: fields.texts("guests"),
      topicBy: fields.optionalText("topicBy") ?? "",
      topicMs: fields.optionalCount("topicMs") ?? 0,
      flags: flagsOf(fields.optionalText("flags")),
      key: fields.optionalText("key"),
      limit: fields.optionalCount("limit", 1),
      bans: (fields.optionalTexts("bans") ?? []).flatMap((text) => readBan(text) ?? []),
      operators: fields.optionalTexts("operators") ?? [],
      voices: fields.optionalTexts("voices") ?? [],
      isPassing: fields.optionalFlag("isPassing") ?? false,
    }));
    for (const { room, isPassing, ...settings } of read) {
      this.#byRoom.set(room, settings);
      if (isPassing) this.#passing.add(room);
    }
    [this.#motd] = readRows(kept, motdKind, (_, fields) => fields.text("text"));
  }

  of(room: string): RoomSettings {
    return this.#byRoom.get(room) ?? ordinary;
  }

  /** Whether anything was decided about the room. */
  hasAny(room: string): boolean {
    return this.#byRoom.has(room);
  }

  /** Whether that outlasts the room. */
  isKept(room: string): boolean {
    return this.#byRoom.has(room) && !this.#passing.has(room);
  }

  /** Takes over what ends with the rooms: it is not in the rows. */
  keepPassing(before: AllRoomSettings): void {
    if (this.#isShared) return;
    for (const room of before.#passing) {
      const settings = before.#byRoom.get(room);
      if (settings === undefined || this.#byRoom.has(room)) continue;
      this.#byRoom.set(room, settings);
      this.#passing.add(room);
    }
  }

  /** The room has closed, at all servers: what nobody has kept is over. */
  forget(room: string): void {
    if (!this.#passing.delete(room)) return;
    this.#byRoom.delete(room);
    if (this.#isShared) this.#journal.remove(`${rowKind}/${room}`);
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

  /**
   * False: there are too many rooms with settings, or guests in this one. `isPassing`: whoever
   * decides it can't be known again.
   */
  change(room: string, change: Partial<RoomSettings>, isPassing = false): boolean {
    const settings = { ...this.of(room), ...change };
    if (settings.guests.length > limits.maxGuests) return false;
    const isNew = !this.#byRoom.has(room);
    if (isOrdinary(settings)) {
      this.#passing.delete(room);
      if (this.#byRoom.delete(room)) this.#journal.remove(`${rowKind}/${room}`);
      return true;
    }
    if (isNew && this.#byRoom.size >= limits.maxRoomSettings) return false;
    this.#byRoom.set(room, settings);
    if (isNew && isPassing) this.#passing.add(room);
    if (!isPassing) this.#passing.delete(room);
    const isStillPassing = this.#passing.has(room);
    if (isStillPassing && !this.#isShared) return true;
    const flags = settings.flags.join(" ");
    this.#journal.put(`${rowKind}/${room}`, {
      ...settings,
      flags,
      bans: settings.bans.map(banText),
      ...(isStillPassing && { isPassing: true }),
    });
    return true;
  }

  /** Empty: nobody is told anything. */
  setMotd(text: string): void {
    this.#motd = text;
    this.#journal.put(`${motdKind}/`, { text });
  }
}

/** In a row. */
function banText({ mask, by, atMs }: RoomBan): string {
  return `${mask} ${by} ${atMs}`;
}

function readBan(text: string): RoomBan | undefined {
  const [mask, by, atMs, ...more] = text.split(" ");
  if (mask === undefined || by === undefined || more.length > 0) return undefined;
  return { mask, by, atMs: Number(atMs) || 0 };
}

/** Undefined: the row is older than flags. */
function flagsOf(text: string | undefined): readonly RoomFlag[] {
  if (text === undefined) return usual;
  const given = text.split(" ");
  return Object.values(roomFlags).filter((flag) => given.includes(flag));
}

function isOrdinary(settings: RoomSettings): boolean {
  const { topic, isPrivate, guests, flags, key, limit, bans, operators, voices } = settings;
  const lists = [guests, bans, operators, voices];
  const isUsual = flags.length === usual.length && usual.every((flag) => flags.includes(flag));
  const hasNone = topic === "" && !isPrivate && key === undefined && limit === undefined;
  return isUsual && hasNone && lists.every(({ length }) => length === 0);
}

const rowKind = "room";
const motdKind = "motd";
