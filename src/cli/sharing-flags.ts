// `--quota` and `--keep-shared`: how much people may upload to the shared folder, and how long it
// is kept.

import { readDuration } from "../chat/rights/duration.ts";
import { ParleyError } from "../errors.ts";
import { sharing as limits } from "../limits.ts";
import { quoted } from "../text.ts";

export type Sharing = {
  readonly quotaBytes: number;
  /** Undefined: until somebody removes it. */
  readonly keepMs: number | undefined;
};

const sizes: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** Undefined: uploads are disabled. @throws ParleyError `usage` */
export function sharingOf(
  quota: string | undefined,
  keep: string | undefined,
): Sharing | undefined {
  const quotaBytes = quota === undefined ? 0 : bytesOf(quota);
  if (keep !== undefined && quotaBytes === 0) {
    throw new ParleyError(
      "usage",
      "--keep-shared needs --quota: without it nobody shares anything",
    );
  }
  const keepMs = keep === undefined ? undefined : ageOf(keep);
  return quotaBytes === 0 ? undefined : { quotaBytes, keepMs };
}

function bytesOf(text: string): number {
  if (text === "0") return 0;
  const [, number = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)([kMGT])$/.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (sizes[unit] ?? Number.NaN));
  if (bytes >= limits.leastQuotaBytes) return bytes;
  const least = `${limits.leastQuotaBytes / 1e6}M`;
  const sentence = `--quota ${quoted(text)} is not a size of at least ${least}: write 500M, 20G or 1T`;
  throw new ParleyError("usage", sentence);
}

function ageOf(text: string): number {
  const ageMs = readDuration(text);
  if (ageMs !== undefined) return ageMs;
  const sentence = `--keep-shared ${quoted(text)} is not an age of up to ten years: write 12h, 30d or 8w`;
  throw new ParleyError("usage", sentence);
}
