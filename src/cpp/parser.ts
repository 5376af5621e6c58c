// Splits a byte stream into CPP messages, regardless of segmentation, line endings (`\r\n` or
// `\n`), and the case and order of headers. Pure; never throws; buffers at most one message in
// addition to the bytes passed in.

import { registry as limits } from "../limits.ts";
import {
  buildMessage,
  type CppMessage,
  knownHeaders,
  type MessageType,
  messageTypes,
} from "./codec.ts";

export type ParseResult =
  | { type: "need-more" }
  | { type: "message"; message: CppMessage }
  /** Final: there is no way to tell where the next message would begin. */
  | { type: "malformed"; reason: string };

const needMore: ParseResult = { type: "need-more" };
const lineFeed = 10;
const carriageReturn = 13;
const colon = 58;
const longestType = Math.max(...messageTypes.map((type) => type.length));
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Feed it bytes, then poll until it needs more or has failed. */
export class CppParser {
  #buffer = new Uint8Array(0);
  /** Start of the line being parsed. */
  #lineStart = 0;
  /**
   * Already searched for a newline up to here; searching again for each segment would be quadratic.
   */
  #searched = 0;
  #messageBytes = 0;
  #type: MessageType | undefined;
  #headers = new Map<string, string>();
  #failed: ParseResult | undefined;

  handleData(bytes: Uint8Array): void {
    if (this.#failed || bytes.length === 0) return;
    const held = this.#buffer.subarray(this.#lineStart);
    const joined = new Uint8Array(held.length + bytes.length);
    joined.set(held);
    joined.set(bytes, held.length);
    this.#buffer = joined;
    this.#searched -= this.#lineStart;
    this.#lineStart = 0;
  }

  pollMessage(): ParseResult {
    while (!this.#failed) {
      const end = this.#buffer.indexOf(lineFeed, this.#searched);
      if (end < 0) return this.#checkPartialLine();
      const start = this.#lineStart;
      const length =
        end - start - (this.#buffer[end - 1] === carriageReturn && end > start ? 1 : 0);
      this.#messageBytes += end + 1 - start;
      this.#lineStart = this.#searched = end + 1;
      const result = this.#readLine(this.#buffer.subarray(start, start + length));
      if (result) return result;
    }
    return this.#failed;
  }

  /** The stream has ended. QUIT has no headers, so it counts even without its empty line. */
  handleEnd(): ParseResult {
    if (this.#failed) return this.#failed;
    const line = utf8.decode(this.#buffer.subarray(this.#lineStart)).trimEnd();
    const type = this.#type ?? line;
    return type === "QUIT" ? { type: "message", message: { type } } : needMore;
  }

  /** Whether a message has begun but not ended. Empty lines between messages do not count. */
  get isMidMessage(): boolean {
    if (this.#type !== undefined) return true;
    const line = this.#buffer.subarray(this.#lineStart);
    return line.length > 1 || (line.length === 1 && line[0] !== carriageReturn);
  }

  /** Whether the current message's type line is complete. */
  get hasType(): boolean {
    return this.#type !== undefined;
  }

  /** Removes and returns the bytes after the last message. */
  takeRest(): Uint8Array {
    const rest = this.#buffer.slice(this.#lineStart);
    this.#buffer = new Uint8Array(0);
    this.#lineStart = this.#searched = this.#messageBytes = 0;
    return rest;
  }

  #checkPartialLine(): ParseResult {
    this.#searched = this.#buffer.length;
    const line = this.#buffer.subarray(this.#lineStart);
    if (this.#type === undefined && !canBecomeType(line)) return this.#fail(unknownType);
    return this.#messageBytes + line.length > limits.maxMessageBytes
      ? this.#fail(tooLong)
      : needMore;
  }

  #readLine(line: Uint8Array): ParseResult | undefined {
    if (this.#type === undefined) {
      // `echo -e` appends a newline, and some programs end QUIT with an extra one.
      if (line.length > 0) {
        this.#type = readType(line);
        if (this.#type === undefined) return this.#fail(unknownType);
      }
      return this.#messageBytes > limits.maxMessageBytes ? this.#fail(tooLong) : undefined;
    }
    if (this.#messageBytes > limits.maxMessageBytes) return this.#fail(tooLong);
    return line.length === 0 ? this.#finish(this.#type) : this.#readHeader(line);
  }

  #readHeader(line: Uint8Array): ParseResult | undefined {
    const at = line.indexOf(colon);
    if (at <= 0) return this.#fail("a header has no colon");
    const name = utf8.decode(line.subarray(0, at)).trim().toLowerCase();
    if (!knownHeaders.has(name)) return undefined;
    if (this.#headers.has(name)) return this.#fail(`the header ${name} occurs twice`);
    // One space belongs to the header syntax; any others belong to the value.
    this.#headers.set(name, utf8.decode(line.subarray(at + 1)).replace(/^ /, ""));
    return undefined;
  }

  #finish(type: MessageType): ParseResult {
    const message = buildMessage(type, this.#headers);
    if (typeof message === "string") return this.#fail(message);
    this.#type = undefined;
    this.#headers = new Map();
    this.#messageBytes = 0;
    return { type: "message", message };
  }

  #fail(reason: string): ParseResult {
    this.#failed = { type: "malformed", reason };
    this.#buffer = new Uint8Array(0);
    this.#lineStart = this.#searched = 0;
    this.#headers = new Map();
    return this.#failed;
  }
}

const unknownType = "not a CPP message";
const tooLong = `longer than ${limits.maxMessageBytes} bytes`;

function readType(line: Uint8Array): MessageType | undefined {
  if (line.length > longestType) return undefined;
  const text = utf8.decode(line);
  return messageTypes.find((type) => type === text);
}

/** Whether an incomplete line can still become a type line or an empty line. */
function canBecomeType(line: Uint8Array): boolean {
  if (line.length > longestType + 1) return false;
  const text = utf8.decode(line);
  return messageTypes.some((type) => `${type}\r`.startsWith(text)) || text === "\r";
}
