// Drives a client's session over TCP: connects when it says so, writes what it sends, hands it lines and the time. What the
// session tells goes to one listener, who can pause it. Knows neither the protocol's words nor what the listener does.

import type { NativeSession, SessionEvent } from "../client/events.ts";
import type { ParleyError } from "../errors.ts";
import { client as limits } from "../limits.ts";
import { BannerCheck } from "./banner-check.ts";
import { type Address, hostPortText, socketReason } from "./host-port.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";

/** One attempt to connect, and the connection that came of it. */
type Attempt = {
  socket: Bun.Socket<Attempt> | undefined;
  lines: LineSplitter;
  first: BannerCheck;
  stranger: Timer | undefined;
  unsent: Buffer[];
  unsentBytes: number;
  ending: boolean;
  over: PromiseWithResolvers<void>;
  timer: Timer | undefined;
};

export class NativeConnection {
  readonly #to: Address;
  readonly #session: NativeSession;
  readonly #hear: (event: SessionEvent) => void;
  #current: Attempt | undefined;
  #timer: Timer | undefined;
  #paused = false;
  #obeying = false;
  #problem: ParleyError | undefined;

  constructor(to: Address, session: NativeSession, hear: (event: SessionEvent) => void) {
    this.#to = to;
    this.#session = session;
    this.#hear = hear;
  }

  /** Why the last connection ended, when whoever answers there does not speak the native protocol. */
  get problem(): ParleyError | undefined {
    return this.#problem;
  }

  start(): void {
    this.#session.start(now());
    this.obey();
  }

  /** Does what the session wants done. To be called after anything was asked of the session. */
  obey(): void {
    // A listener that asks the session for something while it is told something gets here again.
    if (this.#obeying) return;
    this.#obeying = true;
    for (let outputs = this.#session.take(); outputs.length > 0; outputs = this.#session.take()) {
      const lines: string[] = [];
      for (const output of outputs) {
        if (output.do === "send") {
          lines.push(output.line);
          continue;
        }
        this.#write(lines.splice(0).join(""));
        if (output.do === "connect") this.#connect();
        else if (output.do === "close") this.#hangUp();
        else this.#hear(output.event);
      }
      this.#write(lines.join(""));
    }
    this.#obeying = false;
    this.#setTimer();
  }

  /** Stops and resumes reading, so that a server waits for whoever reads slowly here. */
  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#session.setPaused(paused, now());
    if (paused) this.#current?.socket?.pause();
    else this.#current?.socket?.resume();
    this.#setTimer();
  }

  /** Says goodbye, and resolves when the last word has left (bounded in time). */
  async leave(): Promise<void> {
    this.pause(false);
    this.#session.leave();
    this.obey();
    clearTimeout(this.#timer);
    await this.#current?.over.promise;
  }

  #connect(): void {
    const attempt: Attempt = {
      socket: undefined,
      lines: new LineSplitter(limits.maxServerLineBytes),
      first: new BannerCheck(),
      stranger: undefined,
      unsent: [],
      unsentBytes: 0,
      ending: false,
      over: Promise.withResolvers<void>(),
      timer: undefined,
    };
    this.#current = attempt;
    attempt.timer = setTimeout(() => this.#lost(attempt, "timed out"), limits.connectTimeoutMs);
    void this.#open(attempt);
  }

  async #open(attempt: Attempt): Promise<void> {
    try {
      await Bun.connect<Attempt>({
        hostname: this.#to.host,
        port: this.#to.port,
        data: attempt,
        socket: {
          open: (socket) => this.#opened(socket),
          data: (socket, bytes) => this.#read(socket.data, bytes),
          drain: (socket) => this.#flush(socket.data),
          close: (socket) => this.#lost(socket.data, "the connection ended"),
          error: (socket, error) => this.#lost(socket.data, socketReason(error)),
          connectError: (socket, error) => this.#lost(socket.data, socketReason(error)),
        },
      });
    } catch (error) {
      this.#lost(attempt, socketReason(error));
    }
  }

