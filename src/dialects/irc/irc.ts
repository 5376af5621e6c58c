// IRC (docs/irc.md) as a dialect: rooms are channels. Members who requested the same capabilities
// share each rendering of a room; there are as many variants as sets of capabilities. Pure.

import type { Dialect, Peer } from "../../chat/dialect.ts";
import { isLoopback } from "../../addresses.ts";
import { IrcConversation } from "./conversation.ts";
import { variantLetters } from "./capabilities.ts";
import { RoomLines } from "./room-lines.ts";
import type { IrcServer } from "./self.ts";

export type { IrcServer } from "./self.ts";

/** The dialect as spoken by `server`. */
export function ircDialect(server: IrcServer): Dialect {
  const variants = new Map<string, Dialect>();
  const variant = (wanted: string): Dialect => {
    // Letters in a fixed order, so that the order of the requests does not multiply the variants.
    const name = variantLetters.filter((letter) => wanted.includes(letter)).join("");
    let found = variants.get(name);
    if (found === undefined) variants.set(name, (found = make(name)));
    return found;
  };
  const make = (name: string): Dialect => {
    const lines = new RoomLines(server, name);
    return {
      name: "irc",
      reservedWords: [],
      input: "lines",
      output: "stream",
      severalLines: true,
      echo: { said: false, joined: false },
      showsPersonas: true,
      variant,
      renderRoom: (event) => lines.render(event),
      renderRun: (run) => lines.renderRun(run),
      open: (peer) => open(server, peer),
    };
  };
  return variant("");
}

function open(server: IrcServer, { tls, address }: Peer): IrcConversation {
  const isSecure = tls === true;
  return new IrcConversation(server, isSecure, isSecure || isLoopback(address));
}
