// GET /files and /files/NAME: the shared folder for browsers and curl, with ranges, entity tags and
// digests. Knows only HTTP; the shared folder decides which names it opens.

import type { Metrics } from "../../chat/metrics/metrics.ts";
import { ParleyError } from "../../errors.ts";
import { web } from "../../limits.ts";
import { ownerAt } from "../../share-owner.ts";
import type { Log } from "../../log.ts";
import { FileDigests } from "../files/file-digest.ts";
import type { OpenFile } from "../files/open-file.ts";
import type { SharedFolder } from "../files/shared-folder.ts";
import { attachment, fileHeaders } from "./headers.ts";
import { admitsChange, evaluateConditions, type FileState } from "./conditional-request.ts";

export class FileRoutes {
  readonly #folder: SharedFolder;
  readonly #digests: FileDigests;
  readonly #metrics: Metrics;
  readonly #log: Log;

  constructor(folder: SharedFolder, metrics: Metrics, log: Log) {
    this.#folder = folder;
    this.#metrics = metrics;
    this.#log = log;
    this.#digests = new FileDigests(folder);
  }

  /**
   * The list as JSON: `{files:[{name,size,modified}],next?}`. `?after=NAME` requests the next page,
   * which `Link` points to.
   */
  async list(query: URLSearchParams): Promise<Response> {
    try {
      const page = await this.#folder.list(query.get("after") ?? "", query.has("folders"));
      const more = page.next === undefined ? "" : encodeURIComponent(page.next.toWellFormed());
      const link =
        more === ""
          ? {}
          : { Link: `</files?${query.has("folders") ? "folders&" : ""}after=${more}>; rel="next"` };
      return Response.json(page, { headers: { ...fileHeaders, ...link } });
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * A file, a part of it, or its digest with `?sha256`. `name` is percent-decoded; `address` is the
   * client's. `extend`: to be called with each piece of a large file, if its connection needs that.
   */
  async get(
    name: string,
    query: URLSearchParams,
    request: Request,
    address: string,
    extend?: () => void,
  ): Promise<Response> {
    try {
      if (query.has("sha256")) return await this.#digest(name, address, request.signal);
      const file = this.#folder.open(name);
      return this.#answer(file, request, address, extend);
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * Whether the conditions of a PUT or DELETE allow it to change this file, if there is one.
   * @throws ParleyError `full` or `unreadable` if that can't be determined
   */
  admitsChange(name: string, headers: Headers): boolean {
    let file: OpenFile | undefined;
    try {
      file = this.#folder.open(name);
    } catch (error) {
      // Whether there is one must be known.
      if (!(error instanceof ParleyError) || error.code !== "not-found") throw error;
    }
    file?.close();
    return admitsChange(headers, file && stateOf(file));
  }

  async #digest(name: string, address: string, signal: AbortSignal): Promise<Response> {
    const { version, sha256, sizeBytes } = await this.#digests.of(name, ownerAt(address), signal);
    const body = { name, size: sizeBytes, version, sha256 };
    return Response.json(body, { headers: fileHeaders });
  }

  #answer(file: OpenFile, request: Request, address: string, extend?: () => void): Response {
    const state = stateOf(file);
    const headers: Record<string, string> = {
      ...fileHeaders,
      ETag: state.etag,
      "Last-Modified": state.lastModified,
      "Accept-Ranges": "bytes",
    };
    const decision = evaluateConditions(request, state);
    switch (decision.type) {
      case "not-modified":
        file.close();
        return new Response(null, { status: 304, headers });
      case "failed":
        file.close();
        return new Response(null, { status: 412, headers });
      case "unsatisfiable":
        file.close();
        headers["Content-Range"] = `bytes */${file.size}`;
        return new Response(null, { status: 416, headers });
      case "whole":
      case "part": {
        const from = decision.type === "part" ? decision.from : 0;
        const to = decision.type === "part" ? decision.to : file.size;
        headers["Content-Type"] = Bun.file(file.name).type;
        headers["Content-Disposition"] = attachment(file.name);
        const sha256 = this.#digests.known(file.version);
        if (sha256 !== undefined) {
          headers["Repr-Digest"] = `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`;
        }
        if (decision.type === "part") {
          headers["Content-Range"] = `bytes ${from}-${to - 1}/${file.size}`;
        }
        const status = decision.type === "part" ? 206 : 200;
        if (request.method === "HEAD") {
          file.close();
          headers["Content-Length"] = String(to - from);
          return new Response(null, { status, headers });
        }
        this.#metrics.httpFileBytes += to - from;
        this.#log.info("file requested", { file: file.name, bytes: to - from, address });
        // Bun knows the length of other bodies.
        if (isStreamed(request, status, extend)) headers["Content-Length"] = String(to - from);
        const content = body(file, { from, to, request, status, extend });
        return new Response(content, { status, headers });
      }
    }
  }
}

function stateOf({ size, version, modified }: OpenFile): FileState {
  const lastModified = new Date(modified).toUTCString();
  return { sizeBytes: size, etag: `"${version}"`, lastModified };
}

type Content = {
  from: number;
  /** Exclusive. */
  to: number;
  request: Request;
  status: number;
  extend: (() => void) | undefined;
};

/** Bytes of the file, which is closed when it is no longer needed. */
function body(file: OpenFile, content: Content): BodyInit {
  const { from, to, request, status, extend } = content;
  if (to - from <= web.wholeReadBytes) return readWhole(file, from, to);
  if (isStreamed(request, status, extend)) return streamed(file, from, to, extend);
  const part = Bun.file(file.path).slice(from, to);
  // Bun opens the path as soon as it has the response, before the event loop continues; this handle
  // is then no longer needed.
  setImmediate(() => file.close());
  return part;
}

/**
 * Bun would apply the Range header to a whole file by itself, but a request answered with 200 gets
 * all of it, for example because If-Range did not match.
 */
function isStreamed(request: Request, status: number, extend: (() => void) | undefined): boolean {
  return extend !== undefined || (status === 200 && request.headers.has("range"));
}

function readWhole(file: OpenFile, from: number, to: number): Uint8Array<ArrayBuffer> {
  try {
    const bytes = new Uint8Array(to - from);
    for (let done = 0; done < bytes.length;) {
      const length = file.read(bytes.subarray(done), from + done);
      if (length === 0) break;
      done += length;
    }
    if (!file.unchanged()) {
      throw new ParleyError("changed", `The file '${file.name}' is being changed: ask again.`);
    }
    return bytes;
  } finally {
    file.close();
  }
}

/**
 * If the file changes meanwhile, the stream fails and the connection is aborted, so that nobody
 * accepts a mixture of versions.
 */
function streamed(
  file: OpenFile,
  from: number,
  to: number,
  extend: () => void = () => {},
): ReadableStream<Uint8Array> {
  let position = from;
  return new ReadableStream({
    pull(controller) {
      if (position === to) {
        file.close();
        return controller.close();
      }
      const piece = readPiece(file, position, Math.min(web.pieceBytes, to - position));
      if (piece !== undefined) {
        position += piece.length;
        extend();
        return controller.enqueue(piece);
      }
      file.close();
      // Without a reason, because Bun would print it with its stack.
      controller.error();
    },
    cancel: () => file.close(),
  });
}

/** At least one byte, or undefined if the file has changed or can't be read. */
function readPiece(file: OpenFile, position: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  try {
    const got = file.read(bytes, position);
    return got > 0 && file.unchanged() ? bytes.subarray(0, got) : undefined;
  } catch {
    return undefined;
  }
}

function refusal(error: unknown): Response {
  if (!(error instanceof ParleyError)) throw error;
  const { code, message } = error;
  if (code === "not-found") {
    // The error's own hints are for `parley fetch-file`.
    const missing = { code, message: "There is no such file: /files lists them." };
    return Response.json(missing, { status: 404, headers: fileHeaders });
  }
  const headers = { ...fileHeaders, "Retry-After": "1" };
  return Response.json({ code, message }, { status: 503, headers });
}
