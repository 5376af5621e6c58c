// The lines above the prompt: messages and events with their times, and a date for each new day.
// Long lines wrap between words with a hanging indent, so that no text can pose as a line of its
// own. Knows no session.

import type { SessionEvent } from "../../client/events.ts";
import type { MessageKind } from "../../protocol/messages.ts";
import type { SentPrivate } from "../../client/private-messages.ts";
import { harmless, harmlessLines } from "../../text.ts";
import { privateText, sealMark } from "./seal-text.ts";
import type { Style } from "../output/style.ts";
import { type TextArea, wrapText } from "../output/wrap.ts";

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
  /** An operator has deleted its text; `text` says so. */
  deleted?: boolean | undefined;
};

type PrivateMessage = Extract<SessionEvent, { type: "private" }>;

export type MessageLook = {
  mine?: boolean;
  /** The message's room, if it is not the current one. */
  room?: string | undefined;
  isMention?: boolean;
};

/** Who says something: `place` and `name`, which `paint` gives its colour. */
type Speaker = { place?: string; name: string; paint: (text: string) => string };

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
    { timeMs, from, text, kind, deleted }: TimedMessage,
    { mine = false, room, isMention = false }: MessageLook = {},
  ): void {
    const { mention, own, name } = this.#style;
    const paint = isMention ? mention : mine ? own : (text: string) => name(from, text);
    const place = room === undefined ? "" : `[${harmless(room)}] `;
    const speaker = { place, name: speakerText(from, kind), paint };
    this.#say(timeMs, speaker, text, deleted === true ? this.#style.dim : undefined);
  }

  private(message: PrivateMessage): void {
    const { timeMs, from, kind, seal } = message;
    const name = `${harmless(from)} ${sealMark(seal)}:`;
    const paint = (text: string) => this.#style.name(from, text);
    const text = privateText(message);
    this.#say(timeMs, { name, paint }, kind === "emote" ? `* ${harmless(from)} ${text}` : text);
  }

  /** The user's own private message. */
  privateTo({ to, text, kind, seal }: SentPrivate, self: string): void {
    const name = `to ${to.map(harmless).join(", ")} ${sealMark(seal)}:`;
    this.#say(
      this.#calendar.now(),
      { name, paint: this.#style.own },
      kind === "emote" ? `* ${harmless(self)} ${text}` : text,
    );
  }

  /** What the user has sent from another device. */
  copied(
    { timeMs, to, text, kind, sealed, replayed }: Extract<SessionEvent, { type: "copied" }>,
    self: string,
  ): void {
    // What is not sealed may come again after a restart, and have been sent from this device.
    const source = sealed === undefined && replayed ? "sent earlier" : "from another device";
    const how = sealed === undefined ? `${source}, not sealed` : source;
    this.#say(
      timeMs,
      { name: `to ${to.map(harmless).join(", ")} (${how}):`, paint: this.#style.own },
      kind === "emote" ? `* ${harmless(self)} ${text}` : text,
    );
  }

  /** An event, at the current time. */
  event(text: string): void {
    const timeMs = this.#calendar.now();
    const rows = this.#rowsOf(timeMs, `${this.#calendar.timeOfDay(timeMs)} `, text);
    this.#screen.print(rows.map(this.#style.dim));
  }

  /** `at 12:03`, with the date unless that is today. */
  when(timeMs: number): string {
    const { now, date, timeOfDay } = this.#calendar;
    const day = date(timeMs);
    return `${day === date(now()) ? "" : `on ${day} `}at ${timeOfDay(timeMs)}`;
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

  /** `paint`: the colour of the text, if it has one. */
  #say(timeMs: number, speaker: Speaker, text: string, paint?: (row: string) => string): void {
    const above = this.#speakerRows(timeMs, speaker);
    const first = `${above.pop() ?? ""} `;
    const [begin = "", ...others] = this.#rowsOf(timeMs, first, harmlessLines(text));
    const rows =
      paint === undefined
        ? [begin, ...others]
        : [first + paint(begin.slice(first.length)), ...others.map(paint)];
    this.#screen.print([...above, ...rows]);
  }

  /** The time and the speaker: several rows on a terminal that is narrower than that. */
  #speakerRows(timeMs: number, { place = "", name, paint }: Speaker): string[] {
    const { area } = this.#screen;
    const time = this.#calendar.timeOfDay(timeMs);
    const shownTime = this.#style.dim(time);
    if (area.width(`${time} ${place}${name}`) <= area.columns) {
      return [`${shownTime} ${place}${paint(name)}`];
    }
    const first = " ".repeat(area.width(`${time} `));
    const other = this.#indent(timeMs);
    return wrapText(place + name, area, { first, other }).map((row, index) =>
      index === 0
        ? `${shownTime} ${paint(row.slice(first.length))}`
        : `${other}${paint(row.slice(other.length))}`,
    );
  }

  /** What precedes every row of a message but its first. */
  #indent(timeMs: number): string {
    const { area } = this.#screen;
    const isNarrow = area.columns < minIndentedColumns;
    return " ".repeat(isNarrow ? 2 : area.width(`${this.#calendar.timeOfDay(timeMs)} `));
  }

  /** The rows of a line that begins with `first`. Prints the date first if the day has changed. */
  #rowsOf(timeMs: number, first: string, text: string): string[] {
    const { area } = this.#screen;
    const { date } = this.#calendar;
    const isSkewed = timeMs < this.#timeMs && this.#timeMs - timeMs < maxSkewMs;
    if (!isSkewed) {
      if (date(timeMs) !== date(this.#timeMs)) this.rule(date(timeMs));
      this.#timeMs = timeMs;
    }
    const other = this.#indent(timeMs);
    return text.split("\n").flatMap((line, index) => {
      if (index === 0) return wrapText(line, area, { first, other });
      // Leading spaces of a line of code are preserved as far as there is room.
      const [spaces = ""] = /^ */.exec(line) ?? [];
      const begin =
        other + spaces.slice(0, Math.max(0, Math.floor(area.columns / 2) - other.length));
      return wrapText(line, area, { first: begin, other: begin });
    });
  }
}
