// One open-chat download: the client requests part after part; the server answers each request and
// only remembers who is asking. A lost datagram costs a repeated request, never a hang. Pure: the
// adapter reads the file, sends datagrams and owns the clock.

import { openChatDownload as limits } from "../../limits.ts";

export type DownloadRequest = { type: "part"; index: number } | { type: "finished" };

/** Parses `part I` or `finished`, ignoring surrounding whitespace; undefined for anything else. */
export function readDownloadRequest(datagram: Uint8Array): DownloadRequest | undefined {
  if (datagram.length > limits.maxRequestBytes) return undefined;
  const text = String.fromCharCode(...datagram).trim();
  if (text === "finished") return { type: "finished" };
  const index = /^part (\d{1,15})$/.exec(text)?.[1];
  return index === undefined ? undefined : { type: "part", index: Number(index) };
}

/** What the adapter does after a datagram. */
export type DownloadStep =
  /** Send these bytes of the file, pickled; past its end `length` is 0. */
  | { type: "send"; offset: number; length: number }
  /** Free the port; `early` if the client used up its requests without sending `finished`. */
  | { type: "close"; early: boolean }
  | { type: "ignore" };

export class OpenChatDownload {
  readonly #sizeBytes: number;
  readonly #address: string | undefined;
  #asker: string | undefined;
  readonly #idleMs: number;
  #requestsLeft: number;
  /** When to free the port unless another request arrives. */
  deadlineMs: number;

  /** Only `address`, if known, is answered, and only the first port that sends a request. */
  constructor(
    sizeBytes: number,
    address: string | undefined,
    nowMs: number,
    idleMs: number = limits.idleMs,
  ) {
    this.#sizeBytes = sizeBytes;
    this.#address = address;
    this.#idleMs = idleMs;
    const parts = Math.floor(sizeBytes / limits.partBytes) + 1;
    this.#requestsLeft = parts * limits.maxRequestsPerPart + limits.spareRequests;
    this.deadlineMs = nowMs + Math.min(limits.firstRequestMs, idleMs);
  }

  receive(datagram: Uint8Array, address: string, port: number, nowMs: number): DownloadStep {
    if (this.#address !== undefined && address !== this.#address) return { type: "ignore" };
    const request = readDownloadRequest(datagram);
    if (request === undefined) return { type: "ignore" };
    const from = `${address} ${port}`;
    if (this.#asker !== undefined && this.#asker !== from) return { type: "ignore" };
    this.#asker = from;
    if (request.type === "finished") return { type: "close", early: false };
    if (this.#requestsLeft-- <= 0) return { type: "close", early: true };
    this.deadlineMs = nowMs + this.#idleMs;
    const offset = Math.min(request.index * limits.partBytes, this.#sizeBytes);
    return {
      type: "send",
      offset,
      length: Math.min(limits.partBytes, this.#sizeBytes - offset),
    };
  }
}
