// Files shared with everyone in a room: one after another, each with a place reserved by the
// server, and streamed by the browser, whatever its size. They can be stopped and retried.

import { errorMessage } from "../errors.ts";
import type { SessionRequest, SessionResponse } from "../client/events.ts";
import { pageFiles as limits } from "../limits.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import { harmless } from "../text.ts";
import { noFiles, outgoingNames } from "./handover/outgoing-names.ts";
import { secretText } from "../secrets.ts";
import { RefusedRequest } from "./own-requests.ts";
import { fileTime } from "./timeline.ts";
import type { UploadAction, UploadCard, UploadCards } from "./upload-cards.ts";

export interface RoomUploadsOptions {
  /** @throws RefusedRequest */
  readonly ask: (request: SessionRequest) => Promise<SessionResponse>;
  /** The server need not keep what it has of an upload. */
  readonly end: (offer: string) => void;
  readonly dispatch: (action: UploadAction) => void;
  readonly cards: () => UploadCards;
  /** The shared folder has a new file. */
  readonly onShared: () => void;
}

export class RoomUploads {
  readonly #options: RoomUploadsOptions;
  readonly #files = new Map<number, File>();
  /** The server's numbers for them. */
  readonly #offers = new Map<number, string>();
  #lastId = 0;
  #running: Running | undefined;

  constructor(options: RoomUploadsOptions) {
    this.#options = options;
  }

  /** Returns the reason if that is impossible. */
  share(room: string, files: readonly File[], isPasted: boolean): string | undefined {
    if (files.length === 0) return noFiles;
    if (this.#files.size + files.length > limits.maxCards) {
      return `At most ${limits.maxCards} files can wait to be shared, and ${files.length} more are too many: choose fewer, or share their folder with parley send-file --share.`;
    }
    const names = outgoingNames(
      files.map(({ name }) => name),
      isPasted,
      fileTime(Date.now()),
    );
    for (const [i, file] of files.entries()) {
      const id = ++this.#lastId;
      this.#files.set(id, file);
      this.#offers.set(id, secretText(16));
      const phase = isPasted ? "asking" : "waiting";
      const card = { id, room, name: names[i] ?? file.name, size: file.size, phase } as const;
      this.#options.dispatch({ type: "upload", card: { ...card, doneBytes: 0, detail: "" } });
    }
    this.#next();
    return undefined;
  }

  /** Confirms a pasted picture, or retries a failed upload. */
  start(id: number): void {
    this.#show(id, { phase: "waiting", detail: "", doneBytes: 0 });
    this.#next();
  }

  /** Stops an upload, or removes the card of a failed one. */
  cancel(id: number): void {
    this.#drop(id);
    this.#next();
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The page is closing, and the file is lost with it. */
  leave(): void {
    if (this.#running !== undefined) this.#options.end(this.#running.offer);
  }

  /** The user has ended the session. */
  disconnect(): void {
    for (const id of this.#files.keys()) this.#drop(id);
  }

  #drop(id: number): void {
    const offer = this.#offers.get(id);
    this.#forget(id);
    if (this.#running?.id === id) {
      this.#running.request?.abort();
      this.#running = undefined;
    }
    if (offer !== undefined) this.#options.end(offer);
  }

  #forget(id: number): void {
    this.#files.delete(id);
    this.#offers.delete(id);
    this.#show(id, undefined);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    for (const card of this.#options.cards().values()) {
      const file = card.phase === "waiting" ? this.#files.get(card.id) : undefined;
      if (file === undefined) continue;
      const offer = this.#offers.get(card.id) ?? secretText(16);
      const running: Running = { id: card.id, offer, request: undefined, doneBytes: 0, losses: 0 };
      this.#running = running;
      void this.#run(card, file, running);
      return;
    }
  }

