// `parley client` at a terminal: keys and events in, a screen with a prompt out. Knows the session, but no tty, signal or socket:
// those are handed in.

import { nameProblem, roomProblem } from "../chat/names/grammar.ts";
import { harmless } from "../text.ts";
import type { Answer, NativeSession, Question, SessionEvent, Unsayable } from "../client/events.ts";
import type { ParleyError } from "../errors.ts";
import { terminal as limits } from "../limits.ts";
import { answerLines } from "./answer-lines.ts";
import { type Action, helpRows, readTyped } from "./chat-commands.ts";
import { clientLine, unsayableText } from "./client-lines.ts";
import { complete, completesHere } from "./completion.ts";
import { endedBy } from "../cli/end-signals.ts";
import type { Key } from "./keys.ts";
import { KnownWords } from "./completion-source.ts";
import { refusal } from "./login.ts";
import { PlainPrompt, type PromptLike } from "./plain-terminal.ts";
import { Prompt } from "./prompt.ts";
import type { TerminalParts } from "./terminal-parts.ts";
import { Told } from "./pending-private.ts";
import { wrapItems } from "./wrap.ts";

export type { Downloads, TerminalParts } from "./terminal-parts.ts";

export class TerminalClient {
  readonly #parts: TerminalParts;
  readonly #session: NativeSession;
  readonly #prompt: PromptLike;
  readonly #over = Promise.withResolvers<ParleyError | undefined>();
  // Questions whose answers are shown, and how many pages of them have been asked for.
  readonly #asked = new Map<number, { shown: boolean; page: number }>();
  readonly #known = new KnownWords();
  readonly #told = new Told();
  // The choices that the last Tab has shown.
  #offered = "";

  constructor(parts: TerminalParts) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#prompt =
      parts.plain === true
        ? new PlainPrompt(parts)
        : new Prompt(parts, (columns) => this.#label(columns));
  }

  /** Resolves when it is over, with what went wrong if something did. */
  get over(): Promise<ParleyError | undefined> {
    return this.#over.promise;
  }

  hear(event: SessionEvent): void {
    this.#known.hear(event);
    this.#told.hear(event);
    // Who is here, for Tab.
    if (event.type === "online" || event.type === "entered") this.#ask({ type: "who" }, 1, false);
    if (event.type === "answer") return this.#answered(event.ref, event.answer);
    if (event.type === "ended") return this.#ended(event.code, event.message);
    if (event.type === "acknowledged") this.#arrived(event.id);
    if (event.type === "error" && event.ref !== undefined) {
      const quiet = this.#asked.get(event.ref)?.shown === false;
      this.#asked.delete(event.ref);
      if (quiet) return;
    }
    this.#show(event);
  }

  keys(keys: readonly Key[]): void {
    for (const key of keys) this.#key(key);
  }

  resize(columns: number, rows: number): void {
    this.#prompt.resize(columns, rows);
  }

  /** Draws the prompt, as it is or anew after something else has used the terminal. */
  draw(): void {
    this.#prompt.draw();
  }

  /** Takes the prompt away until `draw`; what comes meanwhile waits. */
  hide(): void {
    this.#prompt.hide();
  }

  /** A line above the prompt. */
  say(text: string): void {
    this.#prompt.print([this.#parts.paint.status(text)]);
  }

  /** The terminal has gone. */
  gone(): void {
    this.#over.resolve(endedBy("SIGHUP"));
  }

