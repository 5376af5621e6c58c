// A user of an IRC client, which is told who is in a channel once, on entering it, and then follows
// the changes: its lists must stay those of the server.

import { LineSplitter } from "../../../src/line-splitter.ts";
import { irc } from "../../dialects/irc/rig.ts";
import { AwayViews } from "./away-views.ts";
import { Connection } from "./connection.ts";
import { fail } from "./truth.ts";
import type { Invitations } from "./invitations.ts";
import { readMessage } from "./irc-message.ts";
import { isSettled, MemberLists } from "./member-lists.ts";
import { PastReader } from "./past-reader.ts";
import { PrivateReader } from "./private-reader.ts";
import { RoomViews } from "./room-views.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { WatchList } from "./watch-list.ts";
import { WhoisChecks } from "./whois-checks.ts";

/** In the studio are few others, so that these users often open it, and are its operators. */
const rooms = ["lobby", "den", "attic", "hall", "studio", "studio", "studio"];

/** Those with accounts write to each other. */
const friends: Readonly<Record<string, string>> = { Igor: "Ida", Ida: "Igor" };

export class IrcPerson {
  readonly #world: Surroundings;
  readonly #lists: MemberLists;
  readonly #views: RoomViews;
  readonly #watches: WatchList;
  readonly #away: AwayViews;
  readonly #past: PastReader | undefined;
  readonly #private: PrivateReader | undefined;
  readonly #whois: WhoisChecks;
  #connection: Connection | undefined;
  #server: ServerProcess | undefined;
  #nick = "";
  #isWelcome = false;
  /** Otherwise it has no mailbox that it could read. */
  #isLoggedIn = false;
  /** When it has sent an invitation that is not answered yet. */
  #invitingMs = -Infinity;
  /** Lists of which the end has not arrived yet. */
  readonly #listed = new Map<string, string[]>();
  /** The same for WHO. */
  readonly #found: string[] = [];
  /** The private messages it has heard on this connection. */
  readonly #heardPrivately = new Set<number>();

  constructor(
    world: Surroundings,
    readonly invitations: Invitations,
    readonly name: string,
    readonly address: string,
    /** Logs in to an account of that name. */
    readonly hasAccount = false,
    /** Its client shows message IDs and history. */
    isReader = false,
  ) {
    this.#world = world;
    this.#past = isReader ? new PastReader(world, name) : undefined;
    const keepsMail = isReader && hasAccount;
    this.#private = keepsMail ? new PrivateReader(world, name, friends[name]!) : undefined;
    this.#lists = new MemberLists(name);
    this.#views = new RoomViews(name);
    this.#watches = new WatchList(name);
    this.#away = new AwayViews(name);
    this.#whois = new WhoisChecks(name, world.isShared === true ? 12 : 4);
  }

