// The store in memory. Nothing survives the process, so every start has a new epoch.

import { accountMailbox, type Accounts } from "../../chat/accounts/account-store.ts";
import type { Batch, Committed, RightsTable } from "../../chat/turn/store.ts";
import { steadyMs } from "../../io/clock.ts";
import { history as limits } from "../../limits.ts";
import { LastBatch } from "../last-batch.ts";
import { MemoryAccounts } from "./accounts.ts";
import { MemoryMailboxes } from "./mailboxes.ts";
import { MemoryRights } from "./rights.ts";
import { MemoryRooms } from "./rooms.ts";
import { MemorySessions } from "./sessions.ts";
import { retentionClock } from "../retention-clock.ts";
import { defaultRetention, type Retention } from "../retention.ts";
import { newEpoch, type ServerStore, type StoreOptions } from "../server-store.ts";

export type MemoryStoreOptions = StoreOptions & {
  epoch?: string;
  /** Tables that survive the process, unlike the rest (default: they do not). */
  rights?: RightsTable;
  accounts?: Accounts;
};

/** A new, empty store. */
export function openMemoryStore(options: MemoryStoreOptions = {}): ServerStore {
  const retention = { ...defaultRetention("memory"), ...options.retention };
  const clock = options.clock ?? retentionClock(Date.now(), steadyMs, Date.now);
  const { rights = new MemoryRights(), accounts = new MemoryAccounts() } = options;
  return new MemoryStore(options.epoch ?? newEpoch(), retention, clock, rights, accounts);
}

class MemoryStore implements ServerStore {
  readonly rooms: MemoryRooms;
  readonly mailboxes: MemoryMailboxes;
  readonly sessions: MemorySessions;
  isInUse?: (room: string) => boolean;
  readonly #last = new LastBatch();

  readonly accounts: Accounts;

  constructor(
    readonly epoch: string,
    readonly retention: Retention,
    readonly clock: () => number,
    readonly rights: RightsTable,
    accounts: Accounts,
  ) {
    this.accounts = {
      find: (lookup) => accounts.find(lookup),
      change: (change) => {
        const outcome = accounts.change(change);
        if (change.type === "delete") this.sessions.delete(accountMailbox(change.account));
        return outcome;
      },
    };
    this.rooms = new MemoryRooms(retention, (room) => this.isInUse?.(room) === true);
    this.mailboxes = new MemoryMailboxes(retention.mailMessages, retention.mailBytes);
    this.sessions = new MemorySessions(retention.sessions, (id) => this.mailboxes.delete(id));
  }

  commit(batch: Batch): Committed {
    const committed = this.#last.committed(batch);
    if (committed !== undefined) return committed;
    const clockMs = this.clock();
    const rooms = batch.rooms.map((room) => this.rooms.append(room, clockMs));
    for (const update of batch.sessions) {
      this.sessions.put(update, clockMs);
      if (update.continues !== undefined) this.mailboxes.takeOver(update.id, update.continues);
    }
    const mail = batch.mail.map((item) => {
      const { session, message } = item;
      if (item.isCopy === true) {
        this.sessions.ensure(session, message.timeMs, clockMs);
        return this.mailboxes.appendCopy(item, clockMs);
      }
      const number = this.sessions.nextMail(session, message.timeMs, clockMs);
      this.mailboxes.append(item, number, clockMs);
      return number;
    });
    return this.#last.remember(batch, { rooms, mail });
  }

  sweep(): boolean {
    const nowMs = this.clock();
    const { maxAgeMs, sessionAgeMs, goodbyeAgeMs } = this.retention;
    const oldMs = nowMs - maxAgeMs;
    const goodbyeMs = nowMs - Math.min(goodbyeAgeMs, sessionAgeMs);
    const rooms = this.rooms.sweep(oldMs, limits.sliceRows);
    const mail = this.mailboxes.sweep(oldMs, limits.sliceRows);
    const sessions = this.sessions.sweep(nowMs - sessionAgeMs, goodbyeMs, limits.sliceRows);
    return rooms || mail || sessions;
  }

  close(): void {
    this.rooms.clear();
  }
}
