// One TCP connection: detects its protocol (again inside TLS), splits bytes into messages, and is
// the hub's link to the client.

import type { Link } from "../chat/link.ts";
import type { Session } from "../chat/session.ts";
import type { Dialect, Peer } from "../chat/dialect.ts";
import { FirstBytes } from "../dialects/first-bytes.ts";
import { ReadFramer } from "../dialects/framing.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { telnetCommand, TelnetFilter } from "../dialects/telnet.ts";
import {
  detectProtocol,
  foreignAnswer,
  ircRefusal,
  plainRefusal,
} from "../dialects/protocol-detection.ts";
import { steadyMs } from "../io/clock.ts";
import { connections as limits, message, reading, tls } from "../limits.ts";
import type { RegistryAnswer, RegistryConnection } from "../cpp/registry-connection.ts";
import type { Metrics } from "../chat/metrics/metrics.ts";
import type { Log } from "../log.ts";
import type { ConnectionDriver } from "./hub-driver.ts";
import { ownerAt, type ShareOwner } from "../share-owner.ts";
import type { Admission } from "./admission.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import type { ProxyPreamble } from "./proxy-protocol.ts";
import type { UndecidedConnections } from "./undecided-connections.ts";
import { UnreadInput } from "./unread-input.ts";

/** The data of a socket whose connection continues inside TLS. */
export const encrypted = Symbol("encrypted");

export type SocketData = ChatConnection | ProxyPreamble | typeof encrypted | undefined;

export type ChatSocket = Bun.Socket<SocketData>;

/** What a port accepts: one dialect, only CPP, or whatever the first bytes indicate. */
export type PortProtocol =
  | { kind: "dialect"; dialect: Dialect }
  /** One dialect, only over TLS. */
  | { kind: "tls"; dialect: Dialect }
  | { kind: "cpp" }
  | { kind: "any"; native: Dialect; text: Dialect; irc: Dialect };

/** Whether every client of the port is an IRC client. */
export function speaksIrc(protocol: PortProtocol): boolean {
  return "dialect" in protocol && protocol.dialect.name === "irc";
}

/** Options shared by the connections of a port. */
export type ConnectionOptions = {
  protocol: PortProtocol;
  /** The web port that browsers are redirected to. */
  webPort: () => number | undefined;
  driver: ConnectionDriver;
  metrics: Metrics;
  /** Opens a registry connection for this address. */
  cpp: (address: string) => RegistryConnection;
  /** Prints a line of an original system's server. */
  print: (line: string) => void;
  log: Log;
  admission: Pick<Admission, "move" | "leave">;
  /** Undefined: input is read as it arrives. */
  turns?: ReadingTurns | undefined;
};

/** What a connection needs from its socket. */
export interface Wire {
  write(bytes: string | Uint8Array): number;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  timeout(seconds: number): void;
}

/** Which of plain text and TLS a connection may use. */
export type Security = {
  /** Plain text is allowed. */
  admitsPlain: boolean;
  /**
   * Continues in TLS, given the bytes read so far; undefined if the connection has closed. Absent:
   * the port does not support TLS.
   */
  upgrade?: (first: Uint8Array) => Wire | undefined;
};

/** The first byte of a TLS connection (RFC 8446 §5.1). */
const tlsHandshake = 0x16;

/**
 * Protocol unknown; TLS handshake in progress; dialect known but framing undecided; framed by lines
 * or by reads; CPP; closed.
 */
type State =
  | { is: "sniffing" | "framing"; first: FirstBytes }
  | { is: "handshake"; sinceMs: number }
  | { is: "lines"; framer: LineSplitter }
  | { is: "reads"; framer: ReadFramer }
  | { is: "cpp"; service: RegistryConnection }
  | { is: "over" };

