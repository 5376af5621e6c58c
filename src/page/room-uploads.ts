// Files shared with everyone in a room: one after another, each with a place reserved by the
// server, and streamed by the browser, whatever its size. They can be stopped and retried.

import type { SessionRequest, SessionResponse } from "../client/events.ts";
import { pageFiles as limits } from "../limits.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import { harmless } from "../text.ts";
import { outgoingNames } from "./handover/outgoing-names.ts";
import { RefusedRequest } from "./own-requests.ts";
import type { UploadAction, UploadCard, UploadCards } from "./upload-cards.ts";

export interface RoomUploadsOptions {
  /** @throws RefusedRequest */
  readonly ask: (request: SessionRequest) => Promise<SessionResponse>;
  readonly dispatch: (action: UploadAction) => void;
  readonly cards: () => UploadCards;
  /** The shared folder has a new file. */
  readonly onShared: () => void;
}

export class RoomUploads {
  readonly #options: RoomUploadsOptions;
  readonly #files = new Map<number, File>();
  #lastId = 0;
  #running: { id: number; request: XMLHttpRequest | undefined } | undefined;

  constructor(options: RoomUploadsOptions) {
    this.#options = options;
  }

  /** Returns the reason if that is impossible. */
  share(room: string, files: readonly File[], isPasted: boolean): string | undefined {
    if (this.#files.size + files.length > limits.maxCards) {
      return `At most ${limits.maxCards} files wait to be shared: share the rest later, or a folder with parley send-file --share.`;
    }
    const now = new Date();
    const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
    const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(".");
    const names = outgoingNames(
      files.map(({ name }) => name),
      isPasted,
      `${day} ${clock}`,
    );
    for (const [i, file] of files.entries()) {
      const id = ++this.#lastId;
      this.#files.set(id, file);
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
    this.#files.delete(id);
    this.#show(id, undefined);
    if (this.#running?.id !== id) return;
    this.#running.request?.abort();
    this.#running = undefined;
    this.#next();
  }

  /** The user has ended the session. */
  disconnect(): void {
    for (const id of this.#files.keys()) this.cancel(id);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    for (const card of this.#options.cards().values()) {
      const file = card.phase === "waiting" ? this.#files.get(card.id) : undefined;
      if (file === undefined) continue;
      const running = { id: card.id, request: undefined };
      this.#running = running;
      void this.#run(card, file, running);
      return;
    }
  }

  async #run(
    card: UploadCard,
    file: File,
    running: { id: number; request: XMLHttpRequest | undefined },
  ): Promise<void> {
    const { id, room, name, size } = card;
    const isStopped = (): boolean => this.#running !== running;
    try {
      this.#show(id, { phase: "running" });
      const response = await this.#options.ask({ type: "upload", name, size, room });
      if (isStopped() || response.type !== "upload") return;
      await this.#send(file, response.path, running);
      if (isStopped()) return;
      this.#files.delete(id);
      this.#show(id, undefined);
      this.#options.onShared();
    } catch (error) {
      if (isStopped()) return;
      if (error instanceof RefusedRequest && error.code === "rate") {
        // Other uploads go first; this one continues by itself.
        this.#show(id, { phase: "waiting" });
        await new Promise((go) => setTimeout(go, limits.retryMs));
      } else {
        const detail = error instanceof Error ? error.message : String(error);
        this.#show(id, { phase: "failed", detail });
      }
    }
    if (isStopped()) return;
    this.#running = undefined;
    this.#next();
  }

  /** Resolves when the file is in place. @throws Error with a readable message */
  #send(file: File, path: string, running: { request: XMLHttpRequest | undefined }): Promise<void> {
    if (!/^\/uploads\/[\w-]+$/.test(path)) throw new Error("The server's answer is damaged.");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // `fetch` does not report progress.
    const request = new XMLHttpRequest();
    running.request = request;
    let shownMs = 0;
    request.upload.addEventListener("progress", ({ loaded: doneBytes }) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < limits.showMs || this.#running === undefined) return;
      shownMs = nowMs;
      this.#show(this.#running.id, { doneBytes });
    });
    request.addEventListener("load", () => {
      if (request.status === 201) resolve();
      else reject(new Error(problemOf(request)));
    });
    request.addEventListener("error", () => reject(new Error(lost)));
    request.addEventListener("abort", () => reject(new Error("Stopped.")));
    request.open("PUT", path);
    // The browser reads the file while sending it.
    request.send(file);
    return promise;
  }

  #show(id: number, change: Partial<Omit<UploadCard, "id">> | undefined): void {
    this.#options.dispatch({ type: "upload-change", id, change });
  }
}

const lost = "The connection was lost, or the file has changed: nothing of it is shared.";

function problemOf({ status, responseText }: XMLHttpRequest): string {
  const fields = parseObject(responseText.slice(0, 2_000), { maxValues: 8 });
  const message = fields && new FieldReader(fields).optionalText("message");
  return message === undefined ? `The server answered ${status}.` : harmless(message);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
