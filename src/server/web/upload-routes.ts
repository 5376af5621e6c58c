// PUT and DELETE below `/files/`, for programs with an access token, and PUT to `/uploads/TICKET`
// for the page: uploads to the shared folder. Handles HTTP; permissions and quotas are decided
// elsewhere.

import type { Peer } from "../../chat/dialect.ts";
import { sharedText, takesNothing } from "../../chat/sharing/share-commands.ts";
import type { SharedListing, Sharer } from "../../chat/sharing/sharing-port.ts";
import { type ErrorCode, errorMessage, ParleyError, systemCode } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { sharing } from "../../limits.ts";
import { harmless } from "../../text.ts";
import { entryOf } from "../files/sharing/channel-upload.ts";
import type { PutUpload } from "../files/sharing/put-upload.ts";
import type { SharedItem } from "../files/sharing/rows.ts";
import type { UploadService } from "../files/sharing/upload-service.ts";
import { bearerToken } from "./access-token.ts";
import { safeHeaders } from "./headers.ts";
import { isEncoded, noToken, problem, type RoomRoutes } from "./room-routes.ts";

export interface UploadRoutesOptions {
  /** Undefined: the server accepts no files. */
  readonly uploads: UploadService | undefined;
  /** The user of an access token, from an address. */
  readonly sharerOf: (accessToken: string, address: string) => Promise<Sharer | ParleyError>;
  readonly rooms: RoomRoutes;
  /** Whether the conditions in the headers allow changing the file with this name. */
  readonly admitsChange: (name: string, headers: Headers) => boolean;
  readonly log: Log;
}

export class UploadRoutes {
  readonly #options: UploadRoutesOptions;

  constructor(options: UploadRoutesOptions) {
    this.#options = options;
  }

  /** `PUT` or `DELETE` of `/files/NAME`; `name` is percent-decoded. */
  async answer(
    request: Request,
    name: string,
    query: URLSearchParams,
    peer: Peer,
  ): Promise<Response> {
    const accessToken = bearerToken(request.headers);
    if (accessToken === undefined) return noToken();
    const { uploads, sharerOf } = this.#options;
    const sharer = await sharerOf(accessToken, peer.address);
    if (sharer instanceof ParleyError) return refusal(sharer);
    if (uploads === undefined) return refusal(new ParleyError("not-allowed", takesNothing));
    try {
      if (!this.#options.admitsChange(name, request.headers)) {
        return problem(412, "changed", "The file is not as If-Match or If-None-Match expects it.");
      }
      if (request.method === "DELETE") return await this.#remove(uploads, sharer, name);
      if (isEncoded(request.headers)) return encoded();
      const size = sizeOf(request);
      const room = query.get("room") ?? undefined;
      if (room !== undefined) {
        // Sharing in a room requires the right to speak there.
        const found = await this.#options.rooms.probe(request, accessToken, room, peer, true);
        if (found.status !== 200) return found;
      }
      const { ticket } = await uploads.keepPlace(sharer, { name, size, room }, () => {});
      const item = await this.#receive(request, uploads.take(ticket), sharer, peer, room);
      if (room === undefined) return created(item, {});
      const { rooms } = this.#options;
      const text = sharedText([entryOf(item)]);
      const told = await rooms.tell(request, accessToken, room, text, peer);
      return created(item, { room, told: told.status === 200 });
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * `PUT` of `/uploads/TICKET`: the ticket determines the user, the file, and the room to notify.
   */
  async answerTicket(request: Request, ticket: string, peer: Peer): Promise<Response> {
    if (isEncoded(request.headers)) return encoded();
    const { uploads } = this.#options;
    const put = uploads?.take(ticket);
    if (put === undefined) {
      // The connection of its sender was lost before the answer.
      const item = request.headers.get("content-length") === "0" && (await uploads?.placed(ticket));
      if (item) return created(item, {});
      return problem(404, "not-found", "There is no such upload, or no longer: ask for it again.");
    }
    try {
      return created(await this.#receive(request, put, put.sharer, peer), {});
    } catch (error) {
      return refusal(error);
    }
  }

  async #receive(
    request: Request,
    put: PutUpload | undefined,
    { by: name }: Sharer,
    { address, port }: Peer,
    room?: string,
  ): Promise<SharedItem> {
    const { log } = this.#options;
    try {
      if (put === undefined) throw new ParleyError("stalled", "It was not sent in time");
      const item = await put.receive(request.body);
      const files = `'${item.name}'`;
      // For a session, the hub has logged it.
      if (put.sharer.session < 0) {
        log.info("files shared", { name, address, port, files, bytes: item.bytes, room });
      }
      return item;
    } catch (error) {
      const code = systemCode(error) || "failed";
      log.info("sharing failed", { name, address, port, code, why: errorMessage(error) });
      throw error;
    }
  }

  async #remove(uploads: UploadService, sharer: Sharer, name: string): Promise<Response> {
    const check = (listing: SharedListing): ParleyError | undefined => {
      if (listing.person === sharer.person) return undefined;
      return new ParleyError("not-allowed", "Somebody else has put it there");
    };
    const { promise, resolve } = Promise.withResolvers<SharedListing | ParleyError>();
    uploads.remove(name, check, resolve);
    const outcome = await promise;
    if (outcome instanceof ParleyError) return refusal(outcome);
    this.#options.log.info("shared file removed", { file: outcome.name, by: sharer.by });
    return Response.json({ name: outcome.name }, { headers: answerHeaders });
  }
}

/**
 * @throws ParleyError `usage` without a length: space is reserved before anything is read;
 *   `protocol` for a part of a file (RFC 9110 section 14.5), which would pass for the whole
 */
function sizeOf(request: Request): number {
  if (request.headers.has("content-range")) {
    throw new ParleyError("protocol", "Only whole files are accepted: send it without a range.");
  }
  const text = request.headers.get("content-length") ?? "";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ParleyError(
    "usage",
    "The length is missing: curl -T FILE sends it, curl -T - does not.",
  );
}

/** A compressed file would be stored as it comes. */
function encoded(): Response {
  return problem(415, "usage", "Send the file as it is: without Content-Encoding.");
}

const answerHeaders = { ...safeHeaders, "Cache-Control": "no-store" };

function created(item: SharedItem, more: object): Response {
  const { name, size } = entryOf(item);
  const headers = {
    Location: `/files/${encodeURIComponent(name.toWellFormed())}`,
    ...answerHeaders,
  };
  return Response.json({ name, size, ...more }, { status: 201, headers });
}

const statuses: Partial<Record<ErrorCode, number>> = {
  usage: 411,
  protocol: 400,
  "wrong-token": 401,
  "not-allowed": 403,
  muted: 403,
  banned: 403,
  "not-found": 404,
  stalled: 408,
  rate: 429,
  full: 507,
  storage: 507,
};

function refusal(error: unknown): Response {
  if (!(error instanceof ParleyError)) throw error;
  const { code, message } = error;
  const status = statuses[code] ?? 500;
  // The rest of the body is not read.
  const headers: Record<string, string> = { Connection: "close" };
  // Until one more is allowed.
  if (status === 429) headers["Retry-After"] = String(Math.ceil(60 / sharing.newPerMinute));
  if (status === 401) headers["WWW-Authenticate"] = 'Bearer realm="parley", error="invalid_token"';
  return problem(status, code, harmless(message), headers);
}
