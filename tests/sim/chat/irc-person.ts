// A user of an IRC client, which is told who is in a channel once, on entering it, and then follows
// the changes: its lists must stay those of the server.

import { LineSplitter } from "../../../src/line-splitter.ts";
import { irc } from "../../dialects/irc/rig.ts";
import { AwayViews } from "./away-views.ts";
import { Connection } from "./connection.ts";
import { fail } from "./truth.ts";
import { isSettled, MemberLists } from "./member-lists.ts";
import { RoomViews } from "./room-views.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { WatchList } from "./watch-list.ts";

/** In the studio are few others, so that these users often open it, and are its operators. */
const rooms = ["lobby", "den", "attic", "hall", "studio", "studio", "studio"];

export class IrcPerson {
  readonly #world: Surroundings;
  readonly #lists: MemberLists;
  readonly #views: RoomViews;
  readonly #watches: WatchList;
  readonly #away: AwayViews;
  #connection: Connection | undefined;
  #server: ServerProcess | undefined;
  #nick = "";
  /** Lists of which the end has not arrived yet. */
  readonly #listed = new Map<string, string[]>();
  /** The private messages it has heard on this connection. */
  readonly #heardPrivately = new Set<number>();

  constructor(
    world: Surroundings,
    readonly name: string,
    readonly address: string,
    /** Logs in to an account of that name. */
    readonly hasAccount = false,
  ) {
    this.#world = world;
    this.#lists = new MemberLists(name);
    this.#views = new RoomViews(name);
    this.#watches = new WatchList(name);
    this.#away = new AwayViews(name);
  }

  doSomething(): void {
    const { random } = this.#world;
    const dice = random();
    const room = rooms[Math.floor(random() * rooms.length)]!;
    if (this.#connection === undefined) this.#connect();
    else if (dice < 0.3) this.#send(`JOIN #${room}`);
    else if (dice < 0.4) this.#send(`PART #${room}`);
    else if (dice < 0.55) this.#send(`PRIVMSG #${room} :hm`);
    else if (dice < 0.6) this.#send(`NICK ${this.name}${random() < 0.5 ? "" : "-too"}`);
    else if (dice < 0.65) this.#send(`NAMES #${room}`);
    else if (dice < 0.67) this.#send("QUIT");
    // Refused unless this user has opened the room.
    else if (dice < 0.71) this.#send(`KICK #${room} ${this.#world.anyName()}`);
    else if (dice < 0.88) this.#rule(this.#views.ruledBy(this.#nick, random()) ?? room);
    else if (dice < 0.91) {
      this.#connection.cut(random() * 3_000, random() * 10_000);
      this.#lost();
    } else this.#send(random() < 0.5 ? "AWAY :lunch" : "AWAY");
  }

  /** Refused unless this user is an operator of the room. */
  #rule(room: string): void {
    const { random } = this.#world;
    const any = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const sign = any(["+", "-"]);
    const nick = random() < 0.5 ? this.#world.anyName() : any(["Iris", "Igor", "Ida"]);
    const dice = random();
    if (dice < 0.2) return this.#send(`TOPIC #${room} :${any(["", "", "1", "2", "3"])}`);
    const kinds = [`${sign}v ${nick}`, `${sign}o ${nick}`, `${sign}s`, `${sign}t`];
    // What keeps people from entering or speaking is left to a room that few need.
    const limits =
      sign === "+"
        ? ["+i", "+m", "+n", "+l 3", "+k key", `+b ${nick}!*@*`]
        : ["-i", "-m", "-n", "-l", "-k *", `-b ${nick}!*@*`];
    const isStudio = room === "studio" && dice < 0.6;
    this.#send(`MODE #${room} ${any(isStudio ? limits : kinds)}`);
  }

  /** Enters a room that is often empty, looks who is there, and leaves. */
  visit(room: string): void {
    this.#send(`JOIN #${room}`);
    this.#world.clock.after(4_000 * this.#world.random(), () => this.#send(`NAMES #${room}`));
    this.#world.clock.after(5_000, () => this.#send(`PART #${room}`));
  }

  checkMembers(): void {
    const isQuiet = this.#connection?.isQuiet === true;
    const { nowMs } = this.#world.clock;
    this.#lists.check(isQuiet, nowMs);
    const server = this.#server;
    if (server === undefined || !isQuiet || !isSettled(server)) return this.#watches.pause();
    this.#views.check(server, nowMs);
    this.#away.check(server, this.#nick, nowMs);
    if (this.#world.isReachable?.(server) === false) this.#watches.pause();
    else this.#watches.check(this.#world.online(server), nowMs);
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#lost();
  }

  #lost(): void {
    this.#connection = undefined;
    this.#listed.clear();
    this.#lists.forget();
    this.#views.forget();
    this.#watches.forget();
    this.#away.forget();
  }