  #opened(socket: Bun.Socket<Attempt>): void {
    const attempt = socket.data;
    clearTimeout(attempt.timer);
    if (attempt !== this.#current || attempt.ending) return void socket.terminate();
    attempt.socket = socket;
    socket.setNoDelay(true);
    if (this.#paused) socket.pause();
    this.#session.connected(now());
    this.obey();
  }

  #read(attempt: Attempt, bytes: Uint8Array): void {
    if (attempt !== this.#current || attempt.ending) return;
    const nowMs = now();
    this.#judge(attempt, bytes);
    const outcome = attempt.lines.push(bytes, (line) => {
      this.#session.receive(line, nowMs);
      return true;
    });
    this.obey();
    if (outcome === tooLong)
      this.#lost(attempt, `it sent a line of more than ${limits.maxServerLineBytes} bytes`);
  }

  /** Gives a server whose first words are not ours little time to say something else. */
  #judge(attempt: Attempt, bytes: Uint8Array): void {
    attempt.first.hear(bytes);
    if (attempt.first.problem("") === undefined) return;
    attempt.stranger ??= setTimeout(() => {
      if (attempt.first.problem("") !== undefined) this.#lost(attempt, "no welcome");
    }, limits.firstWordsMs);
  }

  #write(text: string): void {
    const attempt = this.#current;
    if (text === "" || attempt?.socket === undefined || attempt.ending) return;
    const bytes = Buffer.from(text);
    attempt.unsent.push(bytes);
    attempt.unsentBytes += bytes.length;
    this.#flush(attempt);
    if (attempt.unsentBytes > limits.maxUnsentBytes) this.#lost(attempt, "it reads nothing");
  }

  #flush(attempt: Attempt): void {
    const { socket, unsent } = attempt;
    if (socket === undefined) return;
    for (let bytes = unsent[0]; bytes !== undefined; bytes = unsent[0]) {
      const written = socket.write(bytes);
      if (written < 0) return;
      attempt.unsentBytes -= written;
      if (written < bytes.length) {
        unsent[0] = bytes.subarray(written);
        return;
      }
      unsent.shift();
    }
    if (attempt.ending) socket.end();
  }

  // The session wants no more of this connection: what is written still leaves, bounded in time.
  #hangUp(): void {
    const attempt = this.#current;
    if (attempt === undefined || attempt.ending) return;
    attempt.ending = true;
    clearTimeout(attempt.timer);
    if (attempt.socket === undefined) return this.#over(attempt);
    attempt.socket.resume();
    attempt.timer = setTimeout(() => {
      attempt.socket?.terminate();
      this.#over(attempt);
    }, limits.lingerMs);
    this.#flush(attempt);
  }

  #lost(attempt: Attempt, reason: string): void {
    clearTimeout(attempt.timer);
    clearTimeout(attempt.stranger);
    if (attempt !== this.#current) return;
    this.#problem = attempt.first.problem(hostPortText(this.#to));
    const ending = attempt.ending;
    attempt.ending = true;
    this.#over(attempt);
    attempt.socket?.terminate();
    if (ending) return;
    this.#session.lost(now(), this.#problem?.message ?? reason);
    this.obey();
  }

  #over(attempt: Attempt): void {
    clearTimeout(attempt.stranger);
    if (attempt === this.#current) this.#current = undefined;
    attempt.over.resolve();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const deadlineMs = this.#session.nextDeadlineMs;
    if (deadlineMs === undefined) return;
    const waitMs = Math.max(0, Math.ceil(deadlineMs - now()));
    this.#timer = setTimeout(() => {
      this.#session.poll(now());
      this.obey();
    }, waitMs);
  }
}

// Monotonic: a clock that somebody sets must not end connections.
function now(): number {
  return performance.now();
}
