// What a tab of some browser can do for the tests.

export type Size = { width: number; height: number };
export type Modifier = "Shift" | "Control";

export interface TabDriver {
  /** The value of a JavaScript expression in the page; waits for a promise. */
  evaluate(expression: string): Promise<unknown>;
  navigate(url: string): Promise<void>;
  /** Resolves once the page has loaded again. */
  reload(): Promise<void>;
  /** Clicks the middle of an element, as soon as nothing covers it. */
  click(selector: string): Promise<void>;
  press(key: string, modifiers: readonly Modifier[]): Promise<void>;
  type(text: string): Promise<void>;
  scroll(byPixels: number): Promise<void>;
  resize(size: Size): Promise<void>;
  /** Runs before the page's own script, in every page that the tab loads from now on. */
  beforeLoad(source: string): Promise<void>;
  /** Puts files on disk into a file field, as if the user had picked them. */
  setFiles(selector: string, paths: readonly string[]): Promise<void>;
  saveDownloadsIn(folder: string): Promise<void>;
  /** A PNG. */
  screenshot(): Promise<Uint8Array | Blob>;
  close(): void;
}

/** Called with each script error and each violation of the content policy. */
export type Complain = (text: string) => void;
