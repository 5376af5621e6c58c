// The terminal client on an emulated screen, with the test in the role of the server.

import { describe, expect, test } from "bun:test";
import { ParleyError } from "../../../src/errors.ts";
import { endedBy } from "../../../src/io/end-signals.ts";
import { fetchListener, harmlessProblem } from "../../../src/terminal/files/prompt-downloads.ts";
import { localCalendar } from "../../../src/terminal/client/local-calendar.ts";
import { KeyReader } from "../../../src/terminal/editor/keys.ts";
import { withIgnored } from "../../../src/client/ignored.ts";
import { createStyle } from "../../../src/terminal/output/style.ts";
import { type Downloads, TerminalClient } from "../../../src/terminal/client/terminal-client.ts";
import { client } from "../../../src/limits.ts";
import { Screen } from "../screen.ts";
import { SessionRig } from "../session-rig.ts";

const width = (text: string) => Bun.stringWidth(text);
const evil = "evil\u001b[31mred\u001b]0;PWNED\u0007a.txt";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** In UTC, whatever the zone of the machine. */
function clockText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(11, 16);
}

function dateText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

class Rig extends SessionRig {
  /** Noon of the first day after 1970-01-01. */
  nowMs = dayMs + dayMs / 2;
  readonly screen: Screen;
  readonly client: TerminalClient;
  readonly keys = new KeyReader();
  raw = "";
  /** The names the user ignores. */
  kept: readonly string[] = [];
  #soon: (() => void)[] = [];
  readonly #seqs = new Map<string, number>();