export class ChatConnection implements Link {
  #peer: Peer;
  #owner: ShareOwner;
  #socket: Wire;
  /** Undefined inside TLS, and once the protocol is known. */
  #security: Security | undefined;
  readonly #options: ConnectionOptions;
  /** The socket is paused while anything waits. */
  readonly #unread = new UnreadInput();
  /** Whether there is time for another line; undefined: as much as needed. */
  #mayReadOn: (() => boolean) | undefined;
  #isPaused = false;
  readonly #undecided: Pick<UndecidedConnections, "add" | "delete">;
  #state: State = { is: "over" };
  #session: Session | undefined;
  #openedMs = 0;
  #heard = false;
  #inputEnded = false;
  #isClosed = false;
  #hasLeft = false;
  #prompted = false;
  /** Undefined until TELNET's commands arrive. */
  #telnet: TelnetFilter | undefined;

  /** `undecided` holds connections whose protocol may be decided by elapsed time. */
  constructor(
    socket: Wire,
    peer: Peer,
    options: ConnectionOptions,
    undecided: Pick<UndecidedConnections, "add" | "delete">,
    security: Security = { admitsPlain: true },
  ) {
    this.#socket = socket;
    this.#security = security;
    this.#options = options;
    this.#undecided = undecided;
    this.#peer = peer;
    this.#owner = ownerAt(peer.address);
  }

  get peer(): Peer {
    return this.#peer;
  }

  belongsTo(owner: ShareOwner): void {
    this.#owner = this.#options.admission.move(this.#owner, owner);
  }

  /** Nothing more is read: the connection was refused or has ended. */
  get isOver(): boolean {
    return this.#state.is === "over";
  }

  opened(nowMs: number): void {
    this.#openedMs = nowMs;
    const { protocol } = this.#options;
    if (protocol.kind === "any" || protocol.kind === "tls") {
      this.#hold("sniffing");
      this.#undecided.add(this);
    } else if (!this.#admitsPlain) {
      this.#refuse(plainRefusal(speaksIrc(protocol) ? "irc" : "text"), "plain text");
    } else if (protocol.kind === "cpp") this.#serveCpp();
    else this.#startDialect(protocol.dialect);
  }

