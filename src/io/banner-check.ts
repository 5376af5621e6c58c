// Checks whether a server's first bytes are the native protocol. A port of another dialect sends
// text, and the client would otherwise wait forever. Knows no socket and no clock.

import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { defaultPort } from "./host-port.ts";

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
    // A native server sends JSON objects; a text prompt may precede its welcome.
    this.#native = /(?:^|\n)[ \t\r]*\{/.test(text);
    this.#text = text.slice(0, maxChars);
  }

  /** The error for a server that has not sent a native line so far; undefined if it has. */
  problem(where: string): ParleyError | undefined {
    if (this.#native || this.#text.trim() === "") return undefined;
    if (/^HTTP\/\d/.test(this.#text)) {
      return new ParleyError(
        "protocol",
        `${where} is a web port, for browsers: if it belongs to a parley server, chat and files ` +
          `use another port, ${defaultPort} by default`,
      );
    }
    return new ParleyError(
      "protocol",
      `${where} answers, but not as a parley server's main port: ${quoted(this.#text.trim())}. ` +
        "Is it the port of a dialect, or of another program?",
    );
  }
}
