// How large a terminal is taken to be, whatever it says of itself. Pure.

/** What every terminal has had since the VT100: for those that do not tell their size. */
const standard = { columns: 80, rows: 24 } as const;

/** Smaller ones are drawn as if they were this large. */
const smallest = { columns: 8, rows: 2 } as const;

export type TerminalSize = { columns: number; rows: number };

/** A serial line, `docker exec` and `expect` report 0 × 0, or nothing. */
export function terminalSize(columns: number | undefined, rows: number | undefined): TerminalSize {
  return {
    columns: Math.max(columns || standard.columns, smallest.columns),
    rows: Math.max(rows || standard.rows, smallest.rows),
  };
}
