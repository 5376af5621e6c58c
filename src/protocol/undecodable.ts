// What a decoder makes of a line that is no message. Pure.

import type { Ref } from "./messages.ts";

export type Undecodable = {
  type: "undecodable";
  /**
   * `malformed`: no JSON object within bounds. `unknown`: of a type that there is not. `invalid`: a field is missing or of the
   * wrong kind. `version`: a `hello` of another version.
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

/** A line that is no object that a message could be. */
export function malformed(): Undecodable {
  const message =
    "This line is not a message: each line has to be one JSON object, with little inside";
  return {
    type: "undecodable",
    reason: "malformed",
    messageType: undefined,
    message,
    ref: undefined,
    n: undefined,
  };
}
