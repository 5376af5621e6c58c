// CPP (S0) between two peers: reads either style of program from one connection. S0's own program sends every line as a
// `CHAT` with a message; others open with a `CHAT` that names them, send bare text after it and end with `QUIT`.
// Pure: the wait for the rest of a possible `QUIT` is the adapter's timer (`holding`, then `expire`).

import { harmless } from "../text.ts";
import { type Contact, type CppMessage } from "./codec.ts";
import { CppParser } from "./parser.ts";

/** How a peer speaks, known from what it sent first. */
export type PeerStyle = "message" | "bare";

export type PeerEvent =
  /** A bare CHAT: says who is there, and that bare text follows. */
  | { type: "opened"; from: Contact }
  | { type: "text"; text: string; from?: Contact; duplex: boolean }
  | { type: "quit" }
  | { type: "malformed"; reason: string };

// One or two empty lines end a QUIT; a third line end, if it comes, is dropped with the connection.
const quit = /QUIT\r?\n\r?\n/;
const beginsQuit = /^Q(?:U(?:I(?:T(?:\r?(?:\n\r?)?)?)?)?)?$/;

export class PeerStream {
  /** We called: the other side may answer with bare text at once. A caller has to open with a message. */
  readonly #called: boolean;
  #style: PeerStyle | undefined;
  #parser = new CppParser();
  /** Bytes so far of what may turn out to be bare text (at most one CPP message and a read). */
  #opening: Uint8Array[] = [];
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held = "";
  #over = false;

  constructor(options: { called: boolean }) {
    this.#called = options.called;
  }

  get style(): PeerStyle | undefined {
    return this.#style;
  }

  /** Whether bytes are held back that may be the beginning of a `QUIT` or a `CHAT`: call `expire` if nothing follows. */
  get holding(): boolean {
    if (this.#over) return false;
    if (this.#style === "bare") return this.#held !== "";
    return (
      this.#called && this.#style === undefined && this.#parser.midMessage && !this.#parser.hasType
    );
  }

  push(bytes: Uint8Array): PeerEvent[] {
    if (this.#over || bytes.length === 0) return [];
    if (this.#style === "bare") return this.#bareText(bytes);
    if (this.#called && this.#style === undefined) this.#opening.push(bytes.slice());
    this.#parser.push(bytes);
    return this.#messages();
  }

  /** Nothing more came for a while: what was held back is text. */
  expire(): PeerEvent[] {
    if (!this.holding) return [];
    if (this.#style === "bare") return this.#flushHeld();
    return [...this.#becomeBare(), ...this.#flushHeld()];
  }

  /** The other side has ended its output. */
  end(): PeerEvent[] {
    const events = this.expire();
    this.#over = true;
    return events;
  }

  #messages(): PeerEvent[] {
    const events: PeerEvent[] = [];
    for (;;) {
      const result = this.#parser.next();
      if (result.kind === "need-more") return events;
      if (result.kind === "malformed") {
        if (this.#called && this.#style === undefined) return [...events, ...this.#becomeBare()];
        this.#over = true;
        return [...events, { type: "malformed", reason: result.reason }];
      }
      const event = this.#message(result.message);
      this.#opening = [];
      events.push(event);
      if (this.#over) return events;
      if (this.#style === "bare") return [...events, ...this.#bareText(this.#parser.rest())];
    }
  }

  #message(message: CppMessage): PeerEvent {
    if (message.type === "QUIT") {
      this.#over = true;
      return { type: "quit" };
    }
    if (message.type !== "CHAT") {
      this.#over = true;
      return { type: "malformed", reason: `${message.type} is for a registry` };
    }
    const from: Contact = { id: message.id, ip: message.ip, port: message.port };
    if (message.style === "bare") {
      this.#style ??= "bare";
      return { type: "opened", from };
    }
    this.#style ??= "message";
    return { type: "text", text: message.text, from, duplex: message.duplex };
  }

  #becomeBare(): PeerEvent[] {
    this.#style = "bare";
    const opening = this.#opening;
    this.#opening = [];
    return opening.flatMap((bytes) => this.#bareText(bytes));
  }

  /** Unframed: one read is one message, or several where it holds line ends. A character cut in two waits for its rest. */
  #bareText(bytes: Uint8Array): PeerEvent[] {
    if (this.#over) return [];
    this.#held += this.#decoder.decode(bytes, { stream: true });
    const found = quit.exec(this.#held);
    if (found) {
      this.#held = this.#held.slice(0, found.index);
      const events = this.#flushHeld();
      this.#over = true;
      return [...events, { type: "quit" }];
    }
    return beginsQuit.test(this.#held) ? [] : this.#flushHeld();
  }

  #flushHeld(): PeerEvent[] {
    const lines = this.#held.split(/\r?\n/).map(harmless);
    this.#held = "";
    return lines
      .filter((text) => text !== "")
      .map((text): PeerEvent => ({ type: "text", text, duplex: false }));
  }
}
