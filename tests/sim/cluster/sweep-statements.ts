// The statements of src/store/postgres/sweep.ts, and those that trim mailboxes, on the simulated
// tables.

import { accountMark } from "../../../src/chat/accounts/account-store.ts";
import { widestNetworkOf } from "../../../src/addresses.ts";
import type { Row, Value } from "../../../src/store/postgres/database.ts";
import { type Done, nothingDone } from "./commit.ts";
import type { BatchRow, RoomRow, SessionRow, Undo } from "./rows.ts";
import type { Swept, Tables } from "./tables.ts";

type Context = {
  readonly tables: Tables;
  readonly nowMs: number;
  readonly undo: Undo;
  swept(what: Swept): void;
  committed(done: Done): void;
};
type Statement = (context: Context, values: readonly Value[]) => readonly Row[];

const none: readonly Row[] = [];

/** One row for each. */
function rowsFor(count: number): readonly Row[] {
  return Array.from({ length: count }, () => ({}));
}

/** By their first words, without line ends; a longer beginning comes before a shorter one. */
export const sweepStatements: Readonly<Record<string, Statement>> = {
  // Everything happens one after another.
  "SELECT pg_try_advisory_xact_lock": () => [{ free: true }],
  "SELECT value FROM parley.meta WHERE key = 'clock_ms'": ({ tables }) => [
    { value: tables.meta.get("clock_ms") ?? null },
  ],
  "INSERT INTO parley.meta (key, value) VALUES ('clock_ms', $1) ON CONFLICT (key) DO UPDATE SET value = excluded":
    ({ tables, undo }, [clock]) => {
      tables.meta.put("clock_ms", String(clock), undo);
      return none;
    },
  "INSERT INTO parley.meta (key, value) VALUES ('floor'": ({ tables, undo }, [floor]) => {
    const before = Number(tables.meta.get("floor") ?? 0);
    tables.meta.put("floor", String(Math.max(before, Number(floor))), undo);
    return none;
  },
  "WITH due AS ( SELECT r.id, r.last_seq FROM parley.rooms": sweepBatches,
  // A room's name is its ID here.
  "SELECT id::text AS id, last_seq::text AS last FROM parley.rooms r WHERE NOT EXISTS":
    surplusRooms,
  "SELECT 1 FROM parley.rooms WHERE id IN": () => none,
  "WITH gone AS ( SELECT r.id, r.last_seq FROM parley.rooms": dropRooms,
  "DELETE FROM parley.mail WHERE (session, mail) IN": sweepMail,
  "SELECT count(*) AS count FROM parley.sessions": ({ tables }) => [
    { count: sessionsOf(tables).length },
  ],
  "WITH old AS ( SELECT id, clock_ms, server FROM parley.sessions": oldSessions,
  "SELECT 1 FROM parley.sessions WHERE id IN": () => none,
  "WITH gone AS ( SELECT s.id FROM parley.sessions s": dropSessions,
  "DELETE FROM parley.claimed WHERE": ({ tables, nowMs, undo }, [keptMs, limit]) => {
    const old = [...tables.claimed.entries()].filter(([, { at }]) => at < nowMs - Number(keptMs));
    const gone = old.slice(0, Number(limit));
    for (const [place] of gone) tables.claimed.delete(place, undo);
    return rowsFor(gone.length);
  },
  "DELETE FROM parley.account_changes WHERE": ({ tables, nowMs, undo }, [keptMs, limit]) =>
    rowsFor(tables.accounts.dropChanges(nowMs - Number(keptMs), Number(limit), undo)),
  'SELECT mail, network, sender AS "from" FROM parley.mail': ({ tables }, [session, last]) =>
    (tables.mail.get(String(session)) ?? [])
      .filter(({ mail }) => mail > 0 && mail <= Number(last))
      .toSorted((a, b) => a.mail - b.mail)
      .map(({ mail, network, sender: from }) => ({ mail, network, from })),
  "DELETE FROM parley.mail WHERE session = $1 AND mail IN": ({ tables, undo }, [session, list]) => {
    const numbers = new Set<number>(JSON.parse(String(list)));
    tables.keepMail(String(session), ({ mail }) => !numbers.has(mail), undo);
    return none;
  },
  "DELETE FROM parley.mail WHERE session = $1 AND mail <=": ({ tables, undo }, [session, last]) => {
    tables.keepMail(String(session), ({ mail }) => mail > Number(last), undo);
    return none;
  },
};

