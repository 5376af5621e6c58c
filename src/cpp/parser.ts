// CPP (S0): bytes → messages, in any number of segments, line ends `\r\n` or `\n`, headers in any case and order.
// Pure; never throws, and holds at most one message (limits.registry.maxMessageBytes) besides the bytes just pushed.

import { registry as limits } from "../limits.ts";
import { type CppMessage, type CppType, cppHeaders, cppMessage, cppTypes } from "./codec.ts";

export type CppResult =
  | { kind: "need-more" }
  | { kind: "message"; message: CppMessage }
  /** For good: nobody can tell where the next message would begin. */
  | { kind: "malformed"; reason: string };

const needMore: CppResult = { kind: "need-more" };
const lineFeed = 10;
const carriageReturn = 13;
const colon = 58;
const longestType = Math.max(...cppTypes.map((type) => type.length));
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Push bytes, then call `next` until it needs more or has failed. */
export class CppParser {
  #buffer = new Uint8Array(0);
  /** Where the line that is being read begins. */
  #lineStart = 0;
  /** How far the buffer has been searched for a line end; searching it again for each segment would be quadratic. */
  #searched = 0;
  #messageBytes = 0;
  #type: CppType | undefined;
  #headers = new Map<string, string>();
  #failed: CppResult | undefined;

  push(bytes: Uint8Array): void {
    if (this.#failed || bytes.length === 0) return;
    const held = this.#buffer.subarray(this.#lineStart);
    const joined = new Uint8Array(held.length + bytes.length);
    joined.set(held);
    joined.set(bytes, held.length);
    this.#buffer = joined;
    this.#searched -= this.#lineStart;
    this.#lineStart = 0;
  }

  /** Whether a message has begun and not ended; empty lines between messages are none. */
  get midMessage(): boolean {
    if (this.#type !== undefined) return true;
    const line = this.#buffer.subarray(this.#lineStart);
    return line.length > 1 || (line.length === 1 && line[0] !== carriageReturn);
  }

  /** Whether a whole type line has been read, so that the rest of its message can only be late. */
  get hasType(): boolean {
    return this.#type !== undefined;
  }

  /** Takes out what came after the last message. */
  rest(): Uint8Array {
    const rest = this.#buffer.slice(this.#lineStart);
    this.#buffer = new Uint8Array(0);
    this.#lineStart = this.#searched = this.#messageBytes = 0;
    return rest;
  }

  next(): CppResult {
    while (!this.#failed) {
      const end = this.#buffer.indexOf(lineFeed, this.#searched);
      if (end < 0) return this.#partialLine();
      const start = this.#lineStart;
      const length =
        end - start - (this.#buffer[end - 1] === carriageReturn && end > start ? 1 : 0);
      this.#messageBytes += end + 1 - start;
      this.#lineStart = this.#searched = end + 1;
      const result = this.#line(this.#buffer.subarray(start, start + length));
      if (result) return result;
    }
    return this.#failed;
  }

  #partialLine(): CppResult {
    this.#searched = this.#buffer.length;
    const line = this.#buffer.subarray(this.#lineStart);
    if (this.#type === undefined && !beginsType(line)) return this.#fail(unknownType);
    return this.#messageBytes + line.length > limits.maxMessageBytes
      ? this.#fail(tooLong)
      : needMore;
  }

  #line(line: Uint8Array): CppResult | undefined {
    if (this.#type === undefined) {
      // `echo -e` adds a line end to a message, and other programs end QUIT with one more.
      if (line.length > 0) {
        this.#type = typeOf(line);
        if (this.#type === undefined) return this.#fail(unknownType);
      }
      return this.#messageBytes > limits.maxMessageBytes ? this.#fail(tooLong) : undefined;
    }
    if (this.#messageBytes > limits.maxMessageBytes) return this.#fail(tooLong);
    return line.length === 0 ? this.#finish(this.#type) : this.#header(line);
  }

  #header(line: Uint8Array): CppResult | undefined {
    const at = line.indexOf(colon);
    if (at <= 0) return this.#fail("a header without a colon");
    const name = utf8.decode(line.subarray(0, at)).trim().toLowerCase();
    if (!cppHeaders.has(name)) return undefined;
    if (this.#headers.has(name)) return this.#fail(`the header ${name} twice`);
    // One blank belongs to the header; what follows belongs to the text.
    this.#headers.set(name, utf8.decode(line.subarray(at + 1)).replace(/^ /, ""));
    return undefined;
  }

  #finish(type: CppType): CppResult {
    const message = cppMessage(type, this.#headers);
    if (typeof message === "string") return this.#fail(message);
    this.#type = undefined;
    this.#headers = new Map();
    this.#messageBytes = 0;
    return { kind: "message", message };
  }

  #fail(reason: string): CppResult {
    this.#failed = { kind: "malformed", reason };
    this.#buffer = new Uint8Array(0);
    this.#lineStart = this.#searched = 0;
    this.#headers = new Map();
    return this.#failed;
  }
}

const unknownType = "no type line of CPP";
const tooLong = `longer than ${limits.maxMessageBytes} bytes`;

function typeOf(line: Uint8Array): CppType | undefined {
  if (line.length > longestType) return undefined;
  const text = utf8.decode(line);
  return cppTypes.find((type) => type === text);
}

/** Whether an unfinished line can still become a type line or an empty one. */
function beginsType(line: Uint8Array): boolean {
  if (line.length > longestType + 1) return false;
  const text = utf8.decode(line);
  return cppTypes.some((type) => `${type}\r`.startsWith(text)) || text === "\r";
}
