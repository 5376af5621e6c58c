// A user of an IRC client, which is told who is in a channel once, on entering it, and then follows
// the changes: its lists must stay those of the server.

import { LineSplitter } from "../../../src/line-splitter.ts";
import { irc } from "../../dialects/irc/rig.ts";
import { Connection } from "./connection.ts";
import { fail } from "./truth.ts";
import { MemberLists } from "./member-lists.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";

const rooms = ["lobby", "den", "attic", "hall"];

export class IrcPerson {
  readonly #world: Surroundings;
  readonly #lists: MemberLists;
  #connection: Connection | undefined;
  #server: ServerProcess | undefined;
  #nick = "";
  /** Lists of which the end has not arrived yet. */
  readonly #listed = new Map<string, string[]>();

  constructor(
    world: Surroundings,
    readonly name: string,
    readonly address: string,
  ) {
    this.#world = world;
    this.#lists = new MemberLists(name);
  }

  doSomething(): void {
    const { random } = this.#world;
    const dice = random();
    const room = rooms[Math.floor(random() * rooms.length)]!;
    if (this.#connection === undefined) this.#connect();
    else if (dice < 0.3) this.#send(`JOIN #${room}`);
    else if (dice < 0.5) this.#send(`PART #${room}`);
    else if (dice < 0.7) this.#send(`PRIVMSG #${room} :hm`);
    else if (dice < 0.75) this.#send(`NICK ${this.name}${random() < 0.5 ? "" : "-too"}`);
    else if (dice < 0.8) this.#send(`NAMES #${room}`);
    else if (dice < 0.84) this.#send("QUIT");
    // Refused unless this user has opened the room.
    else if (dice < 0.88) this.#send(`KICK #${room} ${this.#world.anyName()}`);
    else if (dice < 0.92) {
      this.#connection.cut(random() * 3_000, random() * 10_000);
      this.#lost();
    }
  }

  /** Enters a room that is often empty, looks who is there, and leaves. */
  visit(room: string): void {
    this.#send(`JOIN #${room}`);
    this.#world.clock.after(4_000 * this.#world.random(), () => this.#send(`NAMES #${room}`));
    this.#world.clock.after(5_000, () => this.#send(`PART #${room}`));
  }

  checkMembers(): void {
    const isQuiet = this.#connection?.isQuiet === true;
    this.#lists.check(isQuiet, this.#world.clock.nowMs);
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#lost();
  }

  #lost(): void {
    this.#connection = undefined;
    this.#listed.clear();
    this.#lists.forget();
  }

  #send(line: string): void {
    this.#world.trace(this.name, ">", line);
    this.#connection?.send(`${line}\r\n`);
  }

  #connect(): void {
    const { server, random } = this.#world;
    if (server === undefined || server.isDead) return;
    const splitter = new LineSplitter(1_000_000);
    const connection: Connection = new Connection(server, irc, this.address, random, {
      received: (bytes) => {
        splitter.push(bytes, (line) => {
          if (this.#connection !== connection) return false;
          this.#hear(line.trimEnd());
          return true;
        });
      },
      closed: () => {
        if (this.#connection === connection) this.#lost();
      },
    });
    this.#world.watch(connection, server);
    this.#connection = connection;
    this.#lists.follow(server);
    this.#server = server;
    this.#nick = this.name;
    this.#send(`NICK ${this.name}`);
    this.#send(`USER ${this.name} 0 * :${this.name}`);
    this.#send("JOIN #lobby");
  }

  #hear(line: string): void {
    this.#world.trace(this.name, "<", line);
    const [, from = "", verb = "", rest = ""] = /^(?::([^ !]+)\S* )?(\S+) ?(.*)$/.exec(line) ?? [];
    const [first = ""] = rest.replace(/^:/, "").split(" ");
    const room = first.replace(/^#/, "");
    const isMe = from === this.#nick;
    switch (verb) {
      case "433":
        return this.leave();
      case "PING":
        return this.#send(`PONG ${rest}`);
      case "JOIN":
        // The list of an own channel follows.
        return isMe ? this.#lists.await(room) : this.#lists.joined(room, from);
      case "PART":
        return isMe ? this.#lists.parted(room) : this.#lists.left(room, from);
      case "KICK": {
        const [, target = ""] = rest.split(" ");
        return target === this.#nick ? this.#lists.parted(room) : this.#lists.left(room, target);
      }
      case "QUIT":
        return this.#lists.leftAll(from);
      case "NICK":
        if (isMe) this.#nick = first;
        return this.#lists.renamed(from, first);
      case "353": {
        const [, channel = "", names = ""] = /#(\S+) :?(.*)$/.exec(rest) ?? [];
        this.#listed.set(channel, [...(this.#listed.get(channel) ?? []), ...names.split(" ")]);
        return;
      }
      case "366": {
        const [, channel = ""] = /#(\S+)/.exec(rest) ?? [];
        const listed = this.#listed.get(channel) ?? [];
        this.#listed.delete(channel);
        const operators = listed.filter((name) => name.startsWith("@"));
        const isStale = this.#server && this.#world.isTakenForDead?.(this.#server);
        if (operators.length > 1 && isStale !== true)
          fail(`${this.name} is shown ${operators.join(" ")} in ${channel}`);
        this.#lists.listed(
          channel,
          listed.map((name) => name.replace(/^@/, "")),
        );
      }
    }
  }
}