  #label(columns: number): string {
    const { name, partner, room, online } = this.#session;
    const where = partner === undefined ? room : `→ ${partner}`;
    const label = `${harmless(name ?? "")} (${online ? harmless(where) : "offline"})> `;
    // On a narrow terminal what is written matters more than who writes it.
    return this.#parts.width(label) > columns / 2 ? "> " : label;
  }

  #key(key: Key): void {
    const edit = this.#prompt.editor.apply(key);
    if (edit.type !== "complete") this.#offered = "";
    switch (edit.type) {
      case "edited":
        return this.#prompt.drawSoon();
      case "submit":
        this.#prompt.drawSoon();
        return this.#act(readTyped(edit.line));
      case "complete":
        return this.#complete();
      case "interrupt":
        return this.#interrupt();
      case "end":
        return this.#over.resolve(undefined);
      case "clear":
        return this.#prompt.clear();
      case "suspend":
        return this.#parts.suspend();
      case "ignored":
        if (key.type === "paste") this.#notPasted(key.text.length);
        return;
    }
  }

  #notPasted(chars: number): void {
    const all = this.#prompt.editor.text.length + chars;
    const most = limits.maxTypedChars;
    if (all > most)
      this.say(`Not pasted: a line has at most ${most} characters, this would be ${all}`);
  }

  #interrupt(): void {
    if (this.#parts.downloads.running) return this.#parts.downloads.stop();
    if (this.#prompt.editor.text === "") {
      return this.#over.resolve(endedBy("SIGINT"));
    }
    this.#prompt.editor.set("");
    this.#prompt.drawSoon();
  }

  #act(action: Action): void {
    switch (action.do) {
      case "nothing":
        return;
      case "say": {
        const { partner } = this.#session;
        const to = partner === undefined ? undefined : [partner];
        return this.#sent(this.#session.say(action.text), action.text, to);
      }
      case "tell":
        return this.#sent(this.#session.tell(action.to, action.text), action.text, action.to);
      case "explain":
        return this.say(action.text);
      case "help":
        return this.#prompt.print(helpRows(this.#prompt.page));
      case "quit":
        return this.#over.resolve(undefined);
      case "get":
        return this.#get(action.name);
      case "room":
        return this.#go(action.name);
      case "nick": {
        const problem = nameProblem(action.name);
        return problem === undefined
          ? this.#ask({ type: "rename", name: action.name })
          : this.say(problem);
      }
      case "invite":
        return this.#ask({ type: "invite", to: action.name });
      case "history":
        return this.#ask({ type: "history", limit: action.limit });
      default:
        return this.#ask({ type: action.do });
    }
  }

  /** `to`: to these people alone, so that it comes back from nowhere. */
  #sent(result: number | Unsayable, text: string, to?: readonly string[]): void {
    if (typeof result === "number" && to !== undefined) this.#told.add(result, { to, text });
    this.#parts.obey();
    const { textChars, online } = this.#session;
    if (typeof result !== "number") this.say(unsayableText(result, text, textChars));
    else if (!online) this.say("Not connected: said as soon as the connection is back");
  }

  // Shown when the server has it: what it refuses was said to nobody.
  #arrived(upTo: number): void {
    for (const { to, text } of this.#told.arrived(upTo)) {
      this.#prompt.print([this.#parts.paint.told(to.map(harmless), harmless(text))]);
    }
  }

  #go(room: string): void {
    const problem = roomProblem(room);
    if (problem !== undefined) return this.say(problem);
    this.#session.enter(room);
    this.#parts.obey();
  }

  #ask(question: Question, page = 1, shown = true): void {
    const ref = this.#session.ask(question);
    if (ref === undefined) {
      if (shown) this.say("Not connected: try again in a moment");
      return;
    }
    // Private chats have no answers of their own; what comes of them is an event.
    const answered = !("to" in question) && !["accept", "reject", "leave"].includes(question.type);
    if (answered) this.#asked.set(ref, { shown, page });
    this.#parts.obey();
  }

  #answered(ref: number, answer: Answer): void {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    if (asked === undefined) return;
    if (asked.shown) this.#prompt.print(answerLines(answer, this.#parts.paint, this.#prompt.page));
    const next = "next" in answer ? answer.next : undefined;
    const pages = asked.shown ? limits.maxPages : limits.maxQuietPages;
    if (next === undefined || asked.page >= pages) return;
    const type = answer.type === "names" ? "who" : answer.type;
    if (type === "who" || type === "rooms" || type === "files") {
      this.#ask({ type, after: next }, asked.page + 1, asked.shown);
    }
  }

  #complete(): void {
    const before = this.#prompt.editor.beforeCursor;
    const kind = completesHere(before);
    // What is not known yet is asked for; the next Tab has it.
    if (kind === "file") this.#ask({ type: "files" }, limits.maxQuietPages, false);
    if (kind === "room") this.#ask({ type: "rooms" }, limits.maxQuietPages, false);
    const completion = complete(before, this.#known.words(this.#session.name ?? ""));
    if (completion.before !== before) {
      const after = this.#prompt.editor.text.slice(before.length);
      this.#prompt.editor.set(completion.before, after);
      return this.#prompt.drawSoon();
    }
    if (completion.choices.length === 0) return;
    const shown = completion.choices.slice(0, limits.maxChoices).map(harmless);
    const more = completion.choices.length - shown.length;
    const choices = more > 0 ? [...shown, `… and ${more} more`] : shown;
    // Another Tab would only say the same again.
    if (choices.join("\n") === this.#offered) return;
    this.#offered = choices.join("\n");
    for (const row of wrapItems(choices, this.#prompt.page, { gap: "  " })) this.say(row);
  }

  #get(name: string): void {
    if (this.#parts.downloads.running) {
      return this.say("One file at a time: wait for it, or stop it with Ctrl-C");
    }
    this.#parts.downloads.start(name, {
      progress: (text) => {
        this.#prompt.status = text;
      },
      say: (text) => this.say(text),
    });
  }

  #show(event: SessionEvent): void {
    const { paint } = this.#parts;
    if (event.type === "message") {
      const { from, text, mine } = event;
      return this.#prompt.print([paint.said(harmless(from), harmless(text), mine)]);
    }
    if (event.type === "private") {
      return this.#prompt.print([paint.whispered(harmless(event.from), harmless(event.text))]);
    }
    // Whoever has come knows it, and whoever has a new name gets an answer that says so.
    const self = this.#session.name;
    const own =
      (event.type === "joined" && event.name === self) ||
      (event.type === "renamed" && event.to === self);
    const line = own ? undefined : clientLine(event);
    // The prompt says whether we are online, and where.
    if (line === undefined) this.#prompt.drawSoon();
    else this.say(line.text);
  }

  #ended(code: string, message: string): void {
    this.#over.resolve(code === "left" ? undefined : refusal(code, message));
  }
}
