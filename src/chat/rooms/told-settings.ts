// The modes of a room that its members have been told of. Changes at other servers arrive twice: as
// an announcement, which may be lost, and with the stored settings, which come later but surely.
// Pure.

import type { RoomSettings } from "../rights/room-settings.ts";
import { type RoomChange, roomFlags } from "./room-change.ts";

type Modes = Pick<RoomSettings, "flags" | "key" | "limit"> & {
  readonly masks: readonly string[];
};

type SettingsChange = Exclude<RoomChange, { what: "operator" | "voice" }>;

export function isSettings(change: RoomChange): change is SettingsChange {
  return change.what !== "operator" && change.what !== "voice";
}

export class ToldSettings {
  #modes: Modes;
  /** They differed from the stored ones at the last look. */
  #isBehind = false;

  constructor(settings: RoomSettings) {
    this.#modes = modesOf(settings);
  }

  /**
   * The members are being told of these changes. Returns those of which they have not been told
   * yet; the settings may hold more.
   */
  add(changes: readonly RoomChange[]): readonly RoomChange[] {
    return changes.filter((change) => {
      if (!isSettings(change)) return true;
      const after = applied(this.#modes, change);
      const isNew = changesBetween(this.#modes, after).length > 0;
      if (isNew) this.#modes = after;
      return isNew;
    });
  }

  /**
   * How the stored settings differ, of which the members are to be told then; none if an
   * announcement may be on its way.
   */
  look(settings: RoomSettings): readonly RoomChange[] {
    const stored = modesOf(settings);
    const changes = changesBetween(this.#modes, stored);
    this.#isBehind = changes.length > 0 && !this.#isBehind;
    if (this.#isBehind) return [];
    this.#modes = stored;
    return changes;
  }
}

function modesOf({ flags, key, limit, bans }: RoomSettings): Modes {
  return { flags, key, limit, masks: bans.map(({ mask }) => mask) };
}

/** What leads from one to the other. */
function changesBetween(before: Modes, now: Modes): SettingsChange[] {
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

function applied(told: Modes, change: SettingsChange): Modes {
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
