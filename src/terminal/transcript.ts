// The lines above the prompt: messages and events with their times, and a date for each new day.
// Long lines wrap between words with a hanging indent, so that no text can pose as a line of its
// own. Knows no session.

import type { SessionEvent } from "../client/events.ts";
import type { MessageKind } from "../protocol/messages.ts";
import type { SentPrivate } from "../client/private-messages.ts";
import { harmless, harmlessLines } from "../text.ts";
import { privateText, sealMark } from "./seal-text.ts";
import type { Style } from "./style.ts";
import { type TextArea, wrapText } from "./wrap.ts";

/** The user's clock and calendar. Times are Unix milliseconds. */
export type Calendar = {
  now: () => number;
  /** `12:03` */
  timeOfDay: (timeMs: number) => string;
  /** `Saturday, 28 November 2026` */
  date: (timeMs: number) => string;
};

/** Where lines are shown. */
export type TranscriptOutput = {
  readonly area: TextArea;
  print(rows: readonly string[]): void;
  ringBell(): void;
};

export type TimedMessage = {
  timeMs: number;
  from: string;
  text: string;
  kind?: MessageKind | undefined;
};

type PrivateMessage = Extract<SessionEvent, { type: "private" }>;

export type MessageLook = {
  mine?: boolean;
  /** The message's room, if it is not the current one. */
  room?: string | undefined;
  isMention?: boolean;
};

/** The text before a message: its author, or for an emote its beginning, `* Ann`. */
function speakerText(from: string, kind: MessageKind | undefined): string {
  if (kind === "emote") return `* ${harmless(from)}`;
  return kind === "notice" ? `${harmless(from)} (notice):` : `${harmless(from)}:`;
}

/** Narrower terminals have no columns to spare for a deep indent. */
const minIndentedColumns = 30;

/**
 * Tolerated difference between the server's clock and the local one: around midnight, dates must
 * not flip back and forth.
 */
const maxSkewMs = 60_000;

export class Transcript {
  readonly #screen: TranscriptOutput;
  readonly #style: Style;
  readonly #calendar: Calendar;
  readonly #isSilent: boolean;
  // Time of the last line.
  #timeMs: number;

  constructor(screen: TranscriptOutput, style: Style, calendar: Calendar, isSilent = false) {
    this.#isSilent = isSilent;
    this.#screen = screen;
    this.#style = style;
    this.#calendar = calendar;
    this.#timeMs = calendar.now();
  }

  said(
    { timeMs, from, text, kind }: TimedMessage,
    { mine = false, room, isMention = false }: MessageLook = {},
  ): void {
    const name = speakerText(from, kind);
    const speaker = isMention
      ? this.#style.mention(name)
      : mine
        ? this.#style.own(name)
        : this.#style.name(from, name);
    this.#say(timeMs, room === undefined ? speaker : `[${harmless(room)}] ${speaker}`, text);
  }

  private(message: PrivateMessage): void {
    const { timeMs, from, kind, seal } = message;
    const speaker = this.#style.name(from, `${harmless(from)} ${sealMark(seal)}:`);
    const text = privateText(message);
    this.#say(timeMs, speaker, kind === "emote" ? `* ${harmless(from)} ${text}` : text);
  }

  /** The user's own private message. */
  privateTo({ to, text, kind, seal }: SentPrivate, self: string): void {
    const names = to.map(harmless).join(", ");
    this.#say(
      this.#calendar.now(),
      this.#style.own(`to ${names} ${sealMark(seal)}:`),
      kind === "emote" ? `* ${harmless(self)} ${text}` : text,
    );
  }

  /** An event, at the current time. */
  event(text: string): void {
    const timeMs = this.#calendar.now();
    const rows = this.#rowsOf(timeMs, `${this.#calendar.timeOfDay(timeMs)} `, text);
    this.#screen.print(rows.map(this.#style.dim));
  }

  /** A response to a command. */
  note(text: string): void {
    this.noteRows(wrapText(text, this.#screen.area, { other: "  " }));
  }

  /** A response to a command, as rows that fit. */
  noteRows(rows: readonly string[]): void {
    this.#screen.print(rows.map(this.#style.dim));
  }

  /** A heading for what follows. */
  rule(text: string): void {
    this.note(`── ${harmless(text)} ──`);
  }

  ringBell(): void {
    if (!this.#isSilent) this.#screen.ringBell();
  }

  #say(timeMs: number, speaker: string, text: string): void {
    const time = this.#style.dim(this.#calendar.timeOfDay(timeMs));
    this.#screen.print(this.#rowsOf(timeMs, `${time} ${speaker} `, harmlessLines(text)));
  }

  /** The rows of a line that begins with `first`. Prints the date first if the day has changed. */
  #rowsOf(timeMs: number, first: string, text: string): string[] {
    const { area } = this.#screen;
    const { date, timeOfDay } = this.#calendar;
    const isSkewed = timeMs < this.#timeMs && this.#timeMs - timeMs < maxSkewMs;
    if (!isSkewed) {
      if (date(timeMs) !== date(this.#timeMs)) this.rule(date(timeMs));
      this.#timeMs = timeMs;
    }
    const indent = area.columns < minIndentedColumns ? 2 : area.width(`${timeOfDay(timeMs)} `);
    const other = " ".repeat(indent);
    return text.split("\n").flatMap((line, index) => {
      if (index === 0) return wrapText(line, area, { first, other });
      // Leading spaces of a line of code are preserved as far as there is room.
      const [spaces = ""] = /^ */.exec(line) ?? [];
      const begin = other + spaces.slice(0, Math.max(0, Math.floor(area.columns / 2) - indent));
      return wrapText(line, area, { first: begin, other: begin });
    });
  }
}
