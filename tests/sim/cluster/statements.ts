// The statements that servers send (src/store/postgres), executed on the simulated tables. An
// unknown statement is an error: a change there requires a change here.

import type { Row, Value } from "../../../src/store/postgres/database.ts";
import { schemaVersion } from "../../../src/store/postgres/schema.ts";
import { accountStatements } from "./account-statements.ts";
import { commit, type CommitCall, type Done, fenced, nothingDone, reap } from "./commit.ts";
import type { ClaimedRow, Undo } from "./rows.ts";
import { sweepStatements } from "./sweep-statements.ts";
import type { Swept, Tables } from "./tables.ts";

/** The objects that a statement works on. */
export type Context = {
  readonly tables: Tables;
  readonly nowMs: number;
  readonly epoch: string;
  readonly undo: Undo;
  /** Sends a notification once the transaction is committed. */
  notify(payload: object): void;
  committed(done: Done): void;
  /** Retention has deleted that. */
  swept(what: Swept): void;
};

type Values = readonly Value[];
type Statement = (context: Context, values: Values) => readonly Row[];

const none: readonly Row[] = [];

/** By their first words, without line ends. */
const statements: Readonly<Record<string, Statement>> = {
  ...accountStatements,
  ...sweepStatements,
  "SELECT current_setting('server_version_num')": () => [
    { version: "150000", encoding: "UTF8", isolation: "read committed" },
  ],
  "SELECT value FROM parley.meta WHERE key = 'schema'": () => [{ value: String(schemaVersion) }],
  "SELECT value FROM parley.meta WHERE key = 'epoch'": ({ epoch }) => [{ value: epoch }],
  "SELECT folded, id, ip, port, network, extract": () => none,
  "SELECT key, value FROM parley.rights": ({ tables }) =>
    Array.from(tables.rights.entries(), ([key, value]) => ({ key, value })),
  "INSERT INTO parley.rights (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING": (
    { tables, undo },
    [key, value],
  ) => {
    const isNew = tables.rights.get(String(key)) === undefined;
    if (isNew) tables.rights.put(String(key), String(value), undo);
    return none;
  },
  "INSERT INTO parley.rights (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE": (
    { tables, undo },
    [key, value],
  ) => {
    tables.rights.put(String(key), String(value), undo);
    return none;
  },
  "UPDATE parley.rights SET value": ({ tables, undo }, [key, value, before]) => {
    if (tables.rights.get(String(key)) === before) {
      tables.rights.put(String(key), String(value), undo);
    }
    return none;
  },
  "SELECT value FROM parley.rights WHERE key": ({ tables }, [key]) => {
    const value = tables.rights.get(String(key));
    return value === undefined ? none : [{ value }];
  },
  "DELETE FROM parley.rights WHERE key": ({ tables, undo }, [key, before]) => {
    const isMeant = before === undefined || tables.rights.get(String(key)) === before;
    if (isMeant) tables.rights.delete(String(key), undo);
    return none;
  },
  "INSERT INTO parley.meta (key, value) VALUES ('clock_ms', $1) ON CONFLICT (key) DO UPDATE SET value = meta":
    ({ tables, undo }, [clock]) => {
      const value = tables.meta.get("clock_ms") ?? String(clock);
      tables.meta.put("clock_ms", value, undo);
      return [{ value }];
    },
  "INSERT INTO parley.meta (key, value) VALUES ('away_ms'": ({ tables, undo }, [away]) => {
    const value = String(Math.max(Number(tables.meta.get("away_ms") ?? 0), Number(away)));
    tables.meta.put("away_ms", value, undo);
    return [{ value }];
  },
  "INSERT INTO parley.meta (key, value) VALUES ('numbers'": ({ tables, undo }, [highest, more]) => {
    const before = Math.max(Number(tables.meta.get("numbers") ?? 0), Number(highest));
    const last = before + Number(more);
    tables.meta.put("numbers", String(last), undo);
    return [{ last }];
  },
  "SELECT pin FROM parley.servers": ({ tables, nowMs }, [pin]) =>
    [...tables.servers.values()]
      .filter((row) => row.pin !== pin && !row.isOver && !row.hasLeft && row.expiresMs > nowMs)
      .slice(0, 1),
  "INSERT INTO parley.servers": ({ tables, nowMs, undo }, values) => {
    const [id, pin, leaseMs, address] = values;
    const expiresMs = nowMs + Number(leaseMs);
    const fresh = { isOver: false, hasLeft: false, batch: 0, reply: "" };
    const about = { id: String(id), pin: String(pin), address: String(address) };
    const row = { ...about, expiresMs, ...fresh };
    tables.servers.put(row.id, row, undo);
    return none;
  },
  "UPDATE parley.servers SET expires": ({ tables, nowMs, undo }, [id, leaseMs, address]) => {
    const row = tables.servers.get(String(id));
    if (row === undefined || row.isOver) return none;
    const expiresMs = nowMs + Number(leaseMs);
    tables.servers.put(row.id, { ...row, expiresMs, address: String(address) }, undo);
    return [{}];
  },
  "UPDATE parley.servers SET address": ({ tables, undo }, [id, address]) => {
    const row = tables.servers.get(String(id));
    if (row !== undefined) tables.servers.put(row.id, { ...row, address: String(address) }, undo);
    return none;
  },
  "UPDATE parley.servers SET has_left": ({ tables, nowMs, undo }, [id, returnMs]) => {
    const row = tables.servers.get(String(id));
    if (row === undefined) return none;
    const expiresMs = Math.min(row.expiresMs, nowMs + Number(returnMs));
    tables.servers.put(row.id, { ...row, hasLeft: true, expiresMs }, undo);
    return none;
  },
  "SELECT 1 FROM parley.servers WHERE id": ({ tables }, [id]) =>
    tables.servers.get(String(id))?.isOver === false ? [{}] : none,
  "DELETE FROM parley.servers WHERE id": ({ tables, undo }, [id]) => {
    tables.servers.delete(String(id), undo);
    return none;
  },
  "SELECT parley.reap()": ({ tables, nowMs, undo, notify }) => {
    const { found, notes } = reap(tables, nowMs, undo);
    for (const note of notes) notify(note);
    return [{ reap: found }];
  },
  "SELECT parley.commit(": commitBatch,
  "SELECT pg_notify(": ({ notify }, [, payload]) => {
    notify(JSON.parse(String(payload)));
    return none;
  },
  "SELECT n, claim, refused FROM parley.claim(": claim,
  "INSERT INTO parley.claimed": ({ tables, nowMs, undo }, [process, request]) => {
    const place = `${process} ${request}`;
    if (tables.claimed.get(place) !== undefined) return none;
    tables.claimed.put(place, { n: null, claim: null, at: nowMs }, undo);
    return [{}];
  },
  "SELECT n.holder, s.seen_ms AS seen FROM parley.names": ({ tables }, [folded, server]) => {
    const row = tables.holdersOf(String(folded)).find((one) => one.server !== server);
    if (row === undefined) return none;
    return [{ holder: row.holder, seen: tables.sessions.get(row.holder)?.seenMs ?? null }];
  },
  "SELECT s.address FROM parley.names": ({ tables }, [folded, server]) =>
    tables
      .holdersOf(String(folded))
      .filter((row) => row.server !== server && tables.servers.get(row.server)?.isOver === false)
      .map((row) => ({ address: addressOf(tables, row.server) })),
  "SELECT s.id, s.name, s.n, s.refused, s.mail, s.network, s.seen_ms AS seen FROM parley.sessions s WHERE s.id":
    ({ tables }, [id]) => {
      const row = tables.sessions.get(String(id));
      return row === undefined ? none : [{ ...row, seen: row.seenMs }];
    },
  "SELECT s.id, s.name, s.n, s.refused, s.mail, s.network, s.seen_ms AS seen FROM parley.sessions s WHERE s.name":
    ({ tables }, [name, sinceMs]) =>
      (name === "" ? [] : tables.sessions.named(String(name)))
        .filter((row) => row.seenMs >= Number(sinceMs))
        .sort((a, b) => b.seenMs - a.seenMs || (a.id < b.id ? 1 : -1))
        .slice(0, 1)
        .map((row) => ({ ...row, seen: row.seenMs })),
  "SELECT greatest(first_seq": ({ tables }, [room, most]) => {
    const row = tables.rooms.get(String(room));
    if (row === undefined && tables.meta.get("floor") === undefined) return none;
    const { first, last, erased } = row ?? tables.newRoom(String(room));
    return [{ first: Math.max(first, last - Number(most) + 1), last, erased }];
  },
  // A room's name is its ID here.
  "SELECT b.room AS id, b.first_seq AS seq, b.count, b.time_ms AS time, b.runs": (
    { tables },
    [room, seq],
  ) => {
    const row = tables.batches.get(String(room))?.findLast(({ first }) => first <= Number(seq));
    return row === undefined ? none : [{ ...row, id: room!, seq: row.first, time: row.timeMs }];
  },
  "UPDATE parley.batches SET runs": ({ tables, undo }, [room, first, runs]) => {
    tables.setRuns(String(room), Number(first), String(runs), undo);
    return none;
  },
  "WITH counted AS ( UPDATE parley.rooms SET erased": (
    { tables, undo, committed },
    [id, seq, most],
  ) => {
    const room = String(id);
    const row = tables.rooms.get(room);
    if (row === undefined) return none;
    const n = row.erased + 1;
    tables.rooms.put(room, { ...row, erased: n }, undo);
    const kept = (tables.erasures.get(room) ?? []).filter((one) => one.n > n - Number(most));
    tables.erasures.put(room, [...kept, { n, seq: Number(seq), last: row.last }], undo);
    committed({ ...nothingDone, erased: { room, seq: Number(seq) } });
    return none;
  },
  "SELECT e.seq FROM parley.erasures e JOIN parley.rooms r ON r.id = e.room WHERE r.name = $1 AND e.n >":
    ({ tables }, [room, count]) =>
      (tables.erasures.get(String(room)) ?? []).filter(({ n }) => n > Number(count)),
  "SELECT e.seq FROM parley.erasures e JOIN parley.rooms r ON r.id = e.room WHERE r.name = $1 AND e.seq <=":
    ({ tables }, [room, since, from]) =>
      (tables.erasures.get(String(room)) ?? []).filter(
        (one) => one.seq <= Number(since) && one.last >= Number(from),
      ),
  "SELECT r.presence AS version, m.server, m.folded, m.name": ({ tables }, [room, server]) => {
    const row = tables.rooms.get(String(room));
    if (row === undefined) return none;
    const version = row.presence;
    const members = tables.membersOf(row.name).filter((member) => member.server !== server);
    const nobody = { server: null, folded: null, name: null, about: null, rank: null };
    if (members.length === 0) return [{ version, ...nobody }];
    return members.map((member) => ({ ...member, version }));
  },
  "SELECT b.first_seq AS seq, b.time_ms AS time, b.runs": ({ tables }, [room, from, to]) =>
    (tables.batches.get(String(room)) ?? [])
      .filter(({ first, count }) => first <= Number(to) && first + count > Number(from))
      .map(({ first, timeMs, runs }) => ({ seq: first, time: timeMs, runs })),
  "SELECT mail, time_ms AS time, sender, message FROM parley.mail WHERE session = coalesce(": (
    { tables },
    [session, after, limit],
  ) =>
    (tables.mail.get(tables.successorOf(String(session))) ?? [])
      .toSorted((a, b) => a.mail - b.mail)
      .filter(({ mail }) => mail > Number(after))
      .slice(0, Number(limit))
      .map((row) => ({ ...row, time: row.timeMs })),
  "SELECT mail, time_ms AS time, sender, message FROM parley.mail WHERE session = $1 AND mail IN": (
    { tables },
    [session, numbers],
  ) =>
    (tables.mail.get(String(session)) ?? [])
      .filter(({ mail }) => listOf(numbers).map(Number).includes(mail))
      .map((row) => ({ ...row, time: row.timeMs })),
  "SELECT mail, time_ms AS time, id, person, person_name AS name": ({ tables }, [session]) =>
    (tables.mail.get(String(session)) ?? [])
      .toSorted((a, b) => a.mail - b.mail)
      .map((row) => ({ ...row, time: row.timeMs })),
  "SELECT count(*) AS count, coalesce(max(mail), $2) AS last": ({ tables }, [session, after]) => {
    const later = (tables.mail.get(String(session)) ?? []).filter(
      (row) => row.mail > Number(after),
    );
    return [{ count: later.length, last: later.at(-1)?.mail ?? Number(after) }];
  },
  "SELECT name, last_seq AS seq, presence, erased FROM parley.rooms": ({ tables }, [rooms]) =>
    listOf(rooms).flatMap((name) => {
      const row = tables.rooms.get(name);
      return row === undefined ? [] : [{ ...row, seq: row.last }];
    }),
  "SELECT id::text AS id, signal FROM parley.signals": ({ tables }, [server]) =>
    [...tables.signals.values()]
      .filter((row) => row.server === server)
      .map(({ id, signal }) => ({ id: String(id), signal })),
  "DELETE FROM parley.signals": ({ tables, undo }, [ids]) => {
    for (const id of listOf(ids)) tables.signals.delete(Number(id), undo);
    return none;
  },
  "SELECT p.folded, p.name, p.key, p.person, p.about, p.server": findPeople,
  "SELECT p.folded, p.name, p.server, s.address": ({ tables }, [server, limit]) =>
    living(tables, [...tables.people.values()])
      .filter((row) => row.server !== server)
      .map(({ folded, name, server: at }) => {
        return { folded, name, server: at, address: addressOf(tables, at) };
      })
      .sort((a, b) => (a.folded < b.folded ? -1 : a.folded > b.folded ? 1 : 0))
      .slice(0, Number(limit)),
  "SELECT m.room, count(DISTINCT m.folded) AS members": ({ tables }) => {
    const rooms = Map.groupBy(living(tables, tables.members()), ({ room }) => room);
    return Array.from(rooms, ([room, members]) => {
      return { room, members: new Set(members.map(({ folded }) => folded)).size };
    });
  },
  "SELECT count(DISTINCT p.folded) AS count": ({ tables }) => {
    const people = living(tables, [...tables.people.values()]);
    return [{ count: new Set(people.map(({ folded }) => folded)).size }];
  },
  "SELECT asked.id FROM": ({ tables }, [ids]) =>
    listOf(ids)
      .filter((id) => tables.servers.get(id)?.isOver !== false)
      .map((id) => ({ id })),
  "INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms, account)": (
    { tables, undo },
    [session, account, atMs],
  ) => {
    const id = String(session);
    const nobody = { id, name: "", n: 0, refused: null, mail: 0, network: "", claim: 0 };
    const seen = { seenMs: Number(atMs), clockMs: Number(atMs), server: undefined };
    const known = tables.sessions.get(id) ?? { ...nobody, ...seen };
    tables.sessions.put(id, { ...known, account: String(account) }, undo);
    return none;
  },
  "INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms) SELECT": (
    { tables, undo },
    [session, mailbox],
  ) => {
    const { mail, seenMs, clockMs } = tables.sessions.get(String(session))!;
    const row = { id: String(mailbox), name: "", n: 0, refused: null, mail, network: "" };
    const more = { seenMs, clockMs, server: undefined, claim: 0 };
    tables.sessions.put(row.id, { ...row, ...more }, undo);
    return none;
  },
  "UPDATE parley.mail SET session": ({ tables, undo, committed }, [session, mailbox, received]) => {
    const [from, to, after] = [String(session), String(mailbox), Number(received)];
    tables.moveMail(from, to, after, undo);
    committed({ ...nothingDone, moved: { from, to, after } });
    return none;
  },
  "SELECT 1 FROM parley.sessions WHERE account": () => none,
  "UPDATE parley.sessions SET account = NULL": ({ tables, undo }, [account, mailbox]) => {
    const least = tables.sessions.get(String(mailbox))?.mail ?? 0;
    const theirs = [...tables.sessions.values()].filter((row) => row.account === account);
    for (const row of theirs) {
      const mail = Math.max(row.mail, least);
      tables.sessions.put(row.id, { ...row, account: undefined, mail }, undo);
    }
    return none;
  },
  // The mailbox of a deleted account.
  "DELETE FROM parley.mail WHERE session": ({ tables, undo, committed }, [session]) => {
    tables.dropMail(String(session), undo);
    committed({ ...nothingDone, dropped: String(session) });
    return none;
  },
  "DELETE FROM parley.sessions WHERE id": ({ tables, undo }, [id]) => {
    tables.sessions.delete(String(id), undo);
    return none;
  },
  "SELECT id, mail FROM parley.sessions": ({ tables }, [ids]) =>
    listOf(ids).flatMap((id) => {
      const row = tables.sessions.get(id);
      return row === undefined ? [] : [row];
    }),
};

