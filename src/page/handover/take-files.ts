// Receives files through channels, from any kind of sender: their list, then one file after
// another, to the place chosen by the user. Accepts no more than the user has accepted.

import { ParleyError } from "../../errors.ts";
import { offers as limits, pageFiles } from "../../limits.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import { ChannelLost, type Channels, ofOneFile } from "./channel-control.ts";
import { FileFetch } from "./file-fetch.ts";
import type { SaveTarget, StoredFile } from "./saving.ts";
import { fetchTree } from "./tree-fetch.ts";

export type Outcome = { files: number; failed: number; reason: string };

/** The maximum that may arrive. */
export type Allowance = { readonly files: number; readonly bytes: number };

export interface TakeHooks {
  /** Bytes of all files that are written. */
  onProgress(doneBytes: number): void;
  /** A file is ready for the browser's downloads. */
  onSaved(file: StoredFile): void;
}

export class FilesTaker {
  readonly #channels: Channels;
  readonly #allowance: Allowance;
  readonly #hooks: TakeHooks;
  readonly #sizes = new Map<string, number>();
  #allBytes = 0;
  #doneBytes = 0;

  constructor(channels: Channels, allowance: Allowance, hooks: TakeHooks) {
    this.#channels = channels;
    // Remembered data is bounded, whatever the sender announces.
    this.#allowance = { ...allowance, files: Math.min(allowance.files, pageFiles.maxTreeEntries) };
    this.#hooks = hooks;
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** @throws ParleyError; the reason why the channels were stopped */
  async takeAll(list: readonly FileInfo[], target: SaveTarget): Promise<Outcome> {
    const outcome = { files: 0, failed: 0, reason: "" };
    for (const { name } of list) {
      const take = name.endsWith("/")
        ? () => this.#takeFolder(name.slice(0, -1), target, outcome)
        : () => this.#takeFile(name, name, target, outcome);
      await counted(outcome, name, take);
    }
    return outcome;
  }

  /** `path`: the sender's name of the file; `name`: the name to save it as. */
  async #takeFile(path: string, name: string, target: SaveTarget, outcome: Outcome): Promise<void> {
    const savedBytes = target.savedBytes?.(path);
    if (savedBytes !== undefined) {
      this.#checkSize(path, savedBytes);
      this.#doneBytes += savedBytes;
      outcome.files++;
      return;
    }
    const sink = await target.open(name, path);
    let written = 0;
    const count = (bytes: number): void => {
      this.#doneBytes += bytes - written;
      written = bytes;
    };
    try {
      const fetch = new FileFetch(path, sink, {
        checkSize: (of, size) => this.#checkSize(of, size),
        onProgress: (bytes) => {
          count(bytes);
          this.#hooks.onProgress(this.#doneBytes);
        },
      });
      await fetch.run(this.#channels);
      const saved = await sink.finish();
      if (saved !== undefined) this.#hooks.onSaved(saved);
      outcome.files++;
    } catch (error) {
      count(0);
      await sink.discard();
      throw error;
    }
  }

  async #takeFolder(name: string, target: SaveTarget, outcome: Outcome): Promise<void> {
    await fetchTree(this.#channels, name, target, (path, as, into) =>
      counted(outcome, path, () => this.#takeFile(path, as, into, outcome)),
    );
  }

  /** @throws ParleyError `protocol` */
  #checkSize(file: string, size: number): void {
    const { bytes, files } = this.#allowance;
    this.#allBytes += size - (this.#sizes.get(file) ?? 0);
    this.#sizes.set(file, size);
    if (this.#allBytes <= bytes + limits.slackBytes && this.#sizes.size <= files) return;
    throw new ParleyError("protocol", "more would come than was offered; nothing more was taken");
  }
}

/** Requests the list, page by page; `check` is called with the list so far. @throws ParleyError */
export async function listOf(
  channels: Channels,
  check: (list: readonly FileInfo[], isWhole: boolean) => void,
): Promise<readonly FileInfo[]> {
  for (;;) {
    const control = await channels.next();
    try {
      const list: FileInfo[] = [];
      let after: string | undefined;
      do {
        let next: string | undefined;
        await control.ask({ type: "files", after, folders: true }, (answer) => {
          if (answer.type !== "files") return;
          list.push(...answer.files);
          next = answer.next;
        });
        check(list, next === undefined);
        after = next;
      } while (after !== undefined);
      return list;
    } catch (error) {
      if (!(error instanceof ChannelLost)) throw error;
    }
  }
}

/** Errors of a single file do not stop the others. @throws all other errors */
async function counted(outcome: Outcome, name: string, take: () => Promise<void>): Promise<void> {
  try {
    await take();
  } catch (error) {
    if (!(error instanceof ParleyError) || !isOfOneFile(error)) throw error;
    outcome.failed++;
    if (outcome.reason === "") outcome.reason = `${quoted(name, 200)}: ${error.message}`;
  }
}

function isOfOneFile({ code }: ParleyError): boolean {
  return ofOneFile.some((one) => one === code);
}
