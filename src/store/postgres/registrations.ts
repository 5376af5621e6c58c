// The registry of peers in the database, so that a peer registered at one server is found at all of
// them. The rules are those of cpp/registry.ts; the database's clock determines recency. One
// request at a time, across all servers, so that nobody is handed out twice.

import { widestNetworkOf } from "../../addresses.ts";
import { fold } from "../../chat/names/grammar.ts";
import type { Contact } from "../../cpp/codec.ts";
import type {
  IsBanned,
  PeerRegistry,
  Registration,
  RegistryOutcome,
  RegistryRequest,
} from "../../cpp/peer-registry.ts";
import { mayHandOut } from "../../cpp/reach.ts";
import { steadyMs } from "../../io/clock.ts";
import { postgres, registry as limits } from "../../limits.ts";
import type { Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";

/** Names this program's lock among others in the database: "parley p". */
const lockKey = "8097874531021168752";

/** Registrations looked at in one query for a peer. */
const pageRows = 500;

type Row = Contact & { folded: string; network: string; key: string | null };
type EntryRow = Row & {
  registered: number | string;
  waiting: number | string | null;
  handed: boolean;
};

/** Registrations to remove, of those that were there at that time by this server's clock. */
type Drop = { isBanned: IsBanned; atMs: number };

export class PostgresRegistrations implements PeerRegistry {
  readonly #database: DatabasePort;
  readonly #maxEntries: number;
  readonly #nowMs: () => number;
  #entries: readonly Registration[] = [];
  /** Not yet carried out. */
  #drops: readonly Drop[] = [];
  /** Requests without an answer yet; they are sent to the database one by one. */
  #pending = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    database: DatabasePort,
    maxEntries: number = limits.maxEntries,
    nowMs: () => number = steadyMs,
  ) {
    this.#database = database;
    this.#maxEntries = maxEntries;
    this.#nowMs = nowMs;
  }

  request(
    request: RegistryRequest,
    _nowMs: number,
    network: string,
    then: (outcome: RegistryOutcome) => void,
  ): void {
    if (this.#pending >= postgres.registryRequests) return then({ did: "nothing" });
    this.#pending++;
    this.#last = this.#last
      .then(() => this.#database.transact((run) => this.#perform(run, request, network)))
      .catch((): RegistryOutcome => ({ did: "nothing" }))
      .then((outcome) => {
        this.#pending--;
        then(outcome);
      });
  }

  entries(): readonly Registration[] {
    return this.#entries;
  }

  /**
   * Reads the data for `entries`, after removing what `dropBanned` could not.
   * @throws DatabaseAway, Refused
   */
  async refresh(): Promise<void> {
    for (const drop of this.#drops) {
      await this.#database.transact((run) => this.#drop(run, drop));
      this.#drops = this.#drops.filter((other) => other !== drop);
    }
    const rows = await this.#database.run<EntryRow>(
      `SELECT folded, id, ip, port, network, extract(epoch FROM registered) * 1000 AS registered,
         extract(epoch FROM waiting) * 1000 AS waiting, handed_out AS handed
       FROM parley.registrations ORDER BY place`,
    );
    this.#entries = rows.map(({ id, ip, port, registered, waiting, handed: handedOut }) => ({
      id,
      ip,
      port,
      registeredAtMs: Number(registered),
      ...(waiting === null ? {} : { waitingSinceMs: Number(waiting) }),
      handedOut,
    }));
  }

  dropBanned(isBanned: IsBanned): void {
    this.#last = this.#last.then(async () => {
      this.#drops = [...this.#drops, { isBanned, atMs: this.#nowMs() }];
      // If the database is away, the next refresh tries again, and its failure is logged.
      await this.refresh().catch(() => {});
    });
  }

  /** Spares what was registered since: a name may have its rightful owner by now. */
  async #drop(run: Run, { isBanned, atMs }: Drop): Promise<void> {
    await run(`SELECT pg_advisory_xact_lock(${lockKey})`);
    const rows = await run<Row>(
      `SELECT folded, id, ip, port, network, key FROM parley.registrations
       WHERE registered <= clock_timestamp() - $1::float8 * interval '1 millisecond'`,
      [this.#nowMs() - atMs],
    );
    for (const { folded, id, ip, network, key } of rows) {
      const madeFrom = network.replace(/\/\d+$/, "");
      const isTheirs = (address: string) => isBanned(id, address, key ?? undefined);
      if (!isTheirs(madeFrom) && !isTheirs(ip)) continue;
      await run("DELETE FROM parley.registrations WHERE folded = $1", [folded]);
    }
  }

  async #perform(run: Run, request: RegistryRequest, network: string): Promise<RegistryOutcome> {
    await run(`SELECT pg_advisory_xact_lock(${lockKey})`);
    if (request.type === "LOOK") return await look(run, request.id, network);
    if (request.type === "REGISTER") return await this.#register(run, request, network);
    return await bridge(run, request, network);
  }

  async #register(
    run: Run,
    { contact, key }: Extract<RegistryRequest, { type: "REGISTER" }>,
    network: string,
  ): Promise<RegistryOutcome> {
    const { id, ip, port } = contact;
    const registered = await run(
      `INSERT INTO parley.registrations AS r (folded, id, ip, port, network, wide, key)
         VALUES ($1, $2, $3, $4, $5, $6, $8)
       ON CONFLICT (folded) DO UPDATE SET id = excluded.id, ip = excluded.ip, port = excluded.port,
         network = excluded.network, wide = excluded.wide, key = excluded.key, place = nextval('parley.places'),
         registered = clock_timestamp(), seen = clock_timestamp(), waiting = NULL, waits = NULL,
         handed_out = false
       WHERE r.network = excluded.network
         OR r.seen <= clock_timestamp() - $7::bigint * interval '1 millisecond'
       RETURNING 1`,
      [fold(id), id, ip, port, network, widestNetworkOf(network), limits.freshMs, key ?? null],
    );
    if (registered.length === 0) return { did: "taken" };
    // Past the limit, the network with the most registrations loses its oldest.
    await run(
      `WITH sizes AS (SELECT wide, count(*) AS size FROM parley.registrations GROUP BY wide)
       DELETE FROM parley.registrations WHERE folded IN (
         SELECT r.folded FROM parley.registrations r JOIN sizes USING (wide)
         WHERE size = (SELECT max(size) FROM sizes) ORDER BY place
         LIMIT (SELECT greatest(0, sum(size) - $1::bigint) FROM sizes))`,
      [this.#maxEntries],
    );
    return { did: "registered", contact };
  }
}

