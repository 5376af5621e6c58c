// The native dialect's parser against a plain twin and 100 000 hostile lines: typed commands or a typed refusal, never a throw,
// never more out than came in; and everything that it renders is one JSON object a line.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Command, PersonalEvent } from "../../../src/chat/events.ts";
import { harmless } from "../../../src/text.ts";
import { readServerLine } from "../../../src/client/wire.ts";
import type { Conversation } from "../../../src/chat/dialect.ts";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import { history, message as limits } from "../../../src/limits.ts";
import {
  joined,
  left,
  names,
  peer,
  privately,
  refused,
  renamed,
  said,
  welcome,
} from "../events.ts";

const dialect = nativeDialect({ name: "parley test", udpPort: 55_000, messagesPerSecond: 100 });
const hello = '{"type":"hello","version":1,"name":"Ann"}';

function open(): Conversation {
  return dialect.open(peer);
}

/** What a greeted client's line asks for. */
function read(line: string | object): Command | undefined {
  const conversation = open();
  conversation.receive(hello);
  return conversation.receive(typeof line === "string" ? line : JSON.stringify(line));
}

/** A hello with these fields in place of its own. */
function login(more: object): Command | undefined {
  return open().receive(JSON.stringify({ type: "hello", version: 1, name: "Ann", ...more }));
}

const secret = "0123456789abcdef";
const requests: [object, Command][] = [
  [
    { type: "say", text: "hi" },
    { type: "say", text: "hi" },
  ],
  [
    { type: "say", n: 8, text: "hi" },
    { type: "say", text: "hi", n: 8 },
  ],
  [
    { text: 'q"\\\n', type: "say", n: 1 },
    { type: "say", text: 'q"\\\n', n: 1 },
  ],
  [
    { type: "tell", n: 9, to: ["Bob"], text: "x" },
    { type: "tell", to: ["Bob"], text: "x", n: 9 },
  ],
  [{ type: "who" }, { type: "names", limit: history.pageMessages }],
  [
    { type: "who", after: "B", ref: 2 },
    { type: "names", limit: 500, after: "B", ref: 2 },
  ],
  [
    { type: "rooms", ref: "r" },
    { type: "rooms", limit: 500, ref: "r" },
  ],
  [
    { type: "enter", room: "den" },
    { type: "enter", room: "den" },
  ],
  [
    { type: "enter", room: "den", seq: 0, epoch: "e" },
    { type: "enter", room: "den", since: { epoch: "e", seq: 0 } },
  ],
  [
    { type: "rename", name: "A", ref: 4 },
    { type: "rename", name: "A", ref: 4 },
  ],
  [{ type: "history" }, { type: "history", limit: 500 }],
  [
    { type: "history", before: 40, limit: 9e9 },
    { type: "history", before: 40, limit: 500 },
  ],
  [
    { type: "history", limit: 0 },
    { type: "history", limit: 500 },
  ],
  [
    { type: "invite", to: "Bob" },
    { type: "invite", to: "Bob" },
  ],
  [{ type: "accept" }, { type: "accept" }],
  [{ type: "reject" }, { type: "reject" }],
  [{ type: "leave" }, { type: "leave" }],
  [
    { type: "files", after: "a", limit: 2 },
    { type: "files", limit: 2, after: "a" },
  ],
  [
    { type: "ping", ref: 6 },
    { type: "ping", ref: 6 },
  ],
  [{ type: "pong" }, { type: "alive" }],
  [{ type: "bye" }, { type: "quit" }],
];

