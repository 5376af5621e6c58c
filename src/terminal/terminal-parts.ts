// What the terminal client is put together from. Types only.

import type { NativeSession } from "../client/events.ts";
import type { Paint } from "./style.ts";
import type { PromptParts } from "./prompt.ts";

export type TerminalParts = PromptParts & {
  session: NativeSession;
  /** Lets what was asked of the session go out. */
  obey: () => void;
  paint: Paint;
  /** Stops the program until it is brought back to the foreground. */
  suspend: () => void;
  downloads: Downloads;
  /** No prompt, and no cursor is moved. */
  plain?: boolean;
};

/** Fetches one file at a time; says how it goes through `progress` and `say`. */
export interface Downloads {
  readonly running: boolean;
  start(
    name: string,
    tell: { progress: (text: string | undefined) => void; say: (text: string) => void },
  ): void;
  stop(): void;
}
