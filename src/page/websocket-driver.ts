// Connects a native session (src/client) to a WebSocket and a clock. Knows nothing of the page.

import type { DrivenSession, SessionEvent, SessionOutput } from "../client/events.ts";
import { client as limits } from "../limits.ts";

/**
 * One frame contains many lines; the server accepts up to 256 KiB, and a line is at most half of
 * that.
 */
const maxFrameChars = 32_768;

/** Runs one session until it ends. Call `step` after calling any method of the session. */
export class WebSocketDriver {
  readonly #session: DrivenSession;
  readonly #url: string;
  readonly #onEvents: (events: readonly SessionEvent[]) => void;
  #socket: WebSocket | undefined;
  /** The server that this connection was meant to reach, and the one for the next connection. */
  #server: string | undefined;
  #nextServer: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    session: DrivenSession,
    url: string,
    onEvents: (events: readonly SessionEvent[]) => void,
  ) {
    this.#session = session;
    this.#url = url;
    this.#onEvents = onEvents;
  }

  start(): void {
    this.#session.start(performance.now());
    this.step();
  }

  /**
   * Applies the session's outputs. Lines are sent in as few frames as possible, events passed on
   * together.
   */
  step(): void {
    const lines: string[] = [];
    const events: SessionEvent[] = [];
    for (const output of this.#session.pollOutputs()) this.#apply(output, lines, events);
    this.#send(lines);
    clearTimeout(this.#timer);
    const timeoutMs = this.#session.nextTimeoutMs;
    if (timeoutMs !== undefined) {
      const waitMs = Math.max(0, timeoutMs - performance.now());
      this.#timer = setTimeout(() => this.#wake(), waitMs);
    }
    if (events.length > 0) this.#onEvents(events);
  }

  /** The network may have changed: reconnects if the server does not answer soon. */
  checkAlive(): void {
    this.#session.checkAlive(performance.now());
    this.#wake();
  }

  /** Whether the server still hears what is said. */
  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The server that the balancer was asked for, as `HOST:PORT`; if it was. */
  get server(): string | undefined {
    return this.#server;
  }

  /**
   * Goes on at another server of the same parley, with the same session, if the balancer leads to
   * it (docs/cluster.md). False: it does not, or that is no address.
   */
  moveTo(server: string): boolean {
    if (server === this.#server || !/^[\w.:[\]-]{1,300}$/.test(server)) return false;
    this.#nextServer = server;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#session.handleLost("moving to another server", performance.now());
    this.step();
    return true;
  }

  #wake(): void {
    this.#session.handleTimeout(performance.now());
    this.step();
  }

  #apply(output: SessionOutput, lines: string[], events: SessionEvent[]): void {
    switch (output.type) {
      case "connect":
        return this.#connect();
      case "send":
        lines.push(output.line);
        return;
      case "close":
        this.#send(lines.splice(0));
        this.#socket?.close();
        this.#socket = undefined;
        return;
      case "event":
        events.push(output.event);
    }
  }

  #send(lines: readonly string[]): void {
    // The server is closing it, which the session hears in a moment.
    if (!this.isConnected) return;
    let frame = "";
    for (const line of lines) {
      if (frame !== "" && frame.length + line.length > maxFrameChars) {
        this.#socket?.send(frame);
        frame = "";
      }
      frame += line;
    }
    if (frame !== "") this.#socket?.send(frame);
  }

  #connect(): void {
    // If that server can't be reached, the next attempt leads to any.
    this.#server = this.#nextServer;
    this.#nextServer = undefined;
    const query = this.#server === undefined ? "" : `?at=${this.#server}`;
    const socket = new WebSocket(this.#url + query);
    this.#socket = socket;
    const ifCurrent = (handle: () => void): void => {
      if (this.#socket !== socket) return;
      handle();
      this.step();
    };
    const lose = (reason: string): void =>
      ifCurrent(() => {
        this.#socket = undefined;
        this.#session.handleLost(reason, performance.now());
      });
    // A browser waits for minutes, and notices late that the network is back.
    const deadline = setTimeout(() => {
      lose("the server does not answer");
      socket.close();
    }, limits.connectTimeoutMs);
    socket.addEventListener("open", () => {
      clearTimeout(deadline);
      ifCurrent(() => this.#session.handleConnected(performance.now()));
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) =>
      ifCurrent(() => {
        if (typeof event.data !== "string") return;
        for (const line of event.data.split("\n")) {
          if (line !== "") this.#session.handleLine(line, performance.now());
        }
      }),
    );
    socket.addEventListener("close", (event) => {
      clearTimeout(deadline);
      lose(event.reason || "the connection ended");
    });
  }
}
