// Tabs of real browsers, and user actions in them.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, ChromiumTab, engine, noChromium } from "./chromium.ts";
import { firefox, FirefoxTab, noFirefox } from "./firefox.ts";
import { type Modifier, type Size, type TabDriver } from "./tab-driver.ts";
import { patienceMs } from "../until.ts";

/** Whether screenshots are taken for people to look at: no test looks at them. */
export const wantsShots = process.env["SHOTS"] === "1";

/** Where they are; ignored by git. */
const shots = join(import.meta.dir, "shots");

export const desktop: Size = { width: 1280, height: 800 };
export const phone: Size = { width: 390, height: 844 };

/** `engine`: Chromium's, without the browser around it. */
export type BrowserName = "chromium" | "engine" | "firefox";

/**
 * `BROWSER=firefox bun test tests/page` runs in Firefox what does not need Chromium itself, and
 * `BROWSER=chromium` all of it in all of Chromium.
 */
export const chosenBrowser: BrowserName = chosen(process.env["BROWSER"]);

/** For what the engine alone can't show. */
export const wholeBrowser: BrowserName = chosenBrowser === "firefox" ? "firefox" : "chromium";

function chosen(wanted: string | undefined): BrowserName {
  if (wanted === "firefox") return "firefox";
  return wanted === "chromium" || engine === undefined ? "chromium" : "engine";
}

/** Why there is no such browser; undefined: there is one. */
export function whyNoBrowser(browser: BrowserName): string | undefined {
  if (browser === "firefox") return firefox === undefined ? noFirefox : undefined;
  return (browser === "engine" ? engine : chromium) === undefined ? noChromium : undefined;
}

export class Tab implements Disposable {
  /** Script errors and violations of the content policy; a correct page has none. */
  readonly complaints: string[] = [];
  #driver!: TabDriver;

  private constructor() {}

  static async open(
    url: string,
    size: Size = desktop,
    browser: BrowserName = chosenBrowser,
  ): Promise<Tab> {
    const tab = new Tab();
    const complain = (text: string): void => tab.#complain(text);
    const path = (browser === "engine" ? engine : chromium) ?? "";
    tab.#driver =
      browser === "firefox"
        ? await FirefoxTab.open(size, complain)
        : await ChromiumTab.open(path, size, complain);
    if (url !== "about:blank") await tab.navigate(url);
    return tab;
  }

