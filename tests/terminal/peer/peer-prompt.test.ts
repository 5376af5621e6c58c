// The prompt of a call: lines that wrap, and Tab.

import { expect, test } from "bun:test";
import { completePeerLine } from "../../../src/terminal/peer/peer-completion.ts";
import { PeerPrompt } from "../../../src/terminal/peer/peer-prompt.ts";
import { Screen } from "../screen.ts";

const width = (text: string) => Bun.stringWidth(text);

function nothing(): void {}

function promptOn(columns: number): { prompt: PeerPrompt; screen: Screen; typed: string[] } {
  const screen = new Screen(columns, 24, width);
  const typed: string[] = [];
  const prompt = new PeerPrompt({
    write: (text) => screen.write(text),
    soon: (draw) => draw(),
    width,
    columns,
    rows: 24,
    complete: completePeerLine,
    typed: (line) => typed.push(line),
    end: nothing,
    interrupt: nothing,
    gone: nothing,
    suspend: nothing,
  });
  return { prompt, screen, typed };
}

test("lines wrap between words, and none poses as another one", () => {
  const { prompt, screen } = promptOn(20);
  prompt.print("bobby says a few words alice: and more");
  expect(screen.text.slice(0, 3)).toEqual(["bobby says a few", "  words alice: and", "  more"]);
});

test("Tab completes commands, and lists several", () => {
  const { prompt, screen, typed } = promptOn(40);
  prompt.keys([
    { type: "text", text: "/v" },
    { type: "key", name: "tab" },
    { type: "key", name: "tab" },
    { type: "text", text: "i" },
    { type: "key", name: "tab" },
    { type: "key", name: "enter" },
  ]);
  expect(screen.text[0]).toBe("/verified  /verify");
  expect(typed).toEqual(["/verified"]);
});
