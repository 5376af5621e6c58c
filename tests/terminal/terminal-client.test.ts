// The terminal client on an emulated screen, with a session that we play the server to.

import { describe, expect, test } from "bun:test";
import { ParleyError } from "../../src/errors.ts";
import { harmlessProblem, showFetch } from "../../src/terminal/download.ts";
import { KeyReader } from "../../src/terminal/keys.ts";
import { painter } from "../../src/terminal/style.ts";
import { type Downloads, TerminalClient } from "../../src/terminal/terminal-client.ts";
import { Screen } from "./screen.ts";
import { SessionRig } from "./session-rig.ts";

const width = (text: string) => Bun.stringWidth(text);
const evil = "evil\u001b[31mred\u001b]0;PWNED\u0007a.txt";

class Rig extends SessionRig {
  readonly screen: Screen;
  readonly client: TerminalClient;
  readonly keys = new KeyReader();
  raw = "";
  #soon: (() => void)[] = [];

  constructor(columns = 60, downloads: Partial<Downloads> = {}) {
    super("Ann");
    this.screen = new Screen(columns, 50, width);
    this.client = new TerminalClient({
      session: this.session,
      obey: () => this.obey(),
      write: (text) => {
        this.raw += text;
        this.screen.write(text);
      },
      soon: (draw) => this.#soon.push(draw),
      width,
      paint: painter(false, () => "12:00"),
      columns,
      rows: 50,
      suspend: () => {},
      downloads: { running: false, start: () => {}, stop: () => {}, ...downloads },
    });
    this.welcome();
  }

  override hear(...lines: object[]): void {
    super.hear(...lines);
    this.#draw();
  }

  type(text: string): void {
    this.client.keys(this.keys.push(text));
    this.#draw();
  }

  resize(columns: number): void {
    this.screen.columns = columns;
    this.client.resize(columns, 50);
  }

  /** Answers the last question of that type. */
  answer(type: string, answer: object): void {
    const question = this.sent.findLast((line) => line["type"] === type);
    this.hear({ ...answer, ref: question?.["ref"] });
  }

  /** What the last message was numbered. */
  get n(): unknown {
    return this.sent.findLast((line) => "n" in line)?.["n"];
  }

  get rows(): string[] {
    return this.screen.text.filter((row) => row !== "");
  }

  #draw(): void {
    for (const draw of this.#soon.splice(0)) draw();
  }
}

describe("what we say to somebody alone", () => {
  test("is shown in a private chat, as soon as the server has it", () => {
    const rig = new Rig();
    rig.hear({ type: "chat", state: "started", with: "Bob" });
    rig.type("just us\r");
    expect(rig.rows).not.toContain("to Bob (private): just us");
    rig.hear({ type: "ack", n: rig.n });
    expect(rig.rows).toContain("to Bob (private): just us");
    rig.hear({ type: "private", mail: 1, from: "Bob", to: ["Ann"], chat: true, text: "yes" });
    expect(rig.rows).toContain("Bob (private): yes");
    rig.hear({ type: "chat", state: "left", with: "Bob" });
    rig.type("aloud\r");
    rig.hear({ type: "ack", n: rig.n, seq: 1 });
    expect(rig.rows.join("\n")).not.toContain("aloud");
    rig.hear({ type: "message", seq: 1, from: "Ann", text: "aloud", n: rig.n });
    expect(rig.rows).toContain("Ann: aloud");
  });

  test("is not shown when it was not said", () => {
    const rig = new Rig();
    rig.type("/msg Nobody hi\r");
    rig.hear({ type: "error", n: rig.n, code: "unknown-user", message: "There is no Nobody" });
    rig.type("/msg Bob hi\r");
    rig.hear({ type: "ack", n: rig.n });
    const said = rig.rows.filter((row) => /Nobody|Bob/.test(row));
    expect(said).toEqual(["Not said: There is no Nobody", "to Bob (private): hi"]);
  });
});

test("a message names those whom it reached, and its sender hears whom not", () => {
  const rig = new Rig();
  const noZoe = { type: "error", code: "unknown-user", message: "There is no Zoe", subject: "Zoe" };
  const noYve = { ...noZoe, message: "There is no Yve", subject: "Yve" };
  rig.type("/msg Bob,Cal first\r/msg zoe,Bob,Yve secret\r/msg Zoe,Bob third\r");
  const n = rig.n as number;
  rig.hear(noZoe, noYve, { type: "ack", n: n - 1 }, noZoe);
  rig.hear({ type: "ack", n });
  expect(rig.rows.filter((row) => /There is|to Bob|Not said/.test(row))).toEqual([
    "There is no Zoe",
    "There is no Yve",
    "to Bob, Cal (private): first",
    "to Bob (private): secret",
    "There is no Zoe",
    "to Bob (private): third",
  ]);
});

