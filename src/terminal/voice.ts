// What parley says on stderr: lines for the person at the terminal, and a server's log. Both are consola's, with reporters that
// write through the bounded writer of output.ts, since consola's own streams would stall the event loop when nobody reads.
// Knows no command.

import {
  type ConsolaInstance,
  type ConsolaReporter,
  createConsola,
  LogLevels,
  type LogType,
} from "consola/core";
import { TokenBucket } from "../chat/token-bucket.ts";
import { terminal as limits } from "../limits.ts";
import type { Log, LogFields } from "../log.ts";
import { harmless } from "../text.ts";
import { jsonLine } from "./json-line.ts";
import { stderr } from "./output.ts";
import { wantsColors } from "./style.ts";

const levels = {
  silent: LogLevels.silent,
  error: LogLevels.error,
  warn: LogLevels.warn,
  info: LogLevels.info,
  debug: LogLevels.debug,
} as const;

export type LogLevel = keyof typeof levels;

/** Least talkative first. */
export const logLevels = Object.keys(levels);

export type Voice = {
  /** Says a line to the person, as it stands. */
  say(line: string): void;
  /** The same for what should be seen even at level `warn`. */
  warn(line: string): void;
  /** The same for what ends a command. */
  fail(line: string): void;
  /** A server's log: every line has a time and a level. */
  readonly log: Log;
  /** From now on: at this level, if one is given, and with `json` as one object a line. */
  configure(options: { level: LogLevel | undefined; json: boolean }): void;
};

export type VoiceOptions = {
  write: (line: string) => void;
  /** The value of CONSOLA_LEVEL. */
  level: string | undefined;
  colors: () => boolean;
};

export function createVoice({ write, level, colors }: VoiceOptions): Voice {
  // consola folds equal lines that follow each other within a second: here each is said at once.
  const options = {
    level: initialLevel(level),
    throttle: 0,
    throttleMin: Number.POSITIVE_INFINITY,
  };
  const plain: ConsolaReporter = { log: ({ args }) => write(String(args[0])) };
  const text: ConsolaReporter = {
    log({ date, type, args: [message, fields] }) {
      const level = paint(type, colors());
      write(`${date.toISOString()} ${level} ${harmless(String(message))}${fieldsText(fields)}`);
    },
  };
  const json: ConsolaReporter = {
    log({ date, type, args: [message, fields] }) {
      const time = date.toISOString();
      const event = { event: "log", time, level: levelName(type), message };
      write(jsonLine({ ...event, ...shortened(fields) }).trimEnd());
    },
  };
  const person = createConsola({ ...options, reporters: [plain] });
  const journal = createConsola({ ...options, reporters: [text] });
  // Of each kind its own: who comes and goes must not hide what goes wrong.
  const events = new LineBudget();
  const troubles = new LineBudget();
  return {
    say: (line) => person.log(line),
    warn: (line) => person.warn(line),
    fail: (line) => person.fatal(line),
    log: {
      debug: logger(journal, "debug", events),
      info: logger(journal, "info", events),
      warn: logger(journal, "warn", troubles),
      error: logger(journal, "error", troubles),
    },
    configure(to) {
      for (const logger of [person, journal]) {
        if (to.level !== undefined) logger.level = levels[to.level];
        if (to.json) logger.setReporters([json]);
      }
    },
  };
}

/** Bounds log lines per second, so that a flood of strangers can't fill the disk with their coming and going. */
class LineBudget {
  readonly #bucket = new TokenBucket(limits.logLinesPerSecond, limits.logBurst, performance.now());
  #suppressed = 0;

  /** Undefined: this line must not be written. Else how many were not, before it. */
  take(): number | undefined {
    if (!this.#bucket.take(1, performance.now())) {
      this.#suppressed++;
      return undefined;
    }
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}

function logger(journal: ConsolaInstance, level: keyof Log, budget: LineBudget): Log[keyof Log] {
  return (message, fields) => {
    if (levels[level] > journal.level) return;
    const suppressed = budget.take();
    if (suppressed === undefined) return;
    if (suppressed > 0) journal.warn("log lines suppressed: too many at once", { suppressed });
    journal[level](message, fields);
  };
}

let toScreen: ((line: string) => void) | undefined;

/** This process's voice: on stderr, or where `redirect` sends it. */
export const voice = createVoice({
  write(line) {
    if (toScreen !== undefined) toScreen(line);
    else stderr.line(line);
  },
  level: process.env["CONSOLA_LEVEL"],
  colors: () => process.stderr.isTTY && wantsColors(process.env),
});

export const { say, warn, fail } = voice;

/** Sends what is said to a screen that keeps a prompt, until called without one. */
export function redirect(screen?: (line: string) => void): void {
  toScreen = screen;
}

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(levels, text);
}

/** A number, as consola has it, or a name of ours; anything else counts as not set. */
function initialLevel(text: string | undefined): number {
  if (text === undefined || text === "") return levels.info;
  if (isLogLevel(text)) return levels[text];
  const value = Number(text);
  return Number.isNaN(value) ? levels.info : value;
}

function levelName(type: LogType): LogLevel {
  if (type === "fatal" || type === "error") return "error";
  return type === "warn" || type === "debug" ? type : "info";
}

const levelColors: Readonly<Partial<Record<LogLevel, number>>> = { error: 31, warn: 33, debug: 2 };

function paint(type: LogType, colors: boolean): string {
  const name = levelName(type);
  const color = colors ? levelColors[name] : undefined;
  return color === undefined ? name.padEnd(5) : `\u001b[${color}m${name.padEnd(5)}\u001b[0m`;
}

/** As in logfmt: quoted where a bare word could be misread. */
function fieldsText(fields: LogFields | undefined): string {
  const parts = Object.entries(shortened(fields)).map(([name, value]) => {
    const text = harmless(String(value));
    return ` ${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  });
  return parts.join("");
}

/** A field that a stranger wrote must not push the others out of the log. */
function shortened(fields: LogFields | undefined): LogFields {
  const max = limits.maxLogFieldChars;
  const entries = Object.entries(fields ?? {}).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const isLong = typeof value === "string" && value.length > max;
    return [[name, isLong ? `${value.slice(0, max)}…` : value] as const];
  });
  return Object.fromEntries(entries);
}
