// `parley.commit` and `parley.reap` of the simulated database, step by step like in
// src/store/postgres/commit-function.ts. tests/store/postgres/simulated.test.ts compares them with
// PostgreSQL's.

import { accountMark } from "../../../src/chat/accounts/account-store.ts";
import type { Sealed } from "../../../src/protocol/messages.ts";
import type { StoredRun } from "../../../src/store/packed-runs.ts";
import { Refused } from "../../../src/store/postgres/database.ts";
import type { Undo } from "./rows.ts";
import type { Tables } from "./tables.ts";

export type SaidJson = {
  room: string;
  count: number;
  timeMs: number;
  rows: { count: number; timeMs: number; runs: StoredRun[] }[];
};
type Rank = { isOperator: boolean; isVoiced: boolean };
type Change = {
  folded: string;
  name?: string;
  event?: unknown;
  about?: object;
  rank?: Rank;
  opens?: boolean;
};
type ThereJson = { room: string; changes: Change[] };
export type PersonJson = {
  id: string;
  name: string;
  n: number;
  refused?: string;
  before?: number;
  claim?: number;
  minMail: number;
  network: string;
  seenMs: number;
  isHere?: boolean;
};
export type LetterJson = {
  session: string;
  network: string;
  timeMs: number;
  sender: string;
  id: number;
  person: string;
  personName: string;
  isCopy?: boolean;
  message: { text: string; sealed?: Sealed };
};
type EntryJson = {
  folded: string;
  name?: string;
  key: string;
  person: string;
  about: { persona?: unknown };
};
type SignalJson = { server: string; signal: unknown };
type GoneJson = { name: string; holder: string };

export type CommitCall = {
  me: string;
  number: number;
  leaseMs: number;
  /** The server's clock by which data ages, and by how much a session's may lag. */
  clockMs: number;
  clockStepMs: number;
  said: SaidJson[];
  there: ThereJson[];
  people: PersonJson[];
  letters: LetterJson[];
  gone: GoneJson[];
  directory: EntryJson[];
  signals: SignalJson[];
};

/** The effects of a commit, for checks. */
export type Done = {
  rooms: readonly SaidJson[];
  firsts: readonly number[];
  people: readonly PersonJson[];
  letters: readonly LetterJson[];
  counters: readonly number[];
  /** Rooms that are new, with the number before that of their first message. */
  opened?: readonly { readonly room: string; readonly last: number }[];
  /** ID of the server whose batch it was. */
  server?: string;
  /** The messages after that number are in another mailbox from now on. */
  moved?: { readonly from: string; readonly to: string; readonly after: number };
  /** The mailbox that is deleted, with its account. */
  dropped?: string;
  /** The mailbox and the room that nobody has used for long, and that are deleted. */
  forgotten?: { readonly mailbox?: string; readonly room?: string };
  /** The message whose text is deleted. */
  erased?: { readonly room: string; readonly seq: number };
};

export const nothingDone = { rooms: [], firsts: [], people: [], letters: [], counters: [] };

type Outcome = Done & { result: string; note: object | undefined };

/** The reply, and the effects: none if the batch was committed before. */
export function commit(
  tables: Tables,
  call: CommitCall,
  nowMs: number,
  undo: Undo,
): { result: string; outcome: Outcome | undefined } {
  const { me, number } = call;
  const lease = tables.servers.get(me);
  if (lease !== undefined && lease.batch === number) {
    return { result: lease.reply, outcome: undefined };
  }
  if (lease === undefined || lease.isOver) {
    throw fenced(me);
  }
  if (lease.batch > number) {
    throw new Refused(`Batch ${number} comes after batch ${lease.batch}`, "P0001");
  }
  const others = [...tables.servers.values()].some(({ id, isOver }) => id !== me && !isOver);
  const opened = [...call.said, ...call.there]
    .filter(({ room }) => tables.rooms.get(room) === undefined)
    .map(({ room }) => ({ room, last: tables.newRoom(room).last }));
  const { firsts, pieces } = say(tables, call, nowMs, undo);
  const people = record(tables, call, undo);
  const { counters, readers, hasLetters, stored } = send(tables, call, nowMs, undo);
  for (const { name, holder } of call.gone) {
    tables.removeName({ folded: name, holder, server: me }, undo);
  }
  const comers = list(tables, call, undo);
  for (const { server, signal } of call.signals) {
    tables.signal(server, { type: "hub", from: me, signal }, undo);
  }
  const { versions, late } = move(tables, call, pieces, undo);
  const result = JSON.stringify({ rooms: firsts, mail: counters, presence: versions, late });
  const expiresMs = nowMs + call.leaseMs;
  tables.servers.put(me, { ...lease, batch: number, reply: result, expiresMs }, undo);
  const hasSignals = hasLetters || call.signals.length > 0;
  const isNews = pieces.length > 0 || readers.length > 0 || hasSignals || comers.length > 0;
  const news = { from: me, mail: readers, hasSignals, people: comers, pieces };
  const note = others && isNews ? news : undefined;
  const done = { rooms: call.said, firsts, people, letters: stored, counters, opened, server: me };
  return { result, outcome: { ...done, result, note } };
}

