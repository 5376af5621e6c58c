// What a decoder returns for a line that is not a message. Pure.

import { protocol as limits } from "../limits.ts";
import type { Ref } from "./messages.ts";

export type Undecodable = {
  type: "undecodable";
  /**
   * `malformed`: not a JSON object within bounds. `unknown`: of a type that does not exist.
   * `invalid`: a field is missing or of the wrong kind. `version`: a `hello` of another version.
   */
  reason: "malformed" | "unknown" | "invalid" | "version";
  /** The `type` in the line, if there is one. */
  messageType: string | undefined;
  /** A sentence for the author of the line. */
  message: string;
  ref: Ref | undefined;
  /** The message counter in the line. */
  n: number | undefined;
};

/** A line that is not a JSON object, or a larger one than any message is. */
export function malformed(maxValues: number): Undecodable {
  const bounds = `at most ${limits.maxDepth} levels deep, with at most ${maxValues} values`;
  const message = `A line has to be one JSON object, ${bounds}`;
  return {
    type: "undecodable",
    reason: "malformed",
    messageType: undefined,
    message,
    ref: undefined,
    n: undefined,
  };
}
