// Why a server can't start with its database, as one sentence for its operator.

import { ParleyError } from "../../errors.ts";
import { DatabaseAway, Refused } from "./database.ts";

/** What to do about the database's words, where that can't be seen from them. */
const waysOut: readonly (readonly [pattern: RegExp, way: string])[] = [
  [
    /unable to (?:verify|get)|self.signed/,
    "name the certificate of its authority in NODE_EXTRA_CA_CERTS",
  ],
  [
    /password authentication failed|no password supplied/,
    "put its password into ~/.pgpass, as HOST:PORT:DATABASE:USER:PASSWORD",
  ],
  [
    /unsupported startup parameter/,
    "PgBouncer needs ignore_startup_parameters = idle_session_timeout,lock_timeout",
  ],
  [/read-only transaction/, "default_transaction_read_only must be off"],
];

/** Other errors than the database's are returned as they are. */
export function startError(error: unknown): unknown {
  if (!(error instanceof DatabaseAway) && !(error instanceof Refused)) return error;
  const what = error instanceof DatabaseAway ? "be reached" : "be used";
  const { message } = error;
  const [, way] = waysOut.find(([pattern]) => pattern.test(message)) ?? [];
  const sentence = `The database can't ${what}: ${message}`;
  return new ParleyError("storage", way === undefined ? sentence : `${sentence}: ${way}`);
}