  /**
   * The TLS handshake is complete. `channel`: identifies this TLS channel; `exportKey`: as in
   * `Peer`.
   */
  secured(nowMs: number, channel: string, exportKey?: Peer["exportKey"]): void {
    if (this.#state.is !== "handshake") return;
    this.#security = undefined;
    const exporter = exportKey === undefined ? {} : { exportKey };
    this.#peer = { ...this.#peer, tls: true, channel, ...exporter };
    this.#openedMs = nowMs;
    this.#prompted = false;
    const { protocol } = this.#options;
    if (protocol.kind !== "tls") return this.#hold("sniffing");
    this.#undecided.delete(this);
    this.#startDialect(protocol.dialect);
    if (this.isOver || protocol.dialect.input === "lines") return;
    this.#undecided.add(this);
  }

  received(bytes: Uint8Array, nowMs: number): void {
    this.#options.metrics.receivedBytes += bytes.length;
    if (!this.#heard) {
      this.#heard = true;
      const { protocol, webPort } = this.#options;
      const foreign = protocol.kind === "dialect" ? foreignAnswer(bytes, webPort()) : undefined;
      if (foreign !== undefined) return this.#refuse(foreign, "foreign protocol");
    }
    const { turns } = this.#options;
    if (turns === undefined) return this.#take(bytes, nowMs);
    const wasWaiting = this.hasUnread;
    this.#unread.add(bytes);
    if (!wasWaiting) turns.read(this.#owner, this);
    if (!this.hasUnread) return;
    this.#unread.keep();
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Whether input waits for the connection's turn. */
  get hasUnread(): boolean {
    return !this.#unread.isEmpty;
  }

  /**
   * Reads some of the waiting input. A line counts once it is complete. Frames of files hardly
   * count: each is written to one person, and not to a room.
   */
  readSome(mayReadOn?: () => boolean): number {
    const passedChars = this.#session?.passedChars ?? 0;
    const heldBytes = this.#heldBytes;
    this.#mayReadOn = mayReadOn;
    const length = this.#readPiece() + heldBytes - this.#heldBytes;
    this.#mayReadOn = undefined;
    const passed = (this.#session?.passedChars ?? 0) - passedChars;
    return length - passed * (1 - 1 / reading.frameDivisor);
  }

  get #heldBytes(): number {
    return this.#state.is === "lines" ? this.#state.framer.heldBytes : 0;
  }

  /** The number of bytes read. */
  #readPiece(): number {
    const nowMs = steadyMs();
    const rest = this.#unread.takeRest();
    // If a read is a message, it must not be split.
    const piece = rest ?? this.#unread.takePiece(this.#state.is === "lines");
    if (piece === undefined) return 0;
    if (rest !== undefined && this.#state.is === "lines") {
      this.#readLines(this.#state.framer, rest, nowMs);
    } else this.#take(piece, nowMs);
    if (this.#state.is === "over") this.#unread.clear();
    if (this.#isClosed) this.#leaveIfDone(nowMs);
    else if (!this.hasUnread && this.#isPaused) {
      this.#isPaused = false;
      this.#socket.resume();
      if (this.#inputEnded) this.ended(nowMs);
    }
    return piece.length - this.#unread.restBytes;
  }

  /** Handles bytes that have already been counted. */
  #take(received: Uint8Array, nowMs: number): void {
    const bytes = this.#withoutTelnet(received);
    if (bytes.length === 0) return;
    const state = this.#state;
    switch (state.is) {
      case "sniffing":
      case "framing":
        if (state.first.isEmpty) this.#undecided.add(this);
        state.first.add(bytes, nowMs);
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
        return this.#answerCpp(
          state.service.handleData(bytes, nowMs, (answer) => {
            // The client may have disconnected meanwhile.
            if (this.#state === state) this.#answerCpp(answer);
          }),
        );
      case "handshake":
      case "over":
        return;
    }
  }

  /** On the main port, people may use telnet. Removes its commands, and answers them. */
  #withoutTelnet(bytes: Uint8Array): Uint8Array {
    if (this.#telnet === undefined && this.#beginsTelnet(bytes)) this.#telnet = new TelnetFilter();
    if (this.#telnet === undefined) return bytes;
    const { text, answer } = this.#telnet.push(bytes);
    if (this.#telnet.isFlooded) this.abort();
    else if (answer.length > 0) this.write(answer);
    return text;
  }

  #beginsTelnet(bytes: Uint8Array): boolean {
    const { protocol } = this.#options;
    if (protocol.kind !== "any") return false;
    if (this.#session !== undefined) {
      return this.#session.dialect === protocol.text && bytes.includes(telnetCommand);
    }
    const state = this.#state;
    return state.is === "sniffing" && state.first.isEmpty && bytes[0] === telnetCommand;
  }

  /** The client sent FIN: no more input will arrive, but it still expects its answers. */
  ended(nowMs: number): void {
    this.#inputEnded = true;
    if (this.hasUnread) return;
    const state = this.#state;
    if (state.is === "sniffing" || state.is === "framing") this.decide(nowMs);
    if (this.#state.is === "cpp") return this.#answerCpp(this.#state.service.handleEnd());
    const session = this.#session;
    if (session === undefined) return this.end();
    this.#readLastLine(session, nowMs);
    this.#driver.handleInputEnd(session);
  }

  /** After FIN, a line needs no line end. */
  #readLastLine(session: Session, nowMs: number): void {
    if (this.#state.is !== "lines") return;
    const rest = this.#state.framer.rest();
    if (rest !== undefined && rest !== "") this.#driver.handleMessage(session, rest, nowMs);
  }

  /** The connection has closed. What it received before is still read, in its turn. */
  closed(nowMs: number): void {
    this.#isClosed = true;
    this.#undecided.delete(this);
    this.#leaveIfDone(nowMs);
  }

  /** Leaves, unless something that the client sent before it closed has yet to be carried out. */
  #leaveIfDone(nowMs: number): void {
    const session = this.#session;
    if (this.isOver) return this.#leave();
    if (this.hasUnread) return;
    if (session === undefined) return this.#leave();
    if (this.#inputEnded) this.#readLastLine(session, nowMs);
    if (this.isOver || !this.#driver.handleLastInput(session)) this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#state = { is: "over" };
    this.#unread.clear();
    this.#undecided.delete(this);
    this.#options.admission.leave(this.#owner);
    if (this.#session === undefined) return;
    this.#driver.handleClose(this.#session, this.#inputEnded ? "quit" : "lost");
  }

  drained(): void {
    if (this.#session !== undefined) this.#driver.handleDrain(this.#session);
  }

  /** Decides the protocol from the bytes so far, or from the elapsed time. */
  decide(nowMs: number): void {
    const state = this.#state;
    if (state.is === "handshake") return this.#checkHandshake(state.sinceMs, nowMs);
    // The bytes decide, not how long they have been waiting here.
    if (this.hasUnread) return;
    if (state.is === "framing") {
      const framed = state.first.framed(nowMs, this.#inputEnded);
      if (framed !== undefined) this.#replay(state.first, framed, nowMs);
    } else if (state.is === "sniffing") {
      const { protocol } = this.#options;
      if (protocol.kind === "tls") this.#decideTls(state.first, nowMs);
      else if (protocol.kind === "any") this.#detect(state.first, protocol, nowMs);
    }
  }

  #checkHandshake(sinceMs: number, nowMs: number): void {
    if (nowMs - sinceMs < tls.handshakeMs) return;
    const { address, port } = this.peer;
    this.#options.log.info("TLS handshake failed", { address, port, reason: "timeout" });
    this.abort();
  }

  #detect(
    first: FirstBytes,
    protocol: Extract<PortProtocol, { kind: "any" }>,
    nowMs: number,
  ): void {
    const detection = detectProtocol({
      bytes: first.joined(),
      silentMs: nowMs - this.#openedMs,
      sinceFirstByteMs: first.ageMs(nowMs),
      ended: this.#inputEnded,
      prompted: this.#prompted,
      webPort: this.#options.webPort(),
      offersTls: this.#security?.upgrade !== undefined,
      admitsPlain: this.#admitsPlain,
    });
    switch (detection.kind) {
      case "wait":
        return;
      case "tls":
        return this.#startTls(first, nowMs);
      case "native":
        this.#endPrompt();
        this.#startDialect(protocol.native);
        return this.#replay(first, true, nowMs);
      case "text":
        this.#startDialect(protocol.text);
        return this.#replay(first, detection.framed, nowMs);
      case "irc":
        this.#endPrompt();
        this.#startDialect(protocol.irc);
        return this.#replay(first, true, nowMs);
      case "cpp":
        this.#undecided.delete(this);
        this.#serveCpp();
        for (const bytes of first.reads) this.#take(bytes, nowMs);
        return;
      case "foreign":
        return this.#refuse(
          detection.answer,
          this.#admitsPlain ? "foreign protocol" : "plain text",
        );
      case "prompt":
        this.#prompted = true;
        // There is nothing to check until more input arrives or the login times out.
        this.#undecided.delete(this);
        this.#socket.timeout(limits.loginTimeoutMs / 1000);
        if (this.#admitsPlain) {
          this.#socket.write(`${protocol.text.open(this.peer).prompt?.() ?? "Name:"} `);
        }
        return;
    }
  }

  /**
   * A program whose first bytes were late has been mistaken for a person: its first line must not
   * continue that of the prompt.
   */
  #endPrompt(): void {
    if (this.#prompted && this.#admitsPlain) this.#socket.write("\r\n");
  }

  /** The port (ircs) only accepts TLS; a silent client gets as much time as a handshake. */
  #decideTls(first: FirstBytes, nowMs: number): void {
    if (first.isEmpty) {
      if (this.#inputEnded || nowMs - this.#openedMs >= tls.handshakeMs) this.abort();
      return;
    }
    if (first.reads[0]?.[0] === tlsHandshake) this.#startTls(first, nowMs);
    else this.#refuse(ircRefusal("This port only speaks TLS"), "plain text");
  }

  /** No name or request arrived in time. */
  timedOut(): void {
    if (this.#state.is === "sniffing") this.#refuse(noName, "no login");
    if (this.#state.is === "cpp") this.#answerCpp(this.#state.service.handleEnd());
  }

  write(bytes: Uint8Array): number {
    if (this.#isClosed) return bytes.length;
    const written = this.#socket.write(bytes);
    if (written > 0) this.#options.metrics.sentBytes += written;
    return written < 0 ? bytes.length : written;
  }

  end(): void {
    this.#state = { is: "over" };
    this.#undecided.delete(this);
    if (this.#isClosed) this.#leave();
    else this.#socket.end();
  }

  abort(): void {
    this.#state = { is: "over" };
    this.#undecided.delete(this);
    if (this.#isClosed) this.#leave();
    else this.#socket.terminate();
  }

  get #driver(): ConnectionDriver {
    return this.#options.driver;
  }

  /** Inside TLS, every protocol is admitted. */
  get #admitsPlain(): boolean {
    return this.#security?.admitsPlain ?? true;
  }

  #startTls(first: FirstBytes, nowMs: number): void {
    this.#state = { is: "handshake", sinceMs: nowMs };
    if (this.#prompted) this.#socket.timeout(0);
    this.#undecided.add(this);
    // It may have closed while its first bytes waited to be read.
    const wire = this.#isClosed ? undefined : this.#security?.upgrade?.(first.joined());
    if (wire === undefined) this.abort();
    else this.#socket = wire;
  }

  #hold(is: "sniffing" | "framing"): void {
    this.#state = { is, first: new FirstBytes() };
  }

  #serveCpp(): void {
    const { address, port, tls = false } = this.peer;
    this.#state = { is: "cpp", service: this.#options.cpp(address) };
    this.#options.log.info("connected", { address, port, dialect: "cpp", tls });
    this.#socket.timeout(limits.loginTimeoutMs / 1000);
  }

  /** Hands the connection to the hub. */
  #startDialect(dialect: Dialect): void {
    // The server may have stopped since.
    if (!this.#driver.isRunning) return this.abort();
    this.#security = undefined;
    if (this.#prompted) this.#socket.timeout(0);
    this.#session = this.#driver.handleConnect(this, dialect, this.peer);
    if (dialect.input === "lines") this.#frame(true);
    else this.#hold("framing");
  }

  #frame(framed: boolean): void {
    this.#undecided.delete(this);
    const session = this.#session!;
    session.output.framed = framed;
    // Paced output is sent before any answer.
    if (!session.output.isPaced) session.output.pump(0);
    this.#state = framed
      ? { is: "lines", framer: new LineSplitter(message.maxLineBytes) }
      : { is: "reads", framer: new ReadFramer() };
  }

  /** Replays the held bytes with the chosen framing. */
  #replay(first: FirstBytes, framed: boolean, nowMs: number): void {
    if (this.isOver) return;
    this.#frame(framed);
    // Unframed, one read is one message, including the reads held back so far.
    for (const bytes of framed ? [first.joined()] : first.reads) this.#take(bytes, nowMs);
  }

  #readLines(framer: LineSplitter, bytes: Uint8Array, nowMs: number): void {
    const session = this.#session!;
    const taken = framer.push(bytes, (line) => {
      this.#driver.handleMessage(session, line, nowMs);
      return this.#state.is === "lines" && this.#mayReadOn?.() !== false;
    });
    if (taken === tooLong) return this.#overflow();
    if (taken < bytes.length && !this.isOver) this.#unread.putBack(bytes.subarray(taken));
  }

  #overflow(): void {
    this.#state = { is: "over" };
    this.#driver.handleOverflow(this.#session!);
  }

  #answerCpp({ reply, end, log, did, id }: RegistryAnswer): void {
    for (const line of log) this.#options.print(line);
    const { address, port, tls = false } = this.peer;
    if (did !== undefined) this.#options.log.info(did, { id, address, port, dialect: "cpp", tls });
    if (reply !== undefined) this.#socket.write(reply);
    if (end) this.end();
  }

  /** Sends one answer to a client that can't be served, and closes. `reason` is for the log. */
  #refuse(answer: string, reason: string): void {
    const { address, port, tls = false } = this.peer;
    this.#options.log.info("connection refused", { address, port, tls, reason });
    this.#socket.write(answer);
    this.end();
  }
}

const noName = `You did not log in within ${limits.loginTimeoutMs / 1000} s: connect again\n`;