/** @throws Refused */
export function execute(context: Context, text: string, values: Values): readonly Row[] {
  let statement = known.get(text);
  if (statement === undefined) {
    const line = text.replaceAll(/\s+/g, " ").trim();
    const [, found] = Object.entries(statements).find(([start]) => line.startsWith(start)) ?? [];
    if (found === undefined) throw new Error(`The simulated database does not know: ${line}`);
    known.set(text, (statement = found));
  }
  return statement(context, values);
}

const known = new Map<string, Statement>();

function commitBatch(context: Context, values: Values): readonly Row[] {
  const [me, number, leaseMs, clockMs, clockStepMs, ...parts] = values;
  const [said, there, people, letters, gone, directory, signals] = parts.map((part) =>
    JSON.parse(String(part)),
  );
  const { tables, nowMs, undo, notify } = context;
  const call: CommitCall = {
    me: String(me),
    number: Number(number),
    leaseMs: Number(leaseMs),
    clockMs: Number(clockMs),
    clockStepMs: Number(clockStepMs),
    said,
    there,
    people,
    letters,
    gone,
    directory,
    signals,
  };
  const { result, outcome } = commit(tables, call, nowMs, undo);
  if (outcome?.note !== undefined) notify(outcome.note);
  if (outcome !== undefined) context.committed(outcome);
  return [{ reply: result }];
}

