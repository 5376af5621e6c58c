// Drives a client's session over TCP: connects when the session asks to, writes its output, and
// feeds it lines and timeouts. Its events go to one listener, which can pause reading. Knows
// neither the protocol's messages nor what the listener does.

import type { DrivenSession, SessionEvent } from "../client/events.ts";
import type { ParleyError } from "../errors.ts";
import { client, clientSocket as limits } from "../limits.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { BannerCheck } from "./banner-check.ts";
import { Deadline, dial } from "./dial.ts";
import { type Address, hostPortText, type ServerAddress, siblingOf } from "./host-port.ts";
import type { TcpLink } from "./tcp-link.ts";

/** One connection attempt and the resulting connection. */
type Attempt = {
  /** Undefined until it is open. */
  link: TcpLink | undefined;
  /** Deadline for connecting. */
  readonly deadline: Deadline;
  readonly lines: LineSplitter;
  readonly banner: BannerCheck;
  bannerTimer: Timer | undefined;
  /** The session no longer receives events of this connection. */
  isOver: boolean;
  /** Resolves when the connection is closed. */
  readonly closed: PromiseWithResolvers<void>;
};

export class NativeConnection {
  /** The servers to choose from; all of them belong to the same cluster. */
  readonly #servers: ServerAddress[];
  #index = 0;
  readonly #session: DrivenSession;
  readonly #listener: (event: SessionEvent) => void;
  #current: Attempt | undefined;
  #timer: Timer | undefined;
  #paused = false;
  #applying = false;
  #problem: ParleyError | undefined;
  readonly #drainListeners = new Set<() => void>();

  constructor(to: ServerAddress, session: DrivenSession, listener: (event: SessionEvent) => void) {
    this.#servers = [to, ...(to.alternatives ?? [])];
    this.#session = session;
    this.#listener = listener;
  }

  /** The server in use, or the one tried last. */
  get server(): ServerAddress {
    const server = this.#servers[this.#index % this.#servers.length];
    if (server === undefined) throw new Error("There is no server to connect to");
    return server;
  }

  /** Why the last connection ended, if the server does not speak the native protocol. */
  get problem(): ParleyError | undefined {
    return this.#problem;
  }

  /** The server's numeric address; empty if not connected. */
  get remoteAddress(): string {
    return this.#current?.link?.remoteAddress ?? "";
  }

  /** Bytes that the kernel has not accepted yet. */
  get waitingBytes(): number {
    return this.#current?.link?.waitingBytes ?? 0;
  }

  /**
   * Calls `listener` whenever the kernel has accepted everything; returns a function that
   * unsubscribes.
   */
  onDrained(listener: () => void): () => void {
    this.#drainListeners.add(listener);
    return () => void this.#drainListeners.delete(listener);
  }

  start(): void {
    this.#session.start(now());
    this.applyOutputs();
  }

  #tellDrained(): void {
    for (const listener of this.#drainListeners) listener();
  }

