// Tabs of a real browser, driven by Bun.WebView over the DevTools protocol, and user actions in
// them.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** The browser's path; undefined if none is installed. */
export const chromium: string | undefined =
  Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome") ?? undefined;

export const noChromium =
  "chromium is not installed (Debian: apt-get install chromium), so the page was not tested in a browser";

/** Screenshots for people to look at; ignored by git. */
const shots = join(import.meta.dir, "shots");

// A quiet, disposable browser that only talks to the tests. Its sandbox does not work for root in a
// container.
const flags = [
  "--no-sandbox",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--force-color-profile=srgb",
];

export type Size = { width: number; height: number };
export const desktop: Size = { width: 1280, height: 800 };
export const phone: Size = { width: 390, height: 844 };

const conditionTimeoutMs = 15_000;

export class Tab implements Disposable {
  /** Script errors and violations of the content policy; a correct page has none. */
  readonly complaints: string[] = [];
  readonly #view: Bun.WebView;

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  static async open(url: string, size: Size = desktop): Promise<Tab> {
    const backend = { type: "chrome" as const, path: chromium ?? "", argv: flags };
    const view = new Bun.WebView({ ...size, backend });
    const tab = new Tab(view);
    await view.navigate("about:blank");
    await view.cdp("Runtime.enable");
    await view.cdp("Log.enable");
    for (const name of ["Runtime.exceptionThrown", "Log.entryAdded"]) {
      view.addEventListener(name, (event) => {
        const text = JSON.stringify((event as MessageEvent<unknown>).data);
        // Some tests cut the connection; the browser logs this whatever the page does.
        if (!/ERR_CONNECTION_REFUSED|WebSocket connection to/.test(text)) tab.complaints.push(text);
      });
    }
    // Headless tabs have no window: this sets their size and focus.
    await view.cdp("Emulation.setDeviceMetricsOverride", {
      ...size,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await view.cdp("Emulation.setFocusEmulationEnabled", { enabled: true });
    await view.navigate(url);
    return tab;
  }

  /** The value of a JavaScript expression in the page. */
  get<T>(expression: string): Promise<T> {
    return this.#view.evaluate(expression) as Promise<T>;
  }

  /** Resolves once the page has loaded again. */
  reload(): Promise<void> {
    return this.#view.reload();
  }

  async until(expression: string): Promise<void> {
    const deadlineMs = performance.now() + conditionTimeoutMs;
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
    return this.#view.click(selector, { timeout: conditionTimeoutMs });
  }

  press(key: string, ...modifiers: ("Shift" | "Control")[]): Promise<void> {
    return this.#view.press(key, { modifiers });
  }

  type(text: string): Promise<void> {
    return this.#view.type(text);
  }

  scroll(byPixels: number): Promise<void> {
    return this.#view.scroll(0, byPixels);
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

  resize(size: Size): Promise<unknown> {
    return this.#view.cdp("Emulation.setDeviceMetricsOverride", {
      ...size,
      deviceScaleFactor: 1,
      mobile: false,
    });
  }

  colors(scheme: "light" | "dark"): Promise<unknown> {
    return this.#view.cdp("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  cdp(method: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return this.#view.cdp(method, parameters);
  }

  /** Runs before the page's own script, in every page that the tab loads from now on. */
  beforeLoad(source: string): Promise<unknown> {
    return this.cdp("Page.addScriptToEvaluateOnNewDocument", { source });
  }

  navigate(url: string): Promise<void> {
    return this.#view.navigate(url);
  }

  async shot(name: string): Promise<void> {
    mkdirSync(shots, { recursive: true });
    await Bun.write(join(shots, `${name}.png`), await this.#view.screenshot());
  }

  [Symbol.dispose](): void {
    this.#view.close();
  }
}
