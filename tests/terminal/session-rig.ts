// A client's session that a test plays the server to: what it sends is kept, what it tells goes to the view that is tested.

import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";

export abstract class SessionRig {
  readonly session: ClientSession;
  readonly sent: Record<string, unknown>[] = [];
  abstract readonly client: { hear(event: SessionEvent): void };

  constructor(readonly name: string) {
    this.session = new ClientSession({
      name,
      room: "lobby",
      secret: "0123456789abcdef",
      random: () => 0,
    });
  }

  /** Connects and is let in. */
  welcome(extra: object = {}): void {
    this.session.start(0);
    this.session.connected(0);
    const { name } = this;
    this.hear({ type: "welcome", name, room: "lobby", epoch: "e", seq: 0, n: 0, ...extra });
  }

  obey(): void {
    for (const output of this.session.take()) {
      if (output.do === "send") this.sent.push(JSON.parse(output.line) as Record<string, unknown>);
      else if (output.do === "tell") this.client.hear(output.event);
    }
  }

  hear(...lines: object[]): void {
    for (const line of lines) this.session.receive(JSON.stringify(line), 0);
    this.obey();
  }
}
