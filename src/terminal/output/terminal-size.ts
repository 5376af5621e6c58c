// Corrects implausible terminal sizes. Pure.

/** The VT100's size, for terminals that do not report theirs. */
const standard = { columns: 80, rows: 24 } as const;

/** Smaller terminals are treated as this size: a wide character occupies two columns. */
const smallest = { columns: 2, rows: 2 } as const;

export type TerminalSize = { columns: number; rows: number };

/** Serial lines, `docker exec` and `expect` report 0 × 0 or nothing. */
export function terminalSize(columns: number | undefined, rows: number | undefined): TerminalSize {
  return {
    columns: Math.max(columns || standard.columns, smallest.columns),
    rows: Math.max(rows || standard.rows, smallest.rows),
  };
}
