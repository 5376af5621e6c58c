// The answer to an operator command: a sentence, or rows.

import type { ErrorCode, ParleyError } from "../../errors.ts";
import type { AdminRow } from "../../protocol/messages.ts";

export type AdminAnswer =
  | { ok: true; message?: string; rows?: readonly AdminRow[] }
  | { ok: false; code: ErrorCode; message: string };

export function failed({ code, message }: ParleyError): AdminAnswer {
  return { ok: false, code, message };
}
