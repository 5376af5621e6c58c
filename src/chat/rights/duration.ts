// Durations as operators write them: `90s`, `30m`, `12h`, `1d`, `2w`. Pure.

import { rights as limits } from "../../limits.ts";

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** In milliseconds; undefined if it is not a duration, or longer than `rights.maxTermMs`. */
export function readDuration(text: string): number | undefined {
  const [, number = "", unit = ""] = /^([1-9]\d{0,5})([smhdw])$/.exec(text) ?? [];
  if (!isUnit(unit)) return undefined;
  const ms = Number(number) * unitMs[unit];
  return ms <= limits.maxTermMs ? ms : undefined;
}

function isUnit(unit: string): unit is keyof typeof unitMs {
  return Object.hasOwn(unitMs, unit);
}
