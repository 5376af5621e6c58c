// What peers say to each other, in either style, however it is cut into segments.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Contact, encodeChat } from "../../src/cpp/codec.ts";
import { encodeBareChat } from "./bare-chat.ts";
import { type PeerEvent, PeerStream } from "../../src/cpp/peer-stream.ts";

const bob: Contact = { id: "Bob", ip: "127.0.0.1", port: 7777 };
const bytes = (text: string) => new TextEncoder().encode(text);
const said = (text: string): PeerEvent => ({ type: "text", text, duplex: false });

/** What a stream makes of reads that come one after another, each followed by silence if `pauses`. */
function hear(
  reads: readonly (string | Uint8Array)[],
  called = false,
  pauses = false,
): PeerEvent[] {
  const stream = new PeerStream({ called });
  const events = reads.flatMap((read) => {
    const heard = stream.push(typeof read === "string" ? bytes(read) : read);
    return pauses ? [...heard, ...stream.expire()] : heard;
  });
  return [...events, ...stream.end()];
}

describe("S0's own program: every line a CHAT", () => {
  const events: PeerEvent[] = [
    { type: "text", text: "Hello", from: bob, duplex: false },
    { type: "text", text: "/quit", from: bob, duplex: false },
  ];
  const wire = encodeChat(bob, "Hello") + encodeChat(bob, "/quit");

  test("at every split, merged or apart, whoever called", () => {
    for (const called of [false, true]) {
      for (let cut = 0; cut <= wire.length; cut++) {
        expect(hear([wire.slice(0, cut), wire.slice(cut)], called)).toEqual(events);
      }
      expect(hear([...wire], called)).toEqual(events);
    }
  });

  test("QUIT ends it, and what comes after it is not read", () => {
    expect(hear([encodeChat(bob, "x"), "QUIT\r\n\r\n\r\nmore"])).toEqual([
      { type: "text", text: "x", from: bob, duplex: false },
      { type: "quit" },
    ]);
  });

  test("bare text where a CHAT belongs is malformed, for good", () => {
    expect(hear([encodeChat(bob, "x"), "hello", encodeChat(bob, "y")])).toMatchObject([
      { type: "text", text: "x" },
      { type: "malformed" },
    ]);
  });
});

describe("other programs: a CHAT that names them, bare text, QUIT", () => {
  const opened: PeerEvent = { type: "opened", from: bob };
  const opening = encodeBareChat(bob);

  test("one read is one message; line ends part them", () => {
    expect(hear([opening, "Hello there", "CHAT is a word", "two\r\nlines\n"])).toEqual([
      opened,
      said("Hello there"),
      said("CHAT is a word"),
      said("two"),
      said("lines"),
    ]);
  });

  test("the first text may come with the CHAT, the last one with QUIT", () => {
    expect(hear([`${opening}Hello`, "byeQUIT\r\n\r\n"])).toEqual([
      opened,
      said("Hello"),
      said("bye"),
      { type: "quit" },
    ]);
  });

  test.each(["QUIT\r\n\r\n", "QUIT\r\n\r\n\r\n", "QUIT\n\n"])(
    "%j ends it, at every split",
    (end) => {
      for (let cut = 0; cut <= end.length; cut++) {
        const events = hear([opening, "Hi", end.slice(0, cut), end.slice(cut)]);
        expect(events).toEqual([opened, said("Hi"), { type: "quit" }]);
      }
    },
  );

  test("a text that only begins like QUIT is said when nothing follows", () => {
    for (const text of ["Q", "QU", "QUIT"]) {
      expect(hear([opening, text], false, true)).toEqual([opened, said(text)]);
    }
    expect(hear([opening, "QUITE right"])).toEqual([opened, said("QUITE right")]);
    const stream = new PeerStream({ called: false });
    stream.push(bytes(opening));
    expect(stream.holding).toBe(false);
    stream.push(bytes("QUI"));
    expect(stream.holding).toBe(true);
  });

  test("a character that two reads part is one character", () => {
    const hi = bytes("grüß 👋");
    for (let cut = 0; cut <= hi.length; cut++) {
      const texts = hear([opening, hi.subarray(0, cut), hi.subarray(cut)])
        .filter((event) => event.type === "text")
        .map((event) => event.text)
        .join("");
      expect(texts).toBe("grüß 👋");
    }
  });

  test("one whom we called may answer with bare text at once, even with one like CHAT", () => {
    expect(hear(["Hello you"], true)).toEqual([said("Hello you")]);
    expect(hear(["C"], true, true)).toEqual([said("C")]);
    expect(hear(["CHATTY"], true)).toEqual([said("CHATTY")]);
    expect(hear([encodeBareChat(bob), "Hi"], true)).toEqual([opened, said("Hi")]);
    expect(hear(["QUIT\r\n\r\n"], true)).toEqual([{ type: "quit" }]);
  });

  test("one who calls us has to open with a message", () => {
    for (const first of ["hello", "GET / HTTP/1.1\r\n\r\n", "REGISTER\r\n\r\n"]) {
      expect(hear([first])).toMatchObject([{ type: "malformed" }]);
    }
    expect(hear(["BRIDGE\r\nclientID: A\r\n\r\n"])).toMatchObject([{ type: "malformed" }]);
  });
});

test("hostile reads: no throw, no text with a line end or an escape, nothing held after the end", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      encodeBareChat(bob),
      encodeChat(bob, "x"),
      "QUIT",
      "\r\n",
      "Q",
      "CHAT",
      "\x1b[2J",
    ),
    fc.string({ unit: "binary", maxLength: 10 }),
  );
  const read = fc.oneof(
    fc.array(piece, { maxLength: 4 }).map((parts) => bytes(parts.join(""))),
    fc.uint8Array({ maxLength: 20 }),
  );
  fc.assert(
    fc.property(
      fc.array(read, { maxLength: 5 }),
      fc.boolean(),
      fc.boolean(),
      (reads, called, pauses) => {
        const stream = new PeerStream({ called });
        for (const bytes of reads) {
          for (const event of [...stream.push(bytes), ...(pauses ? stream.expire() : [])]) {
            if (event.type === "text" && /[\u0000-\u001f\u007f-\u009f]/.test(event.text)) {
              throw new Error(`a control character in ${JSON.stringify(event.text)}`);
            }
          }
        }
        stream.end();
        expect(stream.holding).toBe(false);
      },
    ),
    { numRuns: 50_000 },
  );
});
