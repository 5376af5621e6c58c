// Keys as sent by terminals, split anywhere, and their effect on a line.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Key, KeyReader } from "../../../src/terminal/editor/keys.ts";
import { LineEditor } from "../../../src/terminal/editor/line-editor.ts";
import { anyCharacter } from "../../any-character.ts";

const key = (name: string): Key => ({ type: "key", name });

function typed(editor: LineEditor, ...input: (string | Key)[]): LineEditor {
  for (const one of input) {
    editor.apply(typeof one === "string" ? { type: "text", text: one } : one);
  }
  return editor;
}

/** An editor with three remembered lines and a fourth being typed, during a search. */
function searched(...input: (string | Key)[]): LineEditor {
  const lines = ["make tea", "Make coffee", "wait"].flatMap((line) => [line, key("enter")]);
  return typed(new LineEditor(100), ...lines, "draft", key("ctrl-r"), ...input);
}

function seen(editor: LineEditor): readonly unknown[] {
  return [editor.text, editor.query, editor.isMissed];
}

describe("keys", () => {
  test.each<[string, string]>([
    ["\u001b[A", "up"],
    ["\u001bOB", "down"],
    ["\u001b[1;5D", "ctrl-left"],
    ["\u001b[1;3C", "ctrl-right"],
    ["\u001b[3~", "delete"],
    ["\u001b[H", "home"],
    ["\u001b[4~", "end"],
    ["\u001bb", "alt-b"],
    ["\u007f", "backspace"],
    ["\r", "enter"],
    ["\u0017", "ctrl-w"],
  ])("%j is %s", (sequence, name) => {
    expect(new KeyReader().push(sequence)).toEqual([key(name)]);
  });

  test("mean the same however they are split", () => {
    const input = "ab\u001b[1;5Dé日\u001b[200~two\rlines\u001b[201~\u001bOA\u001b[3~x\r";
    const whole = new KeyReader().push(input);
    for (let at = 1; at < input.length; at++) {
      const reader = new KeyReader();
      const keys = [...reader.push(input.slice(0, at)), ...reader.push(input.slice(at))];
      const joined = keys.reduce<Key[]>((list, next) => {
        const last = list.at(-1);
        if (last?.type === "text" && next.type === "text") {
          list[list.length - 1] = { type: "text", text: last.text + next.text };
        } else list.push(next);
        return list;
      }, []);
      expect({ at, joined }).toEqual({ at, joined: whole });
    }
  });

  test("a lone escape is the Escape key, an endless sequence is abandoned", () => {
    const reader = new KeyReader();
    expect(reader.push("\u001b")).toEqual([]);
    expect(reader.pending).toBe(true);
    expect(reader.flush()).toEqual([key("escape")]);
    expect(new KeyReader().push(`\u001b[${"1;".repeat(100)}`).length).toBeGreaterThan(0);
  });

  test("of other terminals are not taken for letters", () => {
    // F1 on the console of Linux, Shift-Home of rxvt, Ctrl-Right of old consoles.
    for (const unknown of ["\u001b[[A", "\u001b[7$", "\u001bO5C"]) {
      expect({ unknown, keys: new KeyReader().push(`${unknown}x`) }).toEqual({
        unknown,
        keys: [{ type: "text", text: "x" }],
      });
      const reader = new KeyReader();
      const keys = Array.from(`${unknown}x`).flatMap((piece) => reader.push(piece));
      expect({ unknown, keys }).toEqual({ unknown, keys: [{ type: "text", text: "x" }] });
    }
  });

  test("with Alt are whole characters", () => {
    expect(new KeyReader().push("\u001b\u{1f600}")).toEqual([key("alt-\u{1f600}")]);
  });

  test("no bytes make the reader throw", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: anyCharacter })), (pieces) => {
        const reader = new KeyReader();
        for (const piece of pieces) reader.push(piece);
        reader.flush();
      }),
    );
  });
});

