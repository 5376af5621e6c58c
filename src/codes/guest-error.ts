// Why a guest who knows the code has not received everything, for the sender. Pure.

import { ParleyError } from "../errors.ts";
import { harmless } from "../text.ts";

/** `reason`: as the guest tells it; empty: it was stopped. */
export function guestError(failed: number, reason: string): ParleyError {
  if (reason === "") return new ParleyError("declined", "The other end has stopped it.");
  const sentence = `${failed} of the files did not get there: ${harmless(reason).slice(0, 300)}`;
  return new ParleyError("failed", sentence);
}

/** A guest who has lost the connection was waited for in vain. */
export function goneError(patienceMs: number): ParleyError {
  const minutes = Math.ceil(patienceMs / 60_000);
  const time = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return new ParleyError("stalled", `The receiver has not reconnected for ${time}.`);
}
