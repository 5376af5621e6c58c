// A call through the server: TLS between the two ends over the frames that the server relays. To
// the rest of the program it is a connection like a TCP link.

import { Duplex } from "node:stream";
import { connect, type ConnectionOptions, TLSSocket } from "node:tls";
import { CallStream } from "../calls/call-stream.ts";
import { DirectPath } from "../calls/direct-path.ts";
import { calls as callLimits, peer as limits } from "../limits.ts";
import type { ChannelEnds } from "../protocol/messages.ts";
import type { PathKind } from "../transfer/paths/path-finder.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { channelBinding } from "../tls/channel-binding.ts";
import type { TcpLink, TcpLinkEvents } from "./tcp-link.ts";

/** A relayed call as the server's connection sees it: frames, which it does not look into. */
export interface RelayedCall {
  onFrame: (data: string) => void;
  /** The call is over; not called after `end`. */
  onEnded: () => void;
  /** A connection to the server was lost: frames may be lost, and none pass until `onAgain`. */
  onCut: () => void;
  /** Frames pass again, none of them from before. */
  onAgain: () => void;
  /** The connection to the server has accepted everything. */
  onDrained: () => void;
  readonly waitingBytes: number;
  /** The server's numeric address. */
  readonly server: string;
  /** How to join the relay for datagrams; undefined: there is none. */
  readonly relay: ChannelEnds["relay"];
  pass(data: string): void;
  /** Looks whether the connection to the server still works. */
  checkAlive(): void;
  end(): void;
}

/** The way through the server, for peers that may not reach each other. */
export interface RelayedCalls {
  /** Somebody calls. */
  onCall: (call: RelayedCall) => void;
  /** From now on, calls to that ID and this device's key come in. */
  take(id: string): void;
  /** @throws ParleyError `not-found`: that peer does not take calls there */
  call(to: string, key: string): Promise<RelayedCall>;
}

/** The connection of a protected call, direct or not. */
export type CallWire = Pick<
  TcpLink,
  | "send"
  | "end"
  | "cut"
  | "pause"
  | "resume"
  | "waitingBytes"
  | "remoteAddress"
  | "channel"
  | "closed"
> & {
  /** The relayed call that it runs over; undefined: it is direct. */
  readonly call?: RelayedCall;
  /** Looks for a direct path for the relayed call. */
  findPath?(events: PathEvents): void;
  /** A line about paths from the other end. */
  handlePathLine?(line: string): void;
  /** Reports what becomes of the connection through the server. */
  watchServer?(listener: (state: ServerState) => void): void;
};

/**
 * `lost`: the connection of either end to the server; the call waits for it. `back`: the call goes
 * on. `gone`: it did not come back in time. `unsent`: nor did it before this end had to leave, and
 * the other end has not read everything.
 */
export type ServerState = "lost" | "back" | "gone" | "unsent";

export type PathEvents = {
  sendLine(line: string): void;
  /** Undefined: through the server. */
  onPath(path: PathKind | undefined): void;
};

export class RelayedLink implements CallWire {
  readonly call: RelayedCall;
  readonly #stream: CallStream;
  readonly #pipe: Duplex;
  readonly #tls: TLSSocket;
  readonly #closed = Promise.withResolvers<void>();
  readonly #isCaller: boolean;
  /** A direct path for the stream, or the search for one. */
  #path: DirectPath | undefined;
  #timer: Timer | undefined;
  #onServer: (state: ServerState) => void = () => {};
  /** Frames do not pass at the moment. */
  #isCut = false;
  /** Bytes pushed to TLS that it has not read yet. */
  #unreadBytes = 0;
  #written: (() => void) | undefined;
  #events: TcpLinkEvents | undefined;
  #channel: string | undefined;
  #isEnding = false;
  #endedAtMs: number | undefined;
  #linger: Timer | undefined;

