// A server for the page's tests, with files to share, a database, and ports that stay the same over restarts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { chromium, noChromium } from "./browser.ts";

/** `test`, or a skipped one after saying why. */
export const inBrowser = skipUnless(chromium !== undefined, noChromium);

export class PageRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "parley-page-"));
  readonly downloads = join(this.folder, "downloads");
  /** Content of the shared `data.bin`; beside it lies a file with markup in its name. */
  readonly shared = Buffer.from(Array.from({ length: 2_500_000 }, (_, i) => (i * 7919) >>> 5));
  server: Parley | undefined;
  port = 0;
  webPort = 0;

  constructor() {
    const files = join(this.folder, "files");
    mkdirSync(files);
    mkdirSync(this.downloads);
    writeFileSync(join(files, "data.bin"), this.shared);
    writeFileSync(join(files, "<b>bold<b>.txt"), "markup in a name");
  }

  get url(): string {
    return `http://127.0.0.1:${this.webPort}/`;
  }

  async start(): Promise<void> {
    const ports = ["--port", String(this.port), "--web-port", String(this.webPort)];
    const files = ["--files", join(this.folder, "files")];
    const data = ["--data", join(this.folder, "chat.sqlite"), "--rate", "0"];
    this.server = new Parley("server", "--json", ...ports, ...files, ...data);
    const ready: unknown = JSON.parse(await this.server.line(/"listening"/));
    ({ port: this.port, webPort: this.webPort } = ready as { port: number; webPort: number });
  }

  /** As a crash or a power cut does it. */
  async kill(): Promise<void> {
    this.server?.signal("SIGKILL");
    await this.server?.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (chromium !== undefined) Bun.WebView.closeAll();
    await this.server?.[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
