// Edits a message, usually of one line: text, cursor, history and its search, cut text. Works on
// graphemes, that is user-perceived characters. Pure: keys in, actions out; knows no screen.

import { terminal as limits } from "../../limits.ts";
import { tabSpaces, withoutLineEnd } from "../../text.ts";
import type { Key } from "./keys.ts";

/** What to do after a key. `edited` includes cursor movement. */
export type Edit =
  | { type: "edited" }
  /** The text did not fit and was discarded. */
  | { type: "full" }
  | { type: "submit"; line: string }
  | { type: "complete" }
  | { type: "interrupt" }
  | { type: "end" }
  | { type: "clear" }
  | { type: "suspend" }
  | { type: "ignored" };

/**
 * `at`: index of the match in the history. `line` and `lineAt`: the text and the index from before
 * the search. `isMissed`: nothing matches the query.
 */
type Search = { query: string; at: number; line: string; lineAt: number; isMissed: boolean };

/** Created when it is needed, because that takes 1.5 ms. */
let segmenter: Intl.Segmenter | undefined;

/** Splits a text into user-perceived characters. */
export function graphemes(text: string): string[] {
  // Nearly all lines are ASCII, and the segmenter is slow.
  if (/^[\x20-\x7e]*$/.test(text)) return [...text];
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export class LineEditor {
  #before: string[] = [];
  #after: string[] = [];
  #history: string[] = [];
  // Index into the history; one past its end is the line being typed.
  #at = 0;
  #draft = "";
  #cut = "";
  #search: Search | undefined;
  #isFull = false;
  readonly #maxChars: number;
  readonly #severalLines: boolean;

  /**
   * The text never exceeds `maxChars` UTF-16 code units. Unless several lines are allowed, pasted
   * lines are joined.
   */
  constructor(maxChars: number, severalLines = false) {
    this.#maxChars = maxChars;
    this.#severalLines = severalLines;
  }

  get text(): string {
    return this.beforeCursor + this.#after.join("");
  }

  get beforeCursor(): string {
    return this.#before.join("");
  }

  /** The query of the Ctrl-R search; undefined if there is no search. */
  get query(): string | undefined {
    return this.#search?.query;
  }

  /** Whether no history line contains the query. */
  get isMissed(): boolean {
    return this.#search?.isMissed === true;
  }

  /** The characters of the line, and the cursor's position among them. */
  get characters(): { list: readonly string[]; cursor: number } {
    return { list: [...this.#before, ...this.#after], cursor: this.#before.length };
  }

  /** Replaces the line; the cursor goes after `before`. */
  set(before: string, after = ""): void {
    this.#before = graphemes(before);
    this.#after = graphemes(after);
  }

  insert(text: string): boolean {
    if (text === "" || this.text.length + text.length > this.#maxChars) return false;
    // A combining character merges with the character before it.
    this.#before = graphemes(this.beforeCursor + text);
    return true;
  }

  apply(key: Key): Edit {
    if (key.type === "key") {
      this.#isFull = false;
      return this.#search === undefined ? this.#key(key.name) : this.#searchKey(key.name);
    }
    const text = key.type === "paste" ? this.#pasted(key.text) : key.text;
    if (this.#search !== undefined) return this.#find(this.#search.query + text, this.#search.at);
    if (text === "") return { type: "ignored" };
    // A paste may arrive in many pieces: once a piece does not fit, drop smaller ones too.
    this.#isFull = (this.#isFull && key.type === "text") || !this.insert(text);
    return { type: this.#isFull ? "full" : "edited" };
  }

  #pasted(text: string): string {
    const lines = withoutLineEnd(text).split(/\r\n|[\r\n]/);
    const isOne = !this.#severalLines || lines.length === 1;
    const clean = (line: string) =>
      line.replaceAll("\t", isOne ? " " : tabSpaces).replace(/[\u0000-\u001f\u007f-\u009f]/g, "");
    return lines.map(clean).join(isOne ? " " : "\n");
  }

  #key(name: string): Edit {
    const action = actions[name];
    if (action !== undefined) return this.#changed(action(this));
    switch (name) {
      case "enter":
        return this.#submit();
      case "alt-enter":
        return this.#changed(this.#severalLines && this.insert("\n"));
      case "tab":
        return { type: "complete" };
      case "ctrl-c":
        return { type: "interrupt" };
      case "ctrl-d":
        if (this.text === "") return { type: "end" };
        return this.#changed(this.remove("right"));
      case "ctrl-r":
        this.#search = {
          query: "",
          at: this.#history.length,
          line: this.text,
          lineAt: this.#at,
          isMissed: false,
        };
        return { type: "edited" };
      case "ctrl-l":
        return { type: "clear" };
      case "ctrl-z":
        return { type: "suspend" };
      default:
        return { type: "ignored" };
    }
  }

  #changed(done: boolean): Edit {
    return { type: done ? "edited" : "ignored" };
  }

  #submit(): Edit {
    const line = this.text;
    this.set("");
    if (line.trim() !== "" && line !== this.#history.at(-1)) this.#history.push(line);
    if (this.#history.length > limits.maxHistoryLines) this.#history.shift();
    this.#at = this.#history.length;
    this.#draft = "";
    return { type: "submit", line };
  }

  #searchKey(name: string): Edit {
    const search = this.#search!;
    switch (name) {
      case "ctrl-r":
        return this.#find(search.query, search.at - 1);
      case "backspace":
        return this.#find(graphemes(search.query).slice(0, -1).join(""), this.#history.length - 1);
      case "ctrl-g":
      case "ctrl-c":
      case "escape":
        this.#search = undefined;
        this.#at = search.lineAt;
        this.set(search.line);
        return { type: "edited" };
      default: {
        // Any other key accepts the match and then has its usual effect.
        this.#search = undefined;
        const edit = this.#key(name);
        return edit.type === "ignored" ? { type: "edited" } : edit;
      }
    }
  }

  /**
   * Searches backwards from index `from` for a line containing `query`; if there is none, the last
   * match stays.
   */
  #find(query: string, from: number): Edit {
    const search = this.#search!;
    if (query.length > limits.maxSearchChars) return { type: "ignored" };
    search.query = query;
    const wanted = query.toLowerCase();
    const contains = (line: string) => line.toLowerCase().includes(wanted);
    const at = query === "" ? -1 : this.#history.slice(0, from + 1).findLastIndex(contains);
    search.isMissed = at < 0 && query !== "";
    if (at < 0) return { type: "edited" };
    if (this.#at === this.#history.length) this.#draft = search.line;
    this.#at = search.at = at;
    this.set(this.#history[at] ?? "");
    return { type: "edited" };
  }

  move(way: "left" | "right"): boolean {
    const [from, to] = way === "left" ? [this.#before, this.#after] : [this.#after, this.#before];
    const character = way === "left" ? from.pop() : from.shift();
    if (character === undefined) return false;
    if (way === "left") to.unshift(character);
    else to.push(character);
    return true;
  }

  moveWord(way: "left" | "right"): boolean {
    return this.#overWord(way, () => this.move(way));
  }

  moveAll(way: "left" | "right"): boolean {
    if (way === "left") this.set("", this.text);
    else this.set(this.text);
    return true;
  }

  remove(way: "left" | "right"): boolean {
    return (way === "left" ? this.#before.pop() : this.#after.shift()) !== undefined;
  }

  removeWord(way: "left" | "right"): boolean {
    const line = this.text;
    const removed = this.#overWord(way, () => this.remove(way));
    if (!removed) return false;
    const length = line.length - this.text.length;
    const start = this.beforeCursor.length;
    this.#cut = line.slice(start, start + length);
    return true;
  }

  removeAll(way: "left" | "right"): boolean {
    const gone = way === "left" ? this.#before : this.#after;
    if (gone.length === 0) return false;
    this.#cut = gone.join("");
    gone.length = 0;
    return true;
  }

  yank(): boolean {
    return this.insert(this.#cut);
  }

  swap(): boolean {
    if (this.#after.length === 0 && this.#before.length > 1) this.move("left");
    const left = this.#before.pop();
    const right = this.#after.shift();
    if (left !== undefined && right !== undefined) this.#before.push(right, left);
    else if (left !== undefined) this.#before.push(left);
    else if (right !== undefined) this.#after.unshift(right);
    return left !== undefined && right !== undefined;
  }

  recall(step: -1 | 1): boolean {
    const next = this.#at + step;
    if (next < 0 || next > this.#history.length) return false;
    if (this.#at === this.#history.length) this.#draft = this.text;
    this.#at = next;
    this.set(this.#history[next] ?? this.#draft);
    return true;
  }

  // First any spaces and punctuation, then the word.
  #overWord(way: "left" | "right", step: () => boolean): boolean {
    const peek = () => (way === "left" ? this.#before.at(-1) : this.#after[0]);
    let moved = false;
    while (peek() !== undefined && !isWord(peek())) moved = step() || moved;
    while (peek() !== undefined && isWord(peek())) moved = step() || moved;
    return moved;
  }
}

const actions: Readonly<Record<string, (editor: LineEditor) => boolean>> = {
  left: (e) => e.move("left"),
  "ctrl-b": (e) => e.move("left"),
  right: (e) => e.move("right"),
  "ctrl-f": (e) => e.move("right"),
  "ctrl-left": (e) => e.moveWord("left"),
  "alt-b": (e) => e.moveWord("left"),
  "ctrl-right": (e) => e.moveWord("right"),
  "alt-f": (e) => e.moveWord("right"),
  home: (e) => e.moveAll("left"),
  "ctrl-a": (e) => e.moveAll("left"),
  end: (e) => e.moveAll("right"),
  "ctrl-e": (e) => e.moveAll("right"),
  backspace: (e) => e.remove("left"),
  delete: (e) => e.remove("right"),
  "ctrl-w": (e) => e.removeWord("left"),
  "alt-backspace": (e) => e.removeWord("left"),
  "alt-d": (e) => e.removeWord("right"),
  "ctrl-u": (e) => e.removeAll("left"),
  "ctrl-k": (e) => e.removeAll("right"),
  "ctrl-y": (e) => e.yank(),
  "ctrl-t": (e) => e.swap(),
  up: (e) => e.recall(-1),
  "ctrl-p": (e) => e.recall(-1),
  down: (e) => e.recall(1),
  "ctrl-n": (e) => e.recall(1),
};

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}
