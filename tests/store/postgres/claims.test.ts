// Claims of names are repeated when their answer is lost, and may be carried out late: only the
// first execution has an effect, and all have its result.

import { beforeEach, describe, expect, test } from "bun:test";
import type {
  Batch,
  NameClaimed,
  StoreOperation,
  StoreReply,
} from "../../../src/chat/turn/store.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { steadyMs } from "../../../src/io/clock.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { update } from "../batches.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: claims in PostgreSQL`);

const holder = "hash of a secret";
const claim = { name: "ann", holder };

function ask(store: PostgresStore, id: number, operation: StoreOperation): Promise<StoreReply> {
  return new Promise((resolve) => store.answer({ ...operation, id }, resolve));
}

async function claimed(
  store: PostgresStore,
  id: number,
  more: { holder?: string; session?: string; isWithdrawn?: boolean } = {},
): Promise<NameClaimed> {
  const { holder: by = holder, session = holder, isWithdrawn } = more;
  const request = { name: "ann", holder: by };
  const operation = { type: "claim-name", claim: request, session, isWithdrawn } as const;
  const reply = await ask(store, id, operation);
  if (reply.outcome !== "done" || reply.type !== "claim-name") throw new Error(reply.outcome);
  return reply.result;
}

describe.skipIf(!hasPostgres)("a repeated claim", () => {
  let database: Database;
  let here: PostgresStore;
  let there: PostgresStore;

  withDatabase((opened) => (database = opened));

  beforeEach(async () => {
    await database.script(emptied);
    here = await PostgresStore.open(database);
    there = await PostgresStore.open(database);
  });

  let batches = 0;

  function commit(store: PostgresStore, work: Partial<Batch>): Promise<StoreReply> {
    const batch = { number: ++batches, rooms: [], mail: [], sessions: [], ...work };
    return ask(store, 1_000 + batches, { type: "commit", batch });
  }

  const holders = async (): Promise<unknown[]> =>
    (await database.run("SELECT server FROM parley.names")).map(({ server }) => server);

  async function place(): Promise<{ server: unknown; claim: number }> {
    const [row] = await database.run("SELECT server, claim FROM parley.sessions");
    return { server: row?.["server"], claim: Number(row?.["claim"]) };
  }

  test("does not take the session back from the server that claimed it next", async () => {
    const first = await claimed(here, 1);
    const next = await claimed(there, 1);
    expect(await claimed(here, 1)).toEqual(first);
    expect(await place()).toEqual({ server: there.serverId, claim: next.taken!.claim });
    expect(first.taken!.claim).toBeLessThan(next.taken!.claim);
    const signals = await database.run("SELECT server FROM parley.signals");
    expect(signals).toEqual([{ server: here.serverId }]);
    // A new claim does.
    expect((await claimed(here, 2)).taken!.claim).toBeGreaterThan(next.taken!.claim);
  });

  test("returns which messages were refused, as the first one did", async () => {
    const { claim: number } = (await claimed(here, 1)).taken!;
    const refused = "2-3:muted";
    const record = { id: holder, name: "ann", n: 3, refused, network: "", seenMs: 1 };
    await commit(here, { sessions: [{ ...record, claim: number, isHere: true }] });
    const first = await claimed(there, 1);
    expect(first.taken).toMatchObject({ n: 3, refused });
    expect(await claimed(there, 1)).toEqual(first);
  });

  test("that is carried out late does not claim a name that was released", async () => {
    const first = await claimed(here, 1);
    await commit(here, { released: [claim] });
    expect(await claimed(here, 1)).toEqual(first);
    expect(await holders()).toEqual([]);
  });

  test("stays refused when the name is free", async () => {
    const other = { holder: "another", session: "" };
    await claimed(there, 1, other);
    expect(await claimed(here, 1)).toEqual({ isFree: false });
    await commit(there, { released: [{ name: "ann", holder: "another" }] });
    expect(await claimed(here, 1)).toEqual({ isFree: false });
    expect(await holders()).toEqual([]);
    expect((await claimed(here, 2)).isFree).toBe(true);
  });

  test("has no effect if it is withdrawn, nor when it is carried out late", async () => {
    expect(await claimed(here, 1, { isWithdrawn: true })).toEqual({ isFree: false });
    expect(await claimed(here, 1)).toEqual({ isFree: false });
    expect(await holders()).toEqual([]);
  });

  test("is known to have had an effect when it is withdrawn", async () => {
    const first = await claimed(here, 1);
    expect(first.isFree).toBe(true);
    expect(await claimed(here, 1, { isWithdrawn: true })).toEqual(first);
  });

  test("has its effect once if it is carried out twice at the same time", async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => claimed(here, 1)));
    expect(new Set(results.map(({ taken }) => taken?.claim)).size).toBe(1);
    expect(await holders()).toEqual([here.serverId]);
  });

  test("by a server that was taken for dead does not take the name from who has got it since", async () => {
    await claimed(there, 1, { holder: "another", session: "another" });
    await commit(there, { sessions: [update("another", { name: "ann" })] });
    await commit(here, { sessions: [update(holder, { name: "ann", n: 4 })] });
    const session = await ask(here, 2, { type: "load-session", session: holder });
    expect(session).toMatchObject({ result: { name: "", n: 4 } });
    const named = await ask(here, 3, { type: "find-name", name: "ann", sinceMs: 0 });
    expect(named).toMatchObject({ result: { id: "another" } });
  });

  test("that has ended with the server's lease gives its session no name any more", async () => {
    const { taken } = await claimed(here, 1);
    await commit(here, { released: [claim] });
    const record = update(holder, { name: "ann", n: 4, claim: taken?.claim });
    await commit(here, { sessions: [record] });
    const session = await ask(here, 2, { type: "load-session", session: holder });
    expect(session).toMatchObject({ result: { name: "", n: 4 } });
    await claimed(here, 3);
    await commit(here, { sessions: [{ ...record, claim: taken!.claim + 1 }] });
    expect(await ask(here, 4, { type: "load-session", session: holder })).toMatchObject({
      result: { name: "ann" },
    });
  });

  test("of an account gets the name that its session has at another server", async () => {
    const session = { session: holder, received: 0 };
    const account = { account: "a1", name: "Ann", folded: "ann", key: undefined, password: "x" };
    const change = { type: "register", ...account, mailbox: session, atMs: 1 } as const;
    await claimed(here, 1);
    await claimed(there, 1);
    await ask(there, 2, { type: "change-account", change });
    expect(await claimed(there, 3, { holder: "@a2", session: "" })).toEqual({ isFree: false });
    expect((await claimed(there, 4, { holder: "@a1", session: "" })).isFree).toBe(true);
    await commit(here, { released: [claim] });
    await commit(there, { released: [{ name: "ann", holder: "@a1" }] });
    expect(await holders()).toEqual([]);
  });

  test("of a place moves it from the server that had it, but not from another holder", async () => {
    const place = { name: "code/1", holder: "hash of an offer" };
    const claimAt = (store: PostgresStore, id: number, holder = place.holder) => {
      const operation = { type: "claim-name", claim: { ...place, holder } } as const;
      return ask(store, id, { ...operation, session: undefined });
    };
    await claimAt(here, 1);
    expect(await claimAt(there, 1, "another")).toMatchObject({ result: { isFree: false } });
    expect(await holders()).toEqual([here.serverId]);
    await claimAt(there, 2);
    expect(await holders()).toEqual([there.serverId]);
    await commit(here, { released: [place] });
    expect(await holders()).toEqual([there.serverId]);
  });

  test("of a place leaves it where it was asked for last, in whatever order they are carried out", async () => {
    const place = { name: "call/1", holder: "call/1" };
    let id = 0;
    const claimAt = (store: PostgresStore, agoMs: number) => {
      const claim = { ...place, asked: { openedMs: steadyMs() - agoMs } };
      return ask(store, ++id, { type: "claim-name", claim, session: undefined });
    };
    await claimAt(here, 1_000);
    expect(await claimAt(there, 2_000)).toMatchObject({ result: { isFree: false } });
    expect(await holders()).toEqual([here.serverId]);
    expect(await claimAt(there, 500)).toMatchObject({ result: { isFree: true } });
    // An earlier connection there, whose claim was repeated.
    await claimAt(there, 3_000);
    expect(await claimAt(here, 700)).toMatchObject({ result: { isFree: false } });
    expect(await holders()).toEqual([there.serverId]);
  });

  test("is remembered for a limited time", async () => {
    await claimed(here, 1);
    await claimed(here, 2);
    await database.run(
      `UPDATE parley.claimed SET at = at - $1 * interval '1 millisecond' WHERE request = 1`,
      [limits.outcomeKeptMs],
    );
    await here.sweep();
    const kept = await database.run("SELECT request::integer AS request FROM parley.claimed");
    expect(kept).toEqual([{ request: 2 }]);
  });
});