describe("the line editor", () => {
  test("edits in the middle, by words and to the ends", () => {
    const editor = new LineEditor(1_000);
    typed(editor, "hello brave world", key("ctrl-left"), key("ctrl-w"), "new ");
    expect(editor.text).toBe("hello new world");
    typed(editor, key("ctrl-a"), key("alt-d"), "bye");
    expect(editor.text).toBe("bye new world");
    typed(editor, key("ctrl-e"), key("ctrl-u"));
    expect(editor.text).toBe("");
    typed(editor, key("ctrl-y"));
    expect(editor.text).toBe("bye new world");
    typed(editor, key("home"), key("delete"), key("end"), key("backspace"));
    expect(editor.text).toBe("ye new worl");
  });

  test("edits whole visible characters", () => {
    const editor = typed(new LineEditor(100), "a👩‍👩‍👧e", "\u0301", key("left"), key("backspace"));
    expect(editor.text).toBe("ae\u0301");
  });

  test("remembers lines, and the one being typed", () => {
    const editor = typed(new LineEditor(100), "one", key("enter"), "two", key("enter"), "thr");
    expect(typed(editor, key("up")).text).toBe("two");
    expect(typed(editor, key("up"), key("up")).text).toBe("one");
    expect(typed(editor, key("down"), key("down")).text).toBe("thr");
  });

  test("joins pasted lines into one, and does not send it", () => {
    const editor = typed(new LineEditor(100), { type: "paste", text: "a\r\nb\n\u001b[31mc\n" });
    expect(editor.text).toBe("a b [31mc");
  });

  test("keeps pasted lines and a typed newline, if several lines are allowed", () => {
    const editor = new LineEditor(100, true);
    typed(editor, { type: "paste", text: "a\r\n\tb\n\u001b[31mc\n" }, key("alt-enter"), "d");
    expect(editor.text).toBe("a\n    b\n[31mc\nd");
    expect(typed(new LineEditor(100), "a", key("alt-enter"), "b").text).toBe("ab");
  });

  test("cuts words in both directions, and swaps characters, also at the end", () => {
    const editor = typed(new LineEditor(100), "one, two", key("ctrl-left"), key("ctrl-w"));
    expect(editor.text).toBe("two");
    typed(editor, key("end"), key("ctrl-y"));
    expect(editor.text).toBe("twoone, ");
    typed(editor, key("home"), key("alt-d"), key("ctrl-y"), key("ctrl-y"));
    expect(editor.text).toBe("twoonetwoone, ");
    typed(editor, key("ctrl-u"), key("ctrl-k"), "ab", key("ctrl-t"));
    expect(editor.text).toBe("ba");
    typed(editor, key("ctrl-t"), key("home"), key("ctrl-t"));
    expect(editor.text).toBe("ab");
    expect(typed(new LineEditor(100), "a", key("ctrl-t")).characters).toEqual({
      list: ["a"],
      cursor: 1,
    });
  });

  test("cuts nothing where there is nothing, and keeps what it has cut", () => {
    const editor = typed(new LineEditor(100), "cut", key("ctrl-w"), key("ctrl-w"), key("ctrl-k"));
    expect(typed(editor, key("alt-d"), key("ctrl-u"), key("ctrl-y")).text).toBe("cut");
  });

  test("drops the rest of a paste after a piece that did not fit", () => {
    const editor = new LineEditor(10);
    const paste = (text: string) => editor.apply({ type: "text", text }).type;
    expect([paste("12345678"), paste("abc"), paste("d")]).toEqual(["edited", "full", "full"]);
    typed(editor, key("left"));
    expect(paste("e")).toBe("edited");
    expect(editor.text).toBe("1234567e8");
    expect(editor.apply({ type: "paste", text: "too long" }).type).toBe("full");
    expect(editor.apply({ type: "paste", text: "f" }).type).toBe("edited");
  });

  describe("searches its history", () => {
    test("backwards, in any case", () => {
      expect(seen(searched())).toEqual(["draft", "", false]);
      expect(seen(searched("mA", "KE"))).toEqual(["Make coffee", "mAKE", false]);
      expect(seen(searched("make", key("ctrl-r")))).toEqual(["make tea", "make", false]);
    });

    test("keeps the last match if there is no further one", () => {
      const twice = searched("make", key("ctrl-r"), key("ctrl-r"));
      expect(seen(twice)).toEqual(["make tea", "make", true]);
      expect(seen(searched("wait", "x"))).toEqual(["wait", "waitx", true]);
      expect(seen(searched("wait", "x", key("backspace")))).toEqual(["wait", "wait", false]);
    });

    test("an end without a choice restores the line and its place among the others", () => {
      for (const end of ["escape", "ctrl-c", "ctrl-g"]) {
        const editor = searched("tea", key(end));
        expect(seen(editor)).toEqual(["draft", undefined, false]);
        expect(typed(editor, key("up")).text).toBe("wait");
        typed(editor, key("ctrl-r"), "tea", key(end));
        expect(editor.text).toBe("wait");
        expect(typed(editor, key("down")).text).toBe("draft");
      }
    });

    test("another key takes the match, and has its usual effect", () => {
      const editor = searched("tea", key("left"), key("backspace"));
      expect(seen(editor)).toEqual(["make ta", undefined, false]);
      expect(typed(editor, key("down"), key("down")).text).toBe("wait");
      expect(typed(editor, key("down")).text).toBe("draft");
      expect(searched("tea").apply(key("enter"))).toEqual({ type: "submit", line: "make tea" });
      expect(searched("tea").apply(key("right"))).toEqual({ type: "edited" });
    });
  });

  test("never loses its position, whatever is pressed", () => {
    const names = ["left", "right", "ctrl-left", "alt-f", "backspace", "delete", "ctrl-w", "alt-d"];
    const more = [
      "ctrl-u",
      "ctrl-k",
      "ctrl-y",
      "ctrl-t",
      "up",
      "down",
      "enter",
      "ctrl-r",
      "escape",
    ];
    const keys = fc.oneof(
      fc.constantFrom(...names, ...more).map(key),
      fc.string({ unit: "grapheme" }).map((text): Key => ({ type: "text", text })),
    );
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 60 }), (list) => {
        const editor = typed(new LineEditor(200), ...list);
        const { list: characters, cursor } = editor.characters;
        expect(characters.join("")).toBe(editor.text);
        expect(characters.slice(0, cursor).join("")).toBe(editor.beforeCursor);
        expect(editor.text.length).toBeLessThanOrEqual(200);
      }),
    );
  });
});
