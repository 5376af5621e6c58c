// What a server says first, as a client of the native protocol hears it: whether it speaks that
// protocol at all. A port of another dialect may answer with text, and would else be waited for in
// vain. Knows no socket and no clock.

import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";

/** Characters that are kept to be shown. */
const maxChars = 200;

export class BannerCheck {
  readonly #decoder = new TextDecoder();
  #text = "";
  #native = false;

  hear(bytes: Uint8Array): void {
    if (this.#native) return;
    const text =
      this.#text + this.#decoder.decode(bytes.subarray(0, 4 * maxChars), { stream: true });
    // a native server's lines are objects; before its welcome there may be a prompt on lines of its
    // own
    this.#native = /(?:^|\n)[ \t\r]*\{/.test(text);
    this.#text = text.slice(0, maxChars);
  }

  /**
   * Text has come that no native server's line begins with, and no such line yet: an error, if it
   * stays so.
   */
  problem(where: string): ParleyError | undefined {
    if (this.#native || this.#text.trim() === "") return undefined;
    return new ParleyError(
      "protocol",
      `${where} answers, but not as a parley server's main port: ${quoted(this.#text.trim())}. Is it the port of a dialect, or of another program?`,
    );
  }
}
