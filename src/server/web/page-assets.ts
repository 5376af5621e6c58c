// Serves the page's files: embedded and compressed at build time, with entity tags.

import { buildPage } from "../../page/build-page.ts" with { type: "macro" };
import { matchesTag } from "./conditional-request.ts";
import { acceptsGzip, openerHeaders, pageHeaders } from "./headers.ts";

type PageFile = {
  type: string;
  plain: Uint8Array<ArrayBuffer>;
  gzip: Uint8Array<ArrayBuffer>;
  etag: string;
};

let files: ReadonlyMap<string, PageFile> | undefined;

/**
 * The response for `path`; undefined if the page has no such file. `isPlain`: by HTTP to another
 * machine. Bun drops the body for HEAD.
 */
export function pageResponse(
  path: string,
  request: Request,
  isPlain: boolean,
): Response | undefined {
  files ??= loadFiles();
  const file = files.get(path);
  if (file === undefined) return undefined;
  const isGzip = acceptsGzip(request.headers.get("accept-encoding"));
  const etag = isGzip ? `"${file.etag}-gzip"` : `"${file.etag}"`;
  const headers = { ...pageHeaders, ...(!isPlain && openerHeaders), ETag: etag };
  if (matchesTag(request.headers.get("if-none-match") ?? "", etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(isGzip ? file.gzip : file.plain, {
    headers: {
      ...headers,
      "Content-Type": file.type,
      ...(isGzip && { "Content-Encoding": "gzip" }),
    },
  });
}

function loadFiles(): ReadonlyMap<string, PageFile> {
  const page = buildPage();
  return new Map([
    ["/", pageFile("text/html; charset=utf-8", page.html)],
    ["/style.css", pageFile("text/css; charset=utf-8", page.css)],
    ["/main.js", pageFile("text/javascript; charset=utf-8", page.js)],
    ["/code", pageFile("text/html; charset=utf-8", page.codeHtml)],
    ["/code.js", pageFile("text/javascript; charset=utf-8", page.codeJs)],
    ["/file-writer.js", pageFile("text/javascript; charset=utf-8", page.writer)],
    ["/service-worker.js", pageFile("text/javascript; charset=utf-8", page.worker)],
    ["/manifest.webmanifest", pageFile("application/manifest+json", page.manifest)],
    ["/icon.svg", pageFile("image/svg+xml", page.icon)],
    ["/icon-180.png", pageFile("image/png", page.icon180)],
    ["/icon-192.png", pageFile("image/png", page.icon192)],
    ["/icon-512.png", pageFile("image/png", page.icon512)],
  ]);
}

function pageFile(type: string, packed: string): PageFile {
  const gzip = new Uint8Array(Buffer.from(packed, "base64"));
  const plain = Bun.gunzipSync(gzip);
  const hash = new Bun.CryptoHasher("sha256").update(plain).digest("base64url");
  return { type, plain, gzip, etag: hash.slice(0, 22) };
}