describe("requests", () => {
  test.each(requests)("%j", (request, command) => {
    expect(read(request)).toEqual(command);
    expect(read({ ...request, unknown: { deep: [1] } })).toEqual(command);
    expect(read(`  ${JSON.stringify(request, null, 1).replaceAll("\n", "")}\t`)).toEqual(command);
  });

  test("the first line has to be a hello of this version", () => {
    expect(open().receive(hello)).toEqual({ type: "login", name: "Ann", secret: "" });
    expect(open().receive('{"type":"hello","version":1}')).toMatchObject({ visitor: true });
    for (const line of ['{"type":"say","text":"x"}', '{"type":"say","n":1,"text":"x"}', "{}"]) {
      expect(open().receive(line)).toMatchObject({ type: "invalid", code: "protocol", end: true });
    }
    for (const version of [0, 2, "1", null, undefined, 1.5]) {
      const line = JSON.stringify({ type: "hello", version, name: "Ann" });
      expect(open().receive(line)).toMatchObject({ type: "invalid", code: "version", end: true });
    }
  });

  test("a hello takes only a usable name, secret and point", () => {
    expect(login({ secret, room: "den", epoch: "e", seq: 3, mail: 0 })).toEqual({
      type: "login",
      name: "Ann",
      secret,
      room: "den",
      since: { epoch: "e", seq: 3, mail: 0 },
    });
    for (const bad of ["short", "x".repeat(129), `${secret} `, `${secret}é`, 5, null, {}]) {
      expect(login({ secret: bad })).toMatchObject({ type: "invalid", end: true });
    }
    for (const name of [5, null, [], {}, true]) {
      expect(login({ name })).toMatchObject({ type: "invalid", end: true });
    }
    for (const seq of [-1, 1.5, "3", 2 ** 53, null]) {
      expect(login({ epoch: "e", seq })).toMatchObject({ since: { epoch: "e" } });
    }
    expect(login({ epoch: "x".repeat(1_000) })).toMatchObject({ since: { epoch: "x".repeat(64) } });
  });

  test("wrong types are refused with the ref of the request", () => {
    const wrong: object[] = [
      { type: "say" },
      { type: "say", text: 5 },
      { type: "say", text: ["x"] },
      { type: "tell", text: "x" },
      { type: "tell", text: "x", to: "Bob" },
      { type: "tell", text: "x", to: [] },
      { type: "tell", text: "x", to: ["Bob", 5] },
      { type: "enter" },
      { type: "rename", name: {} },
      { type: "invite", to: ["Bob"] },
      { type: "nonsense" },
      { type: 5 },
      { type: null },
      {},
    ];
    for (const request of wrong) {
      expect(read({ ...request, ref: 7 })).toMatchObject({ type: "invalid", ref: 7 });
    }
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect(read({ type: name })).toMatchObject({ type: "invalid", code: "protocol" });
    }
  });

  test("counters are whole numbers from 1 on that JavaScript can count", () => {
    for (const n of ["0", "-1", "1.5", "1e400", "9007199254740992", '"1"', "null", "[]", "01"]) {
      expect(read(`{"type":"say","n":${n},"text":"x"}`)).toMatchObject({ type: "invalid" });
    }
    for (const n of ["1", "999999999999999", "9007199254740991", "1e3", "10.0"]) {
      expect(read(`{"type":"say","n":${n},"text":"x"}`)).toMatchObject({ n: Number(n) });
    }
  });

  test("a ref is a short string or a whole number, or there is none", () => {
    for (const ref of [1.5, 2 ** 53, "x".repeat(65), null, {}, true]) {
      expect(read({ type: "ping", ref })).toEqual({ type: "ping" });
    }
  });
});

