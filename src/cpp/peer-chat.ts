// One chat between two peers: whose turn it is, and in which style lines are sent. Pure; methods
// return what to show and send. Does not know which connection carries the chat.

import { registry } from "../limits.ts";
import { harmless } from "../text.ts";
import { type Contact, encodeBareChat, encodeChat, encodeQuit, quitText } from "./codec.ts";
import type { PeerEvent } from "./peer-event.ts";
import type { PeerStyle } from "./peer-stream.ts";

export type ChatOutput =
  /** A line for the terminal (undefined for none), and the same as an event for `--json`. */
  | { type: "show"; line: string | undefined; event: PeerEvent }
  /** One send. */
  | { type: "send"; text: string };

/**
 * `write`: the next line is from this side. `read`: the next line is from the peer. `duplex`:
 * either side may send at any time.
 */
export type Turn = "write" | "read" | "duplex";

/**
 * The gap between opening a bare chat and its first text, since programs treat each read as a
 * message.
 */
const bareGapMs = 100;

const utf8 = new TextEncoder();

export class PeerChat {
  readonly peer: Contact;
  readonly #self: Contact;
  readonly #wantsDuplex: boolean;
  #style: PeerStyle;
  #turn: Turn;
  /** If set, no line may be sent before this time. */
  #writeAfterMs: number | undefined;

  constructor(
    self: Contact,
    peer: Contact,
    options: { turn: Turn; style: PeerStyle; duplex: boolean },
  ) {
    this.#self = self;
    this.peer = peer;
    this.#style = options.style;
    this.#wantsDuplex = options.duplex;
    this.#turn = options.turn;
  }

  /**
   * The chat has begun. If this side called in bare style, a CHAT with its name precedes the first
   * line.
   */
  handleStart(nowMs: number): ChatOutput[] {
    if (this.#turn === "duplex") return [this.#showTurn("IN DUPLEX MODE")];
    if (this.#turn !== "write") return [];
    const turn = this.#showTurn("IN WRITE MODE");
    if (this.#style !== "bare") return [turn];
    this.#writeAfterMs = nowMs + bareGapMs;
    return [{ type: "send", text: encodeBareChat(this.#self) }, turn];
  }

  /** Whether a typed line may be sent now. */
  get canWrite(): boolean {
    return this.#turn !== "read" && this.#writeAfterMs === undefined;
  }

  get nextTimeoutMs(): number | undefined {
    return this.#writeAfterMs;
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= (this.#writeAfterMs ?? Infinity)) this.#writeAfterMs = undefined;
  }

  get turn(): Turn {
    return this.#turn;
  }

  /** The peer has revealed its style; it is answered in that style from now on. */
  adoptStyle(style: PeerStyle): void {
    this.#style = style;
  }

  /** Sends a line and passes the turn. Skips empty lines and refuses lines that are too long. */
  handleTyped(typed: string): ChatOutput[] {
    const text = harmless(typed);
    if (text.trim() === "") return [];
    const message = this.#style === "bare" ? text : this.#encode(text);
    const size = utf8.encode(message).length;
    if (size > registry.maxMessageBytes) {
      const line =
        `Message not sent: it takes ${size} bytes, the limit is ${registry.maxMessageBytes}. ` +
        "Send it in parts.";
      return [{ type: "show", line, event: { event: "failed", what: "message", reason: line } }];
    }
    const outputs: ChatOutput[] = [
      { type: "send", text: message },
      { type: "show", line: undefined, event: { event: "sent", to: this.peer.id, text } },
    ];
    if (this.#turn !== "duplex") {
      this.#turn = "read";
      outputs.push(this.#showTurn("IN READ MODE"));
    }
    return outputs;
  }

  /** A line from the peer; shown even out of turn. `duplex`: the peer offers duplex mode. */
  handleText(text: string, duplex: boolean): ChatOutput[] {
    const isOfferOnly = duplex && text === "";
    const outputs: ChatOutput[] = [];
    if (!isOfferOnly) {
      const event: PeerEvent = { event: "message", from: this.peer.id, text };
      outputs.push({ type: "show", line: `${this.peer.id}> ${text}`, event });
    }
    if (duplex && this.#wantsDuplex) return [...outputs, ...this.#startDuplex(!isOfferOnly)];
    if (this.#turn === "read" && !isOfferOnly) {
      this.#turn = "write";
      outputs.push(this.#showTurn("IN WRITE MODE"));
    }
    return outputs;
  }

  /**
   * This side leaves. The original program sends `/quit` twice. Bare programs need not know QUIT
   * (some show it as text, some keep waiting), but all of them treat a closed connection as the end
   * of the chat.
   */
  handleLeave(): ChatOutput[] {
    return this.#style === "bare" ? [] : [this.#sendQuitText(), this.#sendQuitText()];
  }

  /** The peer has announced that it is leaving; it gets one answer. */
  handlePeerLeft(): ChatOutput[] {
    return this.#style === "bare" ? [{ type: "send", text: encodeQuit() }] : [this.#sendQuitText()];
  }

  /** An empty CHAT accepts an offer of duplex mode; only parley makes such offers. */
  #startDuplex(accept: boolean): ChatOutput[] {
    if (this.#turn === "duplex") return [];
    this.#turn = "duplex";
    const turn = this.#showTurn("IN DUPLEX MODE");
    return accept ? [{ type: "send", text: this.#encode("") }, turn] : [turn];
  }

  #sendQuitText(): ChatOutput {
    return { type: "send", text: encodeChat(this.#self, quitText) };
  }

  #encode(text: string): string {
    return encodeChat(this.#self, text, this.#wantsDuplex);
  }

  #showTurn(line: string): ChatOutput {
    return { type: "show", line, event: { event: "turn", turn: this.#turn } };
  }
}
