// `/get` at the prompt: fetches one file as `parley fetch-file` does. Knows no screen.

import { errorMessage, ParleyError } from "../../errors.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import { DownloadClient } from "../../files/download-client.ts";
import type { ServerAddress } from "../../io/host-port.ts";
import { fullSentence, harmless, quoted } from "../../text.ts";
import { fetchInto } from "../../files/fetch-into.ts";
import type { Downloads } from "../client/terminal-client.ts";
import { sizeText } from "../../size-text.ts";
import { countText, elapsedText, rateText } from "../output/units.ts";
import { progressText } from "./progress-text.ts";

type Report = Parameters<Downloads["start"]>[1];

export class FolderDownloads implements Downloads {
  readonly #server: ServerAddress;
  readonly #folder: string;
  #client: DownloadClient | undefined;

  constructor(server: ServerAddress, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  get running(): boolean {
    return this.#client !== undefined;
  }

  start(name: string, report: Report): void {
    this.#client = new DownloadClient({
      server: this.#server,
      onEvent: fetchListener(report),
    });
    void this.#run(this.#client, name, report);
  }

  stop(): void {
    this.#client?.stop(
      new ParleyError("interrupted", "Stopped. The partial file is kept: /get resumes it"),
    );
  }

  async #run(client: DownloadClient, name: string, report: Report): Promise<void> {
    try {
      await fetchInto(client, name, this.#folder);
    } catch (error) {
      report.say(harmlessProblem(error, name));
    } finally {
      client.close();
      this.#client = undefined;
      report.progress(undefined);
    }
  }
}

/** Why a fetch failed, for a person at the prompt. */
export function harmlessProblem(error: unknown, name: string): string {
  if (error instanceof ParleyError && error.code === "not-found") {
    // `/get 3` is meant for an offer, unless there is a file of that name.
    const what = /^\d{1,9}$/.test(name) ? `offer ${name}, and no file` : "file";
    return `There is no ${what} ${quoted(name, 200)}: /files lists the files`;
  }
  if (error instanceof ParleyError && error.code === "differs") {
    return `Your folder has a different ${quoted(name, 200)} already: move it away first`;
  }
  return harmless(errorMessage(error));
}

/**
 * Shows the events of a fetch to a person at the prompt. Attempts usually fail in the same way: the
 * same reason is not repeated, or it would fill the screen.
 */
export function fetchListener(report: Report): (event: FetchEvent) => void {
  let lastReason = "";
  return (event) => {
    if (event.event === "retry") {
      if (event.reason === lastReason) return;
      lastReason = event.reason;
    } else if (event.event === "offer") lastReason = "";
    showFetch(event, report);
  };
}

function showFetch(event: FetchEvent, { progress, say }: Report): void {
  const name = quoted(event.name, 200);
  switch (event.event) {
    case "offer":
      return progress(`0 %  of ${sizeText(event.size)}  ${harmless(event.name)}`);
    case "progress": {
      const { receivedBytes: haveBytes, size: allBytes, bytesPerSecond, secondsLeft } = event;
      const shown = harmless(event.name);
      return progress(
        progressText({ name: shown, haveBytes, allBytes, bytesPerSecond, secondsLeft }),
      );
    }
    case "tree":
      return say(`${name}: ${countText(event.files, "file")}, ${sizeText(event.size)}`);
    case "renamed":
      return say(`${name} can't have that name here: it is saved as ${quoted(event.path, 200)}`);
    case "failed":
      return say(harmless(event.message));
    case "folder":
      return say(
        `Saved ${quoted(event.path, 200)}: ${countText(event.files, "file")}, ${sizeText(event.size)} in ${elapsedText(event.seconds)}`,
      );
    case "retry":
      return say(`${name}: ${fullSentence(harmless(event.reason))} Trying again …`);
    case "fallback":
      return say(
        `${name}: ${fullSentence(harmless(event.reason))} Fetching over the control connection instead`,
      );
    case "unchanged":
      return say(`${name} is up to date: ${quoted(event.path, 200)}`);
    case "done":
      return say(
        `Saved ${quoted(event.path, 200)}: ${sizeText(event.size)} in ${elapsedText(event.seconds)}, ${rateText(event.goodputBytesPerSecond)}`,
      );
  }
}
