// The connections of a peer (S0) and the one chat that they may become: who is silent, who calls, who is turned down, who
// has left. Deterministic; knows no socket and no command. What to do is pushed to the effects.

import { fold } from "../chat/names/grammar.ts";
import { type Contact, encodeChat, encodeQuit, hostPort, quitText } from "./codec.ts";
import { type PeerEvent, PeerStream } from "./peer-stream.ts";
import { peer as limits } from "../limits.ts";
import { PeerChat } from "./peer-chat.ts";
import type { ExitReason, PeerEffects } from "./peer-effect.ts";

type Link = {
  stream: PeerStream;
  /** Whom we have called on it. */
  called?: Contact;
};

type Call = {
  chat: PeerChat;
  link: number;
  /** The other side's own call to us, when both called at the same time: each writes on its own and reads both. */
  second?: number;
  /** We called, and nothing has come back yet. */
  unconfirmed: boolean;
  /**
   * `/quit` was the first that came back. Who leaves says it twice, as S0's program does; who turns a caller down says it once, and
   * the connection ends.
   */
  parting: boolean;
};

export class PeerCalls {
  readonly #self: Contact;
  readonly #duplex: boolean;
  readonly #effects: PeerEffects;
  /** The chat is over, and with it the program. */
  readonly #over: (why: ExitReason) => void;
  readonly #links = new Map<number, Link>();
  /** The connection that we dialled; silent until `/chat` and the first line. */
  #line: number | undefined;
  #call: Call | undefined;
  /** It has been said that there are too many silent callers. */
  #crowded = false;

  constructor(
    self: Contact,
    options: { duplex: boolean; effects: PeerEffects; over: (why: ExitReason) => void },
  ) {
    this.#self = self;
    this.#duplex = options.duplex;
    this.#effects = options.effects;
    this.#over = options.over;
  }

  /** The chat that is on, if there is one. */
  get chat(): PeerChat | undefined {
    return this.#call?.chat;
  }

  /** Whether a connection that we dialled stands, silent so far. */
  get hasLine(): boolean {
    return this.#line !== undefined;
  }

