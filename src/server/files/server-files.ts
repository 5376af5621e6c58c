// The hub's port for files: lists, transfers and open-chat downloads, implemented by the services
// that do the work. Answers arrive by callback; a session's transfers end with it.

import type { FileEntry } from "../../chat/events.ts";
import type { FilesClient, FilesPage, FilesPort, ListRequest } from "../../chat/files-port.ts";
import type { TransferMessage, TransferRequest } from "../../protocol/messages.ts";
import { downloadStarted } from "../../dialects/open-chat/open-chat.ts";
import { listedFiles } from "../../dialects/open-chat/listed-files.ts";
import type { Peer } from "../../chat/dialect.ts";
import { ParleyError, systemReason } from "../../errors.ts";
import { files as limits, folder, history } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import type { OpenChatDownloads } from "./open-chat-download.ts";
import type { FileService } from "./file-service.ts";
import type { FileSession } from "./file-session.ts";
import { TransferReport } from "./transfer-report.ts";

type Wanted = Omit<ListRequest, "owner">;

const wholeList: Wanted = { after: undefined, limit: undefined, folders: false };

export class ServerFiles implements FilesPort {
  readonly #service: FileService;
  readonly #downloads: OpenChatDownloads;
  readonly #print: (line: string) => void;
  readonly #log: Log;
  readonly #sessions = new Map<number, FileSession>();
  /** Transfer reports of the same sessions. */
  readonly #reports = new Map<number, TransferReport>();
  /** Pages being read, by request. */
  readonly #listings = new Map<string, Promise<FilesPage>>();
  readonly #listingOwners = new ShareCounts(limits.maxListingsPerOwner, limits.maxListings / 3);
  /** Queued answers; each is rendered for its own client, which takes time. */
  readonly #answers: (() => void)[] = [];
  /** The files whose names open-chat clients were shown, and when. */
  #listed:
    | { page: Promise<FilesPage>; files: Promise<ReadonlyMap<string, FileEntry>>; atMs: number }
    | undefined;

  /** `print` prints the lines of open-chat's original server. */
  constructor(
    service: FileService,
    downloads: OpenChatDownloads,
    print: (line: string) => void,
    log: Log,
  ) {
    this.#service = service;
    this.#downloads = downloads;
    this.#print = print;
    this.#log = log;
  }

  list(request: ListRequest, answer: (page: FilesPage | ParleyError) => void): void {
    const { owner, ...wanted } = request;
    const page = this.#sharedPage(wanted, owner);
    const isWhole = wanted.after === undefined && wanted.limit === undefined && !wanted.folders;
    if (isWhole) this.#indexListing(page);
    page.then(
      (page) => this.#answer(() => answer(page)),
      (error: unknown) => answer(asParleyError(error)),
    );
  }

  /** Queues an answer; many answers are sent in slices, with other work in between. */
  #answer(give: () => void): void {
    if (this.#answers.push(give) === 1) setImmediate(() => this.#sendAnswers());
  }

  #sendAnswers(): void {
    const untilMs = performance.now() + limits.answerSliceMs;
    let sent = 0;
    try {
      while (sent < this.#answers.length && (sent === 0 || performance.now() < untilMs)) {
        this.#answers[sent++]!();
      }
    } finally {
      this.#answers.splice(0, sent);
      if (this.#answers.length > 0) setImmediate(() => this.#sendAnswers());
    }
  }

  transfer(
    session: number,
    { peer, owner }: FilesClient,
    request: TransferRequest,
    send: (message: TransferMessage) => void,
    waitingBytes: () => number,
  ): void {
    let files = this.#sessions.get(session);
    if (files === undefined) {
      const find = (name: string) => this.#find(name);
      const report = new TransferReport(this.#log, peer);
      const logged = (message: TransferMessage) => {
        report.sent(message);
        send(message);
      };
      files = this.#service.session(
        { peer, owner },
        {
          send: logged,
          onStarted: (transfer, file) => report.started(transfer, file),
          waitingBytes,
          find,
          exportKey: peer.exportKey,
        },
      );
      this.#reports.set(session, report);
      this.#sessions.set(session, files);
    }
    if (request.type === "fetch" && request.check !== true) this.#logRequest(request.name, peer);
    if (request.type === "fetched") this.#reports.get(session)?.fetched(request.transfer);
    files.handle(request);
  }

