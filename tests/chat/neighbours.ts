// Several hubs on one store in memory, like servers that share one database. Each server's commits
// wait for the others until `deliver`, in the order of commits, so that a test decides which events
// cross.

import {
  type AccountChange,
  accountMailbox,
  type AccountOutcome,
} from "../../src/chat/accounts/account-store.ts";
import type { ForeignEvent } from "../../src/chat/elsewhere/foreign-events.ts";
import {
  type DirectoryEntry,
  type ForeignPerson,
  holderAt,
} from "../../src/chat/elsewhere/foreign-person.ts";
import type { RoomPresence } from "../../src/chat/elsewhere/foreign-presence.ts";
import type { ForeignMember } from "../../src/chat/elsewhere/foreign-roster.ts";
import type { HubOptions } from "../../src/chat/hub.ts";
import type {
  Batch,
  Committed,
  LateOpening,
  Overview,
  Presence,
  StoreReply,
  StoreRequest,
} from "../../src/chat/turn/store.ts";
import type { RightsChange } from "../../src/chat/rights/rights-rows.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import { ParleyError } from "../../src/errors.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { packRuns } from "../../src/store/packed-runs.ts";
import { runsOf } from "../../src/store/postgres/notices.ts";
import { Rig } from "./rig.ts";

type Held = "commits" | "answers" | "nothing";
const away = new ParleyError("storage", "The database does not answer");

type Waiting = { type: StoreRequest["type"]; what: Held; replies: (() => StoreReply)[] };

export class Neighbours {
  readonly #store = openMemoryStore({ epoch: "epoch-1" });
  readonly #rigs = new Map<string, Rig>();
  /** The events that each server has not received yet. */
  readonly #waiting = new Map<string, ForeignEvent[]>();
  /** Commits of servers whose commits take long; those that are carried out, with their answers. */
  readonly #held = new Map<string, Waiting>();
  readonly #names = new Map<string, { holder: string; server: string; askedMs: number }>();
  readonly #people = new Map<string, DirectoryEntry>();
  readonly #members = new Map<string, Map<string, ForeignMember>>();
  readonly #versions = new Map<string, number>();
  readonly #codes = new Map<string, string>();
  /** Mailboxes that accounts have taken over, and theirs. */
  readonly #successors = new Map<string, string>();
  #batches = 0;
  #numbers = 0;

  /** The store of all servers has these decisions. */
  decided(changes: readonly RightsChange[]): void {
    this.#store.rights.change(changes);
  }