  #send(line: string): void {
    this.#world.trace(this.name, ">", line);
    this.#connection?.send(`${line}\r\n`);
  }

  #connect(): void {
    const { server, random } = this.#world;
    if (server === undefined || server.isClosed) return;
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
    this.#views.forget();
    this.#server = server;
    this.#nick = this.name;
    this.#heardPrivately.clear();
    this.#send(`CAP REQ :multi-prefix away-notify${this.hasAccount ? " sasl" : ""}`);
    this.#send(`NICK ${this.name}`);
    this.#send(`USER ${this.name} 0 * :${this.name}`);
    this.#send(this.hasAccount ? "AUTHENTICATE PLAIN" : "CAP END");
    this.#send("JOIN #lobby");
    this.#send(`MONITOR + ${this.#world.names.join(",")}`);
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
      case "AUTHENTICATE": {
        const { name } = this;
        return this.#send(`AUTHENTICATE ${btoa(`\0${name}\0password of ${name}`)}`);
      }
      case "903":
      case "904":
        return this.#send("CAP END");
      case "PRIVMSG":
        return this.#heard(first, rest);
      case "PING":
        return this.#send(`PONG ${rest}`);
      case "JOIN":
        return isMe ? this.#entered(room) : this.#joined(room, from);
      case "PART":
        return isMe ? this.#parted(room) : this.#left(room, from);
      case "KICK": {
        const [, target = ""] = rest.split(" ");
        return target === this.#nick ? this.#parted(room) : this.#left(room, target);
      }
      case "QUIT":
        this.#views.leftAll(from);
        this.#away.leftAll(from);
        return this.#lists.leftAll(from);
      case "NICK":
        if (isMe) this.#nick = first;
        this.#views.renamed(from, first);
        this.#away.renamed(from, first);
        return this.#lists.renamed(from, first);
      case "TOPIC":
      case "332": {
        const [, channel = "", topic = ""] = /#(\S+) :(.*)$/.exec(rest) ?? [];
        return this.#views.topic(channel, topic);
      }
      case "MODE": {
        const [, letters = "", ...args] = rest.replaceAll(":", "").split(" ");
        return this.#views.changed(room, letters, args);
      }
      case "324": {
        const [, channel = "", letters = ""] = /#(\S+) (\S+)/.exec(rest) ?? [];
        return this.#views.modes(channel, letters);
      }
      case "AWAY":
        return this.#away.told(from, rest !== "");
      case "352": {
        const [, , , , , nick = "", flags = ""] = rest.split(" ");
        return this.#away.listed(nick, flags.startsWith("G"));
      }
      case "315": {
        const [, channel = ""] = /#(\S+)/.exec(rest) ?? [];
        return this.#away.allListed(channel);
      }
      case "730":
      case "731":
        return this.#watches.told(rest.replace(/^\S+ :?/, ""), verb === "730");
      case "353": {
        const [, channel = "", names = ""] = /#(\S+) :?(.*)$/.exec(rest) ?? [];
        this.#listed.set(channel, [...(this.#listed.get(channel) ?? []), ...names.split(" ")]);
        return;
      }
      case "366": {
        const [, channel = ""] = /#(\S+)/.exec(rest) ?? [];
        const listed = this.#listed.get(channel) ?? [];
        this.#listed.delete(channel);
        this.#checkOperators(channel, listed);
        this.#lists.listed(
          channel,
          listed.map((name) => name.replace(/^[@+]*/, "")),
        );
        this.#views.listed(channel, listed);
      }
    }
  }

  /** What others do not hear is for this user. */
  #heard(target: string, text: string): void {
    if (target.startsWith("#") || !/<\d+>/.test(text)) return;
    const { id, to, mayBePrivate } = this.#world.truth.tokenOf(text);
    if (this.#heardPrivately.has(id)) fail(`${this.name} hears ${text} twice`);
    this.#heardPrivately.add(id);
    if (mayBePrivate || to.includes(this.name) || to.includes(this.#nick)) return;
    fail(`${this.name} hears what is for ${to.join(", ")}: ${text}`);
  }

  #entered(room: string): void {
    // The list of an own channel follows.
    this.#lists.await(room);
    this.#views.entered(room);
    this.#away.entered(room);
    this.#send(`MODE #${room}`);
    this.#send(`WHO #${room}`);
  }

  #joined(room: string, nick: string): void {
    this.#lists.joined(room, nick);
    this.#views.joined(room, nick);
    this.#away.joined(room, nick);
  }

  #parted(room: string): void {
    this.#lists.parted(room);
    this.#views.parted(room);
    this.#away.parted(room);
  }

  #left(room: string, nick: string): void {
    this.#lists.left(room, nick);
    this.#views.left(room, nick);
    this.#away.left(room, nick);
  }

  /** Only whoever has opened a room is its operator. Who has just left elsewhere may be shown. */
  #checkOperators(channel: string, listed: readonly string[]): void {
    // In others, operators are made.
    if (channel !== "plaza") return;
    if (this.#server !== undefined && this.#world.isTakenForDead?.(this.#server) === true) return;
    const operators = listed.filter((name) => name.startsWith("@"));
    const present = operators.filter((name) => {
      return this.#world.isMember?.(channel, name.replace(/^[@+]*/, "")) !== false;
    });
    if (present.length > 1) fail(`${this.name} is shown ${operators.join(" ")} in ${channel}`);
  }
}
