// The interface between offers (in both directions) and the session.

import type { NativeSession } from "../../client/events.ts";
import type { FramePort } from "../../handover/channel.ts";
import type { OfferEnd, OfferSummary } from "../../protocol/messages.ts";
import type { WebSocketDriver } from "../websocket-driver.ts";

export interface OfferPort {
  /** Makes or repeats an offer. Returns the request's number; undefined: offline. */
  offer(offer: string, to: string, summary: OfferSummary): number | undefined;
  answer(offer: string, accept: boolean): void;
  end(offer: string, reason: OfferEnd): void;
  /** Goes on at that server, where offers are made again; false: it can't. */
  moveTo(server: string): boolean;
  frames(offer: string, channel: number): FramePort;
}

/** The port of the current session. */
export function offerPort(
  session: () => Pick<NativeSession, "request" | "pass" | "endOffer"> | undefined,
  driver: () => Pick<WebSocketDriver, "step" | "moveTo"> | undefined,
): OfferPort {
  const step = () => driver()?.step();
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
    moveTo: (server) => driver()?.moveTo(server) === true,
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
