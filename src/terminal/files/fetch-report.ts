// What `parley fetch-file` prints: a progress bar and a final line for people, events for programs,
// the rows of `--list`.

import { fullSentence, harmless, quoted } from "../../text.ts";
import type { ParleyError } from "../../errors.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import { isSamePath, type PathName } from "../../handover/handover-events.ts";
import { isTerminal } from "../output/is-terminal.ts";
import { jsonLine } from "../output/json-line.ts";
import { pathText } from "./offer-text.ts";
import { stderr, stdout } from "../output/output.ts";
import { say } from "../output/diagnostics.ts";
import { barFits, ProgressBar } from "../output/progress.ts";
import { countText, elapsedText, rateText } from "../output/units.ts";
import { sizeText } from "../../size-text.ts";

type EventOf<Name extends FetchEvent["event"]> = Extract<FetchEvent, { event: Name }>;

export interface FetchReportOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** stdout carries the file itself, so events go to stderr. */
  readonly dataOnStdout: boolean;
}

export class FetchReport {
  readonly #options: FetchReportOptions;
  #bar: ProgressBar | undefined;
  /**
   * Why the last attempt failed. Later attempts usually fail the same way; the same reason is not
   * repeated.
   */
  #lastReason = "";
  /** The path that was reported last. */
  #path: PathName | undefined;

  constructor(options: FetchReportOptions) {
    this.#options = options;
  }

  handleEvent(event: FetchEvent): void {
    if (this.#options.json) {
      if (this.#options.dataOnStdout) stderr.data(jsonLine(event));
      else stdout.data(jsonLine(event));
    } else if (!this.#options.quiet) this.#show(event);
  }

  /** A file can't be fetched. `isLast`: the command ends with this error, which people will see. */
  failed(name: string, { code, message }: ParleyError, isLast: boolean): void {
    if (this.#options.json || !isLast) this.handleEvent({ event: "failed", name, code, message });
  }

  /** One row of `--list`, or an event with `--json`. */
  async list(file: FileInfo): Promise<void> {
    const { name, size, modified } = file;
    const shownSize = name.endsWith("/") ? "-" : String(size);
    const time = new Date(modified).toISOString().slice(0, 16).replace("T", " ");
    const line = this.#options.json
      ? jsonLine({ event: "file", name, size, modified })
      : `${shownSize.padStart(12)}  ${time}  ${harmless(name)}\n`;
    if (!stdout.data(line)) await stdout.relief();
  }

  /** How bytes come now, by code through a server. */
  path(name: PathName): void {
    if (isSamePath(name, this.#path)) return;
    this.#path = name;
    if (this.#options.json) stdout.data(jsonLine({ event: "path", ...name }));
    else if (!this.#options.quiet) say(`From the sender: ${pathText(name)}`);
  }

  emptyList(): void {
    if (!this.#options.json && !this.#options.quiet) say("The server shares no files");
  }

  /** Removes the bar. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show(event: FetchEvent): void {
    switch (event.event) {
      case "offer": {
        this.end();
        this.#lastReason = "";
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
        if (event.reason !== this.#lastReason)
          this.#say(`${fullSentence(harmless(event.reason))} Trying again …`);
        this.#lastReason = event.reason;
        break;
      }
      case "fallback": {
        this.#say(
          `${fullSentence(harmless(event.reason))} Fetching over the control connection instead.`,
        );
        break;
      }
      case "failed": {
        this.#say(harmless(event.message));
        break;
      }
      case "unchanged": {
        const { path, size, compared, sha256 } = event;
        const how = compared === "content" ? "identical" : "of the same size and time";
        this.#say(
          `${quoted(path, 200)} is already there and ${how}: ${sizeText(size)}${hash(sha256)}`,
        );
        break;
      }
      case "done": {
        this.end();
        const { name, path, size, seconds, goodputBytesPerSecond, sha256 } = event;
        const where = path === "-" ? quoted(name, 200) : quoted(path, 200);
        say(
          `${where}: ${countText(size, "byte")} in ${elapsedText(seconds)} (${rateText(goodputBytesPerSecond)})${hash(sha256)}`,
        );
        break;
      }
      case "tree":
      case "left-out":
      case "renamed":
      case "folder":
        this.#showOfFolder(event);
    }
  }

  #showOfFolder(event: EventOf<"tree" | "left-out" | "renamed" | "folder">): void {
    if (event.event === "tree") return this.#showTree(event);
    if (event.event === "folder") return this.#showFolder(event);
    const name = quoted(event.name, 200);
    if (event.event === "renamed") {
      return this.#say(
        `${name} can't have that name here: it is saved as ${quoted(event.path, 200)}`,
      );
    }
    const what = event.kind === "link" ? "a link" : "no file or folder that can be sent";
    this.#say(`${name} is ${what}: left out`);
  }

  #showTree({ name, size, files, unchanged, wantedBytes }: EventOf<"tree">): void {
    const there = unchanged === 0 ? "" : `, ${countText(unchanged, "file")} there already`;
    this.#say(`${quoted(name, 200)}: ${countText(files, "file")}, ${sizeText(size)}${there}`);
    this.#startBar(name, wantedBytes);
  }

  #showFolder(event: EventOf<"folder">): void {
    this.end();
    const { path, files, size, seconds, goodputBytesPerSecond } = event;
    const rest: [count: number, words: string][] = [
      [event.unchanged, `${event.unchanged} there already`],
      [event.renamed, `${event.renamed} under another name`],
      [event.links, `${countText(event.links, "link")} left out`],
      [event.others, `${event.others} that can't be sent, left out`],
      [event.failed, `${event.failed} failed`],
    ];
    const notes = rest.flatMap(([count, words]) => (count > 0 ? [`, ${words}`] : []));
    say(
      `${quoted(path, 200)}: ${countText(files, "file")}, ${countText(size, "byte")} in ${elapsedText(seconds)} ` +
        `(${rateText(goodputBytesPerSecond)})${notes.join("")}`,
    );
  }

  #startBar(name: string, sizeBytes: number): void {
    // On a terminal, the bar would erase lines of the file.
    if (this.#options.dataOnStdout && isTerminal(1)) return;
    if (barFits()) this.#bar ??= new ProgressBar(name, sizeBytes);
  }

  /** Prints a line in place of the bar; the next progress redraws the bar below it. */
  #say(line: string): void {
    this.end();
    say(line);
  }
}

function hash(sha256: string | undefined): string {
  return sha256 === undefined ? "" : `, sha256 ${sha256}`;
}
