// Several servers with a PostgreSQL that has a synchronous standby, and test networks between all
// of them: to the clients of each server, to its database, and to the standby.

import { SQL } from "bun";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultyServer, type Line } from "../fault/server.ts";
import { Cluster } from "../store/postgres/cluster.ts";
import { Gate } from "./gate.ts";

/** A server, with the networks to and from it. */
export type Site = {
  readonly server: FaultyServer;
  readonly clients: Gate;
  readonly databases: readonly Gate[];
};

export class ReplicatedSetting implements AsyncDisposable {
  #sql: SQL;

  private constructor(
    /** Undoes everything; if a part does not start, the others before it are gone as well. */
    private readonly parts: AsyncDisposableStack,
    readonly primary: Cluster,
    readonly standby: Cluster,
    /** The network between primary and standby. */
    readonly replication: Gate,
    readonly sites: readonly Site[],
    readonly name: string,
  ) {
    this.#sql = this.#connect(primary);
  }

  static async start(count: number): Promise<ReplicatedSetting> {
    await using parts = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "parley-replicated-"));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    const primary = await Cluster.start(["synchronous_commit=on"]);
    parts.defer(() => primary.remove());
    const replication = parts.use(await Gate.to(primary.port));
    const standby = await Cluster.standbyOf(primary, replication.port, "standby");
    parts.defer(() => standby.remove());
    const name = new URL(await primary.newDatabase()).pathname.slice(1);
    await replicateSynchronously(primary);
    const sites: Site[] = [];
    for (let i = 0; i < count; i++) {
      const databases = [
        parts.use(await Gate.to(primary.port)),
        parts.use(await Gate.to(standby.port)),
      ];
      const hosts = databases.map(({ port }) => `127.0.0.1:${port}`).join(",");
      const data = `postgres://parley@${hosts}/${name}`;
      // One state folder: servers of one database have one key.
      const flags = ["--data", data, "--state", join(folder, "state")];
      const server = parts.use(new FaultyServer(folder, flags));
      await server.start();
      sites.push({ server, clients: parts.use(await Gate.to(server.port)), databases });
    }
    return new ReplicatedSetting(parts.move(), primary, standby, replication, sites, name);
  }

  /** `kill -9` of the primary, and promotion of the standby. */
  async failOver(): Promise<void> {
    await this.primary.kill();
    await this.#sql.close({ timeout: 0 }).catch(() => {});
    await this.standby.promote();
    this.#sql = this.#connect(this.standby);
  }

  async lines(): Promise<Line[]> {
    const rows = await this.query<{ seq: number | string; text: string }>(
      "SELECT seq, text FROM parley.chat WHERE room = 'lobby' ORDER BY seq",
    );
    return rows.map(({ seq, text }) => ({ seq: Number(seq), text }));
  }

  async query<R>(text: string): Promise<R[]> {
    const rows: R[] = await this.#sql.unsafe(text);
    return rows;
  }

  /** The logs of the servers. */
  get log(): string {
    return this.sites
      .map(({ server }, i) => `--- server ${i}\n${server.stderr.slice(-3_000)}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.close({ timeout: 0 }).catch(() => {});
    await this.parts.disposeAsync();
  }

  #connect({ port }: Cluster): SQL {
    return new SQL(`postgres://parley@127.0.0.1:${port}/${this.name}`, { max: 1 });
  }
}

/** From now on nothing is committed before the standby has it. */
async function replicateSynchronously(primary: Cluster): Promise<void> {
  const sql = new SQL(`postgres://parley@127.0.0.1:${primary.port}/postgres`, { max: 1 });
  await sql.unsafe("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
  await sql.unsafe("SELECT pg_reload_conf()");
  for (;;) {
    const [row] = await sql.unsafe<{ sync_state: string }[]>(
      "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'",
    );
    if (row?.sync_state === "sync") break;
    await Bun.sleep(50);
  }
  await sql.close();
}
