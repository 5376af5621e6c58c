// A client of one of the old systems, without acknowledgements or resuming. What it receives from
// the room is in the log, in the log's order and once; what it receives privately was meant for it.

import type { Dialect } from "../../../src/chat/dialect.ts";
import { LineSplitter } from "../../../src/line-splitter.ts";
import { Connection } from "./connection.ts";
import { fail } from "./truth.ts";
import type { Surroundings } from "./surroundings.ts";

export class PlainPerson {
  readonly #world: Surroundings;
  #connection: Connection | undefined;
  /** Number of the last lobby message received on this connection. */
  #heard = 0;

  constructor(
    world: Surroundings,
    readonly name: string,
    readonly address: string,
    readonly dialect: Dialect,
  ) {
    this.#world = world;
  }

  doSomething(): void {
    const { random, truth } = this.#world;
    const connection = this.#connection;
    if (connection === undefined) return this.#connect();
    const dice = random();
    if (dice < 0.7) {
      connection.send(`${truth.text(truth.token(this.name, "lobby", []))}\n`);
    } else if (dice < 0.85 && this.dialect.name === "open-chat") {
      const to = this.#world.anyName();
      connection.send(`~${to} ${truth.text(truth.token(this.name, undefined, [to]))}\n`);
    } else if (dice > 0.95) {
      this.#connection = undefined;
      connection.cut(random() * 1_000, random() * 20_000);
    }
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#connection = undefined;
  }

  #connect(): void {
    const { server, random } = this.#world;
    if (server.isDead) return;
    const splitter = new LineSplitter(1_000_000);
    this.#heard = 0;
    const connection: Connection = new Connection(server, this.dialect, this.address, random, {
      received: (bytes) => {
        splitter.push(bytes, (line) => {
          if (this.#connection !== connection) return false;
          this.#hear(line);
          return true;
        });
      },
      closed: () => {
        if (this.#connection === connection) this.#connection = undefined;
      },
    });
    this.#world.watch(connection);
    this.#connection = connection;
    connection.send(`${this.name}\n`);
  }

  #hear(line: string): void {
    const { truth } = this.#world;
    this.#world.trace(this.name, "<", line);
    if (line.startsWith("The name '")) {
      // Its own dead connection still has the name; it tries again later.
      this.#connection?.leave(100);
      this.#connection = undefined;
      return;
    }
    if (!/<\d+>/.test(line)) return;
    const token = truth.tokenOf(line);
    if (token.room === undefined) {
      if (!token.to.includes(this.name) && token.author !== this.name) {
        fail(`${this.name} hears what is for ${token.to.join(", ")}: ${line}`);
      }
      return;
    }
    const log = truth.rooms.get(token.room) ?? [];
    if (token.room !== "lobby") fail(`${this.name} hears ${line} of ${token.room}`);
    const seq = log.indexOf(truth.text(token), this.#heard) + 1;
    if (seq === 0) fail(`${this.name} hears ${line} after message ${this.#heard} of the lobby`);
    this.#heard = seq;
  }
}
