// Builds the files of the page. Called as a macro (`with { type: "macro" }`), so it runs when the
// server's code is transpiled or compiled: the program contains the finished files, and needs no
// bundler at run time.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Each file, compressed with gzip, in base64. */
export type PageSources = Record<
  | "html"
  | "css"
  | "js"
  | "codeHtml"
  | "codeJs"
  | "worker"
  | "writer"
  | "manifest"
  | "icon"
  | "icon180"
  | "icon192"
  | "icon512",
  string
>;

/**
 * @throws Error with the bundler's message if a file does not build, which fails the whole build.
 */
export function buildPage(): PageSources {
  const folder = import.meta.dir;
  const packed = (name: string): string => pack(readFileSync(join(folder, name)));
  return {
    html: packed("index.html"),
    css: bundle(join(folder, "style.css")),
    js: bundle(join(folder, "main.ts")),
    codeHtml: packed("code/code.html"),
    codeJs: bundle(join(folder, "code/code-main.ts")),
    worker: bundle(join(folder, "service-worker.ts")),
    writer: bundle(join(folder, "file-writer.ts")),
    manifest: packed("manifest.webmanifest"),
    icon: packed("icons/icon.svg"),
    icon180: packed("icons/icon-180.png"),
    icon192: packed("icons/icon-192.png"),
    icon512: packed("icons/icon-512.png"),
  };
}

function pack(content: Buffer): string {
  // Takes longer than zlib, once, and 4 % less to send.
  const options = { library: "libdeflate", level: 12 } as const;
  return Buffer.from(Bun.gzipSync(new Uint8Array(content), options)).toString("base64");
}

// A macro cannot call Bun.build: each would wait for the other.
function bundle(entry: string): string {
  const run = Bun.spawnSync(
    [process.execPath, "build", entry, "--target=browser", "--format=iife", "--minify"],
    { env: { ...process.env, BUN_BE_BUN: "1" }, stdout: "pipe", stderr: "pipe" },
  );
  if (!run.success) throw new Error(`The page does not build: ${run.stderr.toString()}`);
  return pack(run.stdout);
}
