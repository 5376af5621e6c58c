// `/rooms/NAME`: rooms for curl and bots. POST sends a message, GET reads the history,
// `/rooms/NAME/events` listens. The access token must be in the Authorization header, so that no
// page can make a browser send the request. Knows HTTP; the hub decides.

import type { Peer } from "../../chat/dialect.ts";
import { count, type Metrics } from "../../chat/metrics/metrics.ts";
import { encodeRequest, type RoomRequest } from "../../dialects/http/room-request.ts";
import { history, message as messageLimits, rooms as limits } from "../../limits.ts";
import { parseObject, FieldReader } from "../../protocol/field-reader.ts";
import { readKind } from "../../protocol/read-kind.ts";
import { bearerToken } from "./access-token.ts";
import { safeHeaders } from "./headers.ts";
import type { ConnectionLimiter } from "./connection-limiter.ts";
import { readBody } from "./request-body.ts";
import { eventStream, RoomExchange } from "./room-exchange.ts";
import type { Connect } from "./websocket.ts";

export type RoomRoutesOptions = {
  connect: Connect;
  admission: ConnectionLimiter;
  metrics: Metrics;
};

/** Called with true when a connection starts listening, and with false when it ends. */
export type Listening = (isListening: boolean) => void;

type Asked = { room: string; isEvents: boolean };

export class RoomRoutes {
  readonly #options: RoomRoutesOptions;

  constructor(options: RoomRoutesOptions) {
    this.#options = options;
  }

  async answer(
    request: Request,
    path: string,
    query: URLSearchParams,
    peer: Peer,
    listening: Listening,
  ): Promise<Response> {
    const asked = readPath(path);
    if (asked === undefined) {
      return problem(404, "not-found", "There are /rooms/ROOM and /rooms/ROOM/events.");
    }
    const methods = asked.isEvents ? "GET, HEAD" : "GET, HEAD, POST";
    if (!methods.split(", ").includes(request.method)) {
      return problem(405, "usage", `Only ${methods} are supported.`, { Allow: methods });
    }
    const accessToken = bearerToken(request.headers);
    if (accessToken === undefined) return noToken();
    const found = await requestOf(request, asked, query, accessToken);
    if (found instanceof Response) return found;
    if (!asked.isEvents) return this.#exchange(request, found, peer, () => {});
    if (request.method !== "HEAD") return this.#exchange(request, found, peer, listening);
    // The answer to HEAD is that to GET, which only reads: Bun leaves out its body.
    const answer = await this.probe(request, accessToken, asked.room, peer);
    if (answer.status !== 200) return answer;
    answer.headers.set("Content-Type", eventStream);
    // As of GET: otherwise Bun would say that the stream has no bytes.
    answer.headers.set("Transfer-Encoding", "chunked");
    return new Response(null, { headers: answer.headers });
  }

  /** The answer to reading the room, or to speaking in it: 200, or an error. */
  probe(
    request: Request,
    accessToken: string,
    room: string,
    peer: Peer,
    isToSpeak = false,
  ): Promise<Response> {
    const read = { type: "read", accessToken, room, limit: 1, isToSpeak } as const;
    return this.#exchange(request, read, peer, () => {});
  }

  /** Sends a message to the room, as a program. */
  tell(
    request: Request,
    accessToken: string,
    room: string,
    text: string,
    peer: Peer,
  ): Promise<Response> {
    const said = { type: "post", accessToken, room, text, kind: "notice" } as const;
    return this.#exchange(request, said, peer, () => {});
  }

  async #exchange(
    request: Request,
    asked: RoomRequest,
    peer: Peer,
    listening: Listening,
  ): Promise<Response> {
    const { admission, connect, metrics } = this.#options;
    const { address } = peer;
    const refusal = admission.enter(address);
    if (refusal !== undefined) {
      count(metrics.connectionsRefused, "full");
      return problem(503, "full", refusal, { "Retry-After": "10" });
    }
    listening(true);
    const exchange = new RoomExchange(address, metrics, {
      move: (from, to) => admission.move(from, to),
      leave(owner) {
        admission.leave(owner);
        listening(false);
      },
    });
    exchange.start(connect(exchange, peer), encodeRequest(asked), request.signal);
    return exchange.response;
  }
}

function readPath(path: string): Asked | undefined {
  const [, name = "", events] = /^\/rooms\/([^/]+)(\/events)?$/.exec(path) ?? [];
  try {
    const room = decodeURIComponent(name);
    return room === "" ? undefined : { room, isEvents: events !== undefined };
  } catch {
    return undefined;
  }
}

async function requestOf(
  request: Request,
  { room, isEvents }: Asked,
  query: URLSearchParams,
  accessToken: string,
): Promise<RoomRequest | Response> {
  const whose = { accessToken, room };
  if (isEvents) {
    const since = request.headers.get("last-event-id") ?? undefined;
    return { type: "listen", ...whose, since };
  }
  if (request.method === "POST") {
    const said = await readText(request);
    return said instanceof Response ? said : { type: "post", ...whose, ...said };
  }
  const after = numberOf(query, "after");
  const before = numberOf(query, "before");
  const limit = numberOf(query, "limit") ?? limits.pageMessages;
  if ([after, before, limit].some(Number.isNaN) || limit === 0) {
    return problem(400, "usage", "after, before and limit are numbers of messages.");
  }
  return { type: "read", ...whose, after, before, limit: Math.min(limit, history.pageMessages) };
}

/** NaN if it is not a number. */
function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}

type Said = Pick<Extract<RoomRequest, { type: "post" }>, "text" | "kind">;

/** The body is the text, whatever type curl claims, unless it is declared as JSON. */
async function readText(request: Request): Promise<Said | Response> {
  const type = request.headers.get("content-type") ?? "";
  if (/^multipart\//i.test(type)) {
    return problem(415, "usage", "Send the text as the body itself: curl -d, not -F.");
  }
  if (isEncoded(request.headers) || !readable.test(charsetOf(type))) {
    return problem(415, "usage", "Send the text in UTF-8, and uncompressed.");
  }
  const body = await readBody(request, limits.maxBodyBytes, limits.bodyMs);
  if (body === "too-large") {
    const most = messageLimits.maxTextChars;
    return problem(413, "text-invalid", `A message has at most ${most} characters.`);
  }
  if (body === "too-slow") return problem(408, "stalled", "The body did not arrive in time.");
  if (!/^application\/json\b/i.test(type)) return { text: body.replace(/\r?\n$/, "") };
  const fields = parseObject(body, { maxValues: 16 });
  const reader = new FieldReader(fields ?? {});
  const said = { text: reader.text("text"), kind: readKind(reader) };
  if (fields !== undefined && reader.problem === undefined) return said;
  return problem(400, "usage", 'The JSON is not an object such as {"text":"hello"}.');
}

/** UTF-8 contains ASCII. */
const readable = /^(?:utf-?8|us-ascii)$/i;

/** UTF-8, unless another one is declared. */
function charsetOf(contentType: string): string {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? "utf-8";
}

/** Whether the body is compressed (RFC 9110, section 8.4): Bun does not undo that. */
export function isEncoded(headers: Headers): boolean {
  return !/^(?:identity)?$/i.test(headers.get("content-encoding") ?? "");
}

export function noToken(): Response {
  const message =
    "Send an access token: Authorization: Bearer TOKEN. `parley admin token NAME` creates one.";
  return problem(401, "wrong-token", message, { "WWW-Authenticate": 'Bearer realm="parley"' });
}

export function problem(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...safeHeaders, "Cache-Control": "no-store", ...headers };
  return Response.json({ code, message }, { status, headers: all });
}
