// The simplest possible store, as a reference for the real ones: plain arrays, searched linearly.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { RightsChange } from "../../src/chat/rights/rights-rows.ts";
import type {
  Batch,
  Committed,
  LocalStore,
  MailPartner,
  SessionRecord,
} from "../../src/chat/turn/store.ts";
import { deletedText } from "../../src/protocol/messages.ts";
import { MemoryAccounts } from "../../src/store/memory/accounts.ts";
import { beforeCopies, surplusMail } from "../../src/store/mailbox-shares.ts";

export type Bounds = {
  messages: number;
  mailMessages: number;
  maxAgeMs: number;
  sessionAgeMs: number;
  goodbyeAgeMs: number;
};

type Stored = {
  session: string;
  network: string;
  message: PrivateMessage;
  other: MailPartner | undefined;
  isCopy: boolean;
  clockMs: number;
};

export class PlainStore implements LocalStore {
  #said: { said: Said; clockMs: number }[] = [];
  readonly #last = new Map<string, number>();
  readonly #erased: { room: string; seq: number; last: number }[] = [];
  #mail: Stored[] = [];
  readonly #rights: Record<string, string> = {};
  #sessions: { record: SessionRecord; clockMs: number }[] = [];

  constructor(
    readonly epoch: string,
    readonly bounds: Bounds,
    readonly clock: () => number,
  ) {}

  readonly accounts = new MemoryAccounts();

