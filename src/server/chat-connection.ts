// One TCP connection of the server: finds out what it speaks, cuts its bytes into messages, and is the hub's link to it.

import type { Link } from "../chat/link.ts";
import type { Session } from "../chat/session.ts";
import type { Dialect, Peer } from "../chat/dialect.ts";
import { ReadFramer } from "../dialects/framing.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { foreignAnswer, sniff } from "../dialects/protocol-detection.ts";
import { connections as limits, message, sniff as sniffLimits } from "../limits.ts";
import type { RegistryAnswer, RegistryConnection } from "../cpp/registry-connection.ts";
import type { Metrics } from "../chat/metrics.ts";
import type { ConnectionDriver } from "./hub-driver.ts";
import type { UndecidedConnections } from "./undecided-connections.ts";

export type ChatSocket = Bun.Socket<ChatConnection | undefined>;

/** What a port speaks: one dialect, CPP alone, or whatever the first bytes say. */
export type Speech =
  | { kind: "dialect"; dialect: Dialect }
  | { kind: "cpp" }
  | { kind: "any"; native: Dialect; text: Dialect };

/** What the connections of a port share. */
export type ConnectionOptions = {
  speech: Speech;
  /** Where a browser that knocks here is sent. */
  webPort: () => number | undefined;
  driver: ConnectionDriver;
  metrics: Metrics;
  /** For a connection from this address. */
  cpp: (address: string) => RegistryConnection;
  /** A line that a system's own server prints. */
  print: (line: string) => void;
};

/** What a connection needs of its socket. */
export interface Wire {
  write(bytes: string | Uint8Array): number;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  timeout(seconds: number): void;
}

/** Nothing is known yet; a dialect, its framing still open; a dialect in lines or in reads; CPP; over. */
type State =
  | { is: "sniffing" | "framing"; held: Uint8Array[]; heldBytes: number; firstMs: number }
  | { is: "lines"; framer: LineSplitter }
  | { is: "reads"; framer: ReadFramer }
  | { is: "cpp"; service: RegistryConnection }
  | { is: "over" };

export class ChatConnection implements Link {
  readonly peer: Peer;
  readonly #socket: Wire;
  readonly #options: ConnectionOptions;
  readonly #undecided: Pick<UndecidedConnections, "add" | "delete">;
  #state: State = { is: "over" };
  #session: Session | undefined;
  #openedMs = 0;
  #heard = false;
  #inputEnded = false;
  #prompted = false;

  /** `undecided` holds connections that the time may decide. */
  constructor(
    socket: Wire,
    peer: Peer,
    options: ConnectionOptions,
    undecided: Pick<UndecidedConnections, "add" | "delete">,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#undecided = undecided;
    this.peer = peer;
  }

  opened(nowMs: number): void {
    this.#openedMs = nowMs;
    const { speech } = this.#options;
    if (speech.kind === "any") {
      this.#wait("sniffing");
      this.#undecided.add(this);
    } else if (speech.kind === "cpp") this.#serveCpp();
    else this.#speak(speech.dialect);
  }

  received(bytes: Uint8Array, nowMs: number): void {
    this.#options.metrics.receivedBytes += bytes.length;
    if (!this.#heard) {
      this.#heard = true;
      const { speech, webPort } = this.#options;
      const foreign = speech.kind === "dialect" ? foreignAnswer(bytes, webPort()) : undefined;
      if (foreign !== undefined) return this.#refuse(foreign);
    }
    this.#take(bytes, nowMs);
  }

