// How a client in a pipe reports files that people send it: sentences for people, events for
// programs.

import type { FetchEvent } from "../../files/fetch-events.ts";
import type { IncomingOfferEvent } from "../../handover/handover-events.ts";
import { say } from "../output/diagnostics.ts";
import { jsonLine } from "../output/json-line.ts";
import { incomingFileText, incomingText } from "../files/offer-text.ts";
import { stdout } from "../output/output.ts";

export class ReceiveReport {
  readonly #isJson: boolean;

  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  handleOffer(event: IncomingOfferEvent): void {
    if (this.#isJson) stdout.data(jsonLine(event));
    else say(incomingText(event));
  }

  /** `id`: of the offer. Progress is only shown on screens. */
  handleFetch(event: FetchEvent, id: number): void {
    if (event.event === "progress") return;
    if (this.#isJson) return void stdout.data(jsonLine({ ...event, id }));
    const text = incomingFileText(event);
    if (text !== undefined) say(text);
  }
}