  /** Carries out the session's outputs. Call it after every request to the session. */
  applyOutputs(): void {
    // Reentered when a listener makes a request to the session.
    if (this.#applying) return;
    this.#applying = true;
    for (;;) {
      const outputs = this.#session.pollOutputs();
      if (outputs.length === 0) break;
      let lines = "";
      for (const output of outputs) {
        if (output.type === "send") {
          lines += output.line;
          continue;
        }
        this.#send(lines);
        lines = "";
        if (output.type === "connect") void this.#connect();
        else if (output.type === "close") this.#close();
        else this.#listener(output.event);
      }
      this.#send(lines);
    }
    this.#applying = false;
    this.#setTimer();
  }

  /** Stops reading, so that a slow reader slows down the server. */
  pause(): void {
    if (this.#paused) return;
    this.#setPaused(true);
    this.#current?.link?.pause();
  }

  /** Reads on. */
  resume(): void {
    if (!this.#paused) return;
    this.#setPaused(false);
    this.#current?.link?.resume();
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#session.setPaused(paused, now());
    this.#setTimer();
  }

  /** The network may have changed: reconnects if the server does not answer soon. */
  checkAlive(): void {
    this.#session.checkAlive(now());
    this.applyOutputs();
  }

  /**
   * Goes on at another server of the same cluster, with the same session. It must have the key of
   * this one; without TLS, it must be on the same machine. False: it can't.
   */
  moveTo(address: Address): boolean {
    const { host, port } = address;
    const sibling = siblingOf(this.server, address);
    if (sibling === undefined) return false;
    const known = this.#servers.findIndex((one) => one.host === host && one.port === port);
    if (known < 0) this.#servers.push(sibling);
    this.#index = known < 0 ? this.#servers.length - 1 : known;
    const attempt = this.#current;
    if (attempt === undefined || attempt.isOver) return true;
    this.#finish(attempt);
    attempt.link?.end();
    this.#session.handleLost("moving to another server", now());
    this.applyOutputs();
    return true;
  }

  /** Sends `bye` and resolves once everything has been sent (bounded in time). */
  async leave(): Promise<void> {
    this.resume();
    this.#session.leave();
    this.applyOutputs();
    clearTimeout(this.#timer);
    await this.#current?.closed.promise;
  }

  async #connect(): Promise<void> {
    const attempt: Attempt = {
      link: undefined,
      deadline: new Deadline(client.connectTimeoutMs),
      lines: new LineSplitter(limits.maxServerLineBytes),
      banner: new BannerCheck(),
      bannerTimer: undefined,
      isOver: false,
      closed: Promise.withResolvers<void>(),
    };
    this.#current = attempt;
    const outcome = await this.#dial(attempt);
    attempt.deadline.cancel();
    if (typeof outcome !== "string") return;
    attempt.closed.resolve();
    const untrusted = this.server.trust?.problem;
    if (untrusted === undefined) return this.#lose(attempt, outcome);
    // A retry would not reach a different server.
    if (attempt.isOver) return;
    this.#finish(attempt);
    this.#session.fail(untrusted.code, untrusted.message);
    this.applyOutputs();
  }

  /** Tries one server after the other. Returns the connection, or why no server answered. */
  async #dial(attempt: Attempt): ReturnType<typeof dial> {
    for (let left = this.#servers.length; ; left--) {
      const outcome = await dial(this.server, attempt.deadline, {
        events: (link) => {
          attempt.link = link;
          void link.closed.then(() => {
            if (attempt.link === link) attempt.closed.resolve();
          });
          return {
            data: (bytes) => this.#handleData(attempt, bytes),
            ended: () => this.#lose(attempt, "the connection ended"),
            drained: () => this.#tellDrained(),
          };
        },
        opened: () => this.#handleOpened(attempt),
      });
      if (typeof outcome !== "string") return outcome;
      // If no time is left, the next attempt begins with the next server.
      const isOver = attempt.isOver || attempt.deadline.isExpired || left === 1;
      if (isOver || this.server.trust?.problem !== undefined) return outcome;
      attempt.link = undefined;
      this.#index++;
    }
  }

  #handleOpened(attempt: Attempt): void {
    if (attempt.isOver) return attempt.link?.end();
    if (this.#paused) attempt.link?.pause();
    this.#session.handleConnected(now(), attempt.link?.channel);
    this.applyOutputs();
  }

  #handleData(attempt: Attempt, bytes: Uint8Array): void {
    if (attempt.isOver) return;
    const nowMs = now();
    this.#checkBanner(attempt, bytes);
    const outcome = attempt.lines.push(bytes, (line) => {
      this.#session.handleLine(line, nowMs);
      return true;
    });
    this.applyOutputs();
    if (outcome === tooLong) {
      this.#lose(attempt, `the server sent more than ${limits.maxServerLineBytes} bytes in a line`);
    }
  }

  /** A server that does not start in the native protocol gets little time to switch to it. */
  #checkBanner(attempt: Attempt, bytes: Uint8Array): void {
    attempt.banner.handleData(bytes);
    if (attempt.banner.problem("") === undefined) return;
    attempt.bannerTimer ??= setTimeout(() => {
      if (attempt.banner.problem("") !== undefined) this.#lose(attempt, "no welcome");
    }, limits.firstWordsMs);
  }

  #send(lines: string): void {
    const attempt = this.#current;
    if (lines === "" || attempt?.link === undefined || attempt.isOver) return;
    attempt.link.send(lines);
    if (attempt.link.waitingBytes > limits.maxUnsentBytes) {
      this.#lose(attempt, "the server does not read");
    }
  }

  /** The session is done with this connection: pending output is still sent, bounded in time. */
  #close(): void {
    const attempt = this.#current;
    if (attempt === undefined || attempt.isOver) return;
    this.#finish(attempt);
    if (attempt.link === undefined) attempt.deadline.shorten(0);
    else attempt.link.end();
  }

  /** The connection is closed or unusable. */
  #lose(attempt: Attempt, reason: string): void {
    if (attempt.isOver) return;
    this.#finish(attempt);
    attempt.link?.cut();
    this.#problem = attempt.banner.problem(hostPortText(this.server));
    this.#index++;
    this.#session.handleLost(this.#problem?.message ?? reason, now());
    this.applyOutputs();
  }

  #finish(attempt: Attempt): void {
    attempt.isOver = true;
    clearTimeout(attempt.bannerTimer);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const timeoutMs = this.#session.nextTimeoutMs;
    if (timeoutMs === undefined) return;
    const waitMs = Math.max(0, Math.ceil(timeoutMs - now()));
    this.#timer = setTimeout(() => {
      this.#session.handleTimeout(now());
      this.applyOutputs();
    }, waitMs);
  }
}

/** Monotonic: setting the clock must not end connections. */
function now(): number {
  return performance.now();
}
