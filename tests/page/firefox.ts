// Firefox without a screen, driven over WebDriver BiDi: one process for all tabs, each of which is
// a window of its own, so that it counts as visible.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Complain, type Modifier, type Size, type TabDriver } from "./tab-driver.ts";
import { patienceMs } from "../until.ts";

/** The browser's path; undefined if none is installed. */
export const firefox: string | undefined =
  Bun.which("firefox-esr") ?? Bun.which("firefox") ?? undefined;

export const noFirefox =
  "firefox is not installed (Debian: apt-get install firefox-esr), so the page was not tested in it";

type Answer = { result?: Record<string, unknown>; error?: string; message?: string };
type LogEntry = { level: string; text: string; source: { context?: string } };

/** The protocol's names of keys that have no character (WebDriver 2, "Keyboard actions"). */
const keys: Readonly<Record<string, string>> = {
  Backspace: "\uE003",
  Tab: "\uE004",
  Enter: "\uE007",
  Shift: "\uE008",
  Control: "\uE009",
  Escape: "\uE00C",
  ArrowLeft: "\uE012",
  ArrowUp: "\uE013",
  ArrowRight: "\uE014",
  ArrowDown: "\uE015",
};

/**
 * No pages of its own, and no processes in reserve: both took a third of the processor time of a
 * start.
 */
const settings = [
  ["browser.aboutwelcome.enabled", false],
  ["browser.startup.page", 0],
  ["browser.newtabpage.enabled", false],
  ["browser.newtab.preload", false],
  ["dom.ipc.processPrelaunch.enabled", false],
]
  .map(([name, value]) => `user_pref("${name}", ${value});\n`)
  .join("");

/**
 * Violations are not in the protocol's log; what the page writes to its console is. Only one window
 * of Firefox has the focus; each behaves as if it had it.
 */
const beforeAll = `() => {
  addEventListener("securitypolicyviolation", (event) =>
    console.error("content policy", event.violatedDirective, event.blockedURI));
  Document.prototype.hasFocus = () => true;
}`;

let running: Promise<Firefox> | undefined;

/** Why it can't be driven; undefined: it can. Starts it to find out. */
export async function firefoxProblem(): Promise<string | undefined> {
  if (firefox === undefined) return noFirefox;
  const started = await (running ??= Firefox.start());
  try {
    // The newest of the commands that are used.
    await started.call("browser.setDownloadBehavior", { downloadBehavior: null });
    return undefined;
  } catch (error) {
    await closeFirefox();
    if (!String(error).includes("unknown command")) throw error;
    return `${firefox} is too old to be driven, so the page was not tested in it`;
  }
}

/** Ends the process, if there is one. */
export async function closeFirefox(): Promise<void> {
  const firefox = await running;
  running = undefined;
  await firefox?.close();
}

class Firefox {
  readonly #process: Bun.Subprocess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly complainers = new Map<string, Complain>();
  #lastId = 0;

  private constructor(process: Bun.Subprocess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
  }

