// IRC clients at a hub without a network: the lines they send and receive.

import { type Client, Rig } from "../../chat/rig.ts";
import { ircDialect } from "../../../src/dialects/irc/irc.ts";

export const irc = ircDialect({
  name: "irc.test",
  network: "test",
  log: "log",
  version: "1",
  sts: () => undefined,
});

/** A client that has logged in and read its welcome; it requests `caps` first. */
export function ircAt(rig: Rig, nick: string, caps = "", address?: string): IrcClient {
  const client = new IrcClient(rig.client(irc, true, address));
  if (caps !== "") client.send("CAP LS 302", `CAP REQ :${caps}`);
  client.send(`NICK ${nick}`, `USER ${nick} 0 * :Real ${nick}`);
  if (caps !== "") client.send("CAP END");
  client.lines();
  return client;
}

export class IrcRig extends Rig {
  irc(nick: string, caps = "", address?: string): IrcClient {
    return ircAt(this, nick, caps, address);
  }

  /** A room with these users in it, with everything read. */
  room(room: string, ...clients: IrcClient[]): void {
    for (const client of clients) client.send(`JOIN ${room}`);
    for (const client of clients) client.lines();
  }
}

export class IrcClient {
  constructor(readonly client: Client) {}

  send(...lines: string[]): this {
    this.client.send(...lines);
    return this;
  }

  /**
   * The lines received since the last call. Hosts and times, which differ from run to run, are
   * masked.
   */
  lines(): string[] {
    return this.client
      .text()
      .split("\r\n")
      .filter((line) => line !== "")
      .map((line) =>
        line
          .replaceAll(/[a-z0-9]{1,10}\.parley/g, "HOST")
          .replaceAll(/time=[^; ]*/g, "time=T")
          .replaceAll(/msgid=[^; ]*/g, "msgid=ID"),
      );
  }

  /** The answer to this line alone. */
  ask(line: string): string[] {
    this.lines();
    return this.send(line).lines();
  }
}
