// The modes of a room that its members have been told of. Changes at other servers arrive twice: as
// an announcement, which may be lost, and with the stored settings, which come later but surely.
// Pure.

import type { RoomSettings } from "../rights/room-settings.ts";
import { type RoomChange, roomFlags } from "./room-change.ts";

export type ToldSettings = Pick<RoomSettings, "flags" | "key" | "limit"> & {
  readonly masks: readonly string[];
};

type SettingsChange = Exclude<RoomChange, { what: "operator" | "voice" }>;

export function isSettings(change: RoomChange): change is SettingsChange {
  return change.what !== "operator" && change.what !== "voice";
}

export function toldOf({ flags, key, limit, bans }: RoomSettings): ToldSettings {
  return { flags, key, limit, masks: bans.map(({ mask }) => mask) };
}

/** What leads from one to the other. */
export function changesBetween(before: ToldSettings, now: ToldSettings): SettingsChange[] {
  const flags = Object.values(roomFlags).filter(
    (flag) => before.flags.includes(flag) !== now.flags.includes(flag),
  );
  const lifted = before.masks.filter((mask) => !now.masks.includes(mask));
  const added = now.masks.filter((mask) => !before.masks.includes(mask));
  return [
    ...flags.map((flag) => ({ what: "flag", flag, isOn: now.flags.includes(flag) }) as const),
    ...(before.key === now.key ? [] : [{ what: "key", key: now.key } as const]),
    ...(before.limit === now.limit ? [] : [{ what: "limit", limit: now.limit } as const]),
    ...lifted.map((mask) => ({ what: "ban", mask, isOn: false }) as const),
    ...added.map((mask) => ({ what: "ban", mask, isOn: true }) as const),
  ];
}

/** The settings may hold more, of which the members have not been told yet. */
export function afterChanges(told: ToldSettings, changes: readonly RoomChange[]): ToldSettings {
  return changes.filter(isSettings).reduce(applied, told);
}

/** Undefined: they were told so already. */
export function afterChange(told: ToldSettings, change: SettingsChange): ToldSettings | undefined {
  const after = applied(told, change);
  return changesBetween(told, after).length === 0 ? undefined : after;
}

function applied(told: ToldSettings, change: SettingsChange): ToldSettings {
  switch (change.what) {
    case "flag":
      return { ...told, flags: withOrWithout(told.flags, change.flag, change.isOn) };
    case "key":
      return { ...told, key: change.key };
    case "limit":
      return { ...told, limit: change.limit };
    case "ban":
      return { ...told, masks: withOrWithout(told.masks, change.mask, change.isOn) };
  }
}

function withOrWithout<T>(items: readonly T[], item: T, isIn: boolean): readonly T[] {
  const others = items.filter((one) => one !== item);
  return isIn ? [...others, item] : others;
}