  /** Another server; `optionsOf` may share the options that all servers know. */
  server(id: string, options: Partial<HubOptions> = {}): Rig {
    const shared = { roomOpened() {} };
    const rights = new Rights(this.#store.rights.load(), () => ++this.#numbers);
    const rig = new Rig({ rights, ...options, shared }, (request) => {
      const held = this.#held.get(id);
      if (held === undefined || request.type !== held.type) return this.#answer(id, request);
      if (held.what === "nothing") return { id: request.id, outcome: "failed", error: away };
      const reply = held.what === "answers" ? this.#answer(id, request) : undefined;
      held.replies.push(() => reply ?? this.#answer(id, request));
      return undefined;
    });
    this.#rigs.set(id, rig);
    this.#waiting.set(id, []);
    return rig;
  }

  /** Delivers the next event to that server; false: it has received everything. */
  deliverOne(id: string): boolean {
    const event = this.#waiting.get(id)?.shift();
    const rig = this.#rigs.get(id);
    if (event === undefined || rig === undefined) return false;
    for (const fitting of this.#fitting(id, rig, event)) {
      rig.hub.handleForeign(fitting, rig.nowMs);
    }
    rig.settle();
    return true;
  }

  /** Events of that type, so far, never reach the server. */
  lose(id: string, type: ForeignEvent["type"]): void {
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.set(
      id,
      waiting.filter((event) => event.type !== type),
    );
  }

  /** The server looks for what notifications may have missed, some times. */
  look(id: string, times: number): void {
    const rig = this.#rigs.get(id);
    for (let i = 0; i < times; i++) rig?.hub.handleForeign({ type: "looked" }, rig.nowMs);
    rig?.settle();
  }

  /** Delivers all events, including those that result. */
  deliver(): void {
    for (let round = 0; [...this.#rigs.keys()].some((id) => this.deliverOne(id)); round++) {
      if (round > 10_000) throw new Error("the hubs go on answering each other");
    }
  }

  /**
   * The server's commits (or requests of that type) take long, or only their answers; `nothing`:
   * they fail instead.
   */
  hold(id: string, what: Held = "commits", type: StoreRequest["type"] = "commit"): void {
    this.#held.set(id, { type, what, replies: [] });
  }

  /** Carries out the commits that were held. As from the database, earlier events come first. */
  release(id: string): void {
    const { replies = [] } = this.#held.get(id) ?? {};
    this.#held.delete(id);
    const rig = this.#rigs.get(id);
    for (const reply of replies) {
      while (this.deliverOne(id));
      rig?.hub.handleStore(reply(), rig.nowMs);
      rig?.settle();
    }
  }

  /** The server dies, and the others find out. */
  kill(id: string): void {
    this.#rigs.delete(id);
    for (const [name, { server }] of this.#names) if (server === id) this.#names.delete(name);
    for (const key of this.#people.keys()) if (key.startsWith(`${id} `)) this.#people.delete(key);
    for (const other of this.#rigs.keys()) {
      this.#waiting.get(other)?.push({ type: "server-over", server: id });
    }
  }

  /** The others have taken the server for dead, and it finds out. */
  fence(id: string): void {
    for (const [name, { server }] of this.#names) if (server === id) this.#names.delete(name);
    const rig = this.#rigs.get(id);
    rig?.hub.handleForeign({ type: "fenced", reason: "away for too long" }, rig.nowMs);
    rig?.settle();
  }

  /** After a gap, all present users of a room are read again. */
  #fitting(id: string, rig: Rig, event: ForeignEvent): readonly ForeignEvent[] {
    if (event.type !== "presence") return [event];
    const isNext = ({ room, version }: RoomPresence): boolean =>
      rig.hub.positionIn(room)?.presence === version - 1;
    const rosters = event.rooms.flatMap((one) =>
      isNext(one)
        ? []
        : [{ type: "roster", room: one.room, ...this.#roster(one.room, id) } as const],
    );
    const rooms = event.rooms.filter(isNext);
    return rooms.length === 0 ? rosters : [{ ...event, rooms }, ...rosters];
  }

  #roster(room: string, but: string): { version: number; members: ForeignMember[] } {
    const all = [...(this.#members.get(room)?.values() ?? [])];
    const members = all.filter(({ server }) => server !== but);
    return { version: this.#versions.get(room) ?? 0, members };
  }

  #tellOthers(id: string, event: ForeignEvent): void {
    for (const [other, waiting] of this.#waiting) if (other !== id) waiting.push(event);
  }

  #answer(server: string, request: StoreRequest): StoreReply {
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "commit":
        return { ...done, type: "commit", result: this.#commit(server, request.batch) };
      case "room-bounds": {
        const bounds = this.#store.rooms.bounds(request.room, request.since);
        const elsewhere = this.#roster(request.room, server);
        return { ...done, type: "room-bounds", result: { ...bounds, elsewhere } };
      }
      case "claim-name": {
        const { name, holder: claimed, asked } = request.claim;
        const askedMs = asked?.sentMs ?? asked?.openedMs ?? 0;
        const holder = holderAt(server, claimed);
        const before = this.#names.get(name);
        const isOlder = before !== undefined && before.askedMs > askedMs;
        const isTheirs = before?.holder === holder && !isOlder;
        const isFree = before === undefined || isTheirs || before.server === server;
        if (isFree) this.#names.set(name, { holder, server, askedMs });
        return { ...done, type: "claim-name", result: { isFree } };
      }
      case "find-name": {
        const other = this.#names.get(request.name);
        if (other === undefined || other.server === server) break;
        const { holder: id } = other;
        const record = { id, name: request.name, n: 0, mail: 0, network: "", isElsewhere: true };
        return { ...done, type: "find-name", result: { ...record, seenMs: request.sinceMs } };
      }
      case "change-rights": {
        const reply = answerRequest(this.#store, request);
        this.#tellOthers(server, { type: "rights", rows: this.#store.rights.load() });
        return reply;
      }
      case "list-elsewhere": {
        const all = [...this.#people].map(([key, { folded, name }]) => {
          const [at = ""] = key.split(" ");
          return { folded, name, server: at, address: `${at}.example:55000` };
        });
        const others = all.filter((person) => person.server !== server);
        const result = others.slice(0, request.limit);
        return { ...done, type: "list-elsewhere", result };
      }
      case "overview":
        return { ...done, type: "overview", result: this.#overview() };
      case "find-claimant": {
        const at = this.#names.get(request.name)?.server ?? server;
        const result = at === server ? undefined : `${at}.example:55000`;
        return { ...done, type: "find-claimant", result };
      }
      case "tell-charges":
        this.#tellOthers(server, { type: "charged", charges: request.charges });
        return { ...done, type: "tell-charges", result: undefined };
      case "put-code": {
        const { hash, account, key, password } = request;
        const found = this.#store.accounts.find({ id: account });
        const devices = found?.keys ?? [];
        const isRevoked = devices.some((one) => one.key === key && one.revokedMs !== undefined);
        const isOld = password !== undefined && password !== found?.password;
        if (!isRevoked && !isOld) this.#codes.set(hash, account);
        return { ...done, type: "put-code", result: isRevoked || isOld ? undefined : true };
      }
      case "find-code":
        return { ...done, type: "find-code", result: this.#codes.get(request.hash) };
      case "change-account": {
        const { change } = request;
        const { account } = change;
        if (change.type === "add-key" && change.code !== undefined) {
          const isValid = this.#codes.get(change.code) === account;
          const result = { done: false, why: "missing" } as const;
          if (!isValid) return { ...done, type: "change-account", result };
          this.#codes.delete(change.code);
        } else if (change.type === "revoke-key" || change.type === "set-password") {
          for (const [hash, of] of this.#codes) if (of === account) this.#codes.delete(hash);
        }
        const reply = answerRequest(this.#store, request);
        if (reply.outcome === "done" && (reply.result as AccountOutcome).done) {
          for (const [other, waiting] of this.#waiting) {
            if (other !== server) waiting.push({ type: "account", account, change: change.type });
          }
        }
        if (change.type === "register") this.#takeOver(change);
        return reply;
      }
      case "read-mail": {
        const { session } = request;
        const successor = this.#successors.get(session) ?? session;
        return answerRequest(this.#store, { ...request, session: successor });
      }
      case "find-elsewhere":
        return { ...done, type: "find-elsewhere", result: this.#find(server, request.names) };
    }
    return answerRequest(this.#store, request);
  }

  /** As in PostgreSQL: what the session has not received moves to the account's mailbox. */
  #takeOver({ account, mailbox: own }: Extract<AccountChange, { type: "register" }>): void {
    if (own === undefined || this.#store.accounts.find({ id: account }) === undefined) return;
    const mailbox = accountMailbox(account);
    this.#successors.set(own.session, mailbox);
    const record = { id: mailbox, name: "", n: 0, network: "", seenMs: 0, continues: own };
    this.#store.commit({ number: ++this.#batches, rooms: [], mail: [], sessions: [record] });
  }

  #overview(): Overview {
    const rooms = Array.from(this.#members, ([room, of]) => {
      return { room, members: new Set([...of.values()].map(({ folded }) => folded)).size };
    }).filter(({ members }) => members > 0);
    const people = new Set([...this.#people.values()].map(({ folded }) => folded)).size;
    return { rooms, people };
  }

  #find(server: string, names: readonly string[]): ForeignPerson[] {
    return [...this.#people].flatMap(([key, entry]) => {
      const [at = ""] = key.split(" ");
      if (at === server || !names.includes(entry.folded)) return [];
      const rooms = [...this.#members].filter(([, of]) => of.has(`${at} ${entry.folded}`));
      const person = holderAt(at, entry.person);
      return [
        {
          ...entry,
          person,
          server: at,
          address: `${at}.example:55000`,
          rooms: rooms.map(([room]) => room),
        },
      ];
    });
  }

  #commit(server: string, batch: Batch): Committed {
    const committed = this.#store.commit({
      ...batch,
      number: ++this.#batches,
      mail: batch.mail
        .filter(({ session }) => !session.includes("#"))
        .map((mail) => ({
          ...mail,
          session: this.#successors.get(mail.session) ?? mail.session,
        })),
    });
    for (const [i, { room, runs }] of batch.rooms.entries()) {
      let seq = committed.rooms[i] ?? 0;
      for (const row of packRuns(runs)) {
        const piece = { room, seq, timeMs: row.timeMs };
        this.#tellOthers(server, {
          type: "said",
          room,
          runs: runsOf(JSON.parse(row.runs), piece),
        });
        seq += row.count;
      }
    }
    const mail = this.#deliverMail(server, batch, [...committed.mail]);
    for (const { name, holder } of batch.released ?? []) {
      const before = this.#names.get(name);
      if (before?.server === server && before.holder === holderAt(server, holder)) {
        this.#names.delete(name);
      }
    }
    this.#list(server, batch);
    const late: LateOpening[] = [];
    const rooms = (batch.presence ?? []).map((change) => this.#changed(server, change, late));
    if (rooms.length > 0) this.#tellOthers(server, { type: "presence", server, rooms });
    // A server that has been notified of a commit then reads its signals.
    for (const { server: to, signal } of batch.signals ?? []) {
      this.#waiting.get(to)?.push({ type: "signal", server, signal });
    }
    return { ...committed, mail, presence: rooms.map(({ version }) => version), late };
  }

  #deliverMail(server: string, { mail }: Batch, numbers: number[]): number[] {
    return mail.map(({ session, message, isCopy }) => {
      const [at = "", number] = session.split("#");
      if (number === undefined) {
        const assigned = numbers.shift() ?? 0;
        const successor = this.#successors.get(session);
        for (const mailbox of [session, successor ?? []].flat()) {
          if (isCopy !== true) this.#tellOthers(server, { type: "mail", mailbox, mail: assigned });
        }
        return assigned;
      }
      const letter = { ...message, mail: 0 };
      this.#waiting.get(at)?.push({ type: "letter", to: `#${number}`, message: letter });
      return 0;
    });
  }

  #list(server: string, { people = [] }: Batch): void {
    for (const { folded, entry } of people) {
      const key = `${server} ${folded}`;
      const before = this.#people.get(key);
      if (entry === undefined) this.#people.delete(key);
      else this.#people.set(key, entry);
      const changed = entry ?? before;
      if (changed === undefined || (entry !== undefined && before !== undefined)) continue;
      const { name, about } = changed;
      const isHere = entry !== undefined;
      const comings = [{ folded, name, persona: about.persona, isHere }];
      this.#tellOthers(server, { type: "people", people: comings });
    }
  }

  #changed(server: string, { room, changes: wanted }: Presence, late: LateOpening[]): RoomPresence {
    const version = (this.#versions.get(room) ?? 0) + 1;
    this.#versions.set(room, version);
    const members = this.#members.get(room) ?? new Map<string, ForeignMember>();
    this.#members.set(room, members);
    const changes = wanted.map((wish) => {
      const { folded, name, opens } = wish;
      members.delete(`${server} ${folded}`);
      const isOthers = [...members.values()].some((member) => member.folded !== folded);
      const isLate = opens === true && isOthers;
      if (isLate) late.push({ room, folded });
      const change = isLate ? { ...wish, rank: undefined } : wish;
      const { event: _, ...more } = change;
      if (name !== undefined) members.set(`${server} ${folded}`, { ...more, server, name });
      return change;
    });
    return { room, version, changes };
  }
}
