// A store as a beginner would write it, to compare the real ones with: plain arrays, searched from end to end.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { Batch, Committed, LocalStore, SessionRecord } from "../../src/chat/store.ts";
import { surplusMail } from "../../src/store/mailbox-shares.ts";

export type Bounds = {
  messages: number;
  mailMessages: number;
  maxAgeMs: number;
  sessionAgeMs: number;
  goodbyeAgeMs: number;
};

type Aged = { clockMs: number };

export class PlainStore implements LocalStore {
  #said: (Said & Aged)[] = [];
  readonly #last = new Map<string, number>();
  #mail: ({ session: string; message: PrivateMessage } & Aged)[] = [];
  #sessions: (SessionRecord & Aged)[] = [];

  constructor(
    readonly epoch: string,
    readonly bounds: Bounds,
    readonly clock: () => number,
  ) {}

  readonly rooms = {
    bounds: (room: string) => {
      const last = this.#last.get(room) ?? 0;
      return { first: this.#of(room)[0]?.seq ?? last + 1, last };
    },
    after: (room: string, seq: number, limit: number) =>
      this.#of(room)
        .filter((one) => one.seq > seq)
        .slice(0, limit),
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
  };

  readonly sessions = {
    load: (id: string) => withoutAge(this.#sessions.find((one) => one.id === id)),
  };

  readonly directory = {
    find: (name: string, sinceMs: number) => {
      const found = this.#sessions.filter(
        (one) => name !== "" && one.name === name && one.seenMs >= sinceMs,
      );
      return withoutAge(found.sort((a, b) => b.seenMs - a.seenMs || (a.id < b.id ? 1 : -1))[0]);
    },
  };

  commit({ rooms, mail, sessions }: Batch): Committed {
    const clockMs = this.clock();
    const firsts = rooms.map(({ room, runs }) => {
      let last = this.#last.get(room) ?? 0;
      const first = last + 1;
      for (const run of runs) {
        for (let i = 0; i < run.length; i++) {
          this.#said.push({ ...run.at(i), author: 0, seq: ++last, clockMs });
        }
      }
      this.#last.set(room, last);
      return first;
    });
    for (const update of sessions) {
      const before = this.#sessions.find(({ id }) => id === update.id);
      this.#replace({ ...update, mail: before?.mail ?? 0, clockMs });
    }
    const numbers = mail.map(({ session, message }) => {
      const known = this.#sessions.find(({ id }) => id === session);
      const number = (known?.mail ?? 0) + 1;
      const stranger = {
        id: session,
        name: "",
        n: 0,
        network: "",
        seenMs: message.timeMs,
        clockMs,
      };
      this.#replace({ ...(known ?? stranger), mail: number });
      this.#mail.push({ session, message: { ...message, mail: number }, clockMs });
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
    const gone = this.#sessions.filter(
      ({ name, clockMs }) => clockMs < nowMs - (name === "" ? goodbyeAgeMs : sessionAgeMs),
    );
    this.#sessions = this.#sessions.filter((one) => !gone.includes(one));
    this.#mail = this.#mail.filter(({ session }) => !gone.some(({ id }) => id === session));
  }

  /** In its place if it is known; a session of which there is nothing to know is not kept. */
  #replace(record: SessionRecord & Aged): void {
    const others = this.#sessions.filter(({ id }) => id !== record.id);
    const { name, n, mail } = record;
    this.#sessions = name !== "" || n > 0 || mail > 0 ? [...others, record] : others;
  }

  #trim(session: string): void {
    const own = this.#mail.filter((one) => one.session === session).map(({ message }) => message);
    const gone = surplusMail(own, this.bounds.mailMessages);
    this.#mail = this.#mail.filter(
      (one) => one.session !== session || !gone.includes(one.message.mail),
    );
  }

  #of(room: string): Said[] {
    const all = this.#said.filter((one) => one.room === room).slice(-this.bounds.messages);
    return all.map(({ clockMs: _, ...said }) => said);
  }
}

function withoutAge(found: (SessionRecord & Aged) | undefined): SessionRecord | undefined {
  if (found === undefined) return undefined;
  const { clockMs: _, ...record } = found;
  return record;
}
