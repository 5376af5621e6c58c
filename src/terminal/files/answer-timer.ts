// Gives up an offer of files that nobody answers. For programs; people at a prompt see that it
// waits, and withdraw it themselves.

import { ParleyError } from "../../errors.ts";
import type { SendEvent } from "../../handover/handover-events.ts";
import type { OutgoingOffer } from "../../handover/outgoing-offer.ts";
import { offers as limits } from "../../limits.ts";
import { Patience } from "../pipe/patience.ts";

export class AnswerTimer {
  readonly #waitMs: number;
  #isAnswered = false;

  constructor(waitMs: number = limits.answerMs) {
    this.#waitMs = waitMs;
  }

  /** Handles the events of the offer. */
  handleEvent({ event }: SendEvent): void {
    if (event !== "offered" && event !== "sharing") this.#isAnswered = true;
  }

  /**
   * Resolves as the offer does. `who` must answer it, and begins a sentence.
   * @throws ParleyError `stalled`, and as the offer does
   */
  async over(offer: Pick<OutgoingOffer, "over" | "cancel">, who: string): Promise<void> {
    const patience = new Patience(this.#waitMs, () => {
      const sentence = `${who} has not answered for ${this.#waitMs / 60_000} minutes.`;
      if (!this.#isAnswered) offer.cancel(new ParleyError("stalled", sentence));
    });
    patience.wait();
    try {
      await offer.over;
    } finally {
      patience.end();
    }
  }
}
