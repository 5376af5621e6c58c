// The hub's file desk: lists, transfers and S1's downloads, over the services that do the work. Answers come later, so they are
// callbacks; a session's transfers end with it.

import type { FileEntry, Ref } from "../../chat/events.ts";
import type { FilesPort } from "../../chat/files-port.ts";
import type { TransferMessage, TransferRequest } from "../../protocol/messages.ts";
import { downloadStarted } from "../../dialects/open-chat/open-chat.ts";
import { listedFiles } from "../../dialects/open-chat/listed-files.ts";
import type { Peer } from "../../chat/dialect.ts";
import { ParleyError } from "../../errors.ts";
import { files as limits, folder, history } from "../../limits.ts";
import type { ClassicDownloads } from "./open-chat-download.ts";
import type { FileService } from "./file-service.ts";
import type { FileSession } from "./file-session.ts";

type Page = { files: readonly FileEntry[]; next: string | undefined };

export class ServerFiles implements FilesPort {
  readonly #service: FileService;
  readonly #downloads: ClassicDownloads;
  readonly #log: (line: string) => void;
  readonly #sessions = new Map<number, FileSession>();
  /** What is being read, by what was asked for. */
  readonly #listings = new Map<string, Promise<Page>>();
  /** Answers that are to be given: each is written anew for its client, which takes time. */
  readonly #answers: (() => void)[] = [];
  /** The files by the names that S1's clients have been shown, and when. */
  #listed:
    | { page: Promise<Page>; files: Promise<ReadonlyMap<string, FileEntry>>; atMs: number }
    | undefined;

  constructor(service: FileService, downloads: ClassicDownloads, log: (line: string) => void) {
    this.#service = service;
    this.#downloads = downloads;
    this.#log = log;
  }

  list(
    after: string | undefined,
    limit: number | undefined,
    answer: Parameters<FilesPort["list"]>[2],
  ): void {
    const page = this.#shared(after, limit);
    if (after === undefined && limit === undefined) this.#remember(page);
    page.then(
      (page) => this.#answer(() => answer(page)),
      (error: unknown) => answer(asParleyError(error)),
    );
  }

  /** Gives an answer in its turn; where many wait, with turns for other work between them. */
  #answer(give: () => void): void {
    if (this.#answers.push(give) === 1) setImmediate(() => this.#giveSome());
  }

  #giveSome(): void {
    const untilMs = performance.now() + limits.answerSliceMs;
    let given = 0;
    try {
      while (given < this.#answers.length && (given === 0 || performance.now() < untilMs)) {
        this.#answers[given++]!();
      }
    } finally {
      this.#answers.splice(0, given);
      if (this.#answers.length > 0) setImmediate(() => this.#giveSome());
    }
  }

  transfer(
    session: number,
    peer: Peer,
    request: TransferRequest,
    ref: Ref | undefined,
    send: (message: TransferMessage) => void,
    waitingBytes: () => number,
  ): void {
    let files = this.#sessions.get(session);
    if (files === undefined) {
      const find = (name: string) => this.#find(name);
      const sendLine = (line: Readonly<Record<string, unknown>>) => send(line as TransferMessage);
      files = this.#service.session(peer.address, { send: sendLine, waitingBytes, find });
      this.#sessions.set(session, files);
    }
    files.handle(request, ref);
  }

  download(
    session: number,
    name: string,
    peer: Peer,
    answer: Parameters<FilesPort["download"]>[3],
  ): void {
    const asker = {
      session,
      address: peer.address,
      onFailed: this.#log,
      find: (listed: string) => this.#find(listed),
    };
    this.#downloads.start(name, asker).then(
      ({ port, sizeBytes }) => {
        this.#log(downloadStarted);
        answer({ port, sizeBytes, name });
      },
      (error: unknown) => answer(asParleyError(error)),
    );
  }

  closed(session: number): void {
    this.#sessions.get(session)?.close();
    this.#sessions.delete(session);
    this.#downloads.sessionEnded(session);
  }

  /** The file that is listed as `name`, though it is called otherwise. */
  async #find(name: string): Promise<string | undefined> {
    const fresh =
      this.#listed !== undefined && performance.now() - this.#listed.atMs < folder.listingMs;
    const files = fresh ? this.#listed!.files : this.#remember(this.#shared(undefined, undefined));
    return (await files).get(name)?.name;
  }

  /** Who asks for what is being read gets the same, so however many ask at once, few lists are in memory. */
  #shared(after: string | undefined, limit: number | undefined): Promise<Page> {
    const key = JSON.stringify([after, limit]);
    const running = this.#listings.get(key);
    if (running !== undefined) return running;
    if (this.#listings.size >= limits.maxListings) {
      const sentence = "Too many lists of files are being read: ask again in a moment.";
      return Promise.reject(new ParleyError("full", sentence));
    }
    const page = this.#page(after, limit).finally(() => this.#listings.delete(key));
    this.#listings.set(key, page);
    return page;
  }

  #remember(page: Promise<Page>): Promise<ReadonlyMap<string, FileEntry>> {
    if (this.#listed?.page === page) return this.#listed.files;
    const files = page.then((page) => listedFiles(page.files));
    const listed = { page, files, atMs: performance.now() };
    this.#listed = listed;
    // whoever waits for it is told, and whoever asks next asks anew
    files.catch(() => {
      if (this.#listed === listed) this.#listed = undefined;
    });
    return files;
  }

  async #page(after: string | undefined, limit: number | undefined): Promise<Page> {
    const files: FileEntry[] = [];
    let from = after;
    // Dialects that know no pages get the whole list, as far as one message can hold it.
    for (;;) {
      const page = await this.#service.folder.list(from);
      for (const { name, size, modified } of page.files) {
        files.push({ name, sizeBytes: size, modifiedMs: modified });
        if (files.length === limit) {
          const more = page.next !== undefined || page.files.at(-1)?.name !== name;
          return { files, next: more ? name : undefined };
        }
      }
      from = page.next;
      if (from === undefined || files.length >= history.wholeListFiles) {
        return { files, next: from };
      }
      if (limit !== undefined) return { files, next: from };
    }
  }
}

function asParleyError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  return new ParleyError("failed", `The shared folder can't be read: ${(error as Error).message}`);
}
