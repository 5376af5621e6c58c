// How large a terminal is. Some do not know and say 0 by 0 (docker exec, serial lines, expect): they count as the usual 80 by 24.

export type TerminalSize = { columns: number; rows: number };

/** Of a stream that is no terminal the same. */
export function terminalSize(
  stream: { columns?: number; rows?: number } = process.stdout,
): TerminalSize {
  return { columns: stream.columns || 80, rows: stream.rows || 24 };
}
