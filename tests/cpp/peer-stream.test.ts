// The data that one peer sends another, in either style, however it is segmented.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Contact, encodeBareChat, encodeChat } from "../../src/cpp/codec.ts";
import { bareHoldMs, PeerStream, quitHoldMs, type StreamEvent } from "../../src/cpp/peer-stream.ts";
import { anyCharacter } from "../any-character.ts";

const bob: Contact = { id: "Bob", ip: "127.0.0.1", port: 7777 };
const bytes = (text: string) => new TextEncoder().encode(text);
const said = (text: string): StreamEvent => ({ type: "text", text, duplex: false });

/** The events of these reads, each followed by a pause long enough for the timeout if `pauses`. */
function hear(
  reads: readonly (string | Uint8Array)[],
  isAnswering = false,
  pauses = false,
): StreamEvent[] {
  const stream = new PeerStream({ isAnswering });
  const events = reads.flatMap((read) => {
    const now = stream.handleData(typeof read === "string" ? bytes(read) : read, 0);
    const timeoutMs = pauses ? stream.nextTimeoutMs : undefined;
    return timeoutMs === undefined ? now : [...now, ...stream.handleTimeout(timeoutMs)];
  });
  return [...events, ...stream.handleEnd()];
}

describe("the original program: every line is a CHAT", () => {
  const events: StreamEvent[] = [
    { type: "text", text: "Hello", from: bob, duplex: false },
    { type: "text", text: "/quit", from: bob, duplex: false },
  ];
  const wire = encodeChat(bob, "Hello") + encodeChat(bob, "/quit");

  test("at every split, whoever called", () => {
    for (const isAnswering of [false, true]) {
      for (let cut = 0; cut <= wire.length; cut++) {
        expect(hear([wire.slice(0, cut), wire.slice(cut)], isAnswering)).toEqual(events);
      }
      expect(hear([...wire], isAnswering)).toEqual(events);
    }
  });

  test("QUIT ends it; nothing after it is read", () => {
    expect(hear([encodeChat(bob, "x"), "QUIT\r\n\r\n\r\nmore"])).toEqual([
      { type: "text", text: "x", from: bob, duplex: false },
      { type: "quit" },
    ]);
  });

  test("bare text instead of a CHAT is malformed, and final", () => {
    expect(hear([encodeChat(bob, "x"), "hello", encodeChat(bob, "y")])).toMatchObject([
      { type: "text", text: "x" },
      { type: "malformed" },
    ]);
  });
});

describe("other programs: a CHAT that identifies them, bare text, QUIT", () => {
  const opened: StreamEvent = { type: "opened", from: bob };
  const opening = encodeBareChat(bob);

  test("one read is one message, unless line endings split it", () => {
    expect(hear([opening, "Hello there", "CHAT is a word", "two\r\nlines\n"])).toEqual([
      opened,
      said("Hello there"),
      said("CHAT is a word"),
      said("two"),
      said("lines"),
    ]);
  });

  test("the first text may share a read with the CHAT, the last one with QUIT", () => {
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

  test.each(["QUIT", "QUIT\n", "QUIT\r\n"])(
    "%j and then FIN ends it too, in either style",
    (end) => {
      for (let cut = 0; cut <= end.length; cut++) {
        const reads = [end.slice(0, cut), end.slice(cut)];
        expect(hear([opening, "Hi", ...reads])).toEqual([opened, said("Hi"), { type: "quit" }]);
        expect(hear([encodeChat(bob, "Hi"), ...reads]).at(-1)).toEqual({ type: "quit" });
        expect(hear(reads, true)).toEqual([{ type: "quit" }]);
      }
    },
  );

  test("a whole QUIT waits longer for FIN than the beginning of one", () => {
    const stream = new PeerStream({ isAnswering: false });
    stream.handleData(bytes(opening), 0);
    stream.handleData(bytes("QUIT"), 0);
    expect(stream.handleTimeout(bareHoldMs)).toEqual([]);
    expect(stream.nextTimeoutMs).toBe(quitHoldMs);
    expect(stream.handleEnd()).toEqual([{ type: "quit" }]);
  });

  test("a text that only begins like QUIT is shown when nothing follows", () => {
    for (const text of ["Q", "QU", "QUIT"]) {
      expect(hear([opening, text], false, true)).toEqual([opened, said(text)]);
    }
    expect(hear([opening, "QUITE right"])).toEqual([opened, said("QUITE right")]);
    const stream = new PeerStream({ isAnswering: false });
    stream.handleData(bytes(opening), 0);
    expect(stream.nextTimeoutMs).toBeUndefined();
    stream.handleData(bytes("QUI"), 7);
    expect(stream.nextTimeoutMs).toBe(7 + bareHoldMs);
    expect(stream.handleTimeout(7)).toEqual([]);
  });

  test("a character split over two reads stays one character", () => {
    const hi = bytes("grüß 👋");
    for (let cut = 0; cut <= hi.length; cut++) {
      const texts = hear([opening, hi.subarray(0, cut), hi.subarray(cut)])
        .filter((event) => event.type === "text")
        .map((event) => event.text)
        .join("");
      expect(texts).toBe("grüß 👋");
    }
  });

  test("a peer that we called may answer with bare text immediately, even if it resembles CHAT", () => {
    expect(hear(["Hello you"], true)).toEqual([said("Hello you")]);
    expect(hear(["C"], true, true)).toEqual([said("C")]);
    expect(hear(["CHATTY"], true)).toEqual([said("CHATTY")]);
    expect(hear([encodeBareChat(bob), "Hi"], true)).toEqual([opened, said("Hi")]);
    expect(hear(["QUIT\r\n\r\n"], true)).toEqual([{ type: "quit" }]);
  });

  test("a peer that calls us has to open with a CHAT", () => {
    for (const first of ["hello", "GET / HTTP/1.1\r\n\r\n", "REGISTER\r\n\r\n"]) {
      expect(hear([first])).toMatchObject([{ type: "malformed" }]);
    }
    expect(hear(["BRIDGE\r\nclientID: A\r\n\r\n"])).toMatchObject([{ type: "malformed" }]);
  });
});

test("hostile reads: no throw, no control character in a text, nothing held after the end", () => {
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
    fc.string({ unit: anyCharacter, maxLength: 10 }),
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
      (reads, isAnswering, pauses) => {
        const stream = new PeerStream({ isAnswering });
        for (const bytes of reads) {
          const events = stream.handleData(bytes, 0);
          if (pauses) events.push(...stream.handleTimeout(bareHoldMs));
          for (const event of events) {
            if (event.type === "text" && /[\u0000-\u001f\u007f-\u009f]/.test(event.text)) {
              throw new Error(`a control character in ${JSON.stringify(event.text)}`);
            }
          }
        }
        stream.handleEnd();
        expect(stream.nextTimeoutMs).toBeUndefined();
      },
    ),
    { numRuns: 10_000 },
  );
});
