// The table of all dialects by name. To add one, add its file and a line here (ARCHITECTURE.md).

import { calculator } from "./calculator/calculator.ts";
import { chatRoom } from "./chat-room.ts";
import { dateTime } from "./date-time.ts";
import type { DatagramDialect, Dialect } from "../chat/dialect.ts";
import { greeting, greetingDatagrams } from "./greeting.ts";
import { ircDialect } from "./irc/irc.ts";
import { lineChat } from "./line-chat.ts";
import { openChat } from "./open-chat/open-chat.ts";
import { selectChat } from "./select-chat.ts";

/**
 * A dialect, the transports of its own port, and the port that `--classic` opens for it (undefined
 * for dialects that are not one of the five systems).
 */
export type DialectEntry = { classicPort?: number } & (
  | { transport: "tcp"; dialect: Dialect }
  | { transport: "udp"; datagram: DatagramDialect }
  | { transport: "tcp+udp"; dialect: Dialect; datagram: DatagramDialect }
);

/** The server replaces this one by a dialect with its own name and log. */
const plainIrc = ircDialect({
  name: "parley",
  network: "parley",
  log: "log",
  version: "0",
  sts: () => undefined,
});

export const dialects: Readonly<Record<string, DialectEntry>> = {
  "open-chat": { transport: "tcp", dialect: openChat, classicPort: 55_000 },
  greeting: {
    transport: "tcp+udp",
    dialect: greeting,
    datagram: greetingDatagrams,
    classicPort: 43_386,
  },
  "date-time": { transport: "udp", datagram: dateTime, classicPort: 43_387 },
  calculator: { transport: "tcp", dialect: calculator, classicPort: 43_389 },
  "chat-room": { transport: "tcp", dialect: chatRoom, classicPort: 43_390 },
  "line-chat": { transport: "tcp", dialect: lineChat, classicPort: 1_234 },
  "select-chat": { transport: "tcp", dialect: selectChat, classicPort: 10_000 },
  irc: { transport: "tcp", dialect: plainIrc },
};
