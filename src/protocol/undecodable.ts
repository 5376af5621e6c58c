// What a decoder returns for a line that is not a valid message. Pure.

import { protocol as limits } from "../limits.ts";
import { type Fields, isCount, isRef } from "./field-reader.ts";
import type { Ref } from "./messages.ts";

export type Undecodable = {
  type: "undecodable";
  /**
   * `malformed`: not a JSON object within bounds. `unknown`: no such message type. `invalid`: a
   * field is missing or has the wrong type. `version`: a `hello` of another version.
   */
  reason: "malformed" | "unknown" | "invalid" | "version";
  /** The `type` in the line, if any. */
  messageType: string | undefined;
  /** A sentence for the sender of the line. */
  message: string;
  ref: Ref | undefined;
  /** The message counter in the line. */
  n: number | undefined;
};

/** For a line that is not a JSON object, or exceeds the bounds of all messages. */
export function malformed(maxValues: number): Undecodable {
  const bounds = `at most ${limits.maxDepth} levels deep, with at most ${maxValues} values`;
  const message = `A line must be one JSON object, ${bounds}`;
  return {
    type: "undecodable",
    reason: "malformed",
    messageType: undefined,
    message,
    ref: undefined,
    n: undefined,
  };
}

/** For a JSON object that is not a valid message. */
export function undecodable(
  { type, ref, n }: Fields,
  reason: Undecodable["reason"],
  message: string,
): Undecodable {
  return {
    type: "undecodable",
    reason,
    messageType: typeof type === "string" ? type : undefined,
    message,
    ref: isRef(ref) ? ref : undefined,
    n: isCount(n, 1) ? n : undefined,
  };
}
