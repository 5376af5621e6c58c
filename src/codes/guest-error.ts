// Why a guest who knows the code has not received everything, for the sender.

import { ParleyError } from "../errors.ts";
import { harmless } from "../text.ts";

/** `reason`: as the guest tells it; empty: it was stopped. */
export function guestError(failed: number, reason: string): ParleyError {
  if (reason === "") return new ParleyError("declined", "The other end has stopped it.");
  const sentence = `${failed} of the files did not get there: ${harmless(reason).slice(0, 300)}`;
  return new ParleyError("failed", sentence);
}
