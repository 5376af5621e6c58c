// Operators' decisions about rooms: topics, private rooms and their guests, and the message of the
// day. Pure.

import { rights as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import { asKept, ownerOfKept } from "../../share-owner.ts";
import type { Changer } from "../people/persona.ts";
import { type RoomFlag, roomFlags } from "../rooms/room-change.ts";
import type { RoomBan } from "../rooms/room-events.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

export type RoomSettings = {
  /** Empty if there is none. */
  topic: string;
  /** Only guests and operators may enter, and nobody else can learn of it. */
  isPrivate: boolean;
  /** IDs of accounts. */
  guests: readonly string[];
  /** Who set the topic, and when in Unix milliseconds. */
  topicBy: string;
  topicMs: number;
  flags: readonly RoomFlag[];
  /** Undefined: no key is required. */
  key: string | undefined;
  limit: number | undefined;
  bans: readonly RoomBan[];
  /** IDs of accounts and keys: permanent operators, and people who may always speak. */
  operators: readonly string[];
  voices: readonly string[];
  /** Keys of the owners whose share they use (`ShareOwner.kept`): those of whoever began them. */
  shares: readonly string[];
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
  shares: [],
};

export class AllRoomSettings {
  readonly #journal: RightsJournal;
  readonly #byRoom = new Map<string, RoomSettings>();
  /**
   * Rooms whose settings end with the room, since they were set by people who can't be recognized
   * later, and the rows of those (empty unless other servers need them).
   */
  readonly #passing = new Map<string, string>();
  /** How many rooms have settings begun by each owner, so that one can't take them all. */
  readonly #owners = new ShareCounts(limits.maxRoomSettingsPerOwner, limits.maxRoomSettings / 2);
  readonly #isShared: boolean;
  #motd: string | undefined;

  /**
   * `isShared`: other servers need the settings too, so they are stored for as long as they apply.
   */
  constructor(rows: Iterable<RightsRow>, journal: RightsJournal, isShared: boolean) {
    this.#journal = journal;
    this.#isShared = isShared;
    const kept = [...rows];
    const values = new Map(kept.map(({ key, value }) => [key, value]));
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
      shares: fields.optionalTexts("shares") ?? [],
    }));
    for (const { room, isPassing, ...settings } of read) {
      this.#keep(room, settings);
      if (isPassing) this.#passing.set(room, values.get(`${rowKind}/${room}`) ?? "");
    }
    [this.#motd] = readRows(kept, motdKind, (_, fields) => fields.text("text"));
  }

  of(room: string): RoomSettings {
    return this.#byRoom.get(room) ?? ordinary;
  }

  /** Whether the room has any settings. */
  hasAny(room: string): boolean {
    return this.#byRoom.has(room);
  }

  /** Whether they outlast the room. */
  isKept(room: string): boolean {
    return this.#byRoom.has(room) && !this.#passing.has(room);
  }

  /** Carries over settings that end with the rooms: they are not in the rows. */
  keepPassing(before: AllRoomSettings): void {
    if (this.#isShared) return;
    for (const room of before.#passing.keys()) {
      const settings = before.#byRoom.get(room);
      if (settings === undefined || this.#byRoom.has(room)) continue;
      this.#keep(room, settings);
      this.#passing.set(room, "");
    }
  }

  /**
   * The room has closed on all servers: temporary settings end, unless another server that this one
   * has not heard of yet has opened it and changed them.
   */
  forget(room: string): void {
    const row = this.#passing.get(room);
    if (row === undefined) return;
    this.#passing.delete(room);
    this.#drop(room);
    if (this.#isShared) this.#journal.removeIf(`${rowKind}/${room}`, row);
  }

  /** Whether a person with these IDs may be in the room, or know of it. */
  admits(room: string, ids: readonly string[]): boolean {
    const settings = this.#byRoom.get(room);
    if (settings === undefined || !settings.isPrivate) return true;
    return ids.some((id) => settings.guests.includes(id));
  }

  /** The rooms in which that ID, of an account or a device key, has a permanent rank. */
  rankedBy(id: string): readonly string[] {
    const ranked = [...this.#byRoom].filter(
      ([, { operators, voices }]) => operators.includes(id) || voices.includes(id),
    );
    return ranked.map(([room]) => room);
  }

  /** The ranks of a device's key are its owner's from now on. */
  moveRanks(key: string, account: string): void {
    const moved = (ids: readonly string[]) => [
      ...new Set(ids.map((id) => (id === key ? account : id))),
    ];
    for (const room of this.rankedBy(key)) {
      const { operators, voices } = this.of(room);
      const by = { isKnown: !this.#passing.has(room), payer: undefined };
      this.change(room, { operators: moved(operators), voices: moved(voices) }, by);
    }
  }

  /** Undefined: no operator has set it. */
  get motd(): string | undefined {
    return this.#motd;
  }

  /**
   * False: there are too many rooms with settings, in total or of the author's network or account,
   * or too many guests in this one. `by`: its author (default: an operator of the server).
   */
  change(
    room: string,
    change: Partial<Omit<RoomSettings, "shares">>,
    { isKnown, payer }: Pick<Changer, "isKnown" | "payer"> = serverOperator,
  ): boolean {
    const isPassing = !isKnown;
    const isNew = !this.#byRoom.has(room);
    const shares = isNew ? (payer?.kept.map(({ key }) => key) ?? []) : this.of(room).shares;
    const settings = { ...this.of(room), ...change, shares };
    if (settings.guests.length > limits.maxGuests) return false;
    if (isOrdinary(settings)) {
      this.#passing.delete(room);
      if (this.#drop(room)) this.#journal.remove(`${rowKind}/${room}`);
      return true;
    }
    if (isNew && this.#byRoom.size >= limits.maxRoomSettings) return false;
    if (isNew && payer !== undefined && this.#owners.full(asKept(payer)) !== undefined)
      return false;
    this.#keep(room, settings);
    if (isNew && isPassing) this.#passing.set(room, "");
    if (!isPassing) this.#passing.delete(room);
    const isStillPassing = this.#passing.has(room);
    if (isStillPassing && !this.#isShared) return true;
    const flags = settings.flags.join(" ");
    const row = this.#journal.put(`${rowKind}/${room}`, {
      ...settings,
      flags,
      bans: settings.bans.map(banText),
      ...(isStillPassing && { isPassing: true }),
    });
    if (isStillPassing) this.#passing.set(room, row);
    return true;
  }

  #keep(room: string, settings: RoomSettings): void {
    this.#drop(room);
    this.#byRoom.set(room, settings);
    this.#owners.add(ownerOfKept(settings.shares));
  }

  /** False: the room has none. */
  #drop(room: string): boolean {
    this.#owners.remove(ownerOfKept(this.of(room).shares));
    return this.#byRoom.delete(room);
  }

  /** Empty: there is no message of the day. */
  setMotd(text: string): void {
    this.#motd = text;
    this.#journal.put(`${motdKind}/`, { text });
  }
}

/** The form in a row. */
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

const serverOperator = { isKnown: true, payer: undefined };
const rowKind = "room";
const motdKind = "motd";