export function fenced(server: string): Refused {
  return new Refused(`The lease of server ${server} has run out`, "PY001");
}

function say(
  tables: Tables,
  { said, clockMs }: CommitCall,
  trueMs: number,
  undo: Undo,
): { firsts: number[]; pieces: object[] } {
  const firsts: number[] = Array.from({ length: said.length });
  const pieces: object[] = [];
  for (const { room, count, timeMs: saidMs, rows, place } of inOrder(said)) {
    const row = tables.rooms.get(room) ?? tables.newRoom(room);
    tables.rooms.put(room, { ...row, last: row.last + count, saidMs }, undo);
    let seq = row.last + 1;
    firsts[place] = seq;
    for (const { count: length, timeMs, runs } of rows) {
      const times = { timeMs, clockMs, trueMs };
      const batch = { first: seq, count: length, ...times, runs: JSON.stringify(runs) };
      tables.addBatch(room, batch, undo);
      pieces.push({ room, seq, count: length, timeMs, runs });
      seq += length;
    }
  }
  return { firsts, pieces };
}

function record(
  tables: Tables,
  { me, people, clockMs, clockStepMs }: CommitCall,
  undo: Undo,
): PersonJson[] {
  const recorded: PersonJson[] = [];
  for (const item of people.toSorted((a, b) => compare(a.id, b.id))) {
    const known = tables.sessions.get(item.id);
    const { before = Infinity, claim = known?.claim ?? 0 } = item;
    if (known !== undefined && known.claim !== claim) {
      if (item.n > before) {
        throw new Refused(`Session ${item.id} is connected elsewhere`, "PY002");
      }
      continue;
    }
    const claims = tables.holdersOf(item.name);
    const isTaken = claims.some((row) => {
      return row.server !== me && row.holder !== item.id && !row.holder.startsWith(accountMark);
    });
    const isLost = item.claim !== undefined && claims.every(({ server }) => server !== me);
    const isNew = item.name !== "" && item.name !== known?.name;
    const name = isNew && (isTaken || isLost) ? "" : item.name;
    recorded.push({ ...item, name });
    const server = item.isHere === true ? me : undefined;
    const { id, n, minMail, network, seenMs, refused = null } = item;
    const { account } = known ?? {};
    const row = { id, name, n, refused, network, seenMs, server, claim, account };
    const isNothing = name === "" && n === 0 && minMail === 0;
    if (known === undefined) {
      if (isNothing) continue;
      tables.sessions.put(id, { ...row, mail: minMail, clockMs }, undo);
    } else if (isNothing && known.mail === 0 && account === undefined) {
      tables.sessions.delete(id, undo);
      tables.dropMail(id, undo);
    } else {
      const mail = Math.max(known.mail, minMail);
      const isDue = clockMs >= known.clockMs + clockStepMs || name !== known.name;
      tables.sessions.put(id, { ...row, mail, clockMs: isDue ? clockMs : known.clockMs }, undo);
    }
  }
  return recorded;
}

function send(
  tables: Tables,
  { letters, clockMs }: CommitCall,
  trueMs: number,
  undo: Undo,
): {
  counters: number[];
  readers: [string, number][];
  hasLetters: boolean;
  stored: LetterJson[];
} {
  /** With the mailboxes that they are in. */
  const stored: LetterJson[] = [];
  const counters: number[] = [];
  const readers: [string, number][] = [];
  let hasLetters = false;
  for (const letter of letters) {
    const { session: addressee, network, timeMs, sender, id, person, message } = letter;
    const [server = "", number] = addressee.split("#");
    if (number !== undefined) {
      tables.signal(server, { type: "letter", to: `#${number}`, timeMs, sender, message }, undo);
      hasLetters = true;
      counters.push(0);
      stored.push(letter);
      continue;
    }
    const session = tables.successorOf(addressee);
    stored.push({ ...letter, session });
    const known = tables.sessions.get(session);
    const isCopy = letter.isCopy === true;
    const mail = isCopy ? tables.lastCopy(session) + 1 : (known?.mail ?? 0) + 1;
    const nobody = { id: session, name: "", n: 0, refused: null, network: "", claim: 0 };
    const row = known ?? { ...nobody, seenMs: timeMs, clockMs };
    const last = isCopy ? (known?.mail ?? 0) : mail;
    tables.sessions.put(session, { server: undefined, ...row, mail: last }, undo);
    const about = { mail, timeMs, clockMs, trueMs, id, person, name: letter.personName };
    const content = { ...about, network, sender, message: JSON.stringify(message) };
    tables.addMail(session, content, undo);
    counters.push(mail);
    if (isCopy) continue;
    readers.push([session, mail]);
    if (session !== addressee) readers.push([addressee, mail]);
  }
  return { counters, readers, hasLetters, stored };
}