  readonly rooms = {
    bounds: (room: string, since?: number) => {
      const last = this.#last.get(room) ?? 0;
      const erased =
        since === undefined
          ? undefined
          : this.#erased
              .filter((one) => one.room === room && one.seq <= since && one.last >= since)
              .map(({ seq }) => seq);
      return { first: this.#of(room)[0]?.seq ?? last + 1, last, erased };
    },
    after: (room: string, seq: number, limit: number) =>
      this.#of(room)
        .filter((one) => one.seq > seq)
        .slice(0, limit),
    erase: (room: string, seq: number) => {
      const found = this.#said.find(({ said }) => said.room === room && said.seq === seq);
      if (found === undefined) return false;
      if (found.said.text === "" || found.said.deleted === true) return true;
      this.#erased.push({ room, seq, last: this.#last.get(room) ?? 0 });
      found.said = { ...found.said, text: deletedText, deleted: true };
      return true;
    },
    before: (room: string, seq: number, limit: number) =>
      this.#of(room)
        .filter((one) => one.seq < seq)
        .slice(-limit),
  };

  readonly mailboxes = {
    after: (session: string, mail: number, limit: number) =>
      this.#mail
        .filter((one) => one.session === session && !one.isCopy && one.message.mail > mail)
        .map(({ message }) => message)
        .slice(0, limit),
    countAfter: (session: string, mail: number) => {
      const after = this.mailboxes.after(session, mail, Infinity);
      return { count: after.length, last: after.at(-1)?.mail ?? mail };
    },
    list: (session: string) =>
      this.#mail
        .filter((one) => one.session === session)
        .sort((a, b) => a.message.mail - b.message.mail)
        .map(({ other, message: { mail, timeMs, id = 0, from } }) => {
          return { mail, timeMs, id, person: other?.person ?? "", name: other?.name ?? from };
        }),
    pick: (session: string, numbers: readonly number[]) =>
      this.#mail
        .filter((one) => one.session === session && numbers.includes(one.message.mail))
        .map(({ message }) => message),
  };

  readonly sessions = {
    load: (id: string) => this.#sessions.find(({ record }) => record.id === id)?.record,
    find: (name: string, sinceMs: number) =>
      this.#sessions
        .map(({ record }) => record)
        .filter((one) => name !== "" && one.name === name && one.seenMs >= sinceMs)
        .sort((a, b) => b.seenMs - a.seenMs || (a.id < b.id ? 1 : -1))[0],
  };

  readonly rights = {
    load: () => Object.entries(this.#rights).map(([key, value]) => ({ key, value })),
    change: (changes: readonly RightsChange[]) => {
      const outdated: RightsChange[] = [];
      for (const { key, value, before } of changes) {
        const now = this.#rights[key];
        if (value === undefined) delete this.#rights[key];
        else if (before !== undefined && now !== before) outdated.push({ key, value: now });
        else this.#rights[key] = value;
      }
      return outdated;
    },
  };

  commit({ rooms, mail, sessions }: Batch): Committed {
    const clockMs = this.clock();
    const firsts = rooms.map(({ room, runs }) => {
      let last = this.#last.get(room) ?? 0;
      const first = last + 1;
      for (const run of runs) {
        for (let i = 0; i < run.length; i++) {
          this.#said.push({ said: { ...run.at(i), author: 0, seq: ++last }, clockMs });
        }
      }
      this.#last.set(room, last);
      return first;
    });
    for (const { continues, ...update } of sessions) {
      const known = this.sessions.load(update.id);
      const before = continues && this.sessions.load(continues.session);
      this.#put({ ...update, mail: Math.max(known?.mail ?? 0, before?.mail ?? 0) }, clockMs);
      for (const one of this.#mail) {
        const isMoved = one.session === continues?.session && one.message.mail > continues.received;
        if (isMoved) one.session = update.id;
      }
    }
    const numbers = mail.map(({ session, network, message, other, isCopy = false }) => {
      const known = this.#sessions.find(({ record }) => record.id === session);
      const stranger = { id: session, name: "", n: 0, network: "", seenMs: message.timeMs };
      const record = known?.record ?? { ...stranger, mail: 0 };
      const copies = this.#mail.filter((one) => one.session === session && one.isCopy);
      const number = isCopy ? (copies.at(-1)?.message.mail ?? beforeCopies) + 1 : record.mail + 1;
      this.#sessions = this.#sessions.filter((one) => one.record.id !== session);
      const updated = { ...record, mail: Math.max(record.mail, number) };
      this.#sessions.push({ record: updated, clockMs: known?.clockMs ?? clockMs });
      const numbered = { ...message, mail: number };
      this.#mail.push({ session, network, message: numbered, other, isCopy, clockMs });
      this.#trim(session);
      return number;
    });
    return { rooms: firsts, mail: numbers };
  }

  sweep(): void {
    const nowMs = this.clock();
    const { maxAgeMs, sessionAgeMs, goodbyeAgeMs } = this.bounds;
    this.#said = this.#said.filter(({ clockMs }) => clockMs >= nowMs - maxAgeMs);
    this.#mail = this.#mail.filter(({ clockMs }) => clockMs >= nowMs - maxAgeMs);
    this.#sessions = this.#sessions.filter(
      ({ record, clockMs }) =>
        clockMs >= nowMs - (record.name === "" ? goodbyeAgeMs : sessionAgeMs),
    );
    this.#mail = this.#mail.filter(({ session }) => this.sessions.load(session) !== undefined);
  }

  /** A session without any data is not kept. */
  #put(record: SessionRecord, clockMs: number): void {
    this.#sessions = this.#sessions.filter((one) => one.record.id !== record.id);
    const { id, name, n, mail } = record;
    if (name !== "" || n > 0 || mail > 0) this.#sessions.push({ record, clockMs });
    else this.#mail = this.#mail.filter(({ session }) => session !== id);
  }

  #trim(session: string): void {
    const own = this.#mail
      .filter((one) => one.session === session && !one.isCopy)
      .map(({ network, message: { mail, from } }) => ({ mail, network, from }));
    const gone = surplusMail(own, this.bounds.mailMessages);
    this.#mail = this.#mail.filter(
      (one) => one.session !== session || !gone.includes(one.message.mail),
    );
    const copies = this.#mail.filter((one) => one.session === session && one.isCopy);
    const surplus = new Set(copies.slice(0, Math.max(0, copies.length - this.bounds.mailMessages)));
    this.#mail = this.#mail.filter((one) => !surplus.has(one));
  }

  #of(room: string): Said[] {
    const all = this.#said.map(({ said }) => said).filter((one) => one.room === room);
    return all.slice(-this.bounds.messages);
  }
}