  /** Someone has connected. Of too many that are silent the oldest has to go, or sixteen of them would keep everyone else out. */
  accept(link: number): void {
    const silent = Array.from(this.#links.keys()).filter((known) => this.#isSilentCaller(known));
    const [oldest] = silent;
    if (oldest !== undefined && silent.length >= limits.maxSilentCallers) {
      this.#links.delete(oldest);
      this.#effects.push({ do: "cut", link: oldest });
      if (!this.#crowded) this.#effects.fail("connection", crowded);
      this.#crowded = true;
    }
    this.#links.set(link, { stream: new PeerStream({ called: false }) });
  }

  /** The connection that we dialled stands. */
  dialled(link: number, called: Contact): void {
    this.#links.set(link, { stream: new PeerStream({ called: true }), called });
    this.#line = link;
  }

  /** Begins a chat on the connection that we dialled; the first line is ours. */
  begin(): void {
    const called = this.#line === undefined ? undefined : this.#links.get(this.#line)?.called;
    if (this.#line === undefined || !called) return;
    this.#effects.show("IN CHAT MODE", { event: "chat", peer: called, by: "us" });
    this.#start(this.#line, called, "write");
  }

  hangUpLine(): void {
    if (this.#line === undefined) return;
    this.close(this.#line);
    this.#line = undefined;
  }

  leave(why: ExitReason): void {
    if (!this.#call) return;
    this.#call.chat.leave(false);
    this.#effects.show("Chat session has ended", { event: "ended", by: "us" });
    this.#over(why);
  }

  close(link: number): void {
    this.#links.delete(link);
    this.#effects.push({ do: "close", link });
  }

  closeAll(): void {
    for (const link of this.#links.keys()) this.close(link);
  }

  received(link: number, bytes: Uint8Array): void {
    const stream = this.#links.get(link)?.stream;
    if (stream) this.#heard(link, stream, stream.push(bytes));
  }

  /** Whether bytes are held back that may be the start of a QUIT: call `expired` if nothing follows soon. */
  holding(link: number): boolean {
    if (this.#isParting(link)) return true;
    return this.#links.get(link)?.stream.holding ?? false;
  }

  expired(link: number): void {
    const stream = this.#links.get(link)?.stream;
    if (stream) this.#heard(link, stream, stream.expire());
    if (this.#isParting(link)) this.#left("peer");
  }

  /** The other side has ended the connection, or it broke. */
  ended(link: number): void {
    const known = this.#links.get(link);
    if (!known) return;
    this.#heard(link, known.stream, known.stream.end());
    if (!this.#links.has(link)) return;
    if (this.#isParting(link)) return this.#left("busy");
    this.close(link);
    if (this.#call?.link === link) {
      const line = `${this.#call.chat.peer.id} is gone: the connection ended without a word.`;
      this.#effects.show(line, { event: "ended", by: "lost" });
      return this.#over("done");
    }
    if (this.#call?.second === link) delete this.#call.second;
    if (this.#line !== link) return;
    this.#line = undefined;
    const who = known.called ? `${known.called.id} ${hostPort(known.called)}` : "the peer";
    this.#effects.fail("connection", `The connection to ${who} has ended; /chat calls again.`);
  }

  /** Somebody has connected and not begun to talk. */
  #isSilentCaller(link: number): boolean {
    const { link: first, second } = this.#call ?? {};
    return link !== this.#line && link !== first && link !== second;
  }

  #start(link: number, peer: Contact, turn: "write" | "read"): Call {
    const style = this.#links.get(link)?.stream.style ?? "message";
    const send = (text: string) => this.#effects.push({ do: "send", link, text });
    const show: PeerEffects["show"] = (line, notice) => this.#effects.show(line, notice);
    const options = { turn, style, duplex: this.#duplex };
    const chat = new PeerChat(this.#self, peer, { show, send }, options);
    this.#call = { chat, link, unconfirmed: turn === "write", parting: false };
    if (this.#line !== link) this.hangUpLine();
    return this.#call;
  }

  #heard(link: number, stream: PeerStream, events: PeerEvent[]): void {
    for (const event of events) {
      if (!this.#links.has(link)) return;
      const call = this.#call;
      if (call && (call.link === link || call.second === link)) this.#inChat(call, stream, event);
      else this.#firstWord(link, stream, event);
    }
  }

  /** What comes on a connection that has been silent until now. */
  #firstWord(link: number, stream: PeerStream, event: PeerEvent): void {
    const sender = event.type === "text" || event.type === "opened" ? event.from : undefined;
    const from = sender ?? this.#links.get(link)?.called;
    if (event.type === "malformed" || event.type === "quit" || !from) {
      if (event.type === "malformed") this.#effects.fail("connection", malformed);
      if (this.#line === link) this.#line = undefined;
      return this.close(link);
    }
    const call = this.#call;
    if (!call) {
      const line = `Incoming chat request from ${from.id} ${hostPort(from)}`;
      this.#effects.show(line, { event: "chat", peer: from, by: "peer" });
      return this.#inChat(this.#start(link, from, "read"), stream, event);
    }
    if (call.unconfirmed && call.second === undefined && isSame(from, call.chat.peer)) {
      call.second = link;
      return this.#inChat(call, stream, event);
    }
    this.#turnDown(link, stream, from);
  }

  #inChat(call: Call, stream: PeerStream, event: PeerEvent): void {
    if (stream.style) call.chat.speak(stream.style);
    if (event.type === "malformed") {
      this.#effects.show(malformed, { event: "ended", by: "malformed" });
      return this.#over("malformed");
    }
    if (event.type === "quit" || (event.type === "text" && isQuitText(event.text, stream))) {
      if (!call.parting) call.chat.leave(true);
      if (call.parting || !call.unconfirmed || event.type === "quit") return this.#left("peer");
      call.parting = true;
      return;
    }
    call.unconfirmed = call.parting = false;
    if (event.type === "text") call.chat.hear(event.text, event.duplex);
  }

  #isParting(link: number): boolean {
    return this.#call?.link === link && this.#call.parting && this.#links.has(link);
  }

  #left(by: "peer" | "busy"): void {
    if (!this.#call) return;
    this.#effects.show(`${this.#call.chat.peer.id} has ended the chat session.`, {
      event: "ended",
      by,
    });
    this.#over(by === "busy" ? "refused" : "done");
  }

  /** One chat at a time: the caller is told in its own way that there is none to be had. */
  #turnDown(link: number, stream: PeerStream, from: Contact): void {
    const text = stream.style === "bare" ? encodeQuit() : encodeChat(this.#self, quitText);
    this.#effects.push({ do: "send", link, text });
    this.close(link);
    const line = `${from.id} ${hostPort(from)} called while this chat lasts, and was turned down.`;
    this.#effects.show(line, { event: "turned-down", peer: from });
  }
}

const crowded = `${limits.maxSilentCallers} callers are connected and silent: for each new one the oldest is turned away.`;

const malformed = "Malformed incoming message";

function isSame(a: Contact, b: Contact): boolean {
  return fold(a.id) === fold(b.id) && a.ip === b.ip && a.port === b.port;
}

function isQuitText(text: string, stream: PeerStream): boolean {
  return stream.style === "message" && text.trim() === quitText;
}
