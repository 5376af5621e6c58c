// The simplest possible store, as a reference for the real ones: plain arrays, searched linearly.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { RightsChange } from "../../src/chat/rights/rights-rows.ts";
import type { Batch, Committed, LocalStore, SessionRecord } from "../../src/chat/store.ts";
import { MemoryAccounts } from "../../src/store/memory-accounts.ts";
import { surplusMail } from "../../src/store/mailbox-shares.ts";

export type Bounds = {
  messages: number;
  mailMessages: number;
  maxAgeMs: number;
  sessionAgeMs: number;
  goodbyeAgeMs: number;
};

export class PlainStore implements LocalStore {
  #said: { said: Said; clockMs: number }[] = [];
  readonly #last = new Map<string, number>();
  #mail: { session: string; network: string; message: PrivateMessage; clockMs: number }[] = [];
  readonly #rights: Record<string, string> = {};
  #sessions: { record: SessionRecord; clockMs: number }[] = [];

  constructor(
    readonly epoch: string,
    readonly bounds: Bounds,
    readonly clock: () => number,
  ) {}

  readonly accounts = new MemoryAccounts();

  readonly rooms = {
    bounds: (room: string) => {
      const last = this.#last.get(room) ?? 0;
      return { first: this.#of(room)[0]?.seq ?? last + 1, last };
    },
    after: (room: string, seq: number, limit: number) =>
      this.#of(room)
        .filter((one) => one.seq > seq)
        .slice(0, limit),
    erase: (room: string, seq: number) => {
      const found = this.#said.find(({ said }) => said.room === room && said.seq === seq);
      if (found !== undefined) found.said = { ...found.said, text: "" };
      return found !== undefined;
    },
    before: (room: string, seq: number, limit: number) =>
      this.#of(room)
        .filter((one) => one.seq < seq)
        .slice(-limit),
  };

  readonly mailboxes = {
    after: (session: string, mail: number, limit: number) =>
      this.#mail
        .filter((one) => one.session === session && one.message.mail > mail)
        .map(({ message }) => message)
        .slice(0, limit),
    countAfter: (session: string, mail: number) => {
      const after = this.mailboxes.after(session, mail, Infinity);
      return { count: after.length, last: after.at(-1)?.mail ?? mail };
    },
  };

  readonly sessions = {
    load: (id: string) => this.#sessions.find(({ record }) => record.id === id)?.record,
  };

  readonly directory = {
    find: (name: string, sinceMs: number) =>
      this.#sessions
        .map(({ record }) => record)
        .filter((one) => name !== "" && one.name === name && one.seenMs >= sinceMs)
        .sort((a, b) => b.seenMs - a.seenMs || (a.id < b.id ? 1 : -1))[0],
  };

  readonly rights = {
    load: () => Object.entries(this.#rights).map(([key, value]) => ({ key, value })),
    change: (changes: readonly RightsChange[]) => {
      for (const { key, value } of changes) {
        if (value === undefined) delete this.#rights[key];
        else this.#rights[key] = value;
      }
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
    for (const { minMail = 0, ...update } of sessions) {
      const known = this.sessions.load(update.id);
      this.#put({ ...update, mail: Math.max(known?.mail ?? 0, minMail) }, clockMs);
    }
    const numbers = mail.map(({ session, network, message }) => {
      const known = this.#sessions.find(({ record }) => record.id === session);
      const number = (known?.record.mail ?? 0) + 1;
      const stranger = { id: session, name: "", n: 0, network: "", seenMs: message.timeMs };
      this.#put({ ...(known?.record ?? stranger), mail: number }, known?.clockMs ?? clockMs);
      this.#mail.push({ session, network, message: { ...message, mail: number }, clockMs });
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
    const { name, n, mail } = record;
    if (name !== "" || n > 0 || mail > 0) this.#sessions.push({ record, clockMs });
  }

  #trim(session: string): void {
    const own = this.#mail
      .filter((one) => one.session === session)
      .map(({ network, message: { mail, from } }) => ({ mail, network, from }));
    const gone = surplusMail(own, this.bounds.mailMessages);
    this.#mail = this.#mail.filter(
      (one) => one.session !== session || !gone.includes(one.message.mail),
    );
  }

  #of(room: string): Said[] {
    const all = this.#said.map(({ said }) => said).filter((one) => one.room === room);
    return all.slice(-this.bounds.messages);
  }
}