describe("hostile lines", () => {
  test("every truncation of every request is refused, or does not matter", () => {
    for (const [request] of requests) {
      const line = JSON.stringify(request);
      for (let end = 1; end < line.length; end++) {
        expect(read(line.slice(0, end))).toMatchObject({ type: "invalid", code: "protocol" });
      }
    }
    for (const blank of ["", " ", "\t \r"]) expect(read(blank)).toBeUndefined();
  });

  test("what looks like the shortest message at both ends is none", () => {
    const conversation = open();
    conversation.receive(JSON.stringify({ type: "hello", version: 1 }));
    const line = '{"type":"say","n":1,"text":"}';
    expect(conversation.receive(line)).toMatchObject({ type: "invalid", code: "protocol" });
    expect(conversation.receive('{"type":"say","n":1,"text":""}')).toEqual({
      type: "say",
      text: "",
      n: 1,
    });
  });

  test("no JSON, no object, no end", () => {
    const lines = [
      "null",
      "1",
      '"x"',
      "[]",
      '[{"type":"say"}]',
      "{,}",
      "{}}",
      "Ann",
      "\u0000",
      "{'a':1}",
    ];
    for (const line of lines) expect(read(line)).toMatchObject({ type: "invalid" });
    expect(open().overflow?.()).toMatchObject({ type: "invalid", end: true });
  });

  test("nesting as deep as a line allows, huge numbers, many fields take no time", () => {
    const half = limits.maxLineBytes / 2;
    const lines = [
      "[".repeat(2 * half),
      `${'{"a":'.repeat(half / 3)}1${"}".repeat(half / 3)}`,
      `{"type":"say","text":${"[".repeat(half - 50)}${"]".repeat(half - 50)}}`,
      `{"type":"say","n":${"9".repeat(half)},"text":"x"}`,
      `{"type":"history","limit":1e${"9".repeat(half)}}`,
      `{"type":"tell","text":"x","to":[${'"a",'.repeat(half / 3)}"b"]}`,
      `{${'"a":1,'.repeat(half / 4)}"type":"ping"}`,
      `{"type":"${"x".repeat(2 * half - 20)}"}`,
    ];
    const startMs = performance.now();
    for (const line of lines) {
      const command = read(line);
      expect(JSON.stringify(command).length).toBeLessThan(limits.maxLineBytes + 500);
      if (command?.type === "invalid") expect(command.message.length).toBeLessThan(200);
    }
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test("100 000 of them, greeted or not", () => {
    const value = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constantFrom(null, [], {}, ["a"], "\u001b[2J", "a\nb", "\ud800"),
    );
    const types = requests.map(([request]) => (request as { type: string }).type);
    const object = fc.dictionary(
      fc.constantFrom(
        "text",
        "n",
        "to",
        "ref",
        "name",
        "room",
        "seq",
        "epoch",
        "limit",
        "__proto__",
      ),
      value,
      { maxKeys: 4 },
    );
    const line = fc.oneof(
      fc
        .tuple(fc.constantFrom(...types, "hello", "fetch", "?"), object)
        .map(([type, fields]) => JSON.stringify({ type, ...fields })),
      fc.string({
        unit: fc.constantFrom(...'{}[]",:\\ \u0000', "type", "say", "1", "é"),
        maxLength: 20,
      }),
      fc.string({ unit: "binary", maxLength: 40 }),
    );
    fc.assert(
      fc.property(line, fc.boolean(), (text, greeted) => {
        const conversation = open();
        if (greeted) conversation.receive(hello);
        const command = conversation.receive(text);
        if (command === undefined) return expect(text.trim()).toBe("");
        expect(JSON.stringify(command).length).toBeLessThan(300 + 6 * text.length);
      }),
      { numRuns: 100_000 },
    );
  });

  test("the quick reader of messages and the whole parser agree", () => {
    const text = fc.string({
      unit: fc.constantFrom(
        "a",
        " ",
        '"',
        "\\",
        "\n",
        "\u0000",
        "é",
        "🎈",
        "}",
        ",",
        "\u2028",
        "\\u0041",
      ),
      maxLength: 12,
    });
    const n = fc.oneof(
      fc.nat(20),
      fc.constantFrom("01", "1e2", "-1", "1.0", "", " 1", "1".repeat(17)),
    );
    fc.assert(
      fc.property(
        n,
        text,
        fc.boolean(),
        fc.constantFrom("", " ", ',"x":1'),
        (n, text, raw, more) => {
          const body = raw ? text : JSON.stringify(text).slice(1, -1);
          const line = `{"type":"say","n":${n},"text":"${body}"${more}}`;
          let fields: { text: string; n: number } | undefined;
          try {
            fields = JSON.parse(line) as { text: string; n: number };
          } catch {
            fields = undefined;
          }
          const command = read(line);
          if (fields === undefined || !Number.isSafeInteger(fields.n) || fields.n < 1) {
            expect(command?.type).toBe("invalid");
          } else expect(command).toEqual({ type: "say", text: fields.text, n: fields.n });
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

describe("what it renders", () => {
  const texts = [
    "hi",
    'a "quoted" \\ text',
    "grüße 🎈",
    "</script>",
    "",
    "x".repeat(limits.maxTextChars),
  ];
  const personal: PersonalEvent[] = [
    welcome("Ann"),
    welcome(""),
    refused("Ann"),
    names("Ann", "Bob"),
    { type: "ack", n: 9, seq: undefined },
    { type: "history", room: "den", messages: [said("Bob", 'q"'), said("[::1]:5", "x")], ref: "r" },
    { type: "replay", message: said("Bob", "old") },
    { type: "files", files: [{ name: 'a "b"', sizeBytes: 1, modifiedMs: 2 }], next: "a", ref: 1 },
    { type: "transfer", line: { type: "offer", name: "a" } },
    { type: "chat", state: "asked", with: "Bob" },
    { type: "error", code: "rate", message: 'no "more"', n: 3, retryAfterMs: 5 },
    { type: "bye", reason: "the end" },
    { type: "ping" },
    { type: "pong", ref: undefined },
    ...texts.map((text) => privately("Bob", ["Ann"], text)),
  ];

  test("is one JSON object a line", () => {
    const conversation = open();
    const rendered = personal.flatMap((event) => conversation.render(event) ?? []);
    const room = [
      joined("Ann"),
      left("Ann"),
      renamed("Ann", "Eve"),
      ...texts.map((t) => said("A", t)),
    ];
    rendered.push(...room.flatMap((event) => dialect.renderRoom(event) ?? []));
    expect(rendered).toHaveLength(personal.length + room.length);
    for (const line of rendered) {
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(JSON.parse(line)).toHaveProperty("type");
    }
  });

  test("says what was said, number by number", () => {
    for (const text of texts) {
      expect(JSON.parse(dialect.renderRoom({ ...said("Bob", text), seq: 45, n: 4 }) ?? "")).toEqual(
        {
          type: "message",
          seq: 45,
          time: 0,
          from: "Bob",
          text,
          n: 4,
        },
      );
    }
  });

  test("runs, empty texts in them too, as the client reads them", () => {
    const anyTexts = fc.array(
      fc
        .oneof(fc.constant(""), fc.string(), fc.string({ unit: "binary" }))
        .map((text) => harmless(text)),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(anyTexts, fc.option(fc.nat(9), { nil: undefined }), (texts, n) => {
        const run = texts.map((text, i) => ({
          ...said("Ann", text),
          seq: 45 + i,
          n: n === undefined ? n : n + i,
        }));
        const rendered = dialect.withRuns!.renderRun!(run);
        expect(readServerLine(rendered)).toEqual({
          type: "messages",
          seq: 45,
          timeMs: 0,
          from: "Ann",
          texts,
          n,
        });
      }),
      { numRuns: 2_000, examples: [[["", "b"], 1]] },
    );
  });
});

test("a type or version of any depth is answered, never thrown at", () => {
  const deep = `${"[".repeat(60_000)}${"]".repeat(60_000)}`;
  const conversation = open();
  for (const hello of [`{"type":"hello","version":${deep}}`, '{"type":"hello","version":1}']) {
    expect(conversation.receive(hello)).toBeDefined();
  }
  for (const type of [deep, '{"a":1}', "7", "null", '"nonsense"']) {
    expect(conversation.receive(`{"type":${type},"ref":1}`)).toMatchObject({
      type: "invalid",
      code: "protocol",
      ref: 1,
    });
  }
});
