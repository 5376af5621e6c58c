// What a decoder makes of a line that is no message. Pure.

import { protocol as limits } from "../limits.ts";
import type { Ref } from "./messages.ts";

export type Undecodable = {
  type: "undecodable";
  /**
   * `malformed`: not a JSON object within bounds. `unknown`: of a type that does not exist.
   * `invalid`: a field is missing or of the wrong kind. `version`: a `hello` of another version.
   */
  reason: "malformed" | "unknown" | "invalid" | "version";
  /** The `type` that the line names, if it names one. */
  messageType: string | undefined;
  /** A sentence for whoever wrote the line. */
  message: string;
  ref: Ref | undefined;
  /** The message counter in it. */
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