  #complain(text: string): void {
    // Some tests cut the connection; the browser logs this whatever the page does.
    if (
      !/ERR_CONNECTION_(?:REFUSED|RESET)|WebSocket connection to|can’t establish a connection|interrupted while the page was loading/.test(
        text,
      )
    )
      this.complaints.push(text);
  }

  /** The value of a JavaScript expression in the page. */
  get<T>(expression: string): Promise<T> {
    return this.#driver.evaluate(expression) as Promise<T>;
  }

  /** Resolves once the page has loaded again. */
  reload(): Promise<void> {
    return this.#driver.reload();
  }

  /** Reloads, although the page asks whether the user means it. */
  async reloadAnyway(): Promise<void> {
    await this.get("void (Event.prototype.preventDefault = () => {})");
    await this.reload();
  }

  async until(expression: string): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while ((await this.get<unknown>(`Boolean(${expression})`)) !== true) {
      if (performance.now() < deadlineMs) {
        await Bun.sleep(20);
        continue;
      }
      const seen = await this.get<string>("document.body.innerText.slice(-1500)");
      throw new Error(
        `still not true: ${expression}; the page says:\n${seen}\n${this.complaints.join("\n")}`,
      );
    }
  }

  text(selector: string): Promise<string> {
    return this.get<string>(
      `document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`,
    );
  }

  /** Waits until an element has exactly this text. */
  shows(selector: string, text: string): Promise<void> {
    return this.until(
      `document.querySelector(${JSON.stringify(selector)})?.textContent === ${JSON.stringify(text)}`,
    );
  }

  click(selector: string): Promise<void> {
    return this.#driver.click(selector);
  }

  press(key: string, ...modifiers: Modifier[]): Promise<void> {
    return this.#driver.press(key, modifiers);
  }

  type(text: string): Promise<void> {
    return this.#driver.type(text);
  }

  scroll(byPixels: number): Promise<void> {
    return this.#driver.scroll(byPixels);
  }

  /** Types `text` into a field, replacing its content. */
  async fill(selector: string, text: string): Promise<void> {
    await this.click(selector);
    await this.get(`document.querySelector(${JSON.stringify(selector)}).select()`);
    await this.type(text);
  }

  async clear(selector: string): Promise<void> {
    await this.fill(selector, "");
    await this.press("Backspace");
  }

  async login(name: string, ...rooms: readonly string[]): Promise<void> {
    if (rooms.length > 0) await this.fill("#login-rooms", rooms.join(", "));
    await this.fill("#login-name", name);
    await this.press("Enter");
    await this.shows("#presence", `online as ${name}`);
  }

  /** Joins a room by the field below the rooms. */
  async join(room: string): Promise<void> {
    await this.fill("#room-name", room);
    await this.press("Enter");
    await this.shows("#room", room);
  }

  /** Shows a room that the user is in. */
  async show(room: string): Promise<void> {
    await this.click(`#rooms [data-room=${JSON.stringify(room)}]`);
    await this.shows("#room", room);
  }

  /** Waits until the rooms are listed in this form, each with its badge if it has one: "den @2". */
  async listsRooms(...rooms: readonly string[]): Promise<void> {
    const listed = `[...document.querySelectorAll("#rooms [data-room]")].map((room) => {
      const badge = room.querySelector(".badge");
      return badge.hidden ? room.dataset.room : room.dataset.room + " " + badge.textContent;
    }).join()`;
    await this.until(`${listed} === ${JSON.stringify(rooms.join())}`);
  }

  async say(text: string): Promise<void> {
    await this.click("#text");
    await this.type(text);
    await this.press("Enter");
  }

  /** Waits until a message with exactly this text is shown. Returns the classes of its element. */
  async hears(text: string): Promise<string> {
    const found = `[...document.querySelectorAll(".message")].find((message) => message.querySelector(".text").textContent === ${JSON.stringify(text)})`;
    await this.until(found);
    return this.get<string>(`${found}.className`);
  }

  /** Waits for a notice; unfolds runs to find it. */
  sees(notice: string): Promise<void> {
    return this.until(`(() => {
      for (const run of document.querySelectorAll(".run:not([open])")) run.open = true;
      const lines = [...document.querySelectorAll(".notice:not(.run)")].map((line) => line.textContent);
      const folded = [...document.querySelectorAll(".run li")].map((line) => line.lastChild.data.trim());
      return [...lines, ...folded].includes(${JSON.stringify(notice)});
    })()`);
  }

  resize(size: Size): Promise<void> {
    return this.#driver.resize(size);
  }

  colors(scheme: "light" | "dark"): Promise<unknown> {
    return this.cdp("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  /** A command of the DevTools protocol, which only Chromium has. */
  cdp(method: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    if (!(this.#driver instanceof ChromiumTab)) throw new Error(`${method}: not in this browser`);
    return this.#driver.cdp(method, parameters);
  }

  /** Runs before the page's own script, in every page that the tab loads from now on. */
  beforeLoad(source: string): Promise<void> {
    return this.#driver.beforeLoad(source);
  }

  navigate(url: string): Promise<void> {
    return this.#driver.navigate(url);
  }

  /** From now on no dialog waits for the user to pick files; `setFiles` answers. */
  async answerFileDialogs(): Promise<void> {
    // In Firefox the session's settings say so.
    if (!(this.#driver instanceof ChromiumTab)) return;
    await this.cdp("Page.setInterceptFileChooserDialog", { enabled: true });
  }

  /** Puts files on disk into a file field, as if the user had picked them. */
  setFiles(selector: string, ...paths: readonly string[]): Promise<void> {
    return this.#driver.setFiles(selector, paths);
  }

  saveDownloadsIn(folder: string): Promise<void> {
    return this.#driver.saveDownloadsIn(folder);
  }

  async shot(name: string, isWanted = wantsShots): Promise<void> {
    if (!isWanted) return;
    mkdirSync(shots, { recursive: true });
    await Bun.write(join(shots, `${name}.png`), await this.#driver.screenshot());
  }

  [Symbol.dispose](): void {
    this.#driver.close();
  }
}
