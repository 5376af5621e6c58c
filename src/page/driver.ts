// Gives the native session (src/client) a WebSocket and a clock. Knows nothing of the page.

import type { NativeSession, Output, SessionEvent } from "../client/events.ts";

/** Runs one session until it ends. Call `step` after every call of one of the session's methods. */
export class Driver {
  readonly #session: NativeSession;
  readonly #url: string;
  readonly #tell: (events: readonly SessionEvent[]) => void;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    session: NativeSession,
    url: string,
    tell: (events: readonly SessionEvent[]) => void,
  ) {
    this.#session = session;
    this.#url = url;
    this.#tell = tell;
  }

  start(): void {
    this.#session.start(now());
    this.step();
  }

  /** Does what the session wants: all lines in one frame, all events in one go. */
  step(): void {
    const lines: string[] = [];
    const events: SessionEvent[] = [];
    for (const output of this.#session.take()) this.#do(output, lines, events);
    this.#send(lines);
    clearTimeout(this.#timer);
    const deadline = this.#session.nextDeadlineMs;
    if (deadline !== undefined) {
      this.#timer = setTimeout(() => this.wake(), Math.max(0, deadline - now()));
    }
    if (events.length > 0) this.#tell(events);
  }

  /** Looks at the clock at once: after sleep, or when the network is back. */
  wake(): void {
    this.#session.poll(now());
    this.step();
  }

  #do(output: Output, lines: string[], events: SessionEvent[]): void {
    switch (output.do) {
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
      case "tell":
        events.push(output.event);
    }
  }

  #send(lines: readonly string[]): void {
    // One frame holds many lines; the server takes up to 256 KiB, and the session's window is far below that in a turn.
    let frame = "";
    for (const line of lines) {
      if (frame !== "" && frame.length + line.length > 32_768) {
        this.#socket?.send(frame);
        frame = "";
      }
      frame += line;
    }
    if (frame !== "") this.#socket?.send(frame);
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const ifCurrent = (act: () => void): void => {
      if (this.#socket !== socket) return;
      act();
      this.step();
    };
    socket.addEventListener("open", () => ifCurrent(() => this.#session.connected(now())));
    socket.addEventListener("message", (event: MessageEvent<unknown>) =>
      ifCurrent(() => {
        if (typeof event.data !== "string") return;
        for (const line of event.data.split("\n")) {
          if (line !== "") this.#session.receive(line, now());
        }
      }),
    );
    socket.addEventListener("close", (event) =>
      ifCurrent(() => {
        this.#socket = undefined;
        this.#session.lost(now(), event.reason || "the connection ended");
      }),
    );
  }
}

/** Monotonic, in milliseconds. */
function now(): number {
  return performance.now();
}