/** Only its first execution has an effect; repetitions have the same result. */
function claim(context: Context, values: Values): readonly Row[] {
  const { tables, undo } = context;
  const [server, request, , , record = ""] = values.map(String);
  if (tables.servers.get(server ?? "")?.isOver !== false) throw fenced(server ?? "");
  const place = `${server} ${request}`;
  const done = tables.claimed.get(place);
  const claimed = done ?? claimFirst(context, values);
  if (done === undefined) tables.claimed.put(place, claimed, undo);
  const refused = claimed.claim === null ? null : tables.sessions.get(record)?.refused;
  return [{ ...claimed, refused: refused ?? null }];
}

function claimFirst({ tables, nowMs, undo, notify }: Context, values: Values): ClaimedRow {
  const [server = "", , folded = "", holder = "", record = "", isWithdrawn] = values.map(String);
  const rows = tables.holdersOf(folded);
  const asked = Number(values[7]);
  const at = nowMs;
  const isTaken = rows.some((row) => {
    const isTheirs = [row.holder, tables.successorOf(row.holder)].includes(holder);
    return row.server !== server && (row.sinceMs > asked || !isTheirs);
  });
  if (isTaken || isWithdrawn === "true") return { n: null, claim: null, at };
  const own = rows.find((row) => row.server === server);
  tables.addName({ folded, holder, server, sinceMs: Math.max(own?.sinceMs ?? 0, asked) }, undo);
  if (folded.includes("/")) {
    for (const row of rows) if (row.server !== server) tables.removeName(row, undo);
  }
  if (record === "") return { n: 0, claim: null, at };
  const number = tables.nextClaim();
  const nobody = { id: record, name: "", n: 0, refused: null, mail: 0, network: "", seenMs: 0 };
  const clockMs = Number(values[6]);
  const known = tables.sessions.get(record) ?? { ...nobody, clockMs, server: undefined, claim: 0 };
  if (known.server !== undefined && known.server !== server) {
    tables.signal(known.server, { type: "moved", session: record, claim: number }, undo);
    notify({ from: server, hasSignals: true });
  }
  const account = holder === record ? undefined : known.account;
  tables.sessions.put(record, { ...known, server, claim: number, account }, undo);
  return { n: known.n, claim: number, at };
}

function addressOf({ servers }: Tables, server: string): string {
  return servers.get(server)?.address ?? "";
}

function living<R extends { server: string }>(tables: Tables, rows: readonly R[]): R[] {
  return rows.filter(({ server }) => tables.servers.get(server)?.isOver === false);
}

function findPeople({ tables }: Context, [names, server]: Values): readonly Row[] {
  const wanted = new Set(listOf(names));
  return [...tables.people.values()]
    .filter((row) => row.server !== server && wanted.has(row.folded))
    .filter((row) => tables.servers.get(row.server)?.isOver === false)
    .reverse()
    .sort((a, b) => (a.folded < b.folded ? -1 : a.folded > b.folded ? 1 : 0))
    .map((row) => {
      const theirs = tables.membersBy(row.server).filter(({ folded }) => folded === row.folded);
      const address = addressOf(tables, row.server);
      return { ...row, address, rooms: JSON.stringify(theirs.map(({ room }) => room)) };
    });
}

function listOf(json: Value | undefined): string[] {
  return JSON.parse(String(json));
}
