// The page's end of the worker that writes files (file-writer.ts): requests, and their replies.

import { workerAddress } from "../worker-address.ts";

export type WriterRequest = { readonly id: number; readonly name: string } & WriterWork;

/** One writer has all files of its folder. */
type WriterWork =
  | {
      readonly type: "open";
      readonly folder: readonly string[];
      /** The first bytes, which stay. The reply: those that were there; all of them or 0. */
      readonly bytes: number;
    }
  | { readonly type: "write"; readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "flush" | "close" };

export type WriterReply =
  | { readonly id: number; readonly bytes: number }
  | { readonly id: number; readonly name: string; readonly message: string };

type Waiting = { go: (bytes: number) => void; fail: (error: Error) => void };

export class DiskWriter {
  readonly #folder: readonly string[];
  readonly #worker = new Worker(workerAddress("/file-writer.js"));
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #hasFailed = false;

  /** `folder`: its path in the browser's store for this page. */
  constructor(folder: readonly string[]) {
    this.#folder = folder;
    this.#worker.addEventListener("message", ({ data }: MessageEvent<WriterReply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("bytes" in data) waiting?.go(data.bytes);
      else waiting?.fail(new DOMException(data.message, data.name));
    });
    this.#worker.addEventListener("error", () => {
      this.#hasFailed = true;
      for (const { fail } of this.#waiting.values()) fail(notLoaded());
      this.#waiting.clear();
    });
  }

  /** Opens a file and cuts it to its first `bytes`, or to none if it is shorter. */
  open(name: string, bytes: number): Promise<number> {
    return this.#ask(name, { type: "open", folder: this.#folder, bytes });
  }

  /** Takes `bytes` over. */
  async write(name: string, at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#ask(name, { type: "write", at, bytes }, [bytes.buffer]);
  }

  async flush(name: string): Promise<void> {
    await this.#ask(name, { type: "flush" });
  }

  async close(name: string): Promise<void> {
    await this.#ask(name, { type: "close" });
  }

  #ask(name: string, work: WriterWork, transfer: Transferable[] = []): Promise<number> {
    if (this.#hasFailed) return Promise.reject(notLoaded());
    const id = ++this.#lastId;
    return new Promise((go, fail) => {
      this.#waiting.set(id, { go, fail });
      const request: WriterRequest = { id, name, ...work };
      this.#worker.postMessage(request, transfer);
    });
  }
}

function notLoaded(): Error {
  return new Error("the script that writes files was not loaded");
}
