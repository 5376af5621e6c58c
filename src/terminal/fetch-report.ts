// What a fetch prints: a progress bar and a final line for people, events for programs, the rows of `--list`.

import { harmless, quoted } from "../text.ts";
import type { ParleyError } from "../errors.ts";
import type { FetchEvent } from "../files/fetch-events.ts";
import type { FileInfo } from "../protocol/messages.ts";
import { jsonLine } from "./json-line.ts";
import { stderr, stdout } from "./output.ts";
import { say } from "./voice.ts";
import { barFits, ProgressBar } from "./progress.ts";
import { countText, elapsedText, rateText } from "./units.ts";
import { sizeText } from "../size-text.ts";

export interface FetchReportOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** stdout has the file itself, so events go to stderr. */
  readonly dataOnStdout: boolean;
}

export class FetchReport {
  readonly #options: FetchReportOptions;
  #bar: ProgressBar | undefined;
  /** Why the last attempt failed. The next ones mostly fail for the same reason, which is not repeated. */
  #trouble = "";

  constructor(options: FetchReportOptions) {
    this.#options = options;
  }

  tell(event: FetchEvent): void {
    if (this.#options.json) {
      if (this.#options.dataOnStdout) stderr.data(jsonLine(event));
      else stdout.data(jsonLine(event));
    } else if (!this.#options.quiet) this.#show(event);
  }

  /** A file can't be fetched. `isLast`: that ends the command, whose error tells people. */
  failed(name: string, { code, message }: ParleyError, isLast: boolean): void {
    if (this.#options.json || !isLast) this.tell({ event: "failed", name, code, message });
  }

  /** One row of `--list`, or with `--json` an event. */
  async list(file: FileInfo): Promise<void> {
    const { name, size, modified } = file;
    const time = new Date(modified).toISOString().slice(0, 16).replace("T", " ");
    const line = this.#options.json
      ? jsonLine({ event: "file", name, size, modified })
      : `${String(size).padStart(12)}  ${time}  ${harmless(name)}\n`;
    if (!stdout.data(line)) await stdout.relief();
  }

  emptyList(): void {
    if (!this.#options.json && !this.#options.quiet) say("The server shares no files");
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show(event: FetchEvent): void {
    switch (event.event) {
      case "offer": {
        this.end();
        this.#trouble = "";
        if (event.resumedBytes > 0) {
          this.#say(
            `${quoted(event.name, 100)}: resuming at ${sizeText(event.resumedBytes)} of ${sizeText(event.size)}`,
          );
        }
        this.#startBar(event.name, event.size);
        break;
      }
      case "progress": {
        this.#startBar(event.name, event.size);
        const { receivedBytes, size, bytesPerSecond, secondsLeft } = event;
        const progress = { haveBytes: receivedBytes, allBytes: size, bytesPerSecond, secondsLeft };
        this.#bar?.update(progress);
        break;
      }
      case "retry": {
        if (event.reason !== this.#trouble) this.#say(`${harmless(event.reason)} Trying again …`);
        this.#trouble = event.reason;
        break;
      }
      case "failed": {
        this.#say(harmless(event.message));
        break;
      }
      case "unchanged": {
        this.#say(
          `${quoted(event.path, 200)} is already there and identical: ${sizeText(event.size)}, sha256 ${event.sha256}`,
        );
        break;
      }
      case "done": {
        this.end();
        const { name, path, size, seconds, goodputBytesPerSecond, sha256 } = event;
        const where = path === "-" ? quoted(name, 200) : quoted(path, 200);
        say(
          `${where}: ${countText(size, "byte")} in ${elapsedText(seconds)} (${rateText(goodputBytesPerSecond)}), sha256 ${sha256}`,
        );
        break;
      }
    }
  }

  #startBar(name: string, sizeBytes: number): void {
    // It would wipe lines of the file off the screen.
    if (this.#options.dataOnStdout && process.stdout.isTTY) return;
    if (barFits()) this.#bar ??= new ProgressBar(name, sizeBytes);
  }

  /** Replaces the bar, which is drawn again below. */
  #say(line: string): void {
    this.end();
    say(line);
  }
}