  /**
   * `key`: of the called end. `opened` returns the handlers of the link's events once TLS is set
   * up; without it the call ends, which `closed` tells.
   */
  constructor(call: RelayedCall, key: KeyPair | undefined, opened: () => TcpLinkEvents) {
    this.call = call;
    this.#isCaller = key === undefined;
    this.#stream = new CallStream({
      pass: (frame) => call.pass(frame),
      passDatagram: (bytes) => this.#path?.send(bytes),
      onBytes: (bytes) => this.#push(bytes),
      onRoom: () => this.#takeWritten(),
      onEnd: () => {
        this.#pipe.push(null);
        if (this.#isEnding) this.#gone();
      },
      onBack: () => this.#handleBack(),
      onBroken: () => this.#gone(),
    });
    this.#pipe = new Duplex({
      read: () => this.#handleRead(),
      write: (bytes: Uint8Array, _encoding, done) => {
        this.#written = () => done();
        if (this.#stream.write(bytes, performance.now())) this.#takeWritten();
        this.#setTimer();
      },
      final: (done) => {
        this.#stream.end(performance.now());
        done();
      },
    });
    this.#pipe.on("error", () => this.#gone());
    call.onFrame = (data) => {
      this.#stream.receive(data, performance.now());
      this.#setTimer();
      if (this.#endedAtMs !== undefined) this.#wait();
    };
    call.onDrained = () => this.#handleDrained();
    call.onEnded = () => this.#handleEnded();
    call.onCut = () => this.#handleCut();
    call.onAgain = () => this.#handleAgain();
    this.#tls = key === undefined ? asCaller(this.#pipe) : asCalled(this.#pipe, key);
    this.#tls.once(key === undefined ? "secureConnect" : "secure", () => {
      this.#channel = channelBinding({
        exportKeyingMaterial: (bytes, label) =>
          this.#tls.exportKeyingMaterial(bytes, label, Buffer.alloc(0)),
      });
      this.#events = opened();
    });
    this.#tls.on("data", (bytes: Uint8Array) => {
      if (!this.#isEnding) this.#events?.data(bytes);
    });
    this.#tls.on("end", () => {
      if (!this.#isEnding) this.#events?.ended();
    });
    this.#tls.on("drain", () => this.#handleDrained());
    this.#tls.on("error", () => this.#gone());
    this.#tls.on("close", () => {
      // What has been written may still be on its way.
      if (!this.#isEnding) this.#gone();
    });
  }

  get waitingBytes(): number {
    return this.#tls.writableLength + this.#stream.waitingBytes + this.call.waitingBytes;
  }

  /** The server's: the other end's is not known. */
  get remoteAddress(): string {
    return this.call.server;
  }

  get channel(): string | undefined {
    return this.#channel;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Disconnects another end that asks and asks but does not read, as a TCP link does. */
  send(text: string): void {
    if (this.#isEnding) return;
    this.#tls.write(text);
    // Not at once: whoever sends is not done yet.
    if (this.waitingBytes > limits.maxUnreadBytes) queueMicrotask(() => this.#gone());
  }

  pause(): void {
    this.#tls.pause();
  }

  resume(): void {
    this.#tls.resume();
  }

  findPath({ sendLine, onPath }: PathEvents): void {
    if (this.#path !== undefined || this.#isEnding) return;
    const { server, relay } = this.call;
    const empty = Buffer.alloc(0);
    const secret = this.#tls.exportKeyingMaterial(32, "EXPORTER-parley-call-path", empty);
    this.#path = new DirectPath({
      isCaller: this.#isCaller,
      server,
      relay,
      secret,
      sendLine,
      onSilence: () => this.call.checkAlive(),
      onPath: (path) => {
        this.#stream.setPath(path !== undefined);
        this.#setTimer();
        onPath(path?.kind);
      },
      onDatagram: (bytes) => {
        this.#stream.receiveDatagram(bytes, performance.now());
        this.#setTimer();
      },
    });
    this.#path.start();
  }

  handlePathLine(line: string): void {
    this.#path?.handleLine(line);
  }

  watchServer(listener: (state: ServerState) => void): void {
    this.#onServer = listener;
  }

  /** Closes once everything has been sent and read, bounded in time. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#endedAtMs = performance.now();
    this.#wait();
    this.#tls.resume();
    this.#tls.end();
  }

  /** Nothing more is reported. */
  cut(): void {
    this.#isEnding = true;
    this.#gone();
  }

  /** As long as the other end reads, there is time for what it has not read yet. */
  #wait(): void {
    clearTimeout(this.#linger);
    const leftMs = (this.#endedAtMs ?? 0) + callLimits.lingerMs - performance.now();
    const isHeld = this.#isCut && !this.#stream.hasEnded;
    const waitMs = isHeld ? callLimits.cutLingerMs : limits.unreadMs;
    const late = (): void => {
      if (isHeld) this.#onServer("unsent");
      this.#gone();
    };
    this.#linger = setTimeout(late, Math.min(waitMs, Math.max(0, leftMs)));
  }

  #handleEnded(): void {
    if (this.#isCut && !this.#isEnding) this.#onServer("gone");
    this.#gone();
  }

  #handleAgain(): void {
    // Only the other end may know so far.
    if (!this.#isCut) this.#handleCut();
    this.#stream.handleAgain();
  }

  #handleCut(): void {
    // A call that is only being set up is tried again by whoever makes it.
    if (this.#events === undefined) return this.#gone();
    const wasCut = this.#isCut;
    this.#isCut = true;
    this.#stream.handleCut();
    if (wasCut) return;
    if (this.#endedAtMs !== undefined) this.#wait();
    else this.#onServer("lost");
  }

  #handleBack(): void {
    this.#isCut = false;
    if (this.#endedAtMs !== undefined) this.#wait();
    else this.#onServer("back");
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const dueMs = this.#stream.nextTimeoutMs;
    if (dueMs === undefined) return;
    const waitMs = Math.ceil(Math.max(0, dueMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#stream.handleTimeout(performance.now());
      this.#setTimer();
    }, waitMs);
  }

  #push(bytes: Uint8Array): void {
    this.#unreadBytes += bytes.length;
    if (this.#pipe.push(bytes)) this.#handleRead();
  }

  #handleRead(): void {
    const bytes = this.#unreadBytes;
    this.#unreadBytes = 0;
    if (bytes > 0) this.#stream.handleRead(bytes);
  }

  #takeWritten(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
    queueMicrotask(() => this.#handleDrained());
  }

  #handleDrained(): void {
    if (this.waitingBytes === 0) this.#events?.drained?.();
  }

  #gone(): void {
    clearTimeout(this.#linger);
    clearTimeout(this.#timer);
    this.#endedAtMs = undefined;
    this.#path?.close();
    this.#stream.close();
    this.#tls.destroy();
    this.#pipe.destroy();
    this.call.end();
    const events = this.#isEnding ? undefined : this.#events;
    this.#isEnding = true;
    this.#closed.resolve();
    events?.ended();
  }
}

/** The identities are what counts, not the certificates: both ends sign this channel. */
function asCaller(pipe: Duplex): TLSSocket {
  const options: ConnectionOptions = {
    socket: pipe,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  };
  return connect(options);
}

function asCalled(pipe: Duplex, { key, cert }: KeyPair): TLSSocket {
  // As Bun 1.4.5 has it; the types want a net.Socket.
  return new TLSSocket(
    pipe as never,
    { isServer: true, key, cert, minVersion: "TLSv1.3" } as never,
  );
}
