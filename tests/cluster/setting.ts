// Several servers with one database, as operators run them: processes of the compiled binary.

import { SQL } from "bun";
import { join } from "node:path";
import { FaultyServer, type Line } from "../fault/server.ts";
import { Cluster } from "../store/postgres/cluster.ts";
import { testFolder } from "../test-folder.ts";

export class Setting implements AsyncDisposable {
  readonly #sql: SQL;

  private constructor(
    /** Undoes everything; if a part does not start, the others before it are gone as well. */
    private readonly parts: AsyncDisposableStack,
    readonly folder: string,
    readonly postgres: Cluster,
    readonly database: string,
    readonly servers: readonly FaultyServer[],
  ) {
    this.#sql = new SQL(database, { max: 1 });
  }

  /**
   * `more`: flags of each server in addition to the common ones. `own`: with a PostgreSQL that no
   * other test uses, and that may be stopped.
   */
  static async start(
    count: number,
    more: readonly (readonly string[])[] = [],
    own = false,
  ): Promise<Setting> {
    await using parts = new AsyncDisposableStack();
    const folder = testFolder("cluster");
    const postgres = own ? await Cluster.start() : await Cluster.shared();
    if (own) parts.defer(() => postgres.remove());
    const database = await postgres.newDatabase();
    // One state folder: servers of one database have one key.
    const flags = ["--data", database, "--state", join(folder, "state")];
    const servers: FaultyServer[] = [];
    for (let i = 0; i < count; i++) {
      const server = parts.use(new FaultyServer(folder, [...flags, ...(more[i] ?? [])]));
      await server.start();
      servers.push(server);
    }
    return new Setting(parts.move(), folder, postgres, database, servers);
  }

  get ports(): number[] {
    return this.servers.map(({ port }) => port);
  }

  /** The messages of a room in the database. */
  async lines(room = "lobby"): Promise<Line[]> {
    const rows: { seq: number | string; text: string }[] = await this.#sql.unsafe(
      "SELECT seq, text FROM parley.chat WHERE room = $1 ORDER BY seq",
      [room],
    );
    return rows.map(({ seq, text }) => ({ seq: Number(seq), text }));
  }

  async query<R>(text: string): Promise<R[]> {
    const rows: R[] = await this.#sql.unsafe(text);
    return rows;
  }

  /** The logs of the servers. */
  get log(): string {
    return this.servers
      .map(({ stderr }, i) => `--- server ${i}\n${stderr.slice(-3_000)}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.close({ timeout: 0 }).catch(() => {});
    await this.parts.disposeAsync();
  }
}
