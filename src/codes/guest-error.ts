// Why a guest who knows the code has not received everything, for the sender. Pure.

import { ParleyError } from "../errors.ts";
import { harmless } from "../text.ts";

/** The failure is the guest's: with `--keep`, the next one may do better. */
export class GuestError extends ParleyError {}

/** `reason`: as the guest tells it; empty: it was stopped. */
export function guestError(failed: number, reason: string): GuestError {
  if (reason === "") return new GuestError("declined", "The other end has stopped it.");
  const sentence = `${failed} of the files did not get there: ${harmless(reason).slice(0, 300)}`;
  return new GuestError("failed", sentence);
}

/** A guest who has lost the connection was waited for in vain. */
export function goneError(patienceMs: number): GuestError {
  const minutes = Math.ceil(patienceMs / 60_000);
  const time = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return new GuestError("stalled", `The receiver has not reconnected for ${time}.`);
}