  download(
    session: number,
    name: string,
    { peer, owner }: FilesClient,
    answer: Parameters<FilesPort["download"]>[3],
  ): void {
    this.#logRequest(name, peer);
    const requester = {
      session,
      address: peer.address,
      owner,
      onFailed: (sentence: string, isSent: boolean) => {
        this.#print(sentence);
        if (!isSent) answer(new ParleyError("stalled", sentence));
      },
      find: (listed: string) => this.#find(listed),
    };
    this.#downloads.start(name, requester).then(
      ({ port, sizeBytes }) => {
        this.#print(downloadStarted);
        answer({ port, sizeBytes, name });
      },
      (error: unknown) => {
        const refusal = asParleyError(error);
        const { address, port } = peer;
        this.#log.info("file refused", { file: name, code: refusal.code, address, port });
        answer(refusal);
      },
    );
  }

  #logRequest(file: string, { address, port }: Peer): void {
    this.#log.info("file requested", { file, address, port });
  }

  closed(session: number): void {
    this.#sessions.get(session)?.close();
    this.#sessions.delete(session);
    this.#reports.get(session)?.closed();
    this.#reports.delete(session);
    this.#downloads.sessionEnded(session);
  }

  /** The file listed as `name` if its real name differs. */
  async #find(name: string): Promise<string | undefined> {
    const fresh =
      this.#listed !== undefined && performance.now() - this.#listed.atMs < folder.listingMs;
    const files = fresh ? this.#listed!.files : this.#indexListing(this.#sharedPage(wholeList));
    return (await files).get(name)?.name;
  }

  /**
   * Concurrent requests for the same page share it, so that few lists are in memory, however many
   * clients request one.
   */
  #sharedPage(wanted: Wanted, owner?: ShareOwner): Promise<FilesPage> {
    const key = JSON.stringify(wanted);
    const running = this.#listings.get(key);
    if (running !== undefined) return running;
    if (this.#listings.size >= limits.maxListings) {
      const sentence = "Too many file lists are being read: try again in a moment.";
      return Promise.reject(new ParleyError("full", sentence));
    }
    const full = owner && this.#listingOwners.full(owner);
    if (full !== undefined) {
      const sentence = `${full.label} is already reading ${full.count} file lists: try again in a moment.`;
      return Promise.reject(new ParleyError("full", sentence));
    }
    if (owner !== undefined) this.#listingOwners.add(owner);
    const page = this.#page(wanted).finally(() => {
      this.#listings.delete(key);
      if (owner !== undefined) this.#listingOwners.remove(owner);
    });
    this.#listings.set(key, page);
    return page;
  }

  #indexListing(page: Promise<FilesPage>): Promise<ReadonlyMap<string, FileEntry>> {
    if (this.#listed?.page === page) return this.#listed.files;
    const files = page.then((page) => listedFiles(page.files));
    const listed = { page, files, atMs: performance.now() };
    this.#listed = listed;
    // Its waiters receive the error; the next request reads again.
    files.catch(() => {
      if (this.#listed === listed) this.#listed = undefined;
    });
    return files;
  }

  async #page({ after, limit, folders }: Wanted): Promise<FilesPage> {
    const files: FileEntry[] = [];
    let from = after;
    // Dialects without paging get the whole list, as far as one message can hold it.
    for (;;) {
      const page = await this.#service.folder.list(from, folders);
      for (const { name, size, modified } of page.files) {
        files.push({ name, sizeBytes: size, modifiedMs: modified });
        if (files.length === limit) {
          const more = page.next !== undefined || page.files.at(-1)?.name !== name;
          return { files, next: more ? bare(name) : undefined };
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

/** A page continues after the name itself. */
function bare(name: string): string {
  return name.endsWith("/") ? name.slice(0, -1) : name;
}

function asParleyError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  return new ParleyError("failed", `The shared folder cannot be read: ${systemReason(error)}`);
}
