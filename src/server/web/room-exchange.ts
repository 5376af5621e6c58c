// One request about a room, passed through the hub: a Link that turns the answer of the HTTP
// dialect into a response, complete or streamed. Knows no paths and no commands.

import type { Link } from "../../chat/link.ts";
import type { ResponseHead } from "../../dialects/http/http-rooms.ts";
import { rooms as limits } from "../../limits.ts";
import { ownerAt, type ShareOwner } from "../../share-owner.ts";
import { safeHeaders } from "./headers.ts";
import { plainText } from "./plain-text.ts";
import type { Place, Traffic, WebSession } from "./websocket.ts";

const headers = { ...safeHeaders, "Cache-Control": "no-store" };

/** The type of Server-Sent Events. */
export const eventStream = "text/event-stream; charset=utf-8";

const heartbeat = new TextEncoder().encode(":\n\n");

export class RoomExchange implements Link {
  readonly #response = Promise.withResolvers<Response>();
  readonly #traffic: Traffic;
  readonly #place: Place;
  #owner: ShareOwner;
  #session: WebSession | undefined;
  /** The part of an answer received so far. */
  #text = "";
  readonly #decoder = new TextDecoder();
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isFull = false;
  #isOver = false;
  #heartbeat: Timer | undefined;

  constructor(address: string, traffic: Traffic, place: Place) {
    this.#traffic = traffic;
    this.#place = place;
    this.#owner = ownerAt(address);
  }

  belongsTo(owner: ShareOwner): void {
    this.#owner = this.#place.move(this.#owner, owner);
  }

  /** The response, once the hub has decided. */
  get response(): Promise<Response> {
    return this.#response.promise;
  }

  /** Passes the request to the hub. `signal`: the client has disconnected. */
  start(session: WebSession, request: string, signal: AbortSignal): void {
    this.#session = session;
    if (signal.aborted) return this.#finish();
    signal.addEventListener("abort", () => this.#finish(), { once: true });
    session.receive(request);
  }

  write(bytes: Uint8Array): number {
    if (this.#isOver) return bytes.length;
    if (this.#stream !== undefined) return this.#writeStream(this.#stream, bytes);
    this.#text += this.#decoder.decode(bytes, { stream: true });
    this.#readAnswer();
    return bytes.length;
  }

  end(): void {
    this.#finish();
  }

  abort(): void {
    // Aborted, so that a truncated stream is not mistaken for a complete one.
    this.#finish(true);
  }

  #writeStream(stream: ReadableStreamDefaultController<Uint8Array>, bytes: Uint8Array): number {
    if ((stream.desiredSize ?? 0) <= 0) {
      this.#isFull = true;
      return 0;
    }
    this.#traffic.sentBytes += bytes.length;
    // A copy: the hub's buffer may be shared with other sessions and is reused.
    stream.enqueue(new Uint8Array(bytes));
    return bytes.length;
  }

  #readAnswer(): void {
    const end = this.#text.indexOf("\n");
    if (end < 0) return;
    const head = JSON.parse(this.#text.slice(0, end)) as ResponseHead;
    const rest = this.#text.slice(end + 1);
    if (head.isStream === true) return this.#openStream(rest);
    if (!rest.endsWith("\n")) return;
    this.#traffic.sentBytes += rest.length;
    this.#response.resolve(answerOf(head, rest));
    // Not within a turn of the hub, which is about to end the session by itself.
    setImmediate(() => this.#finish());
  }

  #openStream(first: string): void {
    this.#text = "";
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#stream = controller),
        pull: () => this.#drain(),
        cancel: () => this.#finish(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: limits.streamBytes }),
    );
    this.#stream?.enqueue(new TextEncoder().encode(first));
    const streamed = {
      ...headers,
      "Content-Type": eventStream,
      // nginx would otherwise buffer events.
      "X-Accel-Buffering": "no",
    };
    this.#response.resolve(new Response(body, { headers: streamed }));
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs);
  }

  /** Keeps proxies from closing a quiet connection, and detects dead ones. */
  #beat(): void {
    if (!this.#isFull && (this.#stream?.desiredSize ?? 0) > 0) this.#stream?.enqueue(heartbeat);
  }

  #drain(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#session?.drained();
  }

  #finish(isCut = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#heartbeat);
    this.#response.resolve(plainText(503, "The server did not respond.", { "Retry-After": "1" }));
    try {
      if (isCut) this.#stream?.error();
      else this.#stream?.close();
    } catch {
      // The client has closed it.
    }
    const session = this.#session;
    this.#session = undefined;
    session?.closed();
    this.#place.leave(this.#owner);
  }
}

function answerOf({ status, retryAfter }: ResponseHead, body: string): Response {
  const more: Record<string, string> = {};
  if (retryAfter !== undefined) more["Retry-After"] = String(retryAfter);
  if (status === 401) more["WWW-Authenticate"] = 'Bearer realm="parley", error="invalid_token"';
  const type = { "Content-Type": "application/json; charset=utf-8" };
  return new Response(body, { status, headers: { ...headers, ...type, ...more } });
}