test("what is too long is named with its length and the limit", () => {
  const rig = new Rig(200);
  rig.type(`${"x".repeat(20_000)}\r`);
  expect(rig.rows.join("\n")).toContain(
    "Not said: a message has at most 16384 characters, this one 20000. Send it in parts (Up brings it back)",
  );
  rig.type("ab");
  rig.type(`\u001b[200~${"y".repeat(40_000)}\u001b[201~`);
  expect(rig.rows.join("\n")).toContain(
    "Not pasted: a line has at most 32768 characters, this would be 40002",
  );
});

describe("names of files are never obeyed by the terminal", () => {
  test("neither listed, nor completed, nor written in the line", () => {
    const got: string[] = [];
    const rig = new Rig(60, { start: (name) => got.push(name) });
    rig.type("/get ev\t");
    rig.answer("files", { type: "files", files: [{ name: evil, size: 1, modified: 1 }] });
    rig.type("\t");
    rig.type("\r");
    rig.type("/files\r");
    rig.answer("files", {
      type: "files",
      files: [
        { name: evil, size: 1, modified: 1 },
        { name: `${evil}2`, size: 1, modified: 1 },
      ],
    });
    rig.type("/get ev\t");
    rig.type("\t");
    expect(got).toEqual([evil]);
    expect(rig.raw).not.toMatch(/\u001b\[31m|\u001b\]|\u0007/);
    expect(rig.rows.join("\n")).toContain("evilreda.txt");
  });

  test("nor when they are fetched", () => {
    const said: string[] = [];
    const tell = {
      say: (text: string) => said.push(text),
      progress: (text = "") => said.push(text),
    };
    const whole = { name: evil, path: `Downloads/${evil}`, size: 1, sha256: "ab" };
    showFetch({ event: "unchanged", ...whole }, tell);
    showFetch({ event: "retry", name: evil, reason: evil, inMs: 1 }, tell);
    const progress = { receivedBytes: 1, verifiedBytes: 1, bytesPerSecond: 1, secondsLeft: 1 };
    const path = { rttMs: 1, segmentBytes: 1 };
    showFetch({ event: "progress", name: evil, size: 1, ...progress, ...path }, tell);
    expect(said.length).toBe(3);
    for (const text of said) expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(said[0]).toContain("Downloads/evilreda.txt");
  });

  test("a file that is not there: the words of the prompt, not of a command line", () => {
    const error = new ParleyError("not-found", "No file; `--list` shows what there is");
    expect(harmlessProblem(error, evil)).toBe(
      "There is no file 'evilreda.txt': /files lists what there is",
    );
    expect(harmlessProblem(new Error(`disk ${evil}`), "x")).toBe("disk evilreda.txt");
  });
});

describe("lists", () => {
  const names = Array.from({ length: 12 }, (_, i) => `somebody-${i}`);

  function withNames(columns: number): Rig {
    const rig = new Rig(columns);
    rig.answer("who", { type: "names", room: "lobby", names, total: names.length });
    return rig;
  }

  test("of Tab break no name, and are shown once", () => {
    const rig = withNames(30);
    rig.type("/msg some\t");
    rig.type("\t");
    rig.type("\t\t");
    const shown = rig.rows.flatMap((row) => row.trim().split(/ +/));
    for (const name of names) expect(shown.filter((word) => word === name)).toEqual([name]);
    rig.type("x\u007f\t");
    const again = rig.rows.flatMap((row) => row.trim().split(/ +/));
    expect(again.filter((word) => word === "somebody-7").length).toBe(2);
  });

  test("of /who and /help break no word and hang", () => {
    const rig = withNames(30);
    rig.type("/who\r");
    rig.answer("who", { type: "names", room: "lobby", names, total: names.length });
    expect(rig.rows).toContain("12 in lobby: somebody-0,");
    expect(rig.rows).toContain("  somebody-1, somebody-2,");
    rig.type("/help\r");
    expect(rig.rows).toContain("  /msg NAME[,NAME] TEXT");
    expect(rig.rows).toContain("      to these people alone");
  });
});

test("a terminal that becomes narrower than the prompt gets a shorter one at once", () => {
  const rig = new Rig(30);
  rig.type("ab");
  expect(rig.rows.at(-1)).toBe("Ann (lobby)> ab");
  rig.raw = "";
  rig.resize(12);
  // Up what the old one takes now: it was longer than a row.
  expect(rig.raw).toBe("\u001b[?25l\r\u001b[1A\u001b[J> ab\r\u001b[4C\u001b[?25h");
});