  doSomething(): void {
    const { random } = this.#world;
    const dice = random();
    const room = rooms[Math.floor(random() * rooms.length)]!;
    if (this.#connection === undefined) this.#connect();
    else if (this.#past !== undefined && random() < 0.4) this.#readPast();
    else if (dice < 0.3) this.#send(`JOIN #${room}`);
    else if (dice < 0.4) this.#send(`PART #${room}`);
    else if (dice < 0.45 && this.hasAccount) this.#tell();
    else if (dice < 0.55) this.#send(`PRIVMSG #${room} :hm`);
    else if (dice < 0.6) this.#send(`NICK ${this.name}${random() < 0.5 ? "" : "-too"}`);
    else if (dice < 0.63) this.#send(`${random() < 0.5 ? "NAMES" : "WHO"} #${room}`);
    else if (dice < 0.66) this.#askWhois(random() < 0.5 ? this.#world.anyName() : "Iris");
    else if (dice < 0.68) this.#send("QUIT");
    // Refused unless this user has opened the room.
    else if (dice < 0.71) this.#send(`KICK #${room} ${this.#world.anyName()}`);
    else if (dice < 0.8) this.#invite();
    else if (dice < 0.88) this.#rule(this.#views.ruledBy(this.#nick, random()) ?? room);
    else if (dice < 0.91) {
      this.#connection.cut(random() * 3_000, random() * 10_000);
      this.#lost();
    } else this.#send(random() < 0.5 ? "AWAY :lunch" : "AWAY");
  }

  /** Another user of IRC into a room that this one is an operator of. */
  #invite(): void {
    const { random } = this.#world;
    const room = this.#views.ruledBy(this.#nick, random());
    const nicks = this.invitations.nicks(this.name);
    const nick = nicks[Math.floor(random() * nicks.length)];
    const isAsking = this.#nowMs - this.#invitingMs < 60_000;
    if (room === undefined || nick === undefined || isAsking) return;
    this.#invitingMs = this.#nowMs;
    this.invitations.sent(this.name, room, nick, this.#nowMs);
    this.#send(`INVITE ${nick} #${room}`);
  }

  #askWhois(nick: string): void {
    if (this.#whois.isAsking) return;
    this.#whois.asked(nick);
    this.#send(`WHOIS ${nick}`);
  }

  /** If it can't be checked now, it is not asked again. */
  #checkWhois(nick: string): void {
    const server = this.#server;
    const connection = this.#connection;
    this.#whois.isAsking = false;
    if (server === undefined || connection?.isQuiet !== true || !isSettled(server)) return;
    if (this.#world.isReachable?.(server) === false) return;
    if (!this.#whois.ended(server, this.#views.rooms)) return;
    this.#world.clock.after(3_000, () => {
      if (this.#connection === connection) this.#askWhois(nick);
    });
  }

  /** One request at a time. */
  #readPast(): void {
    if (this.#private?.isAsking === true || this.#past?.isAsking === true) return;
    const isPrivate = this.#isWelcome && this.#isLoggedIn && this.#world.random() < 0.4;
    const request = isPrivate ? this.#private?.request() : this.#past?.request();
    if (request !== undefined) this.#send(request);
  }

  #tell(): void {
    const { truth, random } = this.#world;
    const to = random() < 0.7 ? friends[this.name]! : this.#world.anyName();
    const token = truth.token(this.name, undefined, [to]);
    this.#send(`PRIVMSG ${to} :${truth.text(token)}`);
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
    this.#past?.check(nowMs);
    this.#private?.check(nowMs);
    const isShared = this.#world.isShared === true;
    this.invitations.check(this.name, { connection: this.#connection!, isShared }, nowMs);
    if (this.#world.isReachable?.(server) === false) this.#watches.pause();
    else this.#watches.check(this.#world.online(server), nowMs);
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#lost();
  }

  #lost(): void {
    if (this.#connection !== undefined) this.invitations.lost(this.#connection);
    this.#connection = undefined;
    this.#isWelcome = this.#isLoggedIn = false;
    this.invitations.here(this.name, undefined);
    this.invitations.left(this.name);
    this.#invitingMs = -Infinity;
    this.#listed.clear();
    this.#found.length = 0;
    this.#whois.isAsking = false;
    this.#lists.forget();
    this.#views.forget();
    this.#watches.forget();
    this.#away.forget();
    this.#past?.forget();
    this.#private?.forget();
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
          this.#hear(line);
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
    const forPast = " message-tags server-time batch echo-message draft/chathistory";
    const more = `${this.hasAccount ? " sasl" : ""}${this.#past === undefined ? "" : forPast}`;
    this.#send(`CAP REQ :multi-prefix away-notify${more}`);
    this.#send(`NICK ${this.name}`);
    this.#send(`USER ${this.name} 0 * :${this.name}`);
    this.#send(this.hasAccount ? "AUTHENTICATE PLAIN" : "CAP END");
    this.#send("JOIN #lobby");
    this.#send(`MONITOR + ${this.#world.names.join(",")}`);
  }

  #hear(received: string): void {
    this.#world.trace(this.name, "<", received);
    const message = readMessage(received);
    this.#past?.hear(message);
    this.#private?.hear(message, this.#nick);
    const line = received.replace(/^@\S+ /, "").trimEnd();
    const [, from = "", verb = "", rest = ""] = /^(?::([^ !]+)\S* )?(\S+) ?(.*)$/.exec(line) ?? [];
    const [first = ""] = rest.replace(/^:/, "").split(" ");
    const room = first.replace(/^#/, "");
    const isMe = from === this.#nick;
    switch (verb) {
      case "001":
        this.#isWelcome = true;
        return this.#isCalled(first);
      case "433":
        return this.leave();
      case "INVITE":
        return this.#invited(rest);
      case "341":
      case "401":
      case "403":
      case "442":
      case "443":
      case "482":
        // Some of these answer other requests, which does no harm.
        if (["341", "401", "443"].includes(verb)) this.#invitingMs = -Infinity;
        return this.invitations.answered(this.name, verb === "341");
      case "471":
      case "473":
      case "474":
      case "475": {
        const [, channel = ""] = /#(\S+)/.exec(rest) ?? [];
        return this.invitations.refused(this.name, this.#connection!, channel, line);
      }
      case "AUTHENTICATE": {
        const { name } = this;
        return this.#send(`AUTHENTICATE ${btoa(`\0${name}\0password of ${name}`)}`);
      }
      case "903":
      case "904":
        this.#isLoggedIn = verb === "903";
        return this.#send("CAP END");
      case "PRIVMSG": {
        const isLive = !isMe && !message.tags.has("batch");
        return isLive ? this.#heard(first, rest) : undefined;
      }
      case "BATCH":
        if (rest.startsWith("-") && this.#world.random() < 0.7) this.#readPast();
        return;
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
        if (isMe) this.#isCalled(first);
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
        this.#views.changed(room, letters, args);
        if (!this.#views.rules(room, this.#nick)) this.invitations.left(this.name, room);
        return;
      }
      case "324": {
        const [, channel = "", letters = ""] = /#(\S+) (\S+)/.exec(rest) ?? [];
        return this.#views.modes(channel, letters);
      }
      case "AWAY":
        return this.#away.told(from, rest !== "");
      case "352": {
        const [, , , , , nick = "", flags = ""] = rest.split(" ");
        this.#found.push(`${flags.replace(/[^@+]/g, "")}${nick}`);
        return this.#away.listed(nick, flags.startsWith("G"));
      }
      case "315": {
        const [, channel = ""] = /#(\S+)/.exec(rest) ?? [];
        this.#areIn(channel, this.#found.splice(0));
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
        this.#areIn(channel, listed);
        return;
      }
      case "319":
        return this.#whois.shown(rest.replace(/^\S+ \S+ :/, ""));
      case "318":
        return this.#checkWhois(rest.split(" ")[1] ?? "");
    }
  }

  /** `listed`: everybody in that room, with the signs of ranks. */
  #areIn(room: string, listed: readonly string[]): void {
    this.#lists.listed(
      room,
      listed.map((name) => name.replace(/^[@+]*/, "")),
    );
    this.#views.listed(room, listed);
  }

  get #nowMs(): number {
    return this.#world.clock.nowMs;
  }

  #isCalled(nick: string): void {
    this.#nick = nick;
    this.invitations.here(this.name, { nick, connection: this.#connection! });
  }

  /** `rest`: the nick and the room. */
  #invited(rest: string): void {
    const [nick, channel = ""] = rest.replace(":", "").split(" ");
    if (nick !== this.#nick) return;
    this.invitations.told(this.#connection!, channel.slice(1));
    this.#send(`JOIN ${channel}`);
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
    this.#past?.entered(room);
    this.invitations.entered(this.#connection!, room);
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
    this.#past?.parted(room);
    this.invitations.left(this.name, room);
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
