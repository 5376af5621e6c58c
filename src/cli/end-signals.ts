// What a signal that ends a command is to people and shells: a sentence and an exit code.

import { ParleyError } from "../errors.ts";

const endings = {
  SIGHUP: ["hung-up", "The terminal has gone"],
  SIGINT: ["interrupted", "Interrupted"],
  SIGTERM: ["terminated", "Terminated"],
} as const;

export type EndSignal = keyof typeof endings;

/** `left`: what was left undone, if anything. */
export function endedBy(signal: EndSignal, left = ""): ParleyError {
  const [code, sentence] = endings[signal];
  return new ParleyError(code, left === "" ? sentence : `${sentence}: ${left}`);
}
