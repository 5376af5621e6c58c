// Consecutive messages of one author in one room: the unit in which messages are gathered, logged
// and rendered. Shared fields are stored once. Pure.

import type { Persona } from "../people/persona.ts";
import type { MessageKind, Said } from "../events.ts";
import { deletedText } from "../../protocol/messages.ts";

/**
 * `seq` is the number of the first message, 0 until committed; `n` the counter of the first, if its
 * author counts; `author` the session ID, 0 for history.
 */
export type RunFields = {
  readonly room: string;
  readonly seq: number;
  readonly timeMs: number;
  readonly from: string;
  readonly alias?: string | undefined;
  readonly n?: number | undefined;
  readonly author: number;
  readonly kind?: MessageKind | undefined;
};

export class SaidRun {
  readonly type = "said";
  readonly room: string;
  seq: number;
  readonly timeMs: number;
  readonly from: string;
  readonly alias: string | undefined;
  readonly n: number | undefined;
  readonly author: number;
  readonly kind: MessageKind | undefined;
  readonly texts: string[];
  /** UTF-16 code units of all texts. */
  chars: number;
  /** For a live message: further details about its author, and tags that are not stored. */
  persona: Persona | undefined;
  tags: string | undefined;
  #textsJson: string | undefined;
  /** Indexes of the messages whose texts were deleted. */
  #deleted: Set<number> | undefined;

  /** `texts` belongs to the run from now on. */
  constructor({ room, seq, timeMs, from, alias, n, author, kind }: RunFields, texts: string[]) {
    this.room = room;
    this.seq = seq;
    this.timeMs = timeMs;
    this.from = from;
    this.alias = alias;
    this.n = n;
    this.author = author;
    this.kind = kind;
    this.texts = texts;
    this.chars = 0;
    for (const text of texts) this.chars += text.length;
  }

  get length(): number {
    return this.texts.length;
  }

  /** Appends a message. Must not be called after `textsJson` has been read. */
  push(text: string): void {
    this.texts.push(text);
    this.chars += text.length;
  }

  /** Erases the text of the message with this number, if it is one of these. */
  erase(seq: number): void {
    const index = seq - this.seq;
    const text = this.texts[index];
    if (text === undefined) return;
    this.texts[index] = deletedText;
    this.chars += deletedText.length - text.length;
    this.#textsJson = undefined;
    (this.#deleted ??= new Set()).add(index);
  }

  /** Whether some text was deleted. */
  get hasDeleted(): boolean {
    return this.#deleted !== undefined;
  }

  /**
   * The texts as the contents of a JSON array: `"a","b"`. Cached; shared by the log and the native
   * protocol.
   */
  get textsJson(): string {
    // Faster than checking each text for characters to escape.
    this.#textsJson ??= JSON.stringify(this.texts).slice(1, -1);
    return this.#textsJson;
  }

  /** Message `i` of the run as a single message. */
  at(i: number): Said {
    const { room, seq, timeMs, from, alias, kind, n, author, persona, tags } = this;
    return {
      type: "said",
      room,
      seq: seq + i,
      timeMs,
      from,
      alias,
      text: this.texts[i]!,
      kind,
      n: n === undefined ? undefined : n + i,
      author,
      ...(persona && { persona }),
      ...(tags && { tags }),
      ...(this.#deleted?.has(i) === true && { deleted: true }),
    };
  }
}
