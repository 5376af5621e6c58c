// Decodes input from a terminal in raw mode into text, named keys and pastes. Escape sequences may
// arrive in pieces; one that never ends is abandoned. Pure.

import { terminal as limits } from "../../limits.ts";

/** Printable text, one key by name (`ctrl-a`, `enter`, `left`, `alt-b`, …), or one paste. */
export type Key = { type: "text"; text: string } | { type: "key"; name: string } | Pasted;
type Pasted = { type: "paste"; text: string };

const pasteStart = "\u001b[200~";
const pasteEnd = "\u001b[201~";
/** Anything longer is not an escape sequence. */
const maxSequenceChars = 32;

const controls: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\u007f": "backspace",
  "\b": "backspace",
};

/** Final bytes of CSI and SS3 sequences, and the numbers before `~`. */
const finals: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "shift-tab",
};
const numbered: Readonly<Record<string, string>> = {
  "1": "home",
  "3": "delete",
  "4": "end",
  "5": "page-up",
  "6": "page-down",
  "7": "home",
  "8": "end",
};

/** The console of Linux sends `ESC [ [ A` for F1; keys of rxvt with Shift end in `$`. */
const csi = /^\u001b\[(\[?[0-9;?<>=]*)([$@-Z\\-~])/;
const ss3 = /^\u001bO([0-9;]*)([A-Za-z])/;
const begun = /^\u001b(?:\[\[?|O)[0-9;?<>=]*$/;

export class KeyReader {
  #held = "";
  #paste: string | undefined;

  /**
   * Decodes input. A possible start of an escape sequence is held back until the next call or
   * `flush`.
   */
  push(text: string): Key[] {
    const keys: Key[] = [];
    this.#held += text;
    while (this.#held !== "") {
      const rest = this.#paste === undefined ? this.#next(keys) : this.#pasted(keys);
      if (rest === undefined) break;
      this.#held = rest;
    }
    return keys;
  }

  /** A possible start of an escape sequence is held back: call `flush` if nothing follows soon. */
  get pending(): boolean {
    return this.#paste === undefined && this.#held !== "";
  }

  /** Nothing followed, so it was the Escape key. */
  flush(): Key[] {
    if (!this.pending) return [];
    const rest = this.#held.slice(1);
    this.#held = "";
    return [{ type: "key", name: "escape" }, ...this.push(rest)];
  }

  /** Decodes the first key and returns the text after it; undefined if the key is incomplete. */
  #next(keys: Key[]): string | undefined {
    const held = this.#held;
    const first = held.charAt(0);
    if (first === "\u001b") return this.#escape(keys);
    if (first < " " || first === "\u007f") {
      const name = controls[first] ?? `ctrl-${String.fromCharCode(first.charCodeAt(0) + 96)}`;
      keys.push({ type: "key", name });
      return held.slice(1);
    }
    const end = held.search(/[\u0000-\u001f\u007f]/);
    const text = end < 0 ? held : held.slice(0, end);
    // C1 control characters are not text.
    keys.push({ type: "text", text: text.replace(/[\u0080-\u009f]/g, "") });
    return held.slice(text.length);
  }

  #escape(keys: Key[]): string | undefined {
    const held = this.#held;
    if (held.startsWith(pasteStart)) {
      this.#paste = "";
      return held.slice(pasteStart.length);
    }
    const match = csi.exec(held) ?? ss3.exec(held);
    if (match !== null) {
      const name = sequenceName(match);
      if (name !== undefined) keys.push({ type: "key", name });
      return held.slice(match[0].length);
    }
    const [, second] = held;
    if (second === undefined) return undefined;
    if (second === "[" || second === "O") {
      return held.length <= maxSequenceChars && begun.test(held) ? undefined : held.slice(2);
    }
    if (second === "\u007f" || second === "\b") keys.push({ type: "key", name: "alt-backspace" });
    else if (second === "\r") keys.push({ type: "key", name: "alt-enter" });
    else if (second > " ") keys.push({ type: "key", name: `alt-${second}` });
    else return held.slice(1);
    return held.slice(1 + second.length);
  }

  #pasted(keys: Key[]): string | undefined {
    const held = this.#held;
    const end = held.indexOf(pasteEnd);
    // Part of the end marker may have arrived.
    const safe = end >= 0 ? end : Math.max(0, held.length - pasteEnd.length + 1);
    this.#paste = `${this.#paste ?? ""}${held.slice(0, safe)}`.slice(0, limits.maxPasteChars);
    if (end < 0) {
      this.#held = held.slice(safe);
      return undefined;
    }
    keys.push({ type: "paste", text: this.#paste });
    this.#paste = undefined;
    return held.slice(end + pasteEnd.length);
  }
}

function sequenceName(match: RegExpExecArray): string | undefined {
  const [whole, parameters = "", final = ""] = match;
  if (whole.startsWith("\u001bO")) return parameters === "" ? finals[final] : undefined;
  if (parameters.startsWith("[")) return undefined;
  const [number = "", modifier = ""] = parameters.split(";");
  const name = final === "~" ? numbered[number] : finals[final];
  if (name === undefined) return undefined;
  // xterm: 1 + (shift 1, alt 2, ctrl 4). Ctrl and Alt both mean "by words" here.
  const bits = Number(modifier === "" ? 1 : modifier) - 1;
  return (bits & 6) === 0 ? name : `ctrl-${name}`;
}