  /** Bytes that are counted already. */
  #take(bytes: Uint8Array, nowMs: number): void {
    const state = this.#state;
    switch (state.is) {
      case "sniffing":
      case "framing":
        if (state.heldBytes === 0) {
          state.firstMs = nowMs;
          this.#undecided.add(this);
        }
        state.held.push(new Uint8Array(bytes));
        state.heldBytes += bytes.length;
        return this.decide(nowMs);
      case "lines":
        return this.#readLines(state.framer, bytes, nowMs);
      case "reads": {
        const message = state.framer.push(bytes);
        if (message === tooLong) return this.#overflow();
        if (message !== "") this.#driver.handleMessage(this.#session!, message, nowMs);
        return;
      }
      case "cpp":
        return this.#answerCpp(state.service.handleData(bytes, nowMs));
      case "over":
        return;
    }
  }

  /** The other side has sent its FIN: no more input, but it still wants its answers. */
  ended(nowMs: number): void {
    this.#inputEnded = true;
    const state = this.#state;
    if (state.is === "sniffing" || state.is === "framing") this.decide(nowMs);
    if (this.#state.is === "cpp") return this.#answerCpp(this.#state.service.handleEnd());
    const session = this.#session;
    if (session === undefined) return this.end();
    if (this.#state.is === "lines") {
      const rest = this.#state.framer.rest();
      if (rest !== undefined && rest !== "") this.#driver.handleMessage(session, rest, nowMs);
    }
    this.#driver.handleInputEnd(session);
  }

  closed(): void {
    this.#state = { is: "over" };
    this.#undecided.delete(this);
    if (this.#session === undefined) return;
    this.#driver.handleClose(this.#session, this.#inputEnded ? "quit" : "lost");
  }

  drained(): void {
    if (this.#session !== undefined) this.#driver.handleDrain(this.#session);
  }

  /** Looks whether the bytes so far, or the time, tell what this connection speaks. */
  decide(nowMs: number): void {
    const state = this.#state;
    if (state.is === "framing") return this.#decideFraming(state, nowMs);
    if (state.is !== "sniffing") return;
    const { speech } = this.#options;
    if (speech.kind !== "any") return;
    const verdict = sniff({
      bytes: joined(state.held),
      silentMs: nowMs - this.#openedMs,
      sinceFirstByteMs: state.heldBytes === 0 ? 0 : nowMs - state.firstMs,
      ended: this.#inputEnded,
      prompted: this.#prompted,
      webPort: this.#options.webPort(),
    });
    switch (verdict.kind) {
      case "wait":
        return;
      case "native":
        this.#speak(speech.native);
        return this.#replay(state.held, true, nowMs);
      case "text":
        this.#speak(speech.text);
        return this.#replay(state.held, verdict.framed, nowMs);
      case "cpp":
        this.#undecided.delete(this);
        this.#serveCpp();
        for (const bytes of state.held) this.#take(bytes, nowMs);
        return;
      case "foreign":
        return this.#refuse(verdict.answer);
      case "prompt":
        this.#prompted = true;
        // Nothing more to look at until something comes, or nothing for a minute.
        this.#undecided.delete(this);
        this.#socket.timeout(limits.loginTimeoutMs / 1000);
        this.#socket.write(`${speech.text.open(this.peer).prompt?.() ?? "Name:"} `);
        return;
    }
  }

  /** Nothing has come for as long as a name or a request may take. */
  timedOut(): void {
    if (this.#state.is === "sniffing") this.#refuse(noName);
    if (this.#state.is === "cpp") this.#answerCpp(this.#state.service.handleEnd());
  }

  write(bytes: Uint8Array): number {
    const written = this.#socket.write(bytes);
    if (written > 0) this.#options.metrics.sentBytes += written;
    return written < 0 ? bytes.length : written;
  }

  end(): void {
    this.#state = { is: "over" };
    this.#undecided.delete(this);
    this.#socket.end();
  }

  abort(): void {
    this.#state = { is: "over" };
    this.#undecided.delete(this);
    this.#socket.terminate();
  }

  get #driver(): ConnectionDriver {
    return this.#options.driver;
  }

  #wait(is: "sniffing" | "framing"): void {
    this.#state = { is, held: [], heldBytes: 0, firstMs: 0 };
  }

  #serveCpp(): void {
    this.#state = { is: "cpp", service: this.#options.cpp(this.peer.address) };
    this.#socket.timeout(limits.loginTimeoutMs / 1000);
  }

  /** From now on the hub knows this connection. */
  #speak(dialect: Dialect): void {
    if (this.#prompted) this.#socket.timeout(0);
    this.#session = this.#driver.handleConnect(this, dialect, this.peer);
    if (dialect.input === "lines") this.#frame(true);
    else this.#wait("framing");
  }

  #frame(framed: boolean): void {
    this.#undecided.delete(this);
    const session = this.#session!;
    session.output.framed = framed;
    // What still waits for its gap leaves before any answer.
    if (!session.output.isPaced) session.output.pump(0);
    this.#state = framed
      ? { is: "lines", framer: new LineSplitter(message.maxLineBytes) }
      : { is: "reads", framer: new ReadFramer() };
  }

  /** The first message decides: a line end in it, or 50 ms without one. */
  #decideFraming(state: Extract<State, { held: unknown }>, nowMs: number): void {
    if (state.heldBytes === 0) return;
    const framed = state.held.some((bytes) => bytes.includes(0x0a));
    const late = nowMs - state.firstMs >= sniffLimits.unframedAfterMs;
    const full = state.heldBytes >= sniffLimits.maxBytes;
    if (framed || late || full || this.#inputEnded) this.#replay(state.held, framed, nowMs);
  }

  /** Gives what was held back to the framing that was found. */
  #replay(held: Uint8Array[], framed: boolean, nowMs: number): void {
    this.#frame(framed);
    // Unframed, one read is one message, also those that came before that was known.
    for (const bytes of framed ? [joined(held)] : held) this.#take(bytes, nowMs);
  }

  #readLines(framer: LineSplitter, bytes: Uint8Array, nowMs: number): void {
    const session = this.#session!;
    const trouble = framer.push(bytes, (line) => {
      this.#driver.handleMessage(session, line, nowMs);
      return this.#state.is === "lines";
    });
    if (trouble === tooLong) this.#overflow();
  }

  #overflow(): void {
    this.#state = { is: "over" };
    this.#driver.handleOverflow(this.#session!);
  }

  #answerCpp({ reply, end, log }: RegistryAnswer): void {
    for (const line of log) this.#options.print(line);
    if (reply !== undefined) this.#socket.write(reply);
    if (end) this.end();
  }

  /** One answer for what has no business here, and the end. */
  #refuse(answer: string): void {
    this.#socket.write(answer);
    this.end();
  }
}

const noName = `No name came within ${limits.loginTimeoutMs / 1000} s: connect again\n`;

function joined(held: Uint8Array[]): Uint8Array {
  return held.length === 1 ? held[0]! : Buffer.concat(held);
}