  static async start(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), "parley-firefox-"));
    writeFileSync(join(profile, "user.js"), settings);
    const flags = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port"];
    const process = Bun.spawn([firefox ?? "", ...flags, "0"], { stderr: "pipe", stdout: "ignore" });
    const socket = new WebSocket(`${await addressIn(process.stderr)}/session`);
    await new Promise((go, fail) => {
      socket.addEventListener("open", go);
      socket.addEventListener("error", () => fail(new Error("Firefox refuses the connection")));
    });
    const started = new Firefox(process, profile, socket);
    // The server's own certificate is one that no browser knows.
    await started.call("session.new", {
      capabilities: { alwaysMatch: { acceptInsecureCerts: true } },
    });
    await started.call("session.subscribe", { events: ["log.entryAdded"] });
    await started.call("script.addPreloadScript", { functionDeclaration: beforeAll });
    return started;
  }

  async call(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error, message } = await promise;
    if (result === undefined) throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }

  #receive(data: string): void {
    const message = JSON.parse(data) as Answer & { id?: number; method?: string; params: LogEntry };
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else if (message.method === "log.entryAdded" && message.params.level === "error") {
      this.complainers.get(message.params.source.context ?? "")?.(message.params.text);
    }
  }

  async close(): Promise<void> {
    this.#socket.close();
    this.#process.kill();
    await this.#process.exited;
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/** The address in what Firefox prints, all of which is read: a full pipe would stop it. */
async function addressIn(output: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = async (): Promise<void> => {
    let text = "";
    for await (const bytes of output) {
      text = (text + Buffer.from(bytes).toString()).slice(-10_000);
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    }
    reject(new Error(`Firefox did not start: ${text}`));
  };
  void read();
  return await promise;
}

export class FirefoxTab implements TabDriver {
  readonly #firefox: Firefox;
  readonly #context: string;

  private constructor(firefox: Firefox, context: string) {
    this.#firefox = firefox;
    this.#context = context;
  }

  static async open(size: Size, complain: Complain): Promise<FirefoxTab> {
    const firefox = await (running ??= Firefox.start());
    const { context } = await firefox.call("browsingContext.create", { type: "window" });
    const tab = new FirefoxTab(firefox, context as string);
    firefox.complainers.set(tab.#context, complain);
    await tab.resize(size);
    return tab;
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#call("script.evaluate", {
      expression: `(async () => JSON.stringify(await (${expression})))()`,
      target: { context: this.#context },
      awaitPromise: true,
      userActivation: true,
    })) as { result?: { value?: string }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result?.value === undefined ? undefined : (JSON.parse(result.value) as unknown);
  }

  async navigate(url: string): Promise<void> {
    await this.#inContext("browsingContext.navigate", { url, wait: "complete" });
  }

  async reload(): Promise<void> {
    await this.#inContext("browsingContext.reload", { wait: "complete" });
  }

  async click(selector: string): Promise<void> {
    const [x, y] = await this.#middleOf(selector);
    const actions = [
      { type: "pointerMove", x, y },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ];
    await this.#act({ type: "pointer", id: "mouse", actions });
  }

  async #middleOf(selector: string): Promise<readonly [x: number, y: number]> {
    const name = JSON.stringify(selector);
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      const middle = await this.evaluate(`(() => {
        const element = document.querySelector(${name});
        if (element === null || element.disabled) return undefined;
        element.scrollIntoView({ block: "nearest", inline: "nearest" });
        const { left, top, width, height } = element.getBoundingClientRect();
        const [x, y] = [Math.floor(left + width / 2), Math.floor(top + height / 2)];
        const hit = document.elementFromPoint(x, y);
        return hit !== null && (element.contains(hit) || hit.contains(element)) ? [x, y] : undefined;
      })()`);
      if (middle !== undefined) return middle as [number, number];
      if (performance.now() > deadlineMs) throw new Error(`${selector} can't be clicked`);
      await Bun.sleep(20);
    }
  }

  async press(key: string, modifiers: readonly Modifier[]): Promise<void> {
    const held = modifiers.map((name) => keys[name] ?? name);
    const value = keys[key] ?? key;
    const down = [...held, value].map((one) => ({ type: "keyDown", value: one }));
    const up = [value, ...held.toReversed()].map((one) => ({ type: "keyUp", value: one }));
    await this.#act({ type: "key", id: "keyboard", actions: [...down, ...up] });
  }

  async type(text: string): Promise<void> {
    const actions = [...text].flatMap((value) => [
      { type: "keyDown", value },
      { type: "keyUp", value },
    ]);
    if (actions.length > 0) await this.#act({ type: "key", id: "keyboard", actions });
  }

  async scroll(byPixels: number): Promise<void> {
    const actions = [{ type: "scroll", x: 200, y: 200, deltaX: 0, deltaY: byPixels }];
    await this.#act({ type: "wheel", id: "wheel", actions });
  }

  async resize(viewport: Size): Promise<void> {
    await this.#inContext("browsingContext.setViewport", { viewport, devicePixelRatio: 1 });
  }

  async beforeLoad(source: string): Promise<void> {
    const functionDeclaration = `() => {${source}}`;
    await this.#call("script.addPreloadScript", { functionDeclaration, contexts: [this.#context] });
  }

  async setFiles(selector: string, files: readonly string[]): Promise<void> {
    const locator = { type: "css", value: selector };
    const { nodes } = (await this.#inContext("browsingContext.locateNodes", { locator })) as {
      nodes: { sharedId: string }[];
    };
    const element = { sharedId: nodes[0]?.sharedId };
    await this.#inContext("input.setFiles", { element, files });
  }

  async saveDownloadsIn(folder: string): Promise<void> {
    const downloadBehavior = { type: "allowed", destinationFolder: folder };
    await this.#call("browser.setDownloadBehavior", { downloadBehavior });
  }

  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.#inContext("browsingContext.captureScreenshot", {});
    return Buffer.from(data as string, "base64");
  }

  /** Whether the tab has a network. */
  async connect(isOnline: boolean): Promise<void> {
    const networkConditions = isOnline ? null : { type: "offline" };
    const contexts = [this.#context];
    await this.#call("emulation.setNetworkConditions", { networkConditions, contexts });
  }

  close(): void {
    // Refused if a page asks before it is closed, which nobody would answer.
    this.#inContext("browsingContext.close", { promptUnload: false }).catch(() => {});
  }

  #act(source: { type: string; id: string; actions: unknown[] }): Promise<unknown> {
    return this.#inContext("input.performActions", { actions: [source] });
  }

  #inContext(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    return this.#call(method, { context: this.#context, ...params });
  }

  #call(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    return this.#firefox.call(method, params);
  }
}
