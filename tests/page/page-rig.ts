// A server for the page's tests, with shared files, a database and ports that stay the same across
// restarts, and two tabs at its login form.

import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { encodeClient } from "../../src/protocol/encode.ts";
import type { ClientMessage } from "../../src/protocol/messages.ts";
import { join } from "node:path";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { type BrowserName, chosenBrowser, desktop, Tab, whyNoBrowser } from "./browser.ts";
import { closeChromium } from "./chromium.ts";
import { closeFirefox } from "./firefox.ts";

/**
 * `inBrowser`: `test`, or if the browser is not installed, a skipped test with a printed reason.
 * `inChromium`: for tests that use Chromium's own tools, or what only it can do.
 */
export function testsIn(browser: BrowserName) {
  const why = whyNoBrowser(browser);
  const inBrowser = skipUnless(why === undefined, why ?? "");
  const isOther = why === undefined && browser === "firefox";
  return {
    inBrowser,
    inChromium: isOther ? skipUnless(false, "only Chromium can do that") : inBrowser,
  };
}

export const { inBrowser, inChromium } = testsIn(chosenBrowser);

/**
 * A rig for the tests of one file, disposed of after them; `use` gets its two tabs before the first
 * test. `flags`: additional flags of the server.
 */
export function pageRig(use: Use, ...flags: readonly string[]): PageRig {
  return rigIn(chosenBrowser, use, ...flags);
}

type Use = (ann: Tab, bob: Tab) => void | Promise<void>;

export function rigIn(browser: BrowserName, use: Use, ...flags: readonly string[]): PageRig {
  const rig = new PageRig(flags);
  beforeAll(async () => {
    if (whyNoBrowser(browser) !== undefined) return;
    await rig.start();
    await use(await rig.open(browser), await rig.open(browser));
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  return rig;
}

/** The last test of a file. */
export function expectNoComplaints(rig: PageRig): void {
  inBrowser("no tab reports a script error or a violation of the content policy", () => {
    expect(rig.tabs.flatMap((tab) => tab.complaints)).toEqual([]);
  });
}

/**
 * Shared in addition to `data.bin`: markup, a name that every object has, and one that pretends to
 * be a picture.
 */
export const hostileNames = ["<b>bold<b>.txt", "constructor", "photo\u202Egpj.exe"] as const;

/** A user in rooms over a plain socket, like a bot. */
export class Bot implements Disposable {
  #heard = "";
  readonly #socket: Bun.Socket;

  private constructor(socket: Bun.Socket) {
    this.#socket = socket;
  }

  static async login(port: number, name: string, ...rooms: readonly string[]): Promise<Bot> {
    const login = Promise.withResolvers<Bot>();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data(_, bytes) {
          bot.#heard += bytes.toString();
          if (bot.#heard.includes('"type":"welcome"')) login.resolve(bot);
          else if (bot.#heard.includes('"type":"error"')) login.reject(new Error(bot.#heard));
        },
      },
    });
    const bot = new Bot(socket);
    bot.send({ type: "hello", name, rooms: rooms.map((room) => ({ room })) });
    return login.promise;
  }

  send(...messages: readonly ClientMessage[]): void {
    this.#socket.write(messages.map(encodeClient).join(""));
  }

  /** Resolves once the room has the text. */
  async say(room: string, text: string): Promise<void> {
    this.send({ type: "say", room, text });
    await this.hears(text);
  }

  hears(text: string): Promise<void> {
    return until(() => this.#heard.includes(JSON.stringify(text)), text);
  }

  [Symbol.dispose](): void {
    this.send({ type: "bye" });
    this.#socket.end();
  }
}

export class PageRig implements AsyncDisposable {
  readonly folder = testFolder("page");
  readonly downloads = join(this.folder, "downloads");
  /** The content of the shared `data.bin`. */
  readonly shared = Buffer.from(Array.from({ length: 2_500_000 }, (_, i) => (i * 7919) >>> 5));
  /** All tabs, including closed ones. */
  readonly tabs: Tab[] = [];
  server: Parley | undefined;
  port = 0;
  webPort = 0;

  constructor(readonly flags: readonly string[] = []) {
    const files = join(this.folder, "files");
    mkdirSync(files);
    mkdirSync(this.downloads);
    writeFileSync(join(files, "data.bin"), this.shared);
    for (const name of hostileNames) writeFileSync(join(files, name), name);
  }

  get url(): string {
    return `http://127.0.0.1:${this.webPort}/`;
  }

  /** A large file of zeros that takes no space, for transfers that do not get far. */
  hollowFile(name: string, bytes: number): string {
    const path = join(this.folder, name);
    writeFileSync(path, "");
    truncateSync(path, bytes);
    return path;
  }

  async start(): Promise<void> {
    const ports = ["--port", String(this.port), "--web-port", String(this.webPort)];
    const files = ["--files", join(this.folder, "files")];
    const data = ["--data", join(this.folder, "chat.sqlite"), "--rate", "0"];
    this.server = new Parley("server", "--json", ...ports, ...files, ...data, ...this.flags);
    const ready: unknown = JSON.parse(await this.server.line(/"listening"/));
    ({ port: this.port, webPort: this.webPort } = ready as { port: number; webPort: number });
  }

  /** A tab at the login form. */
  async open(browser?: BrowserName): Promise<Tab> {
    const tab = await Tab.open(this.url, desktop, browser);
    this.tabs.push(tab);
    return tab;
  }

  /** A tab that receives the server's data 150 ms late. */
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

  /** Like in a crash or a power failure. */
  async kill(): Promise<void> {
    this.server?.signal("SIGKILL");
    await this.server?.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeChromium();
    await closeFirefox();
    await this.server?.[Symbol.asyncDispose]();
  }
}
