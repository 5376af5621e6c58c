// Builds the files of the page. Called as a macro (`with { type: "macro" }`), so it runs when the
// server's code is transpiled or compiled: the program carries them as strings, and needs no bundler
// at run time.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Pictures are in base64. */
export type PageSources = {
  html: string;
  css: string;
  js: string;
  worker: string;
  manifest: string;
  icon: string;
  icon180: string;
  icon192: string;
  icon512: string;
};

/**
 * @throws Error with the bundler's message if a file does not build, which fails the whole build.
 */
export function buildPage(): PageSources {
  const folder = import.meta.dir;
  return {
    html: readFileSync(join(folder, "index.html"), "utf8"),
    css: bundle(join(folder, "style.css")),
    js: bundle(join(folder, "main.ts")),
    worker: bundle(join(folder, "service-worker.ts")),
    manifest: readFileSync(join(folder, "manifest.webmanifest"), "utf8"),
    icon: readFileSync(join(folder, "icons/icon.svg"), "utf8"),
    icon180: readFileSync(join(folder, "icons/icon-180.png"), "base64"),
    icon192: readFileSync(join(folder, "icons/icon-192.png"), "base64"),
    icon512: readFileSync(join(folder, "icons/icon-512.png"), "base64"),
  };
}

// A macro cannot call Bun.build: each would wait for the other.
function bundle(entry: string): string {
  const run = Bun.spawnSync(
    [process.execPath, "build", entry, "--target=browser", "--format=iife", "--minify"],
    { env: { ...process.env, BUN_BE_BUN: "1" }, stdout: "pipe", stderr: "pipe" },
  );
  if (!run.success) throw new Error(`The page does not build: ${run.stderr.toString()}`);
  return run.stdout.toString();
}
