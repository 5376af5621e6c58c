// `/get` at the prompt: fetches one file with what `parley fetch-file` is made of. Knows no screen.

import { ParleyError } from "../errors.ts";
import type { FetchEvent } from "../files/fetch-events.ts";
import { DownloadClient } from "../files/download-client.ts";
import type { Address } from "../io/host-port.ts";
import { harmless, quoted } from "../text.ts";
import { fetchTargets, makeFolder } from "./fetch-targets.ts";
import { stdout } from "./output.ts";
import type { Downloads } from "./terminal-client.ts";
import { durationText, rateText } from "./units.ts";
import { sizeText } from "../size-text.ts";

type Tell = Parameters<Downloads["start"]>[1];

export class FolderDownloads implements Downloads {
  readonly #server: Address;
  readonly #folder: string;
  #client: DownloadClient | undefined;

  constructor(server: Address, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  get running(): boolean {
    return this.#client !== undefined;
  }

  start(name: string, tell: Tell): void {
    this.#client = new DownloadClient({
      server: this.#server,
      onEvent: (event) => showFetch(event, tell),
    });
    void this.#run(this.#client, name, tell);
  }

  stop(): void {
    this.#client?.stop(
      new ParleyError("interrupted", "Stopped; what has come is kept: /get goes on from there"),
    );
  }

  async #run(client: DownloadClient, name: string, tell: Tell): Promise<void> {
    try {
      makeFolder(this.#folder, "another --downloads");
      const folder = this.#folder.endsWith("/") ? this.#folder : `${this.#folder}/`;
      for (const { name: wanted, target } of fetchTargets([name], folder, stdout)) {
        await client.fetch(wanted, target);
      }
    } catch (error) {
      tell.say(harmlessProblem(error, name));
    } finally {
      client.close();
      this.#client = undefined;
      tell.progress(undefined);
    }
  }
}

/** Why a fetch of this name has failed, for a person at the prompt. */
export function harmlessProblem(error: unknown, name: string): string {
  if (error instanceof ParleyError && error.code === "not-found") {
    return `There is no file ${quoted(name, 200)}: /files lists what there is`;
  }
  if (error instanceof ParleyError && error.code === "differs") {
    return `${quoted(name, 200)} is in your folder already, and differs from the server's: move yours away first`;
  }
  return harmless(error instanceof Error ? error.message : String(error));
}

/** What becomes of a fetch, for a person at the prompt. */
export function showFetch(event: FetchEvent, { progress, say }: Tell): void {
  const name = harmless(event.name);
  switch (event.event) {
    case "offer":
      return progress(`0 %  of ${sizeText(event.size)}  ${name}`);
    case "progress": {
      const { receivedBytes, size, bytesPerSecond, secondsLeft } = event;
      const percent = size === 0 ? 100 : Math.floor((100 * receivedBytes) / size);
      const left = secondsLeft === null ? "" : `${durationText(secondsLeft)} left  `;
      // On a narrow terminal its end is cut off.
      return progress(
        `${percent} %  ${left}${sizeText(receivedBytes)} of ${sizeText(size)}  ${rateText(bytesPerSecond)}  ${name}`,
      );
    }
    case "retry":
      return say(`${name}: ${harmless(event.reason)}: trying again`);
    case "unchanged":
      return say(`${name} is there already, the same: ${harmless(event.path)}`);
    case "done":
      return say(
        `Saved ${harmless(event.path)}: ${sizeText(event.size)} in ${durationText(event.seconds)}, ${rateText(event.goodputBytesPerSecond)}, SHA-256 ${event.sha256}`,
      );
  }
}