function sweepBatches({ tables, undo, swept }: Context, values: readonly Value[]): readonly Row[] {
  const [oldMs = 0, most = 0, limit = 0] = values.map(Number);
  const gone = [...tables.batches]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([room, rows]) => {
      const last = tables.rooms.get(room)?.last ?? 0;
      const isExcess = (row: BatchRow): boolean =>
        row.clockMs < oldMs || row.first + row.count <= last - most + 1;
      const [oldest] = rows;
      if (oldest === undefined || !isExcess(oldest)) return [];
      return rows
        .slice(0, limit)
        .filter(isExcess)
        .map((row) => ({ room, row }));
    })
    .slice(0, limit);
  const rooms = Map.groupBy(gone, ({ room }) => room);
  for (const [room, all] of rooms) {
    const dropped = new Set(all.map(({ row }) => row));
    tables.keepBatches(room, (row) => !dropped.has(row), undo);
    const next = Math.max(...all.map(({ row }) => row.first + row.count));
    const known = tables.rooms.get(room);
    if (known === undefined) continue;
    tables.rooms.put(room, { ...known, first: Math.max(known.first, next) }, undo);
    for (const { row } of all) {
      const isSurplus = row.first + row.count <= known.last - most + 1;
      swept({ what: `${row.first} of ${room}`, trueMs: row.trueMs, isSurplus });
    }
  }
  return Array.from(rooms, ([room]) => ({ room, next: 0 }));
}

function unusedRooms({ tables }: Context): readonly RoomRow[] {
  const inUse = new Set(tables.members().map(({ room }) => room));
  return [...tables.rooms.values()].filter(({ name }) => !inUse.has(name));
}

function surplusRooms(context: Context, [most, limit]: readonly Value[]): readonly Row[] {
  const surplus = context.tables.rooms.size - Number(most);
  return unusedRooms(context)
    .toSorted((a, b) => a.last - a.first - (b.last - b.first) || a.saidMs - b.saidMs)
    .slice(0, Math.max(0, Math.min(surplus, Number(limit))))
    .map(({ name, last }) => ({ id: name, last: String(last) }));
}

function dropRooms(context: Context, [list]: readonly Value[]): readonly Row[] {
  const { tables, undo, committed } = context;
  const found: { id: string; last: string }[] = JSON.parse(String(list));
  const gone = unusedRooms(context).filter(({ name, last }) =>
    found.some((one) => one.id === name && Number(one.last) === last),
  );
  for (const { name } of gone) {
    tables.keepBatches(name, () => false, undo);
    tables.erasures.delete(name, undo);
    tables.rooms.delete(name, undo);
    committed({ ...nothingDone, forgotten: { room: name } });
  }
  return gone.map(({ last }) => ({ last }));
}

function sweepMail({ tables, undo, swept }: Context, values: readonly Value[]): readonly Row[] {
  const [oldMs = 0, limit = 0] = values.map(Number);
  const old = [...tables.mail].flatMap(([session, rows]) =>
    rows.filter(({ clockMs }) => clockMs < oldMs).map((row) => ({ session, row })),
  );
  const gone = old.slice(0, limit);
  for (const [session, all] of Map.groupBy(gone, (one) => one.session)) {
    const dropped = new Set(all.map(({ row }) => row));
    tables.keepMail(session, (row) => !dropped.has(row), undo);
    for (const { row } of all) {
      swept({ what: `${row.mail} for ${session}`, trueMs: row.trueMs, isSurplus: false });
    }
  }
  return rowsFor(gone.length);
}

function sessionsOf({ sessions }: Tables): readonly SessionRow[] {
  return [...sessions.values()].filter(({ id }) => !id.startsWith(accountMark));
}

function oldSessions({ tables }: Context, values: readonly Value[]): readonly Row[] {
  const [ageMs = 0, goodbyeMs = 0, limit = 0, most = 0] = values.map(Number);
  const all = sessionsOf(tables);
  const old = all
    .filter(({ server }) => server === undefined)
    .filter(({ name, clockMs }) => clockMs < (name === "" ? goodbyeMs : ageMs))
    .slice(0, limit);
  const byNetwork = Map.groupBy(all, ({ network }) => widestNetworkOf(network));
  const ranked = [...byNetwork.values()].flatMap((rows) =>
    rows.toSorted((a, b) => b.clockMs - a.clockMs).map((row, rank) => ({ row, rank })),
  );
  const excess = ranked
    .toSorted((a, b) => b.rank - a.rank || a.row.clockMs - b.row.clockMs)
    .slice(0, most)
    .map(({ row }) => row);
  return [...new Set([...old, ...excess])].map(({ id, clockMs, server = null }) => {
    return { id, clock_ms: String(clockMs), server };
  });
}

function dropSessions(context: Context, [list]: readonly Value[]): readonly Row[] {
  const { tables, undo, committed } = context;
  const found: { id: string; clock_ms: string; server: string | null }[] = JSON.parse(String(list));
  const gone = found.filter(({ id, clock_ms: clockMs, server }) => {
    const row = tables.sessions.get(id);
    return row?.clockMs === Number(clockMs) && (row.server ?? null) === server;
  });
  for (const { id } of gone) {
    tables.dropMail(id, undo);
    tables.sessions.delete(id, undo);
    committed({ ...nothingDone, forgotten: { mailbox: id } });
  }
  return rowsFor(gone.length);
}
