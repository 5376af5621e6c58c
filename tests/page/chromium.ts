// A quiet Chromium that only talks to the tests, driven by Bun.WebView over the DevTools protocol.

import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Complain, type Modifier, type Size, type TabDriver } from "./tab-driver.ts";
import { patienceMs, until } from "../until.ts";

/** The browser's path; undefined if none is installed. */
export const chromium: string | undefined =
  Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome") ?? undefined;

/**
 * The path of its engine without the browser around it, which takes a third less processor time;
 * undefined if it is not installed. What a page may do is decided by the browser: here nobody asks
 * for permissions, and every page can be installed.
 */
export const engine: string | undefined = Bun.which("chromium-headless-shell") ?? undefined;

export const noChromium =
  "chromium is not installed (Debian: apt-get install chromium), so the page was not tested in a browser";

/** Removed at the end. The profile that Bun makes is not: 4 to 10 MB for each file of tests. */
const profile = join(tmpdir(), `parley-chromium-${randomUUID()}`);

// Its sandbox does not work for root in a container.
const flags = [
  `--user-data-dir=${profile}`,
  "--no-sandbox",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--force-color-profile=srgb",
  // Pages of the address bar, which headless windows do not show. Loading them in each took longer
  // than most tests of a file together.
  "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
];

export class ChromiumTab implements TabDriver {
  readonly #view: Bun.WebView;

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  /** `path`: of the browser or of its engine; a process that runs tests starts one at a time. */
  static async open(path: string, size: Size, complain: Complain): Promise<ChromiumTab> {
    const backend = { type: "chrome" as const, path, argv: flags };
    const view = new Bun.WebView({ ...size, backend });
    const tab = new ChromiumTab(view);
    await view.navigate("about:blank");
    await view.cdp("Runtime.enable");
    await view.cdp("Log.enable");
    for (const name of ["Runtime.exceptionThrown", "Log.entryAdded"]) {
      view.addEventListener(name, (event) =>
        complain(JSON.stringify((event as MessageEvent<unknown>).data)),
      );
    }
    // Headless tabs have no window: this sets their size and focus.
    await tab.resize(size);
    await view.cdp("Emulation.setFocusEmulationEnabled", { enabled: true });
    return tab;
  }

  evaluate(expression: string): Promise<unknown> {
    return this.#view.evaluate(expression);
  }

  navigate(url: string): Promise<void> {
    return this.#view.navigate(url);
  }

  reload(): Promise<void> {
    return this.#view.reload();
  }

  click(selector: string): Promise<void> {
    return this.#view.click(selector, { timeout: patienceMs });
  }

  press(key: string, modifiers: readonly Modifier[]): Promise<void> {
    return this.#view.press(key, { modifiers: [...modifiers] });
  }

  type(text: string): Promise<void> {
    return this.#view.type(text);
  }

  scroll(byPixels: number): Promise<void> {
    return this.#view.scroll(0, byPixels);
  }

  async resize(size: Size): Promise<void> {
    const metrics = { ...size, deviceScaleFactor: 1, mobile: false };
    await this.#view.cdp("Emulation.setDeviceMetricsOverride", metrics);
  }

  async beforeLoad(source: string): Promise<void> {
    await this.#view.cdp("Page.addScriptToEvaluateOnNewDocument", { source });
  }

  async setFiles(selector: string, files: readonly string[]): Promise<void> {
    const { root } = (await this.cdp("DOM.getDocument")) as { root: { nodeId: number } };
    const query = { nodeId: root.nodeId, selector };
    const { nodeId } = (await this.cdp("DOM.querySelector", query)) as { nodeId: number };
    await this.cdp("DOM.setFileInputFiles", { files, nodeId });
  }

  async saveDownloadsIn(downloadPath: string): Promise<void> {
    await this.cdp("Browser.setDownloadBehavior", { behavior: "allow", downloadPath });
  }

  screenshot(): Promise<Blob> {
    return this.#view.screenshot();
  }

  cdp(method: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return this.#view.cdp(method, parameters);
  }

  close(): void {
    this.#view.close();
  }
}

/** Ends it, with all its tabs, and removes what it has written. */
export async function closeChromium(): Promise<void> {
  if (chromium === undefined && engine === undefined) return;
  const processes = [...browserProcesses()];
  Bun.WebView.closeAll();
  // Its other processes write until they notice that it is gone.
  const isOver = () => processes.every((pid) => commandOf(pid) === "") && isProfileGone();
  await until(isOver, `the removal of ${profile}`);
}

/** Those started with its profile, and theirs, which were not; where one can see that. */
function browserProcesses(): Set<string> {
  const isSeen = existsSync("/proc/self/stat");
  const pids = isSeen ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  const children = Map.groupBy(pids, parentOf);
  const found = new Set(pids.filter((pid) => commandOf(pid).includes(profile)));
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return found;
}

/** Empty if it has ended. */
function commandOf(pid: string): string {
  return contentOf(`/proc/${pid}/cmdline`);
}

function parentOf(pid: string): string {
  return /.*\) \S (\d+)/s.exec(contentOf(`/proc/${pid}/stat`))?.[1] ?? "";
}

/** Empty if there is no such file (any more). */
function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isProfileGone(): boolean {
  try {
    rmSync(profile, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