  constructor(columns = 60, downloads: Partial<Downloads> = {}) {
    super("Ann");
    this.screen = new Screen(columns, 50, width);
    this.client = new TerminalClient({
      session: this.session,
      applyOutputs: () => this.applyOutputs(),
      write: (text) => {
        this.raw += text;
        this.screen.write(text);
      },
      soon: (draw) => this.#soon.push(draw),
      width,
      style: createStyle(false),
      calendar: { now: () => this.nowMs, timeOfDay: clockText, date: dateText },
      columns,
      rows: 50,
      device: "desk",
      key: "own-key",
      wordsOf: (keys) => `words of ${keys.join(" ")}`,
      suspend: () => {},
      keepIgnored: (name, isIgnored) => {
        this.kept = withIgnored(this.kept, name, isIgnored);
        return undefined;
      },
      downloads: { running: false, start: () => {}, stop: () => {}, ...downloads },
    });
    this.welcome();
    this.answer("history", { type: "history", room: "lobby", messages: [] });
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

  /** Answers the last request of that type. */
  answer(type: string, answer: object): void {
    const question = this.sent.findLast((line) => line["type"] === type);
    this.hear({ ...answer, ref: question?.["ref"] });
  }

  /** A user sends a message to a room. */
  said(room: string, from: string, text: string, extra: object = {}): void {
    const seq = (this.#seqs.get(room) ?? 0) + 1;
    this.#seqs.set(room, seq);
    this.hear({ type: "message", room, seq, time: this.nowMs, from, text, ...extra });
  }

  /** Enters a room with that history. */
  enter(room: string, messages: object[] = []): void {
    this.type(`/room ${room}\r`);
    this.answer("join", {
      type: "entered",
      room,
      epoch: "e",
      seq: messages.length,
      recovered: true,
    });
    this.#seqs.set(room, messages.length);
    this.answer("history", { type: "history", room, messages });
  }

  /** The prompt with the line being typed. */
  get prompt(): string {
    return this.rows.at(-1) ?? "";
  }

  /** The number of the last message. */
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

describe("our private messages", () => {
  test("are shown in a private chat as soon as the server has them", () => {
    const rig = new Rig();
    rig.hear({ type: "chat", state: "started", with: "Bob" });
    rig.type("just us\r");
    expect(rig.rows).not.toContain("12:00 to Bob (private, not sealed): just us");
    rig.hear({ type: "ack", n: rig.n });
    expect(rig.rows).toContain("12:00 to Bob (private, not sealed): just us");
    const letter = { type: "private", mail: 1, time: rig.nowMs, from: "Bob", to: ["Ann"] };
    rig.hear({ ...letter, chat: true, text: "yes" });
    expect(rig.rows).toContain("12:00 Bob (private, not sealed): yes");
    rig.hear({ type: "chat", state: "left", with: "Bob" });
    rig.type("aloud\r");
    rig.hear({ type: "ack", n: rig.n, room: "lobby", seq: 1 });
    expect(rig.rows.join("\n")).not.toContain("aloud");
    rig.said("lobby", "Ann", "aloud", { n: rig.n });
    expect(rig.rows).toContain("12:00 Ann: aloud");
  });

  test("are not promised for later if there is no room for them", () => {
    const rig = new Rig();
    rig.session.handleLost("cut", 0);
    rig.applyOutputs();
    for (let i = 0; i < client.queueMessages; i++) rig.type("/msg Bob hi\r");
    expect(rig.rows.join(" ")).not.toContain("Not sent");
    rig.type("/msg Bob one more\r");
    const rows = rig.rows.slice(rig.rows.findIndex((row) => row.startsWith("Not sent"))).join(" ");
    expect(rows).toContain("Not sent: too many messages are queued.");
    expect(rows).not.toContain("one more");
  });

  test("are not shown when they were refused", () => {
    const rig = new Rig();
    rig.type("/msg Nobody hi\r");
    rig.hear({ type: "error", n: rig.n, code: "unknown-user", message: "There is no Nobody" });
    rig.type("/msg Bob hi\r");
    rig.hear({ type: "ack", n: rig.n });
    const said = rig.rows.filter((row) => /Nobody|Bob/.test(row));
    expect(said).toEqual([
      "12:00 Not sent: There is no Nobody",
      "12:00 to Bob (private, not sealed): hi",
    ]);
  });
});

test("a message to several users names those it reached, after a line for each of the others", () => {
  const rig = new Rig();
  const noZoe = { type: "error", code: "unknown-user", message: "There is no Zoe", subject: "Zoe" };
  const noYve = { ...noZoe, code: "full", message: "There is no room for Yve", subject: "Yve" };
  rig.type("/msg Bob,Cal first\r/msg zoe,Bob,Yve secret\r/msg Zoe,Bob third\r");
  const n = rig.n as number;
  rig.hear(noZoe, noYve, { type: "ack", n: n - 1 }, noZoe);
  rig.hear({ type: "ack", n });
  expect(rig.rows.filter((row) => /There is|to Bob|Not sent/.test(row))).toEqual([
    "12:00 There is no Zoe",
    "12:00 There is no room for Yve",
    "12:00 to Bob, Cal (private, not sealed): first",
    "12:00 to Bob (private, not sealed): secret",
    "12:00 There is no Zoe",
    "12:00 to Bob (private, not sealed): third",
  ]);
});

describe("text that is too long is never dropped silently", () => {
  const tooLong = "a line has at most 32768 characters. Send a file instead";

  test("not as a message", () => {
    const rig = new Rig(200);
    rig.type(`${"x".repeat(20_000)}\r`);
    expect(rig.rows.join("\n")).toContain(
      "Not sent: a message has at most 16384 characters, this one has 20000. Send it in parts",
    );
  });

  test("not as a paste", () => {
    const rig = new Rig(200);
    rig.type("ab");
    rig.type(`\u001b[200~${"y".repeat(40_000)}\u001b[201~`);
    expect(rig.rows.join("\n")).toContain(`Not pasted: ${tooLong}`);
    expect(rig.prompt).toBe("lobby> ab");
  });

  test("not if a paste arrives as text in pieces: the rest is dropped, and one line says so", () => {
    const rig = new Rig(200);
    for (let i = 0; i < 10; i++) rig.type("y".repeat(4_000));
    expect(rig.rows.filter((row) => row.includes(`Not taken: ${tooLong}`)).length).toBe(1);
    // The next paste is a new one.
    rig.nowMs += 5_000;
    rig.type("y".repeat(4_000));
    expect(rig.rows.filter((row) => row.includes(tooLong)).length).toBe(2);
    // Also if the clock has been set back.
    rig.nowMs -= 3_600_000;
    rig.type("y".repeat(4_000));
    expect(rig.rows.filter((row) => row.includes(tooLong)).length).toBe(3);
    // The last piece would have fit again.
    rig.type("\u007f".repeat(2_000));
    rig.type("z");
    expect(rig.rows.join("")).toContain("yz");
  });
});

describe("control characters in file names never reach the terminal", () => {
  test("listed, completed, or in the line", () => {
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

  test("while they are fetched", () => {
    const said: string[] = [];
    const tell = {
      say: (text: string) => said.push(text),
      progress: (text = "") => said.push(text),
    };
    const whole = { name: evil, path: `Downloads/${evil}`, size: 1, compared: "time" } as const;
    const show = fetchListener(tell);
    show({ event: "unchanged", ...whole });
    show({ event: "retry", name: evil, reason: evil, inMs: 1 });
    const progress = { receivedBytes: 1, verifiedBytes: 1, bytesPerSecond: 1, secondsLeft: 1 };
    const path = { rttMs: 1, segmentBytes: 1 };
    show({ event: "progress", name: evil, size: 1, ...progress, ...path });
    expect(said.length).toBe(3);
    for (const text of said) expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(said[0]).toBe("'evilreda.txt' is up to date: 'Downloads/evilreda.txt'");
    // Whether or not the reason ends with a full stop.
    for (const reason of ["The server is gone", "The server is gone."]) {
      said.length = 0;
      const again = fetchListener(tell);
      again({ event: "retry", name: "a.txt", reason, inMs: 1 });
      // The next attempts fail in the same way.
      again({ event: "retry", name: "a.txt", reason, inMs: 1 });
      again({ event: "retry", name: "a.txt", reason, inMs: 1 });
      expect(said).toEqual(["'a.txt': The server is gone. Trying again …"]);
    }
  });

  test("a missing file is reported in the prompt's terms, not the command line's", () => {
    const error = new ParleyError("not-found", "No file; `--list` shows what there is");
    expect(harmlessProblem(error, evil)).toBe(
      "There is no file 'evilreda.txt': /files lists the files",
    );
    expect(harmlessProblem(error, "3")).toBe(
      "There is no offer 3, and no file '3': /files lists the files",
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

  test("are in natural order", () => {
    const rig = withNames(200);
    rig.type("/who\r");
    rig.answer("who", { type: "names", room: "lobby", names: names.toSorted(), total: 12 });
    expect(rig.rows).toContain(`12 in lobby: ${names.join(", ")}`);
    const rooms = ["den-10", "den-2"].map((room) => ({ room, members: 1 }));
    rig.type("/rooms\r");
    rig.answer("rooms", { type: "rooms", rooms });
    expect(rig.rows).toContain("den-2 (1), den-10 (1)");
    rig.type("/files\r");
    const files = ["img10", "img2"].map((name) => ({ name, size: 1, modified: 1 }));
    rig.answer("files", { type: "files", files });
    expect(rig.rows.slice(-3, -1)).toEqual(["       1 B  img2", "       1 B  img10"]);
    rig.type("/msg somebody-\t");
    expect(rig.rows.join(" ")).toMatch(/somebody-2 .*somebody-10/);
  });

  test("of /who and /help break no word and hang", () => {
    const rig = withNames(30);
    rig.type("/who\r");
    rig.answer("who", { type: "names", room: "lobby", names, total: names.length });
    expect(rig.rows).toContain("12 in lobby: somebody-0,");
    expect(rig.rows).toContain("  somebody-1, somebody-2,");
    rig.type("/help\r");
    expect(rig.rows).toContain("  /msg NAME[,NAME] TEXT");
    expect(rig.rows).toContain("      send a private message");
  });
});

test("a terminal that becomes narrower than the prompt gets a shorter one immediately", () => {
  const rig = new Rig(30);
  rig.type("abcdef");
  expect(rig.prompt).toBe("lobby> abcdef");
  rig.raw = "";
  rig.resize(12);
  // Up over both rows that the old one occupies now.
  expect(rig.raw).toBe("\u001b[?25l\r\u001b[1A\u001b[J> abcdef\r\u001b[8C\u001b[?25h");
});

test("a terminal of 0 × 0 is treated as one of 80 × 24", () => {
  const rig = new Rig(0);
  rig.screen.columns = 80;
  rig.type("x".repeat(75));
  expect(rig.rows.slice(-2)).toEqual([`lobby> ${"x".repeat(73)}`, "xx"]);
  rig.client.resize(0, 0);
  expect(rig.rows.slice(-2)).toEqual([`lobby> ${"x".repeat(73)}`, "xx"]);
});

describe("several rooms", () => {
  test("are entered, switched between and left; typed text goes to the current one", () => {
    const rig = new Rig();
    rig.type("/room den\r");
    // Also before the server has answered.
    rig.type("hello den\r");
    expect(rig.prompt).toBe("den>");
    expect(rig.sent.findLast(({ type }) => type === "say")).toMatchObject({ room: "den" });
    rig.answer("join", { type: "entered", room: "Den", epoch: "e", seq: 0, recovered: true });
    expect(rig.prompt).toBe("Den>");
    rig.type("/room lobby\rhello lobby\r");
    expect(rig.sent.findLast(({ type }) => type === "say")).toMatchObject({ room: "lobby" });
    rig.type("/room den\r/part\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "part" });
    expect(rig.rows).toContain("12:00 You are no longer in the room Den");
    expect(rig.prompt).toBe("lobby>");
    rig.type("/part\rto nobody\r");
    expect(rig.rows).toContain("Not sent: you are not in a room. /join ROOM enters one");
    expect(rig.prompt).toBe("no room>");
  });

  test("that can't be entered make the previous room current again, and nothing is sent there", () => {
    const rig = new Rig();
    rig.type("/join den\rpsst\r");
    rig.answer("join", { type: "error", code: "full", message: "The room is full" });
    expect(rig.prompt).toBe("lobby>");
    const said = rig.sent.filter(({ type }) => type === "say");
    expect(said.every(({ room }) => room === "den")).toBe(true);
    expect(rig.rows).toContain("12:00 The room is full");
  });

  test("that we are put out of, or kept out of, while a line is typed don't pass it on to another", () => {
    const rig = new Rig();
    const said = () => rig.sent.filter(({ type }) => type === "say");
    rig.enter("Den");
    rig.type("only for the den");
    rig.hear({ type: "parted", room: "Den", by: "Bob" });
    expect(rig.prompt).toBe("lobby> only for the den");
    rig.type("\r");
    expect(said()).toEqual([]);
    expect(rig.rows.join(" ")).toContain("Not sent: you are no longer in the room Den.");
    rig.type("\r");
    expect(said()).toMatchObject([{ room: "lobby", text: "only for the den" }]);
    rig.type("/join attic\r/me is for the attic");
    rig.answer("join", { type: "error", code: "full", message: "The room is full" });
    rig.type("\r");
    expect(said()).toHaveLength(1);
    // The server spells the room differently, and what is begun afterwards needs no second Enter.
    rig.type("\u0003/join garage\rfor the garage");
    rig.answer("join", { type: "entered", room: "Garage", epoch: "e", seq: 0, recovered: true });
    rig.type("\r");
    expect(said().at(-1)).toMatchObject({ room: "Garage", text: "for the garage" });
    rig.type("/topic");
    rig.hear({ type: "parted", room: "Garage", by: "Bob" });
    rig.type("\rfor everybody\r");
    expect(rig.rows).toContain("lobby has no topic");
    expect(said().at(-1)).toMatchObject({ room: "lobby", text: "for everybody" });
  });

  test("in the background are counted, and missed messages are shown on switching to them", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.said("lobby", "Bob", "one");
    rig.said("lobby", "Bob", "two");
    rig.hear({ type: "joined", room: "lobby", name: "Cal" });
    expect(rig.prompt).toBe("[lobby 2] den>");
    expect(rig.rows.join("\n")).not.toMatch(/one|Cal/);
    rig.said("den", "Bob", "here");
    expect(rig.rows).toContain("12:00 Bob: here");
    rig.type("/room\r");
    expect(rig.rows.slice(-4)).toEqual([
      "── lobby ──",
      "12:00 Bob: one",
      "12:00 Bob: two",
      "lobby>",
    ]);
    rig.said("lobby", "Bob", "three");
    expect(rig.rows.at(-2)).toBe("12:00 Bob: three");
    rig.type("/room\r");
    expect(rig.rows).toContain("No unread messages in other rooms");
  });

  test("keep the last missed messages, and show how many preceded them", () => {
    const rig = new Rig();
    rig.enter("den");
    for (let i = 1; i <= 70; i++) rig.said("lobby", "Bob", `message ${i}.`);
    rig.type("/room lobby\r");
    expect(rig.rows).toContain("… 20 earlier messages: /history 70");
    const text = rig.rows.join("\n");
    expect(text).not.toContain("message 20.");
    expect(text).toContain("message 21.");
    expect(text).toContain("message 70.");
  });

  test("with a mention are marked, and the message is shown, with a bell", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.enter("attic");
    const { bells } = rig.screen;
    rig.said("lobby", "Bob", "Annabel is not Ann's name");
    expect(rig.screen.bells).toBe(bells + 1);
    rig.said("den", "Bob", "banana, Anna, AN");
    expect(rig.screen.bells).toBe(bells + 1);
    expect(rig.prompt).toBe("[lobby 1! den 1] attic>");
    expect(rig.rows).toContain("12:00 [lobby] Bob: Annabel is not Ann's name");
    expect(rig.rows.join("\n")).not.toContain("banana");
  });

  test("show fewer counts, and then none, on a narrow terminal", () => {
    const rig = new Rig(30);
    rig.enter("den");
    rig.enter("attic");
    rig.said("lobby", "Bob", "one");
    rig.said("den", "Bob", "two, Ann");
    expect(rig.prompt).toBe("[2!] attic>");
    rig.screen.columns = 20;
    rig.resize(20);
    expect(rig.prompt).toBe("attic>");
  });

  test("are listed with a mark on those that we are in", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.type("/rooms\r");
    const rooms = ["attic", "den", "lobby"].map((room) => ({ room, members: 2 }));
    rig.answer("rooms", { type: "rooms", rooms });
    expect(rig.rows).toContain("attic (2), den (2, here), lobby (2, joined)");
  });

  test("complete the names of the people in them", () => {
    const rig = new Rig();
    rig.answer("who", { type: "names", room: "lobby", names: ["Ann", "Bob"], total: 2 });
    rig.enter("den");
    rig.answer("who", { type: "names", room: "den", names: ["Ann", "Cal"], total: 2 });
    rig.type("c\t");
    expect(rig.prompt).toBe("den> Cal:");
    rig.type("\u0015b\t");
    expect(rig.prompt).toBe("den> b");
    rig.type("\u0015/msg b\t");
    expect(rig.prompt).toBe("den> /msg Bob");
  });

  test("are all entered again after a lost connection", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.type("one\rtwo\r");
    rig.session.handleLost("gone", 0);
    rig.applyOutputs();
    rig.type("away\r/msg Bob psst\r");
    expect(rig.prompt).toBe("den (offline)>");
    expect(rig.rows).toContain("2 messages will be sent once you are connected again");
    expect(rig.rows).toContain("Offline: 'away' will be sent once you are connected again");
    expect(rig.rows).toContain("Offline: 'psst' will be sent once you are connected again");
    rig.session.handleTimeout(1_000_000);
    rig.session.handleConnected(1_000_000);
    rig.welcomeAgain(
      {},
      {
        rooms: [
          { room: "lobby", seq: 1, recovered: true },
          { room: "den", seq: 0, recovered: true },
        ],
      },
    );
    rig.said("lobby", "Bob", "meanwhile");
    expect(rig.prompt).toBe("[lobby 1] den>");
  });
});

describe("lines", () => {
  const past = [
    { room: "den", seq: 1, time: dayMs / 2 - 3 * minuteMs, from: "Bob", text: "yesterday" },
    { room: "den", seq: 2, time: dayMs + 5 * minuteMs, from: "Ann", text: "today" },
  ].map((message) => ({ type: "message", ...message }));

  test("of an entered room begin with its last 20, with dates where the day changes", () => {
    const rig = new Rig();
    rig.type("/join den\r");
    rig.answer("join", { type: "entered", room: "den", epoch: "e", seq: 2, recovered: true });
    // Sent before the history has arrived.
    rig.hear({ type: "joined", room: "den", name: "Cal" });
    rig.hear({ ...past[1], seq: 3, from: "Cal", time: rig.nowMs, text: "new" });
    expect(rig.rows.join("\n")).not.toMatch(/new|Cal/);
    rig.answer("history", { type: "history", room: "den", messages: past });
    expect(rig.rows.slice(-8, -1)).toEqual([
      "── den ──",
      "── 1970-01-01 ──",
      "11:57 Bob: yesterday",
      "── 1970-01-02 ──",
      "00:05 Ann: today",
      "12:00 Cal has joined",
      "12:00 Cal: new",
    ]);
    expect(rig.sent.findLast(({ type }) => type === "history")).toMatchObject({ limit: 20 });
  });

  test.each(["entered", "history"])(
    "of a room that we look away from before it has %s are shown on the way back",
    (before) => {
      const rig = new Rig();
      rig.type(`/join den\r${before === "entered" ? "/room lobby\r" : ""}`);
      rig.answer("join", { type: "entered", room: "den", epoch: "e", seq: 2, recovered: true });
      if (before === "history") rig.type("/room lobby\r");
      rig.hear({ ...past[1], seq: 3, from: "Cal", time: rig.nowMs, text: "new" });
      rig.answer("history", { type: "history", room: "den", messages: past });
      expect(rig.rows.join("\n")).not.toMatch(/yesterday|new/);
      expect(rig.prompt).toBe("[den 1] lobby>");
      rig.type("/room den\r");
      expect(rig.rows.slice(-7, -1)).toEqual([
        "── den ──",
        "── 1970-01-01 ──",
        "11:57 Bob: yesterday",
        "── 1970-01-02 ──",
        "00:05 Ann: today",
        "12:00 Cal: new",
      ]);
    },
  );

  test("that waited for a history that does not arrive are shown without it", () => {
    const rig = new Rig();
    rig.type("/join den\r");
    rig.answer("join", { type: "entered", room: "den", epoch: "e", seq: 0, recovered: true });
    rig.said("den", "Bob", "hi");
    rig.answer("history", { type: "error", code: "storage", message: "no" });
    expect(rig.rows.at(-2)).toBe("12:00 Bob: hi");
  });

  test("of /history show their date and time", () => {
    const rig = new Rig();
    rig.type("/history 2\r");
    rig.answer("history", { type: "history", room: "lobby", messages: past });
    expect(rig.rows).toContain("11:57 Bob: yesterday");
    expect(rig.rows).toContain("── 1970-01-01 ──");
  });

  test("show a new day once, even if the server's clock is a little behind", () => {
    const rig = new Rig();
    rig.nowMs = 2 * dayMs + 1_000;
    rig.hear({ type: "joined", room: "lobby", name: "Bob" });
    rig.said("lobby", "Bob", "late", { time: 2 * dayMs - 1_000 });
    rig.said("lobby", "Bob", "on time");
    expect(rig.rows.slice(-5, -1)).toEqual([
      "── 1970-01-03 ──",
      "00:00 Bob has joined",
      "23:59 Bob: late",
      "00:00 Bob: on time",
    ]);
  });

  test("break between words and hang, so that none can imitate another", () => {
    const rig = new Rig(40);
    const fake = "12:00 Eve: I quit";
    rig.said("lobby", "Bob", `${"word ".repeat(6)}${fake} ${"x".repeat(50)}`);
    rig.said("lobby", "Bob", `a${" ".repeat(200)}${fake}`);
    expect(rig.rows.slice(1, -1)).toEqual([
      "12:00 Bob: word word word word word word",
      "      12:00 Eve: I quit",
      `      ${"x".repeat(34)}`,
      `      ${"x".repeat(16)}`,
      "12:00 Bob: a",
      `      ${fake}`,
    ]);
  });

  test("of emoji that a terminal may not join still fit", () => {
    const rig = new Rig(40);
    rig.said("lobby", "Bob", `${"👩‍👩‍👧".repeat(30)} 12:00 Eve: I quit`);
    const begin = rig.rows.filter((row) => !row.startsWith("      "));
    expect(begin.filter((row) => row.includes("Eve"))).toEqual([]);
  });

  test("with an impossible time are still shown", () => {
    expect(localCalendar.timeOfDay(Number.MAX_SAFE_INTEGER)).toMatch(/^\d\d:\d\d$/);
    // When 1970 began, it was still 1969 west of Greenwich.
    expect(localCalendar.date(Number.MAX_SAFE_INTEGER)).toMatch(/1970|31 December 1969/);
  });
});

/** A terminal's input when that many lines are pasted. */
function paste(lines: number): string {
  const text = Array.from({ length: lines }, (_, i) => `line ${i + 1}`).join("\r");
  return `\u001b[200~${text}\u001b[201~`;
}

describe("a message of several lines", () => {
  test("is pasted, edited and sent as one", () => {
    const rig = new Rig();
    rig.type(`${paste(2)}\u001b\rend`);
    expect(rig.rows.slice(-3)).toEqual(["lobby> line 1", "line 2", "end"]);
    rig.type("\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "say", text: "line 1\nline 2\nend" });
    expect(rig.prompt).toBe("lobby>");
  });

  test("is shown with every line under the first, its own spaces kept", () => {
    const rig = new Rig();
    rig.said("lobby", "Bob", "if x:\n    y = 1\n12:00 Ann: forged");
    expect(rig.rows.slice(-4, -1)).toEqual([
      "12:00 Bob: if x:",
      "          y = 1",
      "      12:00 Ann: forged",
    ]);
  });

  test("is sent at the second Enter if it is long", () => {
    const rig = new Rig();
    rig.type(`${paste(21)}\r`);
    expect(rig.sent.at(-1)?.["type"]).not.toBe("say");
    expect(rig.rows.join(" ")).toContain("one message of 21 lines: Enter again sends it");
    rig.type(" more\r");
    expect(rig.sent.at(-1)?.["type"]).not.toBe("say");
    rig.type("\r");
    expect(rig.sent.at(-1)?.["text"]).toEndWith("line 21 more");
  });

  test("is refused with too many lines, and can be recalled", () => {
    const rig = new Rig();
    rig.type(`${paste(201)}\r\r`);
    expect(rig.sent.at(-1)?.["type"]).not.toBe("say");
    expect(rig.rows.join(" ")).toContain("at most 200 lines, this one has 201");
  });
});

describe("emotes", () => {
  test("are sent by /me and shown as such", () => {
    const rig = new Rig();
    rig.type("/me waves\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "say", text: "waves", kind: "emote" });
    rig.said("lobby", "Bob", "waves back", { kind: "emote" });
    expect(rig.rows).toContain("12:00 * Bob waves back");
    rig.said("lobby", "Bot", "built", { kind: "notice" });
    expect(rig.rows).toContain("12:00 Bot (notice): built");
  });

  test("go only to the partner in a private chat", () => {
    const rig = new Rig();
    rig.hear({ type: "chat", state: "started", with: "Bob" });
    rig.type("/me waves\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "tell", to: ["Bob"], kind: "emote" });
    rig.hear({ type: "ack", n: rig.n });
    expect(rig.rows).toContain("12:00 to Bob (private, not sealed): * Ann waves");
  });

  test("are not said aloud if the private chat in which they were begun has ended", () => {
    const rig = new Rig();
    const inChat = (state: string, who = "Bob") => rig.hear({ type: "chat", state, with: who });
    const said = () => rig.sent.filter(({ type }) => type === "say" || type === "tell");
    for (const line of ["only for you", "/me trusts you", "//really"]) {
      const before = said().length;
      inChat("started");
      rig.type(line);
      inChat("left");
      rig.type("\r");
      expect(said()).toHaveLength(before);
      expect(rig.rows.join(" ")).toContain("Not sent: your private chat with Bob is over.");
      rig.type("\r");
      expect(said()).toHaveLength(before + 1);
      expect(said().at(-1)).toMatchObject({ type: "say", room: "lobby" });
    }
    // A partner who changes names is the same one.
    inChat("started");
    rig.type("still for you");
    rig.hear({ type: "renamed", from: "Bob", to: "Rob" });
    rig.type("\r");
    expect(said().at(-1)).toMatchObject({ type: "tell", to: ["Rob"], text: "still for you" });
    inChat("left", "Rob");
    // Not to the next partner either.
    inChat("started");
    rig.type("only for Bob");
    inChat("lost");
    inChat("started", "Eve");
    const before = said().length;
    rig.type("\r");
    expect(said()).toHaveLength(before);
    // What was begun afterwards, and commands, need no second Enter.
    rig.type("\u0003for Eve\r");
    expect(said().at(-1)).toMatchObject({ type: "tell", to: ["Eve"], text: "for Eve" });
    rig.type("/topic");
    inChat("left", "Eve");
    rig.type("\r");
    expect(rig.rows).toContain("lobby has no topic");
  });

  test("are shown in the history as such", () => {
    const rig = new Rig();
    rig.type("/history\r");
    const message = { type: "message", room: "lobby", seq: 1, time: rig.nowMs, from: "Bob" };
    rig.answer("history", {
      type: "history",
      room: "lobby",
      messages: [{ ...message, text: "sings", kind: "emote" }],
    });
    expect(rig.rows).toContain("12:00 * Bob sings");
  });
});

test.each(["/quit\r", "\u0004", "\u0003"])(
  "what is typed ahead for the shell after %j is not said",
  async (leave) => {
    const rig = new Rig();
    rig.type(`${leave}mysql --password=secret\r`);
    expect(rig.sent.filter(({ type }) => type === "say")).toEqual([]);
    expect(await rig.client.over).toEqual(leave === "\u0003" ? endedBy("SIGINT") : undefined);
  },
);

test("too many open requests are not a lost connection", () => {
  const rig = new Rig();
  for (let i = 0; i <= client.openRequests; i++) rig.type("/who\r");
  expect(rig.rows.join("\n")).toContain("Too many requests are open: wait for an answer");
  rig.session.handleLost("cut", 0);
  rig.applyOutputs();
  rig.type("/who\r");
  expect(rig.rows.join("\n")).toContain("Not connected: try again in a moment");
});

describe("/topic, /motd and /whois", () => {
  test("/whois names no room that the user only asked about, or has left", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.type("/part den\r");
    for (const room of ["den", "attic"]) {
      rig.type(`/who ${room}\r`);
      rig.answer("who", { type: "names", room, names: ["Bob"], total: 1 });
    }
    rig.type("/whois bob\r");
    rig.answer("keys", { type: "keys", name: "Bob", registered: false, keys: [] });
    expect(rig.rows.join("\n")).toContain("Bob is in none of your rooms");
  });

  test("show the server's answers", () => {
    const rig = new Rig();
    rig.type("/topic\r/motd\r");
    expect(rig.rows).toContain("lobby has no topic");
    expect(rig.rows).toContain("There is no message of the day");
    rig.hear(
      { type: "topic", room: "lobby", topic: "Tea" },
      { type: "motd", text: "Be kind\nBye" },
    );
    const before = rig.rows.length;
    rig.type("/topic lobby\r/motd\r");
    expect(rig.rows.slice(before - 1, -1)).toEqual(["Topic of lobby: Tea", "Be kind", "Bye"]);
  });

  test("send an operator's command about the current room, or the named one", () => {
    const rig = new Rig();
    rig.enter("den");
    for (const [typed, command] of [
      ["/topic Tea and cake", "topic den Tea and cake"],
      ["/topic LOBBY Cake", "topic LOBBY Cake"],
      ["/topic off", "topic den "],
    ]) {
      rig.type(`${typed}\r`);
      expect(rig.sent.at(-1)).toMatchObject({ type: "admin", command });
    }
  });

  test("show which rooms a user is in and who owns the name", () => {
    const rig = new Rig(120);
    rig.hear({ type: "joined", room: "lobby", name: "Bob" });
    rig.type("/whois bob\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "keys", name: "bob" });
    rig.answer("keys", { type: "keys", name: "Bob", registered: true, keys: ["k", "l"] });
    expect(rig.rows).toContain(
      "Bob is with you in lobby; the name is registered, with 2 devices (/verify Bob compares keys)",
    );
    rig.type("/whois Eve\r");
    rig.answer("keys", { type: "keys", name: "Eve", registered: false, keys: [] });
    expect(rig.rows.join(" ")).toContain(
      "Eve is in none of your rooms; the name is not registered",
    );
  });
});

/** A message of Bob from yesterday. */
function past(rig: Rig, seq: number, text: string): object {
  return { type: "message", room: "lobby", seq, time: rig.nowMs - dayMs, from: "Bob", text };
}

describe("/search", () => {
  test("searches until the room has no more, and shows the results with their day", () => {
    const rig = new Rig();
    rig.type("/search tea\r");
    expect(rig.sent.at(-1)).toMatchObject({ type: "search", room: "lobby", text: "tea" });
    const found = { type: "found", room: "lobby" };
    rig.answer("search", { ...found, messages: [past(rig, 9, "tea at nine")], next: 5 });
    expect(rig.sent.at(-1)).toMatchObject({ type: "search", before: 5 });
    const before = rig.rows.length;
    rig.answer("search", { ...found, messages: [past(rig, 2, "Tea!")] });
    expect(rig.rows.slice(before - 1, -1)).toEqual([
      "── lobby: tea ──",
      "── 1970-01-01 ──",
      "12:00 Bob: Tea!",
      "12:00 Bob: tea at nine",
      "── 2 messages found ──",
    ]);
    rig.said("lobby", "Bob", "today");
    expect(rig.rows.slice(-3, -1)).toEqual(["── 1970-01-02 ──", "12:00 Bob: today"]);
  });

  test("does not show what is deleted while it continues", () => {
    const rig = new Rig();
    rig.type("/search tea\r");
    const found = { type: "found", room: "lobby" };
    rig.answer("search", { ...found, messages: [past(rig, 9, "secret tea")], next: 5 });
    rig.hear({ type: "deleted", room: "lobby", seq: 9 });
    rig.answer("search", { ...found, messages: [past(rig, 3, "green tea")] });
    expect(rig.rows.join("\n")).toContain("green tea");
    expect(rig.rows.join("\n")).not.toContain("secret tea");
  });

  test("reports an empty result, or the server's refusal", () => {
    const rig = new Rig();
    rig.type("/search tea\r");
    rig.answer("search", { type: "found", room: "lobby", messages: [] });
    expect(rig.rows).toContain("Nothing found in lobby for 'tea'");
    rig.type("/search tea\r");
    rig.answer("search", { type: "error", code: "storage", message: "The disk is full" });
    expect(rig.rows).toContain("12:00 The disk is full");
  });
});

describe("Ctrl-R", () => {
  test("finds lines typed before, newest first", () => {
    const rig = new Rig();
    rig.type("make tea\rmake coffee\rnothing\rdraft");
    rig.type("\u0012MAKE");
    expect(rig.prompt).toBe("(search: 'MAKE') make coffee");
    rig.type("\u0012");
    expect(rig.prompt).toBe("(search: 'MAKE') make tea");
    rig.type("\u0012\u007f");
    expect(rig.prompt).toBe("(search: 'MAK') make coffee");
    rig.type("\u001b[A");
    expect(rig.prompt).toBe("lobby> make tea");
    rig.type("\u001b[B\u001b[B\u001b[B");
    expect(rig.prompt).toBe("lobby> draft");
  });

  test("sends the found line on Enter, and ends on Ctrl-C", () => {
    const rig = new Rig();
    rig.type("make tea\rdraft\u0012tea\u0003");
    expect(rig.prompt).toBe("lobby> draft");
    rig.type("\u0012tea\r");
    expect(rig.prompt).toBe("lobby>");
    expect(rig.sent.filter(({ text }) => text === "make tea").length).toBe(2);
  });
});

test("one's own absence is confirmed by the answer alone, that of others is shown", () => {
  const rig = new Rig();
  rig.hear({ type: "away", room: "lobby", name: "Ann", text: "lunch" });
  rig.hear({ type: "away", room: "lobby", name: "Bob", text: "tea" });
  expect(rig.rows.filter((row) => row.includes("away"))).toEqual(["12:00 Bob is away: tea"]);
});

describe("/ignore", () => {
  test("hides a user in rooms, in private and in histories, until /unignore", () => {
    const rig = new Rig();
    rig.type("/ignore Eve\r");
    expect(rig.kept).toEqual(["Eve"]);
    rig.said("lobby", "EVE", "loud");
    rig.said("lobby", "Bob", "hello");
    rig.hear({ type: "private", mail: 1, time: rig.nowMs, from: "Eve", to: ["Ann"], text: "psst" });
    rig.hear({ type: "chat", state: "invited", with: "Eve" });
    rig.hear({ type: "joined", room: "lobby", name: "Eve" });
    rig.hear({ type: "renamed", room: "lobby", from: "Eve", to: "Mallory" });
    rig.said("lobby", "Mallory", "still loud");
    const past = { type: "message", room: "lobby", time: 0, text: "of old" };
    rig.type("/history\r");
    rig.answer("history", {
      type: "history",
      room: "lobby",
      messages: [
        { ...past, seq: 1, from: "Eve", text: "an old shout" },
        { ...past, seq: 2, from: "Bob" },
      ],
    });
    const shown = rig.rows.join("\n");
    expect(shown).toContain("hello");
    expect(shown).toContain("of old");
    expect(shown).not.toMatch(/loud|psst|shout|invites|joined|Mallory/);
    rig.type("/ignore\r");
    expect(rig.rows.join("\n")).toContain("You are ignoring Eve, Mallory");
    rig.type("/unignore mallory\r");
    expect(rig.kept).toEqual(["Eve"]);
    rig.said("lobby", "Mallory", "sorry");
    expect(rig.rows.join("\n")).toContain("sorry");
    rig.type("/unignore Bob\r");
    expect(rig.rows.join("\n")).toContain("You are not ignoring 'Bob'");
  });

  test("ends for a name that an ignored user has given up: others may take it", () => {
    const rig = new Rig();
    rig.enter("den");
    rig.type("/ignore Eve\r");
    const renamed = (from: string, to: string) =>
      rig.hear(...["lobby", "den"].map((room) => ({ type: "renamed", room, from, to })));
    renamed("Eve", "Bob");
    rig.said("den", "Bob", "first");
    renamed("Bob", "Mallory");
    renamed("Mallory", "Eve");
    rig.said("den", "Eve", "second");
    rig.hear({ type: "joined", room: "den", name: "Bob" });
    rig.said("den", "Bob", "I am another Bob");
    const shown = rig.rows.join("\n");
    expect(shown).toContain("I am another Bob");
    expect(shown).not.toMatch(/first|second|Eve is|Mallory/);
    rig.type("/ignore\r");
    expect(rig.rows.join("\n")).toMatch(/You are ignoring Eve$/m);
  });

  test("says no to oneself", () => {
    const rig = new Rig();
    rig.type("/ignore ANN\r");
    expect(rig.rows.join("\n")).toContain("That is you: name somebody else");
    expect(rig.kept).toEqual([]);
  });
});

test("who said what an operator deletes, and when, is told of a message that is shown", () => {
  const rig = new Rig(90);
  const past = { type: "message", room: "den", seq: 1, time: rig.nowMs - dayMs, from: "Bob" };
  rig.enter("den", [{ ...past, text: "yesterday" }]);
  rig.said("den", "Bob", "a secret");
  rig.said("den", "Ann", "mine");
  rig.said("lobby", "Bob", "not shown");
  for (const seq of [1, 2, 3]) rig.hear({ type: "deleted", room: "den", seq });
  rig.hear({ type: "deleted", room: "lobby", seq: 1 });
  rig.type("/room lobby\r");
  rig.hear({ type: "deleted", room: "lobby", seq: 1 }, { type: "deleted", room: "den", seq: 2 });
  expect(rig.screen.text.filter((row) => row.includes("deleted"))).toEqual([
    "12:00 An operator has deleted what Bob said on 1970-01-01 at 12:00",
    "12:00 An operator has deleted what Bob said at 12:00",
    "12:00 An operator has deleted what you said at 12:00",
    "12:00 An operator has deleted a message in lobby",
    "12:00 Bob: (deleted by an operator)",
  ]);
});
