// How much has arrived, from time to time: for the user of the page, and for the sender.

import type { Channel } from "../../handover/channel.ts";
import { encodeReceipt } from "../../handover/channel-line.ts";
import { offers as limits, pageFiles } from "../../limits.ts";
import { SmoothRate } from "../../smooth-rate.ts";

export class ReceivedProgress {
  readonly #show: (doneBytes: number, bytesPerSecond: number) => void;
  readonly #rate = new SmoothRate();
  #shownMs = 0;
  #toldMs = 0;

  constructor(show: (doneBytes: number, bytesPerSecond: number) => void) {
    this.#show = show;
  }

  /** `channel`: to the sender; nothing is reported without it. */
  report(doneBytes: number, channel: Pick<Channel, "sendLine"> | undefined): void {
    if (channel === undefined) return;
    const nowMs = performance.now();
    if (nowMs - this.#shownMs >= pageFiles.showMs) {
      this.#shownMs = nowMs;
      this.#show(doneBytes, this.#rate.at(doneBytes, nowMs));
    }
    if (nowMs - this.#toldMs < limits.progressMs) return;
    this.#toldMs = nowMs;
    channel.sendLine(encodeReceipt({ type: "progress", bytes: doneBytes }));
  }
}
