// What this browser notifies its user about: whether at all, and for each room everything, only
// mentions, or nothing. Kept in the browser for all sessions.

import { fold } from "../chat/names/grammar.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";

export const levels = ["all", "mentions", "none"] as const;
export type Level = (typeof levels)[number];

export type NotificationSettings = {
  /** Requested by a click; the browser may still refuse. */
  isWanted: boolean;
  /** By folded room; other rooms have `defaultLevel`. */
  rooms: ReadonlyMap<string, Level>;
};

const defaultLevel: Level = "all";

export const noNotifications: NotificationSettings = { isWanted: false, rooms: new Map() };

/** Maximum number of rooms with their own level; the one changed first is forgotten. */
const maxRooms = 200;

export const notificationsKey = "parley-notifications";

export function levelOf({ rooms }: NotificationSettings, room: string): Level {
  return rooms.get(fold(room)) ?? defaultLevel;
}

export function withLevel(
  settings: NotificationSettings,
  room: string,
  level: Level,
): NotificationSettings {
  const rooms = new Map(settings.rooms);
  rooms.delete(fold(room));
  if (level !== defaultLevel) rooms.set(fold(room), level);
  return { ...settings, rooms: new Map([...rooms].slice(-maxRooms)) };
}

export function storeSettings({ isWanted, rooms }: NotificationSettings): void {
  const list = Array.from(rooms, ([room, level]) => ({ room, level }));
  try {
    localStorage.setItem(notificationsKey, JSON.stringify({ isWanted, rooms: list }));
  } catch {
    // Storage is disabled: the settings apply until the page is closed.
  }
}

/** Undefined: nothing is stored, or storage is disabled. */
export function loadSettings(): NotificationSettings | undefined {
  try {
    const text = localStorage.getItem(notificationsKey);
    return text === null ? undefined : readSettings(text);
  } catch {
    return undefined;
  }
}

/** Malformed entries are ignored. */
export function readSettings(text: string): NotificationSettings {
  const fields = parseObject(text, { maxValues: 4 * maxRooms + 10 });
  if (fields === undefined) return noNotifications;
  const reader = new FieldReader(fields);
  const isWanted = reader.flag("isWanted");
  const list = reader.list("rooms", (item) => ({
    room: item.text("room"),
    level: levels.find((level) => level === item.text("level")) ?? defaultLevel,
  }));
  if (reader.problem !== undefined) return noNotifications;
  return { isWanted, rooms: new Map(list.map(({ room, level }) => [room, level])) };
}
