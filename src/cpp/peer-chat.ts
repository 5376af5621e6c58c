// One chat between two peers (S0): whose turn it is, in which style lines leave, how it is left. Pure; which connection
// the lines take, and what was typed before, is the session's business (peer-session.ts).

import { type Contact, encodeChat, encodeQuit, quitText } from "./codec.ts";
import type { PeerStyle } from "./peer-stream.ts";
import { harmless } from "../text.ts";
import { registry as limits } from "../limits.ts";
import type { PeerNotice } from "./peer-notice.ts";

export type ChatOutput = {
  /** A line for the terminal (none: only programs are told), and the same for programs. */
  show(line: string | undefined, notice: PeerNotice): void;
  /** One send. */
  send(text: string): void;
};

/** `write`: the next line is ours. `read`: it is the other's. `duplex`: both at any time. */
export type Turn = "write" | "read" | "duplex";

const bytes = new TextEncoder();

export class PeerChat {
  readonly peer: Contact;
  readonly #self: Contact;
  readonly #output: ChatOutput;
  readonly #duplexWanted: boolean;
  #style: PeerStyle;
  #turn: Turn;

  constructor(
    self: Contact,
    peer: Contact,
    output: ChatOutput,
    options: { turn: "write" | "read"; style: PeerStyle; duplex: boolean },
  ) {
    this.#self = self;
    this.peer = peer;
    this.#output = output;
    this.#style = options.style;
    this.#duplexWanted = options.duplex;
    this.#turn = options.turn;
    if (this.#turn === "write") this.#sayTurn("IN WRITE MODE");
  }

  /** Whether a typed line may leave now. */
  get canWrite(): boolean {
    return this.#turn !== "read";
  }

  get turn(): Turn {
    return this.#turn;
  }

  /** The other side has shown how it speaks; from now on it is answered in that way. */
  speak(style: PeerStyle): void {
    this.#style = style;
  }

  /** Sends a typed line and gives the turn away. An empty line is not said; one that is too long is refused, never cut. */
  write(typed: string): void {
    const text = harmless(typed);
    if (text.trim() === "") return;
    const message = this.#style === "bare" ? text : this.#encode(text);
    const size = bytes.encode(message).length;
    if (size > limits.maxMessageBytes) {
      const line = `Message not sent: it takes ${size} bytes, and ${limits.maxMessageBytes} are possible. Send it in parts.`;
      this.#output.show(line, { event: "failed", what: "message", reason: line });
      return;
    }
    this.#output.send(message);
    this.#output.show(undefined, { event: "sent", to: this.peer.id, text });
    if (this.#turn === "duplex") return;
    this.#turn = "read";
    this.#sayTurn("IN READ MODE");
  }

  /** A line of the other side; out of turn it is shown all the same. `duplex`: it offers to lift the turns. */
  hear(text: string, duplex: boolean): void {
    const offerOnly = duplex && text === "";
    if (!offerOnly) {
      this.#output.show(`${this.peer.id}> ${text}`, { event: "message", from: this.peer.id, text });
    }
    if (duplex && this.#duplexWanted) this.#liftTurns(!offerOnly);
    else if (this.#turn === "read" && !offerOnly) this.#takeTurn();
  }

  /** Says that we leave: S0's own program sends it twice, and the one who is left answers with one. */
  leave(answering: boolean): void {
    const message = this.#style === "bare" ? encodeQuit() : encodeChat(this.#self, quitText);
    this.#output.send(message);
    if (!answering && this.#style === "message") this.#output.send(message);
  }

  #takeTurn(): void {
    this.#turn = "write";
    this.#sayTurn("IN WRITE MODE");
  }

  /** An empty CHAT takes the offer up, and only a parley that has made it gets one. */
  #liftTurns(answer: boolean): void {
    if (this.#turn === "duplex") return;
    this.#turn = "duplex";
    if (answer) this.#output.send(this.#encode(""));
    this.#sayTurn("IN DUPLEX MODE");
  }

  #encode(text: string): string {
    return encodeChat(this.#self, text, this.#duplexWanted);
  }

  #sayTurn(line: string): void {
    this.#output.show(line, { event: "turn", turn: this.#turn });
  }
}