async function bridge(
  run: Run,
  { id, wanted }: Extract<RegistryRequest, { type: "BRIDGE" }>,
  network: string,
): Promise<RegistryOutcome> {
  const asker = fold(id);
  const found =
    wanted === undefined
      ? await pick(run, asker, network)
      : await named(run, asker, fold(wanted), network);
  if (found !== undefined) {
    await run(
      `UPDATE parley.registrations SET waiting = NULL, waits = NULL, handed_out = true
       WHERE folded = $1`,
      [found.folded],
    );
  }
  // A client that asks again in vain keeps its place in the queue.
  const [self] = await run<Contact>(
    `UPDATE parley.registrations SET seen = clock_timestamp(), handed_out = false,
       waiting = CASE WHEN $3 THEN coalesce(waiting, clock_timestamp()) END,
       waits = CASE WHEN $3 THEN coalesce(waits, nextval('parley.places')) END
     WHERE folded = $1 AND network = $2 RETURNING id, ip, port`,
    [asker, network, found === undefined],
  );
  const key = found?.key ?? undefined;
  return { did: "bridged", found: found && contactOf(found), self: self && contactOf(self), key };
}

async function look(run: Run, id: string, network: string): Promise<RegistryOutcome> {
  const [row] = await run<Row>(
    `SELECT folded, id, ip, port, network, key FROM parley.registrations
     WHERE folded = $1 AND key IS NOT NULL`,
    [fold(id)],
  );
  const isFound = row !== undefined && mayHandOut(row.ip, row.network, network);
  const found = isFound ? { contact: contactOf(row), key: row.key ?? "" } : undefined;
  return { did: "looked", found };
}

async function named(
  run: Run,
  asker: string,
  wanted: string,
  network: string,
): Promise<Row | undefined> {
  const [row] = await run<Row>(
    `SELECT folded, id, ip, port, network, key FROM parley.registrations
     WHERE folded = $1 AND folded <> $2`,
    [wanted, asker],
  );
  return row !== undefined && mayHandOut(row.ip, row.network, network) ? row : undefined;
}

/**
 * The client that has waited longest, otherwise the oldest registration that was not handed out
 * yet.
 */
async function pick(run: Run, asker: string, network: string): Promise<Row | undefined> {
  for (let from = 0; ; from += pageRows) {
    const rows = await run<Row>(
      `SELECT folded, id, ip, port, network, key FROM parley.registrations
       WHERE folded <> $1 AND (waits IS NOT NULL OR NOT handed_out)
       ORDER BY waits NULLS LAST, place LIMIT $2 OFFSET $3`,
      [asker, pageRows, from],
    );
    const found = rows.find((row) => mayHandOut(row.ip, row.network, network));
    if (found !== undefined || rows.length < pageRows) return found;
  }
}

function contactOf({ id, ip, port }: Contact): Contact {
  return { id, ip, port };
}
