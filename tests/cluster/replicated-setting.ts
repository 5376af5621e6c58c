// Several servers with a PostgreSQL that has a synchronous standby, and test networks between all
// of them: to the clients of each server, to its database, and to the standby. When the standby has
// taken over from the primary, a new one takes the primary's place.

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

type Pair = { primary: Cluster; standby: Cluster; replication: Gate };

export class ReplicatedSetting implements AsyncDisposable {
  #sql: SQL;
  #pair: Pair;
  /** Logs of primaries that are dead. */
  #logs = "";

  private constructor(
    /** Undoes everything; if a part does not start, the others before it are gone as well. */
    private readonly parts: AsyncDisposableStack,
    pair: Pair,
    readonly sites: readonly Site[],
    readonly name: string,
  ) {
    this.#pair = pair;
    this.#sql = this.#connect(pair.primary);
  }

  static async start(count: number): Promise<ReplicatedSetting> {
    await using parts = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "parley-replicated-"));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    const primary = await Cluster.start(["synchronous_commit=on"]);
    parts.defer(() => primary.remove());
    const name = new URL(await primary.newDatabase()).pathname.slice(1);
    const pair = await withStandby(primary, parts);
    const { standby } = pair;
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
    return new ReplicatedSetting(parts.move(), pair, sites, name);
  }

  /** The network between primary and standby. */
  get replication(): Gate {
    return this.#pair.replication;
  }

  /** The logs of all primaries so far. */
  get databaseLog(): string {
    return this.#logs + this.#pair.primary.log;
  }

  /**
   * `kill -9` of the primary, and promotion of the standby. Then the dead one's data is deleted,
   * and a standby of the new primary runs in its place.
   */
  async failOver(): Promise<void> {
    const { primary, standby } = this.#pair;
    await primary.kill();
    await this.#sql.close({ timeout: 0 }).catch(() => {});
    await standby.promote();
    this.#sql = this.#connect(standby);
    this.#logs += primary.log;
    await primary.remove();
    this.#pair = await withStandby(standby, this.parts, primary.port);
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

/** Starts a standby, and has all commits wait for it. `at`: its port, if not any free one. */
async function withStandby(
  primary: Cluster,
  parts: AsyncDisposableStack,
  at?: number,
): Promise<Pair> {
  const replication = parts.use(await Gate.to(primary.port));
  const standby = await Cluster.standbyOf(primary, replication.port, "standby", at);
  parts.defer(() => standby.remove());
  await replicateSynchronously(primary);
  return { primary, standby, replication };
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
