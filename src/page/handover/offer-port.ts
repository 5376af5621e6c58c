// What offers of both directions need of the session.

import type { NativeSession } from "../../client/events.ts";
import type { FramePort } from "../../handover/channel.ts";
import type { OfferEnd, OfferSummary } from "../../protocol/messages.ts";

export interface OfferPort {
  /** Makes an offer, or makes it again. Returns the request's number; undefined: offline. */
  offer(offer: string, to: string, summary: OfferSummary): number | undefined;
  answer(offer: string, accept: boolean): void;
  end(offer: string, reason: OfferEnd): void;
  frames(offer: string, channel: number): FramePort;
}

/** Of whichever session there is; `step` carries out its outputs. */
export function offerPort(
  session: () => Pick<NativeSession, "request" | "pass" | "endOffer"> | undefined,
  step: () => void,
): OfferPort {
  return {
    offer(offer, to, summary) {
      const ref = session()?.request({ type: "offer-files", offer, to, summary });
      step();
      return ref;
    },
    answer(offer, accept) {
      session()?.request({ type: "answer-files", offer, accept });
      step();
    },
    end(offer, reason) {
      session()?.endOffer(offer, reason);
      step();
    },
    frames: (offer, channel) => ({
      pass(data) {
        session()?.pass(offer, channel, data);
        step();
      },
      // A WebSocket tells nobody when it has drained: what is under way is counted elsewhere.
      waitingBytes: () => 0,
    }),
  };
}
