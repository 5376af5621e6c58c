// Parses what a peer sends, in either style. The original program puts every line into a `CHAT`;
// other programs open with a `CHAT` that names them, then send bare text and end with `QUIT`. Pure;
// knows no turns and no socket.

import { harmless } from "../text.ts";
import type { Contact, CppMessage } from "./codec.ts";
import { CppParser } from "./parser.ts";

/** A peer's style, determined by the first thing it sends. */
export type PeerStyle = "message" | "bare";

export type StreamEvent =
  /** A CHAT without a message: names the peer; bare text follows. */
  | { type: "opened"; from: Contact }
  | { type: "text"; text: string; from?: Contact; duplex: boolean }
  | { type: "quit" }
  | { type: "malformed"; reason: string };

/**
 * Text that begins like `QUIT` is held back this long for the rest; segments follow each other
 * faster.
 */
export const bareHoldMs = 50;
/** A complete `QUIT` without its empty line is held back this long for the connection to close. */
export const quitHoldMs = 1_000;

// QUIT ends with one or two empty lines; nothing after it is read.
const quit = /QUIT\r?\n\r?\n/;
const isQuitUnfinished = /^QUIT[\r\n]*$/;
const canBecomeQuit = /^Q(?:U(?:I(?:T(?:\r?(?:\n\r?)?)?)?)?)?$/;

export class PeerStream {
  /** The other side was called, so it may begin with bare text; a caller must open with CHAT. */
  readonly #isAnswering: boolean;
  #style: PeerStyle | undefined;
  #parser = new CppParser();
  /** Bytes that may turn out to be bare text: at most one CPP message and one read. */
  #opening: Uint8Array[] = [];
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held = "";
  #holdUntilMs = 0;
  #ended = false;

  constructor(options: { isAnswering: boolean }) {
    this.#isAnswering = options.isAnswering;
  }

  get style(): PeerStyle | undefined {
    return this.#style;
  }

  /** When held-back bytes, which may be the start of `QUIT` or `CHAT`, are treated as text. */
  get nextTimeoutMs(): number | undefined {
    return this.#isHolding ? this.#holdUntilMs : undefined;
  }

  handleData(bytes: Uint8Array, nowMs: number): StreamEvent[] {
    if (this.#ended || bytes.length === 0) return [];
    const events = this.#read(bytes);
    this.#holdUntilMs = nowMs + (this.#endsWithQuit() ? quitHoldMs : bareHoldMs);
    return events;
  }

  handleTimeout(nowMs: number): StreamEvent[] {
    return nowMs < this.#holdUntilMs ? [] : this.#releaseHeld();
  }

  /** The other side has closed its output. */
  handleEnd(): StreamEvent[] {
    const events: StreamEvent[] = this.#endsWithQuit() ? [{ type: "quit" }] : this.#releaseHeld();
    this.#ended = true;
    return events;
  }

  #read(bytes: Uint8Array): StreamEvent[] {
    if (this.#style === "bare") return this.#readBareText(bytes);
    if (this.#isUndecided) this.#opening.push(new Uint8Array(bytes));
    this.#parser.handleData(bytes);
    return this.#readMessages();
  }

  /**
   * Whether the stream ends with a `QUIT` without its empty line, which is all that some programs
   * send.
   */
  #endsWithQuit(): boolean {
    if (this.#ended) return false;
    if (this.#style === "bare") return isQuitUnfinished.test(this.#held);
    return this.#parser.handleEnd().type === "message";
  }

  /** Nothing more arrived: the held-back bytes are text. */
  #releaseHeld(): StreamEvent[] {
    if (!this.#isHolding) return [];
    if (this.#style === "bare") return this.#flushText();
    return [...this.#becomeBare(), ...this.#flushText()];
  }

  get #isHolding(): boolean {
    if (this.#ended) return false;
    if (this.#style === "bare") return this.#held !== "";
    return this.#isUndecided && this.#parser.isMidMessage && !this.#parser.hasType;
  }

  get #isUndecided(): boolean {
    return this.#isAnswering && this.#style === undefined;
  }

  #readMessages(): StreamEvent[] {
    const events: StreamEvent[] = [];
    for (;;) {
      const result = this.#parser.pollMessage();
      if (result.type === "need-more") return events;
      if (result.type === "malformed") {
        if (this.#isUndecided) return [...events, ...this.#becomeBare()];
        this.#ended = true;
        return [...events, { type: "malformed", reason: result.reason }];
      }
      const event = this.#readMessage(result.message);
      this.#opening = [];
      events.push(event);
      if (this.#ended) return events;
      if (this.#style === "bare") {
        return [...events, ...this.#readBareText(this.#parser.takeRest())];
      }
    }
  }

  #readMessage(message: CppMessage): StreamEvent {
    if (message.type === "QUIT") {
      this.#ended = true;
      return { type: "quit" };
    }
    if (message.type !== "CHAT") {
      this.#ended = true;
      return { type: "malformed", reason: `${message.type} is a message for the registry` };
    }
    const from: Contact = { id: message.id, ip: message.ip, port: message.port };
    this.#style ??= message.style;
    if (message.style === "bare") return { type: "opened", from };
    return { type: "text", text: message.text, from, duplex: message.duplex };
  }

  #becomeBare(): StreamEvent[] {
    this.#style = "bare";
    const opening = this.#opening;
    this.#opening = [];
    return opening.flatMap((bytes) => this.#readBareText(bytes));
  }

  /**
   * One read is one message, or several if it contains line endings. A split character is held back
   * until complete.
   */
  #readBareText(bytes: Uint8Array): StreamEvent[] {
    if (this.#ended) return [];
    this.#held += this.#decoder.decode(bytes, { stream: true });
    const found = quit.exec(this.#held);
    if (found) {
      this.#held = this.#held.slice(0, found.index);
      const events = this.#flushText();
      this.#ended = true;
      return [...events, { type: "quit" }];
    }
    return canBecomeQuit.test(this.#held) ? [] : this.#flushText();
  }

  #flushText(): StreamEvent[] {
    const lines = this.#held.split(/\r?\n/).map(harmless);
    this.#held = "";
    return lines
      .filter((text) => text !== "")
      .map((text): StreamEvent => ({ type: "text", text, duplex: false }));
  }
}
