// A client that others find through any server, because the database has the place where it is.

import { isSettled } from "../chat/member-lists.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { fail } from "../chat/truth.ts";
import { JsonClient } from "./json-client.ts";
import type { MemberProcess } from "./member-process.ts";
import type { Tables } from "./tables.ts";

/** How long a place may be wrong: longer than a lease, and than a look on a slow link. */
const wrongMs = 30_000;

export type Places = {
  readonly tables: Tables;
  readonly members: readonly MemberProcess[];
  /** Whether the server can know what the database has. */
  readonly isReachable: (server: ServerProcess) => boolean;
};

export abstract class PlacedClient extends JsonClient {
  /** The name of its place in the database; undefined: it has none now. */
  protected place: string | undefined;
  readonly #places: Places;
  #wrongSinceMs: number | undefined;

  constructor(world: Surroundings, places: Places, label: string, address: string) {
    super(world, label, address);
    this.#places = places;
  }

  /** Now and then: whether it has been elsewhere for too long. */
  check(): void {
    const { nowMs } = this.world.clock;
    const { server } = this;
    const mayKnow = server !== undefined && this.#places.isReachable(server);
    if (!mayKnow || this.#problem() === undefined) this.#wrongSinceMs = undefined;
    else {
      this.#wrongSinceMs ??= nowMs;
      if (nowMs - this.#wrongSinceMs >= wrongMs) this.checkPlace();
    }
  }

  /** Once healed, and after some time. */
  checkPlace(): void {
    const { server } = this;
    const problem = this.#problem();
    // Otherwise the connection may be lost, which only the server knows.
    if (problem === undefined || !this.isQuiet || server === undefined) return;
    if (isSettled(server)) fail(problem);
  }

  protected lost(): void {
    this.place = this.#wrongSinceMs = undefined;
  }

  /** Returns, often to the same server. False: nobody listens. */
  protected reconnect(): boolean {
    return this.connect(this.world.random() < 0.6 ? this.server : undefined);
  }

  #problem(): string | undefined {
    const { place, server, label } = this;
    const { tables, members } = this.#places;
    if (place === undefined) return undefined;
    const here = members.find((one) => one.server === server)?.serverId;
    const found = tables.holdersOf(place).map((row) => row.server);
    if (found.length === 1 && found[0] === here) return undefined;
    return `${label} is at ${here}, the database has ${place} at ${found.join(" and ") || "none"}`;
  }
}
