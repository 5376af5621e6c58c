// A client of one of the old systems, without acknowledgements or resuming. Messages it receives
// from the room are in the log, in the log's order and once; private ones were meant for it; text
// it sends while it believes to be in a private chat never reaches the room.

import { LineSplitter } from "../../../src/line-splitter.ts";
import { Connection } from "./connection.ts";
import type { PlainWords } from "./plain-words.ts";
import { fail, type Token } from "./truth.ts";
import type { Surroundings } from "./surroundings.ts";

export class PlainPerson {
  readonly #world: Surroundings;
  readonly #words: PlainWords;
  #connection: Connection | undefined;
  /** The current name, and all earlier names. */
  #name: string;
  readonly #names = new Set<string>();
  /** The partner of the private chat it knows of. */
  #partner: string | undefined;
  /** It has invited, or accepted: a private chat may begin at any moment. */
  #mayChat = false;
  /** It has done so since the last chat began, which may end only now. */
  #hasAsked = false;
  /** It has typed `leave`: text typed now is for the room. */
  #isLeaving = false;
  /** The messages it has sent on this connection. */
  readonly #said = new Set<number>();
  /** The private messages it has heard on this connection. */
  readonly #heardPrivately = new Set<number>();
  /** Number of the last message of the lobby that it has heard on this connection. */
  #heard = 0;

  constructor(
    world: Surroundings,
    readonly ownName: string,
    readonly address: string,
    words: PlainWords,
  ) {
    this.#world = world;
    this.#words = words;
    this.#name = ownName;
  }

  doSomething(): void {
    const { random } = this.#world;
    const connection = this.#connection;
    if (connection === undefined) return this.#connect();
    const { tell, rename, invite, hasConsent } = this.#words;
    const dice = random();
    if (dice < 0.6) {
      const times = random() < 0.2 ? 4 : 1;
      for (let i = 0; i < times; i++) this.#say(connection);
    } else if (dice < 0.75 && tell !== undefined && this.#partner === undefined) {
      const to = this.#world.anyRecipient();
      const token = this.#token(undefined, [to]);
      token.mayBePrivate = this.#mayChat || this.#isLeaving;
      this.#send(connection, tell(to, this.#text(token)));
    } else if (dice < 0.8 && rename !== undefined) {
      const to = this.#world.anyName();
      if (this.#world.isShared === true) this.#names.add(to);
      this.#send(connection, rename(this.#name, to));
    } else if (dice < 0.84 && invite !== undefined) {
      this.#mayChat = this.#hasAsked = true;
      this.#send(connection, invite(this.#world.anyName()));
    } else if (dice < 0.88 && hasConsent && this.#partner !== undefined) {
      this.#isLeaving = true;
      this.#partner = undefined;
      this.#send(connection, "leave");
    } else if (dice > 0.96) {
      this.#connection = undefined;
      connection.cut(random() * 1_000, random() * 20_000);
    }
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#connection = undefined;
  }

  #say(connection: Connection): void {
    const { say, sayInChat = say } = this.#words;
    const partner = this.#partner;
    const token = this.#token(partner === undefined ? "lobby" : undefined, [partner ?? ""]);
    // A chat may have begun that it has not read about yet, or not have ended that it has left.
    token.mayBePrivate = this.#mayChat || this.#isLeaving;
    this.#send(connection, (partner === undefined ? say : sayInChat)(this.#text(token)));
  }

  #token(room: string | undefined, to: readonly string[]): Token {
    const token = this.#world.truth.token(this.ownName, room, to);
    this.#said.add(token.id);
    return token;
  }

  #text(token: Token): string {
    return this.#world.truth.text(token);
  }

  #send(connection: Connection, message: string): void {
    this.#world.trace(this.ownName, ">", message);
    // After a refused login, the next line is read as a name.
    if (/^\S+$/.test(message)) this.#names.add(message);
    connection.send(`${message}\n`);
  }

  #connect(): void {
    const { server, random } = this.#world;
    if (server === undefined || server.isClosed) return;
    const { dialect, login } = this.#words;
    const splitter = new LineSplitter(1_000_000);
    this.#heard = 0;
    this.#said.clear();
    this.#heardPrivately.clear();
    this.#partner = undefined;
    this.#mayChat = this.#hasAsked = false;
    this.#isLeaving = false;
    this.#name = this.ownName;
    this.#names.add(this.#name);
    const connection: Connection = new Connection(server, dialect, this.address, random, {
      received: (bytes) => {
        splitter.push(bytes, (line) => {
          if (this.#connection !== connection) return false;
          this.#hear(line, connection);
          return true;
        });
      },
      closed: () => {
        if (this.#connection === connection) this.#connection = undefined;
      },
    });
    this.#world.watch(connection, server);
    this.#connection = connection;
    this.#send(connection, login(this.#name));
  }

  #hear(line: string, connection: Connection): void {
    const { truth } = this.#world;
    this.#world.trace(this.ownName, "<", line);
    if (!/<\d+>/.test(line) || line.includes("The name '")) return this.#hearNews(line, connection);
    const token = truth.tokenOf(line);
    if (token.room === undefined || (token.mayBePrivate && !token.logged.includes("lobby"))) {
      const isMeant = token.mayBePrivate || token.to.some((name) => this.#names.has(name));
      if (!isMeant && token.author !== this.ownName) {
        fail(`${this.ownName} hears what is for ${token.to.join(", ")}: ${line}`);
      }
      if (token.author === this.ownName) return;
      if (this.#heardPrivately.has(token.id)) fail(`${this.ownName} hears ${line} twice`);
      this.#heardPrivately.add(token.id);
      return;
    }
    const log = truth.rooms.get(token.room) ?? [];
    if (token.room !== "lobby") fail(`${this.ownName} hears ${line} of ${token.room}`);
    if (this.#said.has(token.id) && !this.#words.echoes) {
      fail(`${this.ownName} hears its own ${line}`);
    }
    const seq = log.indexOf(truth.text(token), this.#heard) + 1;
    if (seq === 0) fail(`${this.ownName} hears ${line} after message ${this.#heard} of the lobby`);
    this.#heard = seq;
  }

  #hearNews(line: string, connection: Connection): void {
    const { random } = this.#world;
    const isRefused = line.includes("The name '") && this.#name === this.ownName;
    if (isRefused && !this.#words.dialect.name.startsWith("open")) {
      // It reconnects later.
      this.#connection?.leave(100);
      this.#connection = undefined;
      return;
    }
    const renamed =
      /^(\S+) changed his name to (\S+)!$/.exec(line) ??
      /"type":"renamed",.*"from":"([^"]+)","to":"([^"]+)"/.exec(line);
    if (renamed?.[1] === this.#name) {
      this.#name = renamed[2]!;
      this.#names.add(this.#name);
    }
    const asks = /^private chat: (\S+) asks you/.exec(line)?.[1];
    if (asks !== undefined && random() < 0.9) {
      const word = random() < 0.7 ? "accept" : "reject";
      if (word === "accept") this.#mayChat = this.#hasAsked = true;
      this.#send(connection, word);
    }
    const started = /^private chat with (\S+) has started/.exec(line)?.[1];
    if (started !== undefined) {
      this.#partner = started;
      this.#hasAsked = false;
      this.#isLeaving = false;
    }
    if (/^private chat (with \S+ has ended|has ended: )/.test(line)) {
      this.#partner = undefined;
      this.#mayChat = this.#hasAsked;
      this.#isLeaving = false;
    }
  }
}
