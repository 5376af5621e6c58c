// A fixed number of seeds of the whole-system simulator; `bun tests/sim/soak.ts` runs any number.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { LocalStore } from "../../src/chat/turn/store.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { simulate } from "./chat/world.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("sim");

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("nothing acknowledged is lost, duplicated or out of order", () => {
  test.each(seeds(10))("in memory, seed %d", (seed) => {
    expect(simulate(seed, 4).truth.tokens.length).toBeGreaterThan(100);
  });

  test.each(seeds(4))("in a data file, seed %d", (seed) => {
    const stores: { close(): void }[] = [];
    simulate(seed, 2, (_epoch, clock) => {
      const store = openSqliteStore(join(folder, `${seed}.db`), { clock });
      stores.push(store);
      return store;
    });
    for (const store of stores) store.close();
  });
});

/** A store that breaks its promises in some way. */
function lying(lie: (store: LocalStore, commits: number) => LocalStore["commit"] | undefined) {
  return (epoch: string, clock: () => number): LocalStore => {
    const store = openMemoryStore({ epoch, clock });
    let commits = 0;
    return {
      epoch,
      rooms: store.rooms,
      mailboxes: store.mailboxes,
      sessions: store.sessions,
      rights: store.rights,
      accounts: store.accounts,
      commit: (batch) => (lie(store, ++commits) ?? ((b) => store.commit(b)))(batch),
    };
  };
}

describe("the simulator detects a faulty store", () => {
  test("one that loses a message", () => {
    const open = lying((store, commits) =>
      commits % 50 !== 0
        ? undefined
        : (batch) => {
            const { rooms, mail } = store.commit({ ...batch, rooms: [], mail: [] });
            return {
              rooms: batch.rooms.map(
                ({ room }) => store.rooms.bounds(room).last + 1 + rooms.length,
              ),
              mail: batch.mail.map(
                ({ session }) => (store.sessions.load(session)?.mail ?? 0) + 1 + mail.length,
              ),
            };
          },
    );
    expect(() => simulate(1, 4, open)).toThrow("replay it alone");
  });

  test("one that writes twice", () => {
    const open = lying((store, commits) =>
      commits % 50 !== 0
        ? undefined
        : (batch) => {
            store.commit({ ...batch, number: batch.number + 0.5 });
            return store.commit(batch);
          },
    );
    expect(() => simulate(1, 4, open)).toThrow("replay it alone");
  });

  test("one that forgets a session's counter", () => {
    const open = lying(
      (store) => (batch) =>
        store.commit({
          ...batch,
          sessions: batch.sessions.map((session) => ({
            ...session,
            n: Math.max(0, session.n - 1),
          })),
        }),
    );
    const isCaught = seeds(12).some((seed) => {
      try {
        simulate(seed, 8, open);
        return false;
      } catch {
        return true;
      }
    });
    expect(isCaught).toBe(true);
  });
});
