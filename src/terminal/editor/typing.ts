// What keys at the prompt do: edit the line, complete words, ask before a very long message is
// sent. Complete lines go to the owner. Knows no session and no command.

import { fold } from "../../chat/names/grammar.ts";
import { terminal as limits } from "../../limits.ts";
import { harmless, lineCount } from "../../text.ts";
import { complete, completesHere, shownChoices, type Words } from "./completion.ts";
import type { Key } from "./keys.ts";
import type { SessionEvent } from "../../client/events.ts";
import type { Completes } from "../../client/slash-commands.ts";
import type { Edit } from "./line-editor.ts";
import type { PromptLike } from "./plain-terminal.ts";
import { wrapItems } from "../output/wrap.ts";

export type TypingParts = {
  prompt: PromptLike;
  now: () => number;
  /** What Tab can complete; `wanted` is the kind that is needed, which may not be known yet. */
  words: (wanted: Completes | undefined) => Words;
  /** Handles edits while a secret is being typed. Returns whether one is. */
  secret: (edit: Edit) => boolean;
  submit: (line: string) => void;
  /** Whether the line is a message, and not a command. */
  isSaid: (line: string) => boolean;
  /** Where messages go. */
  place: () => Place;
  /** Ctrl-C. Returns whether it stopped something. */
  stop: () => boolean;
  /** Ctrl-C on an empty line, and Ctrl-D. */
  leave: (how: "interrupt" | "end") => void;
  suspend: () => void;
  say: (text: string) => void;
  /** Shows rows that fit the terminal. */
  rows: (rows: readonly string[]) => void;
};

/** The partner of the private chat; without one, the current room. */
type Place = { partner: string | undefined; room: string | undefined };

const nowhere: Place = { partner: undefined, room: undefined };

export class Typing {
  readonly #parts: TypingParts;
  // The choices shown by the last Tab.
  #offered = "";
  // When a text last failed to fit.
  #fullAtMs = -Infinity;
  // A long message that the next Enter sends.
  #announced = "";
  // For whom the line was begun: others must not read it because the private chat has ended
  // meanwhile, or because the server has put the user out of the room.
  #begunFor: Place = nowhere;

  constructor(parts: TypingParts) {
    this.#parts = parts;
  }

  /** The partner may change names while a line is being typed. */
  handleEvent(event: SessionEvent): void {
    if (event.type !== "renamed" || event.from !== this.#begunFor.partner) return;
    this.#begunFor = { ...this.#begunFor, partner: event.to };
  }

  key(key: Key): void {
    const { prompt, submit, leave, suspend } = this.#parts;
    if (this.#asksFirst(key)) return;
    const wasEmpty = prompt.editor.text === "";
    const edit = prompt.editor.apply(key);
    if (this.#parts.secret(edit)) return;
    if (prompt.editor.text === "") this.#begunFor = nowhere;
    else if (wasEmpty) this.#begunFor = this.#parts.place();
    if (edit.type !== "complete") this.#offered = "";
    switch (edit.type) {
      case "edited":
        return prompt.drawSoon();
      case "full":
        return this.#reportFull(key);
      case "submit":
        prompt.drawSoon();
        return submit(edit.line);
      case "complete":
        return this.#complete();
      case "interrupt":
        return this.#interrupt();
      case "end":
        return leave("end");
      case "clear":
        return prompt.clear();
      case "suspend":
        return suspend();
      case "ignored":
    }
  }

  /** Whether Enter only says where or how the line would be sent; the next Enter sends it. */
  #asksFirst(key: Key): boolean {
    if (key.type !== "key" || key.name !== "enter") return false;
    const { text } = this.#parts.prompt.editor;
    const { isSaid, place, say } = this.#parts;
    const moved = movedText(this.#begunFor, place());
    if (moved !== undefined && isSaid(text)) {
      this.#begunFor = nowhere;
      say(moved);
      return true;
    }
    if (text === this.#announced) return false;
    const lines = lineCount(text);
    if (lines <= limits.unaskedLines) return false;
    this.#announced = text;
    say(`This is one message of ${lines} lines: Enter again sends it, Ctrl-C discards it`);
    return true;
  }

  #reportFull(key: Key): void {
    const nowMs = this.#parts.now();
    // Without bracketed paste, a paste arrives in many pieces: report the problem once for all of
    // them.
    const sinceMs = nowMs - this.#fullAtMs;
    // The clock may have been set back.
    const isSamePaste = key.type === "text" && sinceMs >= 0 && sinceMs < limits.pasteGapMs;
    this.#fullAtMs = nowMs;
    if (isSamePaste) return;
    const verb = key.type === "paste" ? "pasted" : "taken";
    const advice = "Send a file instead, or send it in parts";
    this.#parts.say(
      `Not ${verb}: a line has at most ${limits.maxTypedChars} characters. ${advice}`,
    );
  }

  #interrupt(): void {
    const { prompt, stop, leave } = this.#parts;
    if (stop()) return;
    if (prompt.editor.text === "") return leave("interrupt");
    prompt.editor.set("");
    prompt.drawSoon();
  }

  #complete(): void {
    const { prompt, words, rows } = this.#parts;
    const { editor } = prompt;
    const before = editor.beforeCursor;
    const completion = complete(before, words(completesHere(before)));
    if (completion.before !== before) {
      editor.set(completion.before, editor.text.slice(before.length));
      return prompt.drawSoon();
    }
    if (completion.choices.length === 0) return;
    const choices = shownChoices(completion);
    // Do not show the same choices twice.
    if (choices.join("\n") === this.#offered) return;
    this.#offered = choices.join("\n");
    rows(wrapItems(choices, prompt.area, { gap: "  " }));
  }
}

/** Why a line is not sent that was begun for one place and would go to another. */
function movedText(begun: Place, now: Place): string | undefined {
  if (begun.partner !== undefined) {
    if (begun.partner === now.partner) return undefined;
    const where = now.partner === undefined ? "says it in the room" : "sends it to the new one";
    return `Not sent: your private chat with ${harmless(begun.partner)} is over. Enter again ${where}`;
  }
  const [from, to] = [begun.room, now.room];
  if (now.partner !== undefined || from === undefined || to === undefined) return undefined;
  if (fold(from) === fold(to)) return undefined;
  return `Not sent: you are no longer in the room ${harmless(from)}. Enter again says it in ${harmless(to)}`;
}
