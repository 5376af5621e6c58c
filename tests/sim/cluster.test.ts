// A fixed number of seeds of the simulator of several servers; `bun tests/sim/soak.ts --hubs 3`
// runs any number.

import { describe, expect, test } from "bun:test";
import { AccountTables } from "./cluster/account-tables.ts";
import type { Lie } from "./cluster/database.ts";
import { simulateClosed } from "./cluster/closed-world.ts";
import { simulateCluster } from "./cluster/world.ts";

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("several servers act as one, whatever breaks", () => {
  const timeoutMs = 180_000;

  test.each(seeds(5))(
    "three servers, seed %d",
    (seed) => {
      expect(simulateCluster(seed, 4).truth.tokens.length).toBeGreaterThan(100);
    },
    timeoutMs,
  );

  test.each(seeds(2))(
    "five servers, seed %d",
    (seed) => {
      expect(simulateCluster(seed, 2, 5).truth.tokens.length).toBeGreaterThan(100);
    },
    timeoutMs,
  );
});

test.each(seeds(8))(
  "a pass admits no more people than it allows, and nobody once it is revoked, seed %d",
  (seed) => {
    expect(simulateClosed(seed, 10).desk.admitted).toBeGreaterThan(20);
  },
  180_000,
);

/** The complaints of some seed about a database that lies. */
function complaints(lie: Lie): string {
  for (const seed of seeds(20)) {
    try {
      simulateCluster(seed, 4, 3, lie);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return "none";
}

describe("the simulator detects a database", () => {
  test("that forgets that it has committed a batch", () => {
    const said = complaints(({ tables, undo }, text, values) => {
      const me = tables.servers.get(String(values[0]));
      const isCommit = text.includes("parley.commit(") && me?.isOver === false;
      if (isCommit) tables.servers.put(me.id, { ...me, batch: 0 }, undo);
      return undefined;
    });
    expect(said).toMatch(/twice|follows/);
  }, 180_000);

  test("that lets a server write after others have declared it dead", () => {
    const said = complaints(({ tables, undo }, text, values) => {
      const me = tables.servers.get(String(values[0]));
      const isCommit = text.includes("parley.commit(") && me?.isOver === true;
      if (isCommit) tables.servers.put(me.id, { ...me, isOver: false }, undo);
      return undefined;
    });
    expect(said).not.toBe("none");
  }, 180_000);

  test("that gives a name to two users", () => {
    const said = complaints(({ tables, undo }, text, values) => {
      if (!text.includes("parley.claim(")) return undefined;
      const [, , folded] = values.map(String);
      for (const row of tables.holdersOf(folded ?? "")) tables.removeName(row, undo);
      return undefined;
    });
    expect(said).toMatch(/the database for|has got the name/);
  }, 180_000);

  test("that never reports a room's last number when notifications are lost", () => {
    const said = complaints((_context, text) =>
      text.startsWith("SELECT name, last_seq AS seq") ? [] : undefined,
    );
    expect(said).toMatch(/has heard|shows .* where|after the last|In the end/);
  }, 180_000);

  test("that forgets which texts were deleted", () => {
    const said = complaints((_context, text) => (text.startsWith("SELECT e.seq") ? [] : undefined));
    expect(said).toMatch(/shows \d+ of \S+, which was deleted/);
  }, 180_000);

  test("that forgets at which server a peer can be called", () => {
    const said = complaints((_context, text, values) => {
      const isPlace = text.includes("parley.claim(") && String(values[2]).startsWith("call/");
      return isPlace ? [{ n: 0, claim: null, refused: null }] : undefined;
    });
    expect(said).toMatch(/Pia is at \S+, the database has call\/.* at none/);
  }, 180_000);

  test("that keeps the users of dead servers", () => {
    const said = complaints((_context, text) =>
      text.includes("parley.reap()") ? [{ reap: 0 }] : undefined,
    );
    expect(said).not.toBe("none");
  }, 180_000);
});

test("a device that was revoked may join again only by a code that was made since", () => {
  const row = { account: "a", key: "k", label: "", added: 1, used: 1, mail: 0, vouch: null };
  for (const isSince of [false, true]) {
    const tables = new AccountTables();
    tables.putKey({ ...row, revoked: null }, []);
    tables.putCode("before", "a", []);
    tables.putKey({ ...row, revoked: 2 }, []);
    tables.putCode("since", "a", []);
    const joins = (): void => {
      tables.useCode(isSince ? "since" : "before", []);
      tables.putKey({ ...row, revoked: null }, []);
    };
    if (isSince) joins();
    else expect(joins).toThrow("key k is valid again");
  }
});
