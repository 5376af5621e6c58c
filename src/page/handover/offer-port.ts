// The interface between offers (in both directions) and the session.

import type { NativeSession } from "../../client/events.ts";
import type { FramePort } from "../../handover/channel.ts";
import type { OfferEnd, OfferSummary } from "../../protocol/messages.ts";

export interface OfferPort {
  /** Makes or repeats an offer. Returns the request's number; undefined: offline. */
  offer(offer: string, to: string, summary: OfferSummary): number | undefined;
  answer(offer: string, accept: boolean): void;
  end(offer: string, reason: OfferEnd): void;
  frames(offer: string, channel: number): FramePort;
}

/** The port of the current session; `step` carries out its outputs. */
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
      // A WebSocket does not report when it has drained: data in flight is counted elsewhere.
      waitingBytes: () => 0,
    }),
  };
}
