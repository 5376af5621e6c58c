// Checks a server's first words: does it speak the native protocol at all? A port of another
// dialect answers with text, and a client would otherwise wait for nothing. Knows no socket and no
// clock.

import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";

/** Characters kept for the error message. */
const maxChars = 200;

export class BannerCheck {
  readonly #decoder = new TextDecoder();
  #text = "";
  #native = false;

  handleData(bytes: Uint8Array): void {
    if (this.#native) return;
    const text =
      this.#text + this.#decoder.decode(bytes.subarray(0, 4 * maxChars), { stream: true });
    // A native server's lines are objects; lines of a prompt may come before its welcome.
    this.#native = /(?:^|\n)[ \t\r]*\{/.test(text);
    this.#text = text.slice(0, maxChars);
  }

  /** The text so far is none that a native server sends: an error, unless a native line follows. */
  problem(where: string): ParleyError | undefined {
    if (this.#native || this.#text.trim() === "") return undefined;
    return new ParleyError(
      "protocol",
      `${where} answers, but not as a parley server's main port: ${quoted(this.#text.trim())}. Is it the port of a dialect, or of another program?`,
    );
  }
}
