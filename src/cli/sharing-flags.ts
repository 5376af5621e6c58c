// `--quota` and `--keep-shared`: how much people may upload to the shared folder, and how long it
// is kept.

import { ParleyError } from "../errors.ts";
import { sharing as limits } from "../limits.ts";
import { ageOf, sizeOf } from "./flag-values.ts";

export type Sharing = {
  readonly quotaBytes: number;
  /** Undefined: until somebody removes it. */
  readonly keepMs: number | undefined;
};

/** Undefined: uploads are disabled. @throws ParleyError `usage` */
export function sharingOf(
  quota: string | undefined,
  keep: string | undefined,
): Sharing | undefined {
  const isOff = quota === undefined || quota === "0";
  const quotaBytes = isOff ? 0 : sizeOf("--quota", quota, limits.leastQuotaBytes);
  if (keep !== undefined && quotaBytes === 0) {
    throw new ParleyError(
      "usage",
      "--keep-shared needs --quota: without it nobody shares anything",
    );
  }
  const keepMs = keep === undefined ? undefined : ageOf("--keep-shared", keep);
  return quotaBytes === 0 ? undefined : { quotaBytes, keepMs };
}
