// What `parley send-file` prints: a progress bar and lines for people, events for programs.

import type { LeftOut } from "../../handover/offered-folder.ts";
import type { SendEvent } from "../../handover/handover-events.ts";
import { sizeText } from "../../size-text.ts";
import { harmless, quoted } from "../../text.ts";
import { say } from "../output/diagnostics.ts";
import { jsonLine } from "../output/json-line.ts";
import { leftOutText, pathText, sharingText, waitText } from "./offer-text.ts";
import { stdout } from "../output/output.ts";
import { barFits, ProgressBar } from "../output/progress.ts";
import { countText, elapsedText, rateText } from "../output/units.ts";

export class SendReport {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;
  #bar: ProgressBar | undefined;
  #hasBegun = false;

  constructor(isJson: boolean, isQuiet: boolean) {
    this.#isJson = isJson;
    this.#isQuiet = isQuiet;
  }

  /** What is in the folders and is not sent. */
  leftOut(counts: LeftOut): void {
    const text = leftOutText(counts);
    if (text === undefined) return;
    if (this.#isJson) stdout.data(jsonLine({ event: "left-out", ...counts }));
    else if (!this.#isQuiet) say(text);
  }

  /** `self`: the sender's own name. */
  handleEvent(event: SendEvent, self: string | undefined): void {
    if (this.#isJson) stdout.data(jsonLine(event));
    else if (!this.#isQuiet) this.#show(event, self);
  }

  /** Removes the bar. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show(event: SendEvent, self: string | undefined): void {
    switch (event.event) {
      case "offered":
        return this.#showOffered(event, self);
      case "accepted":
        if (!this.#hasBegun) this.#say(`${harmless(event.to)} has accepted`);
        this.#hasBegun = true;
        return;
      case "sharing":
        return this.#say(sharingText(event));
      case "shared": {
        this.end();
        const { seconds, goodputBytesPerSecond } = event;
        const rate = `, in ${elapsedText(seconds)} (${rateText(goodputBytesPerSecond)})`;
        return say(`${sharingText(event)}${event.unchanged ? "" : rate}`);
      }
      case "interrupted":
        return this.#say(`${harmless(event.reason)}: continuing when both are connected again`);
      case "progress": {
        const {
          to = "the server",
          size,
          verifiedBytes: haveBytes,
          bytesPerSecond,
          secondsLeft,
        } = event;
        if (this.#bar === undefined && barFits()) this.#bar = new ProgressBar(harmless(to), size);
        this.#bar?.update({ haveBytes, allBytes: size, bytesPerSecond, secondsLeft });
        return;
      }
      case "path":
        return this.#say(`To ${harmless(event.to)}: ${pathText(event)}`);
      case "sent": {
        this.end();
        const { to, files, size, seconds, goodputBytesPerSecond } = event;
        const what = `${countText(files, "file")}, ${sizeText(size)}`;
        const isOld = size > 0 && goodputBytesPerSecond === 0;
        if (isOld) return say(`${harmless(to)} already has ${what}`);
        const rate = `${elapsedText(seconds)} (${rateText(goodputBytesPerSecond)})`;
        say(`${harmless(to)} has received ${what}, in ${rate}`);
      }
    }
  }

  #showOffered(event: Extract<SendEvent, { event: "offered" }>, self: string | undefined): void {
    const { to, files, size, names, sealed, here, online } = event;
    const [name = ""] = names;
    const what = names.length === 1 ? quoted(name, 200) : countText(files, "file");
    const how = sealed
      ? "sealed: nobody but the two of you can read it"
      : "not sealed, since one of you has no registered key: the server can read it";
    this.#say(`Offering ${what}, ${sizeText(size)}, to ${harmless(to)} (${how})`);
    if (!here) this.#say(`${waitText(to, online, self)}: waiting`);
  }

  #say(text: string): void {
    this.#bar?.stop();
    this.#bar = undefined;
    say(text);
  }
}
