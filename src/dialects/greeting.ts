// greeting: one message, one answer. A datagram is answered with `Ok`; over TCP a knock is answered
// and the connection closed. Pure.

import type { Command, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { looksLikeAnswer, ok } from "./datagram-guard.ts";
import type { Conversation, DatagramDialect, Dialect } from "../chat/dialect.ts";

export const knock = "Knock knock..";
const knockAnswer = "Who's there?";

const notAKnock = `Send «${knock}» to be answered`;

class GreetingConversation implements Conversation {
  greeting(): readonly string[] {
    return [];
  }

  receive(message: string): Command {
    const text = message.trim() === knock ? knockAnswer : notAKnock;
    return { type: "reply", text, end: true };
  }

  overflow(): Command {
    return { type: "reply", text: notAKnock, end: true };
  }

  /** Shows why the server rejects the connection, if it does; nothing else is sent unasked. */
  render(event: PersonalEvent): string | undefined {
    return event.type === "error" ? event.message : undefined;
  }
}

export const greeting: Dialect = {
  name: "greeting",
  reservedWords: [],
  input: "auto",
  output: "message",
  hasLogin: false,
  echo: { said: false, joined: false },
  renderRoom: (_event: RoomEvent) => undefined,
  open: () => new GreetingConversation(),
};

export const greetingDatagrams: DatagramDialect = {
  name: "greeting",
  answer: (request) => (looksLikeAnswer(request) ? undefined : { text: ok }),
};
