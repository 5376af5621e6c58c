// The answer to an operator command: a sentence, or rows.

import type { ErrorCode, ParleyError } from "../../errors.ts";

/** One line of a list. Without `text`, its fields are shown as JSON. */
export type AdminRow = {
  readonly text?: string;
  /** For programs; `event` names the type of the row. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
};

export type AdminAnswer =
  | { ok: true; message?: string; rows?: readonly AdminRow[] }
  | { ok: false; code: ErrorCode; message: string };

export function failed({ code, message }: ParleyError): AdminAnswer {
  return { ok: false, code, message };
}
