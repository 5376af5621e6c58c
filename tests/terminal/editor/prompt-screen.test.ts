// The prompt on an emulated terminal: whatever is typed and printed, no line is lost, duplicated or
// mixed with the prompt, and the cursor is where the next character will appear.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { graphemes } from "../../../src/terminal/editor/line-editor.ts";
import { PromptScreen } from "../../../src/terminal/editor/prompt-screen.ts";
import { Screen } from "../screen.ts";

const width = (text: string) => Bun.stringWidth(text);

/** The rows of a line on a terminal of that width. */
function wrapped(line: string, columns: number): string[] {
  const screen = new Screen(columns, 1_000, width);
  screen.write(line);
  return screen.text;
}

type Step = { print: string[] } | { type: string; cursor: number; status: boolean };

const character = fc.constantFrom(..."abc xyz.-", "日", "本", "é", "ß");
const text = fc.array(character, { maxLength: 70 }).map((list) => list.join(""));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ print: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  fc.record({ type: text, cursor: fc.nat(70), status: fc.boolean() }),
);

describe("the prompt's screen", () => {
  test("keeps every printed line whole, above one prompt", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 40 }),
        fc.integer({ min: 12, max: 30 }),
        fc.array(step, { maxLength: 25 }),
        (columns, rows, steps) => {
          // Of a prompt that does not leave a row free, only a part is shown.
          const rowsOf = (step: Step) =>
            "type" in step ? wrapped(`me> ${step.type} `, columns).length + 1 : 0;
          fc.pre(steps.every((step) => rowsOf(step) < rows));
          const terminal = new Screen(columns, rows, width);
          const screen = new PromptScreen(width, columns, rows);
          const printed: string[] = [];
          let [typed, cursor, status] = [[] as string[], 0, [] as string[]];
          const prompt = () => ({ status, label: "me> ", characters: typed, cursor });
          terminal.write(screen.update(prompt()));
          for (const next of steps) {
            if ("print" in next) {
              printed.push(...next.print);
              terminal.write(screen.print(next.print, prompt()));
            } else {
              typed = graphemes(next.type);
              cursor = Math.min(next.cursor, typed.length);
              status = next.status ? ["half it"] : [];
              terminal.write(screen.update(prompt()));
            }
          }
          const above = printed.flatMap((line) => wrapped(line, columns)).map((r) => r.trimEnd());
          const shown = terminal.text;
          expect(shown.slice(0, above.length)).toEqual(above);
          const below = shown.slice(above.length);
          expect(below.slice(0, status.length)).toEqual(status);
          const block = below.slice(status.length).join("").replaceAll(/\s/g, "");
          expect(block).toBe(`me>${typed.join("")}`.replaceAll(/\s/g, ""));
          // Typed text appears at the cursor.
          const { x, y } = terminal.cursor;
          const before = width(typed.slice(0, cursor).join(""));
          expect((y - above.length - status.length) * columns + x).toBeGreaterThanOrEqual(before);
          expect(x).toBeLessThan(columns);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("finds its first row again after the terminal has become narrower and rewrapped it", () => {
    const screen = new PromptScreen(width, 20, 10);
    const typed = graphemes("0123456789".repeat(3));
    screen.update({ status: [], label: "me> ", characters: typed, cursor: typed.length });
    // Rows of 20 and 14 columns, the cursor in the second: at 10 columns two and a half rows are
    // above.
    expect(screen.resize(10, 10)).toStartWith("\u001b[?25l\r\u001b[3A\u001b[J");
  });

  test("puts the cursor in the next row when the line fills one", () => {
    const terminal = new Screen(10, 5, width);
    const screen = new PromptScreen(width, 10, 5);
    const typed = graphemes("01234567");
    terminal.write(screen.update({ status: [], label: "> ", characters: typed, cursor: 8 }));
    expect(terminal.cursor).toEqual({ x: 0, y: 1 });
    terminal.write(screen.update({ status: [], label: "> ", characters: typed, cursor: 7 }));
    expect(terminal.cursor).toEqual({ x: 9, y: 0 });
  });

  test("shows the rows around the cursor when the line is taller than the terminal", () => {
    const terminal = new Screen(10, 4, width);
    const screen = new PromptScreen(width, 10, 4);
    const typed = graphemes("0123456789".repeat(8));
    terminal.write(screen.update({ status: [], label: "> ", characters: typed, cursor: 80 }));
    expect(terminal.text.length).toBe(3);
    terminal.write(screen.update({ status: [], label: "> ", characters: typed, cursor: 0 }));
    expect(terminal.text[0]).toBe("> 01234567");
    expect(terminal.cursor).toEqual({ x: 2, y: 0 });
  });
});
