// What other servers have done and notifications have not told: decisions of operators that are
// read while others are made, and changes of accounts.

import { expect, test } from "bun:test";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { RightsChange } from "../../../src/chat/rights/rights-rows.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { DatabaseAway } from "../../../src/store/postgres/database.ts";
import { Feed } from "../../../src/store/postgres/feed.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { VirtualClock } from "../../sim/chat/virtual-clock.ts";
import { SimulatedDatabase } from "../../sim/cluster/database.ts";
import { hubStub } from "./hub-stub.ts";

/** A server whose readings of the decisions can take long. */
async function serverWith() {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const database = new SimulatedDatabase(new VirtualClock(), options, events);
  const held: (() => void)[] = [];
  const state = { isSlow: false, failsFor: "" };
  const port: DatabasePort = {
    run: async (text, values = []) => {
      if (state.failsFor !== "" && text.includes(state.failsFor)) throw new DatabaseAway("cut");
      const rows = database.run(text, values) as never;
      if (state.isSlow && text === "SELECT key, value FROM parley.rights") {
        await new Promise<void>((resolve) => held.push(resolve));
      }
      return rows;
    },
    script: async () => {},
    transact: async (inside) => await inside(port.run),
    listen: async () => () => {},
  };
  const store = await PostgresStore.open(port);
  const feed = new Feed(port, store, (line) => expect.unreachable(line));
  const heard: ForeignEvent[] = [];
  feed.attach(hubStub(heard));
  await feed.start(await store.rights());
  return { store, feed, port, held, state, heard };
}

async function change(store: PostgresStore, ...changes: RightsChange[]): Promise<void> {
  await new Promise<void>((resolve) =>
    store.answer({ type: "change-rights", changes, id: 1 }, () => resolve()),
  );
}

/** What has been asked for is being read. */
async function begun(): Promise<void> {
  for (let i = 0; i < 20; i++) await Bun.sleep(0);
}

/** The keys of the decisions in the last event. */
function known(heard: readonly ForeignEvent[]): string[] {
  const last = heard.findLast(({ type }) => type === "rights");
  return last?.type === "rights" ? last.rows.map(({ key }) => key) : [];
}

test("what fails on a bad connection does not keep decisions from being read", async () => {
  const { store, feed, state, heard } = await serverWith();
  await change(store, { key: "sanction/1", value: "{}" });
  state.failsFor = "FROM parley.signals";
  await expect(feed.check()).rejects.toThrow("cut");
  expect(known(heard)).toContain("sanction/1");
  expect(heard.at(-1)).toEqual({ type: "looked" });
  feed.stop();
});

test("an older reading of decisions does not replace a newer one", async () => {
  const { store, feed, held, state, heard } = await serverWith();
  await change(store, { key: "sanction/1", value: "{}" });
  state.isSlow = true;
  const older = feed.check();
  await begun();
  await change(store, { key: "sanction/2", value: "{}" });
  const newer = feed.check();
  await begun();
  for (const release of held.toReversed()) release();
  await Promise.all([older, newer]);
  expect(known(heard)).toContain("sanction/2");
  feed.stop();
});

test("what is read while own decisions are stored is read again", async () => {
  const { store, feed, held, state, heard } = await serverWith();
  await change(store, { key: "sanction/1", value: "{}" });
  state.isSlow = true;
  const reading = feed.check();
  await begun();
  await change(store, { key: "sanction/2", value: "{}" });
  state.isSlow = false;
  for (const release of held) release();
  await reading;
  await begun();
  expect(known(heard)).toEqual(expect.arrayContaining(["sanction/1", "sanction/2"]));
  feed.stop();
});

test("changes of accounts at other servers are read if no notification of them came", async () => {
  const { store, feed, port, heard } = await serverWith();
  const other = await PostgresStore.open(port, { newServerId: () => "other" });
  const account = "a1";
  const name = { name: "Ann", folded: "ann", key: undefined, password: "old" };
  const register = { type: "register", account, atMs: 1, ...name } as const;
  const password = { type: "set-password", account, atMs: 2, password: "new" } as const;
  for (const [id, change] of [register, password].entries()) {
    await new Promise<void>((resolve) =>
      other.answer({ type: "change-account", change, id }, () => resolve()),
    );
  }
  const own = { ...password, password: "own" };
  await new Promise<void>((resolve) =>
    store.answer({ type: "change-account", change: own, id: 9 }, () => resolve()),
  );
  await feed.check();
  await feed.check();
  expect(heard.filter(({ type }) => type === "account")).toEqual([
    { type: "account", account, change: "register" },
    { type: "account", account, change: "set-password" },
  ]);
  feed.stop();
});
