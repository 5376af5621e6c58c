// Stand-ins for the browser's WebSocket, of a network and servers that a test plays, in virtual
// time.

import { afterEach, beforeEach, jest } from "bun:test";
import type { WelcomeSession } from "../../src/protocol/messages.ts";
import { welcome } from "../protocol/welcome.ts";

type Sent = { type: string; ref?: number };

/** It neither opens nor fails, until the test says so. */
export class PlayedSocket extends EventTarget {
  static readonly OPEN = 1;
  static readonly all: PlayedSocket[] = [];
  readonly sent: Sent[] = [];
  isClosed = false;
  readyState = PlayedSocket.OPEN;

  constructor(readonly url: string) {
    super();
    PlayedSocket.all.push(this);
  }

  send(frame: string): void {
    for (const line of frame.split("\n")) if (line !== "") this.sent.push(JSON.parse(line));
  }

  close(): void {
    this.isClosed = true;
  }

  opens(): void {
    this.dispatchEvent(new Event("open"));
  }

  says(message: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: `${JSON.stringify(message)}\n` }));
  }

  /** Opens, and welcomes the page. Returns its last request. */
  begin(session?: WelcomeSession): Sent {
    this.opens();
    this.says(welcome(session));
    return this.sent.at(-1)!;
  }

  get types(): readonly string[] {
    return this.sent.map(({ type }) => type);
  }
}

/** In all tests of a file. */
export function playSockets(): void {
  const { WebSocket } = globalThis;

  beforeEach(() => {
    jest.useFakeTimers();
    PlayedSocket.all.length = 0;
    Object.assign(globalThis, { WebSocket: PlayedSocket });
  });

  afterEach(() => {
    jest.useRealTimers();
    Object.assign(globalThis, { WebSocket });
  });
}
