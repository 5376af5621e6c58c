// A client's session with the test in the role of its server: records what it sends, and passes its
// events to the view under test.

import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import type { ServerLimits, WelcomeSession } from "../../src/protocol/messages.ts";
import { welcome } from "../protocol/welcome.ts";

export abstract class SessionRig {
  readonly session: ClientSession;
  readonly sent: Record<string, unknown>[] = [];
  abstract readonly client: { handleEvent(event: SessionEvent): void };

  constructor(readonly name: string) {
    this.session = new ClientSession({
      name,
      rooms: ["lobby"],
      secret: "0123456789abcdef",
      random: () => 0,
    });
  }

  /** Connects and is admitted. */
  welcome(bounds: Partial<ServerLimits> = {}, given: Partial<WelcomeSession> = {}): void {
    this.session.start(0);
    this.session.handleConnected(0);
    this.welcomeAgain(bounds, given);
  }

  /** Answers the last hello. */
  welcomeAgain(bounds: Partial<ServerLimits> = {}, given: Partial<WelcomeSession> = {}): void {
    const session = {
      name: this.name,
      secret: "0123456789abcdef",
      epoch: "e",
      mail: 0,
      n: 0,
      recovered: true,
      rooms: [{ room: "lobby", seq: 0, recovered: true }],
      ...given,
    };
    this.hear(welcome(session, bounds));
  }

  applyOutputs(): void {
    for (const output of this.session.pollOutputs()) {
      if (output.type === "send") {
        this.sent.push(JSON.parse(output.line) as Record<string, unknown>);
      } else if (output.type === "event") this.client.handleEvent(output.event);
    }
  }

  /** The server sends these lines. */
  hear(...lines: object[]): void {
    for (const line of lines) this.session.handleLine(JSON.stringify(line), 0);
    this.applyOutputs();
  }
}