  async #run(card: UploadCard, file: File, running: Running): Promise<void> {
    const { id } = card;
    const isStopped = (): boolean => this.#running !== running;
    for (;;) {
      try {
        this.#show(id, { phase: "running", detail: "" });
        await this.#attempt(card, file, running);
        if (isStopped()) return;
        this.#forget(id);
        this.#options.onShared();
        break;
      } catch (error) {
        const detail = await this.#problem(error, file, running);
        if (isStopped()) return;
        if (detail !== undefined) {
          this.#show(id, { phase: "failed", detail });
          break;
        }
      }
      await new Promise((go) => setTimeout(go, limits.retryMs));
      if (isStopped()) return;
    }
    this.#running = undefined;
    this.#next();
  }

  /** Resolves when the file is in place. @throws RefusedRequest, Lost, Error */
  async #attempt(card: UploadCard, file: File, running: Running): Promise<void> {
    const { name, room, size } = card;
    const { offer } = running;
    const response = await this.#options.ask({ type: "upload", offer, name, size, room });
    // Stopped meanwhile: the server heard so before it had the place that it now keeps.
    if (this.#running !== running) return this.#options.end(offer);
    if (response.type !== "upload") return;
    await this.#send(file, response.path, Math.min(size, response.from), running);
  }

  /** Why it has failed; undefined: it is tried again. */
  async #problem(error: unknown, file: File, running: Running): Promise<string | undefined> {
    const { id } = running;
    if (error instanceof RefusedRequest && error.code === "rate") {
      this.#show(id, { phase: "waiting" });
      return undefined;
    }
    const isOffline = error instanceof RefusedRequest && error.code === "cannot-connect";
    if (!(error instanceof Lost) && !isOffline) {
      return errorMessage(error);
    }
    if (!(await isReadable(file))) return "The file has changed since it was chosen.";
    if (++running.losses > limits.maxRetries) return "The connection was lost.";
    this.#show(id, { detail: "The connection was lost. The transfer continues by itself." });
    return undefined;
  }

  /** @throws Lost; Error with a readable message */
  #send(file: File, path: string, from: number, running: Running): Promise<void> {
    if (!/^\/uploads\/[\w-]+$/.test(path)) throw new Error("The server's answer is damaged.");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // `fetch` does not report progress.
    const request = new XMLHttpRequest();
    running.request = request;
    if (from > running.doneBytes) running.losses = 0;
    running.doneBytes = from;
    let shownMs = 0;
    request.upload.addEventListener("progress", ({ loaded }) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < limits.showMs || this.#running !== running) return;
      shownMs = nowMs;
      this.#show(running.id, { doneBytes: from + loaded });
    });
    request.addEventListener("load", () => {
      if (request.status === 201) resolve();
      else reject(isLost(request) ? new Lost() : new Error(problemOf(request)));
    });
    request.addEventListener("error", () => reject(new Lost()));
    request.addEventListener("abort", () => reject(new Error("Stopped.")));
    request.open("PUT", path);
    // The browser reads the file while sending it.
    request.send(from === 0 ? file : file.slice(from));
    return promise;
  }

  #show(id: number, change: Partial<Omit<UploadCard, "id">> | undefined): void {
    this.#options.dispatch({ type: "upload-change", id, change });
  }
}

type Running = {
  readonly id: number;
  /** The number under which the server keeps what it has. */
  readonly offer: string;
  request: XMLHttpRequest | undefined;
  /** What the server had when it was asked last. */
  doneBytes: number;
  /** How often the connection was lost since there was progress. */
  losses: number;
};

/** The connection was lost: the upload can continue. */
class Lost extends Error {}

/** The server has waited too long, or is restarting; or a proxy has waited too long for it. */
function isLost({ status }: XMLHttpRequest): boolean {
  return [408, 502, 503, 504].includes(status);
}

/** Browsers refuse to read a file that has changed. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function problemOf({ status, responseText }: XMLHttpRequest): string {
  const fields = parseObject(responseText.slice(0, 2_000), { maxValues: 8 });
  const message = fields && new FieldReader(fields).optionalText("message");
  return message === undefined ? `The server answered ${status}.` : harmless(message);
}
