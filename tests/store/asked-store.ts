// A store from the hub's point of view: one request, one reply, immediately or later. The contract
// suites use this, so that they apply to every kind of store.

import type { AccountChange, AccountLookup } from "../../src/chat/accounts/account-store.ts";
import type { RightsChange, RightsRow } from "../../src/chat/rights/rights-rows.ts";
import type {
  Batch,
  Committed,
  StoreAnswerer,
  StoreOperation,
  StoreReply,
  StoreRequest,
  StoreResults,
} from "../../src/chat/turn/store.ts";
import { answerRequest } from "../../src/store/answer.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import { run, type RunFields, texts } from "./batches.ts";

/** The functions of a store other than answering. */
export type StoreBackend = {
  readonly epoch: string;
  readonly answer: StoreAnswerer;
  rights(): readonly RightsRow[] | Promise<readonly RightsRow[]>;
  /** Marks these rooms as having members. */
  setInUse(rooms: readonly string[]): void | Promise<void>;
  sweep(): boolean | Promise<boolean>;
  close(): void | Promise<void>;
};

export function localBackend(store: ServerStore): StoreBackend {
  return {
    epoch: store.epoch,
    answer: (request, reply) => reply(answerRequest(store, request)),
    rights: () => store.rights.load(),
    setInUse: (rooms) => void (store.isInUse = (room) => rooms.includes(room)),
    sweep: () => store.sweep(),
    close: () => store.close(),
  };
}

export class AskedStore {
  readonly #backend: StoreBackend;
  #nextId = 1;

  constructor(backend: StoreBackend) {
    this.#backend = backend;
  }

  get epoch(): string {
    return this.#backend.epoch;
  }

  readonly rooms = {
    bounds: async (room: string) => {
      const { first, last } = await this.#ask("room-bounds", { type: "room-bounds", room });
      return { first, last };
    },
    erasedSince: async (room: string, since: number) =>
      (await this.#ask("room-bounds", { type: "room-bounds", room, since })).erased,
    after: (room: string, after: number, limit: number) =>
      this.#ask("read-room", { type: "read-room", room, after, limit }),
    before: (room: string, before: number, limit: number) =>
      this.#ask("read-room", { type: "read-room", room, before, limit }),
    erase: (room: string, seq: number) =>
      this.#ask("erase-message", { type: "erase-message", room, seq }),
  };

  readonly mailboxes = {
    after: (session: string, after: number, limit: number) =>
      this.#ask("read-mail", { type: "read-mail", session, after, limit }),
    countAfter: (session: string, after: number) =>
      this.#ask("count-mail", { type: "count-mail", session, after }),
    list: (session: string) => this.#ask("list-mail", { type: "list-mail", session }),
    pick: (session: string, numbers: readonly number[]) =>
      this.#ask("read-mail", { type: "read-mail", session, numbers }),
  };

  readonly sessions = {
    load: (session: string) => this.#ask("load-session", { type: "load-session", session }),
    find: (name: string, sinceMs: number) =>
      this.#ask("find-name", { type: "find-name", name, sinceMs }),
  };

  readonly accounts = {
    find: (lookup: AccountLookup) => this.#ask("find-account", { type: "find-account", lookup }),
    change: (change: AccountChange) =>
      this.#ask("change-account", { type: "change-account", change }),
  };

  readonly rights = {
    load: async () => await this.#backend.rights(),
    change: (changes: readonly RightsChange[]) =>
      this.#ask("change-rights", { type: "change-rights", changes }),
  };

  async commit(batch: Batch): Promise<Committed> {
    const { rooms, mail } = await this.#ask("commit", { type: "commit", batch });
    return { rooms, mail };
  }

  async setInUse(rooms: readonly string[]): Promise<void> {
    await this.#backend.setInUse(rooms);
  }

  /** Sweeps until nothing is left to do; a store that never finishes fails the test. */
  async sweepAll(): Promise<void> {
    for (let i = 0; i < 10_000; i++) if (!(await this.#backend.sweep())) return;
    throw new Error("The store still has something to sweep after 10 000 slices");
  }

  async close(): Promise<void> {
    await this.#backend.close();
  }

  /** @throws the store's failure */
  async #ask<K extends keyof StoreResults>(
    type: K,
    operation: StoreOperation,
  ): Promise<StoreResults[K]> {
    const reply = await this.#reply({ ...operation, id: this.#nextId++ });
    if (reply.outcome === "failed") throw reply.error;
    if (reply.outcome === "unknown") throw new Error(`The outcome of ${type} is unknown`);
    if (!isOf(reply, type)) throw new Error(`A ${reply.type} was the answer to a ${type}`);
    return reply.result;
  }

  #reply(request: StoreRequest): Promise<StoreReply> {
    const { promise, resolve, reject } = Promise.withResolvers<StoreReply>();
    try {
      this.#backend.answer(request, resolve);
    } catch (error) {
      reject(error);
    }
    return promise;
  }
}

/** Commits batches, each under the next number. */
export class AskedWriter {
  #number = 0;

  constructor(readonly store: AskedStore) {}

  async commit(parts: Partial<Omit<Batch, "number">>): Promise<Committed> {
    const nothing = { rooms: [], mail: [], sessions: [] };
    return await this.store.commit({ ...nothing, ...parts, number: ++this.#number });
  }

  /** Commits one run in one room; returns the number of its first message. */
  async say(
    room: string,
    said: readonly string[] | number = 1,
    fields: RunFields = {},
  ): Promise<number> {
    const all = typeof said === "number" ? texts(said) : said;
    const { rooms } = await this.commit({ rooms: [{ room, runs: [run(room, all, fields)] }] });
    return rooms[0] ?? 0;
  }
}

type DoneReply = Extract<StoreReply, { outcome: "done" }>;

function isOf<K extends keyof StoreResults>(
  reply: DoneReply,
  type: K,
): reply is Extract<DoneReply, { type: K }> & { result: StoreResults[K] } {
  return reply.type === type;
}
