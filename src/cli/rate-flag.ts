// `--limit-rate`: the maximum rate at which files are fetched or sent.

import { ParleyError } from "../errors.ts";
import { parseRate } from "../terminal/output/units.ts";
import { quoted } from "../text.ts";

export const rateFlag = {
  type: "string",
  valueHint: "2M",
  description: "At most this many bytes per second; k, M, G are powers of 1000",
} as const;

/** @throws ParleyError `usage` */
export function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytesPerSecond = parseRate(text);
  if (bytesPerSecond !== undefined) return bytesPerSecond;
  throw new ParleyError(
    "usage",
    `--limit-rate ${quoted(text)} is not a rate: use bytes per second, ` +
      "at least 1, such as 500k or 2M",
  );
}
