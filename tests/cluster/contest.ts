// Two programs of different users that repeatedly try to get one name, at any server: at most one
// has it at a time, whatever breaks.

import { ClientSession } from "../../src/client/session.ts";
import { NativeConnection } from "../../src/io/native-connection.ts";
import type { ReplicatedSetting } from "./replicated-setting.ts";

const prize = "prize";

type Owners = { folded: string; holders: number };

export class Contest implements Disposable {
  readonly problems: string[] = [];
  /** How often a program got the name. */
  wins = 0;
  #isOver = false;
  readonly #loops: Promise<void>[];
  #current = new Set<NativeConnection>();

  constructor(
    readonly setting: ReplicatedSetting,
    readonly ports: readonly number[],
    readonly random: () => number,
  ) {
    this.#loops = [this.#contend("red"), this.#contend("blue"), this.#watch()];
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
  }

  async #contend(who: string): Promise<void> {
    while (!this.#isOver) {
      await this.#try(who);
      await Bun.sleep(100 + 300 * this.random());
    }
  }

  /** Claims the name for a moment, if it is free. */
  async #try(who: string): Promise<void> {
    const { random } = this;
    const secret = `${who}-${"s".repeat(32)}`;
    const session = new ClientSession({ name: prize, rooms: ["contest"], secret, random });
    const port = this.ports[Math.floor(this.ports.length * random())] ?? 0;
    const outcome = Promise.withResolvers<void>();
    const connection = new NativeConnection({ host: "127.0.0.1", port }, session, (event) => {
      if (event.type === "online") this.wins++;
      if (["online", "ended", "offline"].includes(event.type)) outcome.resolve();
    });
    this.#current.add(connection);
    connection.start();
    await outcome.promise;
    await Bun.sleep(300 * random());
    await connection.leave();
    this.#current.delete(connection);
  }

  /** Checks the database: among live servers, only one user has a name. */
  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await Bun.sleep(100);
      try {
        const rows = await this.setting.query<Owners>(
          `SELECT n.folded, count(DISTINCT n.holder) AS holders FROM parley.names n
           JOIN parley.servers s ON s.id = n.server AND NOT s.is_over
           GROUP BY n.folded HAVING count(DISTINCT n.holder) > 1`,
        );
        for (const { folded, holders } of rows) {
          this.problems.push(`${holders} people have the name ${folded}`);
        }
      } catch {
        // The database is unreachable at the moment.
      }
    }
  }
}