/** Updates the directory; returns the new users. */
function list(tables: Tables, { me, directory }: CommitCall, undo: Undo): object[] {
  const comers: object[] = [];
  for (const { folded, name, key, person, about } of directory) {
    const place = `${folded} ${me}`;
    const before = tables.people.get(place);
    if (name === undefined) {
      tables.people.delete(place, undo);
      if (before === undefined) continue;
      const { persona } = JSON.parse(before.about) as EntryJson["about"];
      comers.push({ folded, name: before.name, persona, isHere: false });
      continue;
    }
    const row = { folded, server: me, name, key, person, about: JSON.stringify(about) };
    tables.people.put(place, row, undo);
    if (before !== undefined) continue;
    comers.push({ folded, name, persona: about.persona, isHere: true });
  }
  return comers;
}

/**
 * Users who joined, left and were renamed; the versions of the rooms, and who opened one too late.
 */
function move(
  tables: Tables,
  { me, there }: CommitCall,
  pieces: object[],
  undo: Undo,
): { versions: readonly number[]; late: readonly object[] } {
  const late: object[] = [];
  const versions: number[] = Array.from({ length: there.length });
  for (const { room, changes, place } of inOrder(there)) {
    const row = tables.rooms.get(room) ?? tables.newRoom(room);
    const version = row.presence + 1;
    tables.rooms.put(room, { ...row, presence: version }, undo);
    versions[place] = version;
    let told: readonly Change[] = changes;
    for (const { folded, name, about, rank: wanted, opens } of changes) {
      let rank = wanted;
      const members = tables.membersOf(room);
      const before = members.find((one) => one.folded === folded && one.server === me);
      const others = members.some((one) => one.folded !== folded);
      const wasOperator = (JSON.parse(before?.rank ?? "{}") as Partial<Rank>).isOperator === true;
      if (opens === true && wanted !== undefined && others && !wasOperator) {
        const lower = { ...wanted, isOperator: false };
        rank = lower;
        late.push({ room, folded });
        told = told.map((one) =>
          one.folded === folded && one.opens ? { ...one, rank: lower } : one,
        );
      }
      const more = { about: jsonOf(about), rank: jsonOf(rank) };
      if (name === undefined) tables.removeMember(room, folded, me, undo);
      else tables.addMember({ room, folded, server: me, name, ...more }, undo);
    }
    pieces.push({ room, version, changes: told });
  }
  return { versions, late };
}

function jsonOf(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The notes to send, and how many servers have ended. */
export function reap(
  tables: Tables,
  nowMs: number,
  undo: Undo,
): { found: number; notes: readonly object[] } {
  for (const row of tables.servers.values()) {
    if (row.isOver || row.expiresMs > nowMs) continue;
    tables.servers.put(row.id, { ...row, isOver: true }, undo);
  }
  const notes: object[] = [];
  const dead = tables.serversInUse().filter((id) => tables.servers.get(id)?.isOver !== false);
  for (const server of dead) {
    const rooms = Map.groupBy(tables.membersBy(server), ({ room }) => room);
    const pieces: object[] = [];
    for (const [room, members] of [...rooms].sort(([a], [b]) => compare(a, b))) {
      const row = tables.rooms.get(room);
      const version = (row?.presence ?? 0) + 1;
      if (row !== undefined) tables.rooms.put(room, { ...row, presence: version }, undo);
      const changes = members.map(({ folded, name }) => {
        const once = onceOf(folded);
        const event = { type: "left", room, name, reason: "lost", author: -1, once };
        return { folded, event };
      });
      pieces.push({ room, version, changes });
      for (const { folded } of members) tables.removeMember(room, folded, server, undo);
    }
    if (pieces.length > 0) notes.push({ from: server, pieces });
    notes.push({ from: server, isOver: true });
    tables.forgetServer(server, undo);
  }
  return { found: dead.length, notes };
}

/** A number for a departed user, the same in all rooms. */
function onceOf(folded: string): number {
  const hash = new Bun.CryptoHasher("md5").update(folded).digest("hex");
  return Number.parseInt(hash.slice(0, 7), 16);
}

/** By room, in the order in which all servers lock them, with their original positions. */
function inOrder<T extends { room: string }>(items: readonly T[]): (T & { place: number })[] {
  return items
    .map((item, place) => Object.assign({}, item, { place }))
    .sort((a, b) => compare(a.room, b.room));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
