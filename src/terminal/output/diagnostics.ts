// Diagnostics on stderr: lines for the user, and a server's log. Both use consola, with reporters
// that write through the bounded writer of output.ts, because consola's own streams would stall the
// event loop when nobody reads. Knows no command.

import {
  type ConsolaInstance,
  type ConsolaReporter,
  createConsola,
  LogLevels,
  type LogType,
} from "consola/core";
import { logging, terminal as limits } from "../../limits.ts";
import type { Log, LogFields } from "../../log.ts";
import { LogBudget } from "../../log-budget.ts";
import { once } from "../../once.ts";
import { harmless } from "../../text.ts";
import { isTerminal } from "./is-terminal.ts";
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

/** From least to most verbose. */
export const logLevels = Object.keys(levels);

export type Diagnostics = {
  /** Prints a line for the user as is. */
  say(line: string): void;
  /** The same, even at level `warn`. */
  warn(line: string): void;
  /** The same, for the error that ends a command. */
  fail(line: string): void;
  /** A server's log: every line has a time and a level. Bounded: see log-budget.ts. */
  readonly log: Log;
  /** Logs how many lines were suppressed so far, which otherwise happens every few seconds. */
  reportLeftOut(): void;
  /** Sets the level, if one is given, and the format: `json` prints one object per line. */
  configure(options: { level: LogLevel | undefined; json: boolean }): void;
};

export type DiagnosticsOptions = {
  write: (line: string) => void;
  /** The value of CONSOLA_LEVEL. */
  level: string | undefined;
  colors: () => boolean;
};

export function createDiagnostics({ write, level, colors }: DiagnosticsOptions): Diagnostics {
  // Disables consola's merging of equal lines within a second.
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
  // Made when they are first used: they take a millisecond of every command's start.
  const user = once(() => createConsola({ ...options, reporters: [plain] }));
  const journal = once(() => createConsola({ ...options, reporters: [text] }));
  // Separate budgets, so that a flood of events cannot hide problems.
  const events = new BoundedLog(journal, "info");
  const problems = new BoundedLog(journal, "warn");
  return {
    say: (line) => user().log(line),
    warn: (line) => user().warn(line),
    fail: (line) => user().fatal(line),
    log: {
      debug: (message, fields) => events.write("debug", message, fields),
      info: (message, fields) => events.write("info", message, fields),
      warn: (message, fields) => problems.write("warn", message, fields),
      error: (message, fields) => problems.write("error", message, fields),
    },
    reportLeftOut() {
      events.reportLeftOut();
      problems.reportLeftOut();
    },
    configure(to) {
      for (const logger of [user(), journal()]) {
        if (to.level !== undefined) logger.level = levels[to.level];
        if (to.json) logger.setReporters([json]);
      }
    },
  };
}

/** A log with a budget; suppressed lines are counted and reported at `level`. */
class BoundedLog {
  readonly #journal: () => ConsolaInstance;
  readonly #level: keyof Log;
  readonly #budget = new LogBudget(performance.now());
  #timer: Timer | undefined;

  constructor(journal: () => ConsolaInstance, level: keyof Log) {
    this.#journal = journal;
    this.#level = level;
  }

  write(level: keyof Log, message: string, fields: LogFields | undefined): void {
    const journal = this.#journal();
    if (levels[level] > journal.level) return;
    const address = fields?.["address"];
    const about = typeof address === "string" ? address : undefined;
    if (this.#budget.take(message, about, performance.now())) journal[level](message, fields);
    else this.#reportLater();
  }

  reportLeftOut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { kind, network, lines } of this.#budget.pollLeftOut()) {
      this.#journal()[this.#level]("lines left out", { kind, network, lines });
    }
  }

  #reportLater(): void {
    this.#timer ??= setTimeout(() => this.reportLeftOut(), logging.reportMs).unref();
  }
}

let areColored: boolean | undefined;
let redirected: ((line: string) => void) | undefined;

/** This process's diagnostics: on stderr, or wherever `redirect` sends them. */
export const diagnostics = createDiagnostics({
  write(line) {
    if (redirected !== undefined) redirected(line);
    else stderr.line(line);
  },
  level: process.env["CONSOLA_LEVEL"],
  colors: () => (areColored ??= isTerminal(2) && wantsColors(process.env)),
});

export const { say, warn, fail } = diagnostics;

/** Redirects diagnostics to a screen with a prompt; call it without an argument to undo that. */
export function redirect(screen?: (line: string) => void): void {
  redirected = screen;
}

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(levels, text);
}

/** A level's name, or consola's number for it; anything else counts as unset. */
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

/** In logfmt: ambiguous values are quoted. */
function fieldsText(fields: LogFields | undefined): string {
  const parts = Object.entries(shortened(fields)).map(([name, value]) => {
    const text = harmless(String(value));
    return ` ${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  });
  return parts.join("");
}

/** Truncates long fields, so that one with user input can't crowd out the others. */
function shortened(fields: LogFields | undefined): LogFields {
  const max = limits.maxLogFieldChars;
  const entries = Object.entries(fields ?? {}).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const isLong = typeof value === "string" && value.length > max;
    return [[name, isLong ? `${value.slice(0, max)}…` : value] as const];
  });
  return Object.fromEntries(entries);
}
