// A server for the page's tests, with files to share, a database, and ports that stay the same over restarts, and two tabs at
// its door.

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { chromium, noChromium, Tab } from "./browser.ts";

/** `test`, or a skipped one after saying why. */
export const inBrowser = skipUnless(chromium !== undefined, noChromium);

/** A rig for the tests of one file, gone after them; `use` gets its two tabs before the first. */
export function pageRig(use: (ann: Tab, bob: Tab) => void | Promise<void>): PageRig {
  // Starting a browser on a busy machine takes its time.
  setDefaultTimeout(60_000);
  const rig = new PageRig();
  beforeAll(async () => {
    if (chromium === undefined) return;
    await rig.start();
    await use(await rig.open(), await rig.open());
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  return rig;
}

/** The last test of a file: what its tabs have put up with. */
export function expectNoComplaints(rig: PageRig): void {
  inBrowser("nobody complained: no script error, nothing refused by the content policy", () => {
    expect(rig.tabs.flatMap((tab) => tab.complaints)).toEqual([]);
  });
}

export class PageRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "parley-page-"));
  readonly downloads = join(this.folder, "downloads");
  /** Content of the shared `data.bin`; beside it lies a file with markup in its name. */
  readonly shared = Buffer.from(Array.from({ length: 2_500_000 }, (_, i) => (i * 7919) >>> 5));
  /** Every tab that was opened, closed ones too. */
  readonly tabs: Tab[] = [];
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

  /** A tab with the page. */
  async open(): Promise<Tab> {
    const tab = await Tab.open(this.url);
    this.tabs.push(tab);
    return tab;
  }

  /** A tab to which what the server says takes its time. */
  async openFar(): Promise<Tab> {
    const tab = await Tab.open("about:blank");
    this.tabs.push(tab);
    await tab.beforeLoad(`
      const listen = WebSocket.prototype.addEventListener;
      WebSocket.prototype.addEventListener = function (type, hear) {
        listen.call(this, type, (event) => setTimeout(hear, 150, event));
      };
    `);
    await tab.navigate(this.url);
    return tab;
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
