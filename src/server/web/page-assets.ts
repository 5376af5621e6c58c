// Serves the page's files: embedded at build time, compressed once, with entity tags.

import { buildPage } from "../../page/build-page.ts" with { type: "macro" };
import { pageHeaders, acceptsGzip } from "./headers.ts";

type PageFile = {
  type: string;
  plain: Uint8Array<ArrayBuffer>;
  gzip: Uint8Array<ArrayBuffer>;
  etag: string;
};

let files: ReadonlyMap<string, PageFile> | undefined;

/** The response for `path`; undefined if the page has no such file. Bun drops the body for HEAD. */
export function pageResponse(path: string, request: Request): Response | undefined {
  files ??= loadFiles();
  const file = files.get(path);
  if (file === undefined) return undefined;
  const isGzip = acceptsGzip(request.headers.get("accept-encoding"));
  const etag = isGzip ? `"${file.etag}-gzip"` : `"${file.etag}"`;
  const headers = { ...pageHeaders, ETag: etag };
  const known = request.headers.get("if-none-match") ?? "";
  if (known.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)) {
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
    ["/service-worker.js", pageFile("text/javascript; charset=utf-8", page.worker)],
    ["/manifest.webmanifest", pageFile("application/manifest+json", page.manifest)],
    ["/icon.svg", pageFile("image/svg+xml", page.icon)],
    ["/icon-180.png", pageFile("image/png", Buffer.from(page.icon180, "base64"))],
    ["/icon-192.png", pageFile("image/png", Buffer.from(page.icon192, "base64"))],
    ["/icon-512.png", pageFile("image/png", Buffer.from(page.icon512, "base64"))],
  ]);
}

function pageFile(type: string, content: string | Buffer): PageFile {
  const plain =
    typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
  return {
    type,
    plain,
    gzip: Bun.gzipSync(plain, { level: 9 }),
    etag: new Bun.CryptoHasher("sha256").update(plain).digest("base64url").slice(0, 22),
  };
}
