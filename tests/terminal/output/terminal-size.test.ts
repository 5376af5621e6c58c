// The sizes assumed for terminals that report odd ones.

import { expect, test } from "bun:test";
import { terminalSize } from "../../../src/terminal/output/terminal-size.ts";

test.each([
  [120, 40, 120, 40],
  [0, 0, 80, 24],
  [undefined, undefined, 80, 24],
  [100, 0, 100, 24],
  [7, 3, 7, 3],
  [1, 1, 2, 2],
])("%j × %j is %j × %j", (columns, rows, wantedColumns, wantedRows) => {
  expect(terminalSize(columns, rows)).toEqual({ columns: wantedColumns, rows: wantedRows });
});
