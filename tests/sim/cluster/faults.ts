// What happens to the servers of a simulation: links to the database that are slow, lose answers or
// are cut, clocks that are set, processes that are killed, stopped and paused, clients that are cut
// off, and a database that fails over.

import type { Connection } from "../chat/connection.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { LinkCondition, SimulatedDatabase } from "./database.ts";
import type { ClientWorld } from "./json-client.ts";
import type { MemberProcess } from "./member-process.ts";

const conditions: readonly LinkCondition[] = ["fine", "fine", "slow", "forgetful", "deaf", "cut"];

export class Faults {
  readonly #world: ClientWorld;
  readonly #database: SimulatedDatabase;
  readonly #members: readonly MemberProcess[];
  readonly #connections = new Map<ServerProcess, Connection[]>();
  #isHealing = false;

  constructor(world: ClientWorld, database: SimulatedDatabase, members: readonly MemberProcess[]) {
    this.#world = world;
    this.#database = database;
    this.#members = members;
  }

  begin(): void {
    for (const member of this.#members) {
      this.#changeLink(member);
      this.#break(member);
      this.#setClock(member);
    }
    this.#failOver();
  }

  /** The connection may be cut. */
  watch(connection: Connection, server: ServerProcess): void {
    const list = this.#connections.get(server);
    if (list === undefined) this.#connections.set(server, [connection]);
    else list.push(connection);
  }

  heal(): void {
    this.#isHealing = true;
    this.#world.trace("all", "!", "heal");
    this.#comeBack();
    for (const member of this.#members) {
      member.resume();
      member.start();
      member.link.condition = "fine";
      member.machine.set(true);
      this.#listenAgain(member);
    }
  }

  #later(mostMs: number, work: () => void, leastMs = 0): void {
    const { clock, random } = this.#world;
    clock.after(leastMs + random() * mostMs, () => {
      if (!this.#isHealing) work();
    });
  }

  #changeLink(member: MemberProcess): void {
    const { random } = this.#world;
    this.#later(40_000, () => {
      const { link } = member;
      link.condition = conditions[Math.floor(random() * conditions.length)]!;
      this.#world.trace(member.name, "!", `the link is ${link.condition}`);
      if (link.condition === "cut") link.break();
      else this.#listenAgain(member);
      this.#changeLink(member);
    });
  }

  #setClock(member: MemberProcess): void {
    this.#later(180_000, () => {
      const { machine, name } = member;
      machine.set();
      this.#world.trace(name, "!", `the clock is ${machine.errorMs} ms ahead`);
      this.#setClock(member);
    });
  }

  #listenAgain({ link }: MemberProcess): void {
    const { clock, random } = this.#world;
    clock.after(random() * 3_000, () => link.listenAgain());
  }

  /** Kills or pauses it, or cuts off its clients; it returns later. */
  #break(member: MemberProcess): void {
    this.#later(
      120_000,
      () => {
        const dice = this.#world.random();
        if (dice < 0.25) this.#kill(member);
        else if (dice < 0.4) this.#stop(member);
        else if (dice < 0.8) this.#pause(member);
        else this.#cutClients(member);
        this.#break(member);
      },
      20_000,
    );
  }

  #kill(member: MemberProcess): void {
    const { clock, random } = this.#world;
    this.#world.trace(member.name, "!", "killed");
    this.#cutClients(member);
    member.kill();
    clock.after(random() * 20_000, () => member.start());
  }

  /** As for an upgrade: its clients go to others, and it returns soon. */
  #stop(member: MemberProcess): void {
    const { clock, random } = this.#world;
    this.#world.trace(member.name, "!", "stops");
    member.stop(() => {
      this.#cutClients(member);
      clock.after(random() * 5_000, () => member.start());
    });
  }

  #pause(member: MemberProcess): void {
    const { clock, random } = this.#world;
    const pauseMs = random() * 25_000;
    this.#world.trace(member.name, "!", `paused for ${pauseMs} ms`);
    member.pause();
    clock.after(pauseMs, () => member.resume());
  }

  #cutClients({ server }: MemberProcess): void {
    if (server === undefined) return;
    const { random } = this.#world;
    const connections = this.#connections.get(server) ?? [];
    this.#connections.delete(server);
    for (const connection of connections) connection.cut(random() * 3_000, random() * 20_000);
  }

  /** The primary dies, and the standby takes over: all connections break. */
  #failOver(): void {
    const { clock, random } = this.#world;
    this.#later(
      200_000,
      () => {
        this.#world.trace("database", "!", "fails over");
        this.#database.isAway = true;
        for (const { link } of this.#members) link.break();
        clock.after(random() * 20_000, () => this.#comeBack());
        this.#failOver();
      },
      40_000,
    );
  }

  #comeBack(): void {
    this.#database.isAway = false;
    for (const member of this.#members) this.#listenAgain(member);
  }
}
