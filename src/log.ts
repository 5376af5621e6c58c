// The server's log as seen by all folders: four levels, a short message, fields. Pure: where a line
// goes, in which form, and whether it is written at all is decided in
// terminal/output/diagnostics.ts.

/**
 * Undefined fields are omitted. Texts may be hostile; the writer of the line makes them harmless.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>> & {
  /** These names are reserved for the line itself. */
  readonly [reserved in "event" | "time" | "level" | "message"]?: never;
};

/**
 * `message` is constant and says what happened ("logged in", "connection refused"); variable parts
 * go into `fields` ({ name, address, dialect }), so that a log can be searched.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
