// Looks up which user is connected to which server, by name. The commit function writes the data.

import {
  type DirectoryEntry,
  type ForeignPerson,
  holderAt,
} from "../../chat/elsewhere/foreign-person.ts";
import type { Overview, PersonAtServer, StoreReply, StoreRequest } from "../../chat/turn/store.ts";
import { history } from "../../limits.ts";
import { storable } from "./batch-json.ts";
import type { DatabasePort } from "./database-port.ts";
import { readStored } from "./stored-json.ts";

type DirectoryRequest = Extract<
  StoreRequest,
  { type: "find-elsewhere" | "find-claimant" | "list-elsewhere" | "overview" }
>;

type PersonRow = Omit<DirectoryEntry, "about"> & {
  server: string;
  address: string;
  about: string;
  rooms: string;
};

export class PostgresDirectory {
  readonly #database: DatabasePort;

  constructor(database: DatabasePort) {
    this.#database = database;
  }

  /** `server`: the one that asks. */
  async answer(request: DirectoryRequest, server: string): Promise<StoreReply> {
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "find-elsewhere":
        return { ...done, type: request.type, result: await this.find(request.names, server) };
      case "find-claimant":
        return { ...done, type: request.type, result: await this.#claimant(request.name, server) };
      case "list-elsewhere":
        return { ...done, type: request.type, result: await this.list(server, request.limit) };
      case "overview":
        return { ...done, type: request.type, result: await this.overview() };
    }
  }

  /** Users with one of these folded names at servers other than `server`. */
  async find(names: readonly string[], server: string): Promise<ForeignPerson[]> {
    const rows = await this.#database.run<PersonRow>(
      `SELECT p.folded, p.name, p.key, p.person, p.about, p.server, s.address,
         (SELECT coalesce(json_agg(m.room), '[]') FROM parley.members m
          WHERE m.folded = p.folded AND m.server = p.server)::text AS rooms
       FROM parley.people p JOIN parley.servers s ON s.id = p.server AND NOT s.is_over
       WHERE p.server <> $2 AND p.folded IN (SELECT json_array_elements_text($1::text::json))
       ORDER BY p.folded COLLATE "C", p.since DESC`,
      [storable(JSON.stringify(names)), server],
    );
    return rows.map(({ person, about, rooms, ...row }) => ({
      ...row,
      person: holderAt(row.server, person),
      about: readStored(about, "The entry of a person"),
      rooms: JSON.parse(rooms),
    }));
  }

  /** All users connected to servers other than `server`, sorted by name. */
  async list(server: string, limit: number): Promise<readonly PersonAtServer[]> {
    return await this.#database.run<PersonAtServer>(
      `SELECT p.folded, p.name, p.server, s.address
       FROM parley.people p JOIN parley.servers s ON s.id = p.server AND NOT s.is_over
       WHERE p.server <> $1 ORDER BY p.folded COLLATE "C", p.since DESC LIMIT $2`,
      [server, limit],
    );
  }

  /** The address of another server than `server` that has claimed this name. */
  async #claimant(name: string, server: string): Promise<string | undefined> {
    const [row] = await this.#database.run<{ address: string }>(
      `SELECT s.address FROM parley.names n JOIN parley.servers s ON s.id = n.server AND NOT s.is_over
       WHERE n.folded = $1 AND n.server <> $2 ORDER BY s.expires DESC LIMIT 1`,
      [name, server],
    );
    return row?.address;
  }

  /** The number of members of every room that has any, and of users, at all servers. */
  async overview(): Promise<Overview> {
    const [rooms, [people]] = await Promise.all([
      this.#database.run<{ room: string; members: number | string }>(
        `SELECT m.room, count(DISTINCT m.folded) AS members
         FROM parley.members m JOIN parley.servers s ON s.id = m.server AND NOT s.is_over
         GROUP BY m.room ORDER BY m.room COLLATE "C" LIMIT $1`,
        [history.maxRooms],
      ),
      this.#database.run<{ count: number | string }>(
        `SELECT count(DISTINCT p.folded) AS count
         FROM parley.people p JOIN parley.servers s ON s.id = p.server AND NOT s.is_over`,
      ),
    ]);
    return {
      rooms: rooms.map(({ room, members }) => ({ room, members: Number(members) })),
      people: Number(people?.count ?? 0),
    };
  }

  /** Those of these servers that have ended. */
  async over(servers: readonly string[]): Promise<string[]> {
    if (servers.length === 0) return [];
    const rows = await this.#database.run<{ id: string }>(
      `SELECT asked.id FROM json_array_elements_text($1::text::json) AS asked(id)
       WHERE NOT EXISTS (
         SELECT 1 FROM parley.servers s WHERE s.id = asked.id AND NOT s.is_over)`,
      [JSON.stringify(servers)],
    );
    return rows.map(({ id }) => id);
  }
}
