// What other servers have done and notifications have not told: decisions of operators that are
// read while others are made, and changes of accounts.

import { describe, expect, test } from "bun:test";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { RightsChange } from "../../../src/chat/rights/rights-rows.ts";
import type { StoreReply, StoreRequest } from "../../../src/chat/turn/store.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { DatabaseAway, Refused } from "../../../src/store/postgres/database.ts";
import { Feed } from "../../../src/store/postgres/feed.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { VirtualClock } from "../../sim/chat/virtual-clock.ts";
import { SimulatedDatabase } from "../../sim/cluster/database.ts";
import { run } from "../batches.ts";
import { until } from "../../until.ts";
import { hubStub } from "./hub-stub.ts";

/** A server whose readings of the decisions can take long. */
async function serverWith() {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const database = new SimulatedDatabase(new VirtualClock(), options, events);
  const held: (() => void)[] = [];
  const state = { isSlow: false, failsFor: "", waitsFor: "" };
  const port: DatabasePort = {
    run: async (text, values = []) => {
      if (state.failsFor !== "" && text.includes(state.failsFor)) throw new DatabaseAway("cut");
      if (state.waitsFor !== "" && text.includes(state.waitsFor)) {
        await new Promise<void>((resolve) => held.push(resolve));
      }
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

let changed = 0;

async function change(store: PostgresStore, ...changes: RightsChange[]): Promise<void> {
  await new Promise<void>((resolve) =>
    store.answer({ type: "change-rights", changes, id: ++changed }, () => resolve()),
  );
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
  await until(() => held.length === 1);
  await change(store, { key: "sanction/2", value: "{}" });
  const newer = feed.check();
  // That own change has them read as well.
  await until(() => held.length === 3);
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
  await until(() => held.length === 1);
  await change(store, { key: "sanction/2", value: "{}" });
  state.isSlow = false;
  for (const release of held) release();
  await reading;
  await until(() => ["sanction/1", "sanction/2"].every((key) => known(heard).includes(key)));
  feed.stop();
});

test("what another server undoes before this one knows that it is stored is read again", async () => {
  const { store, feed, port, held, state, heard } = await serverWith();
  state.waitsFor = "pg_notify";
  const storing = change(store, { key: "sanction/1", value: "{}" });
  await until(() => held.length === 1);
  await port.run("DELETE FROM parley.rights WHERE key = $1", ["sanction/1"]);
  // The hub keeps its own decision, which may not be stored yet.
  await feed.check();
  for (const release of held) release();
  await storing;
  heard.length = 0;
  await feed.check();
  expect(heard.map(({ type }) => type)).toContain("rights");
  expect(known(heard)).not.toContain("sanction/1");
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

test("guesses count once if the request that tells them is repeated, or carried out late", async () => {
  const { store, feed, port, heard } = await serverWith();
  const tellers: ((payload: string) => void)[] = [];
  const listening: DatabasePort = {
    ...port,
    listen: async (_channel, teller) => {
      tellers.push(teller);
      return () => {};
    },
  };
  const other = await PostgresStore.open({
    ...port,
    run: async (text, values = []) => {
      if (text.includes("pg_notify")) for (const tell of tellers) tell(String(values[1]));
      return await port.run(text, values);
    },
  });
  const listener = new Feed(listening, store, (line) => expect.unreachable(line));
  listener.attach(hubStub(heard));
  await listener.start(await store.rights());
  const guess = { what: "guess", account: "a1" } as const;
  const tell = (id: number) => {
    const charges = [{ ...guess, address: `192.0.2.${id}` }];
    return new Promise((resolve) => other.answer({ type: "tell-charges", charges, id }, resolve));
  };
  for (const id of [4, 4, 7, 4]) await tell(id);
  const counted = heard.flatMap((event) => (event.type === "charged" ? event.charges : []));
  expect(counted.map(({ address }) => address)).toEqual(["192.0.2.4", "192.0.2.7"]);
  for (const one of [feed, listener]) one.stop();
});

test("a decision whose answer was lost does not undo a later one when it is repeated", async () => {
  const { store, port, feed } = await serverWith();
  const other = await PostgresStore.open(port, { newServerId: () => "other" });
  const ban = { key: "sanction/1", value: "{}" };
  const banned = { type: "change-rights", changes: [ban], id: 1_007 } as const;
  const kept = async () => {
    const keys = (await other.rights()).map(({ key }) => key);
    return keys.filter((key) => key.startsWith("sanction/"));
  };
  await answerOf(store, banned);
  expect(await kept()).toEqual(["sanction/1"]);
  await change(other, { key: "sanction/1", value: undefined });
  expect((await answerOf(store, banned)).outcome).toBe("done");
  expect(await kept()).toEqual([]);
  // Decided again, it is another request.
  await answerOf(store, { ...banned, id: 1_008 });
  expect(await kept()).toEqual(["sanction/1"]);
  feed.stop();
});

function commitOf(
  by: PostgresStore,
  number: number,
  texts: string[],
  room = "lobby",
): Promise<StoreReply> {
  const rooms = [{ room, runs: [run(room, texts)] }];
  const batch = { number, rooms, mail: [], sessions: [] };
  return answerOf(by, { type: "commit", batch, id: number });
}

function answerOf(by: PostgresStore, request: StoreRequest): Promise<StoreReply> {
  return new Promise((resolve) => by.answer(request, resolve));
}

/** A hub in the lobby, which hears no notifications. */
async function deaf() {
  const { store: own, feed, port, state, heard } = await serverWith();
  const other = await PostgresStore.open(port, { newServerId: () => "other" });
  let seq = 0;
  const handleForeign = (event: ForeignEvent): void => {
    heard.push(event);
    if (event.type === "said") seq = event.runs.at(-1)!.seq;
  };
  const lobby = { isOpen: true };
  const positionIn = () => (lobby.isOpen ? { seq, presence: 0 } : undefined);
  const openRooms = () => (lobby.isOpen ? ["lobby"] : []);
  feed.attach(hubStub(heard, { handleForeign, positionIn, openRooms }));
  await commitOf(other, 1, ["a", "b"]);
  await feed.check();
  heard.length = 0;
  const erase = (number: number): Promise<StoreReply> =>
    answerOf(other, { type: "erase-message", room: "lobby", seq: number, id: 1 });
  const events = () =>
    heard.flatMap((event) =>
      event.type === "erased" || event.type === "said"
        ? [`${event.type} ${event.type === "said" ? event.runs[0]?.seq : event.seq}`]
        : [],
    );
  return { own, other, feed, state, erase, events, heard, lobby };
}

describe("a deletion whose notification is lost", () => {
  test("is told at the next look, once", async () => {
    const { feed, erase, events } = await deaf();
    await erase(2);
    await erase(1);
    await feed.check();
    expect(events()).toEqual(["erased 2", "erased 1"]);
    await erase(1);
    await feed.check();
    expect(events()).toHaveLength(2);
    feed.stop();
  });

  test("is told if it happens while somebody opens the room who was not told of it", async () => {
    const { own, feed, erase, events, lobby } = await deaf();
    lobby.isOpen = false;
    await feed.check();
    await erase(1);
    const bounds = await answerOf(own, { type: "room-bounds", room: "lobby", since: 2, id: 9 });
    expect(bounds).toMatchObject({ result: { erased: [1] } });
    await erase(2);
    await feed.check();
    lobby.isOpen = true;
    await feed.check();
    expect(events()).toEqual(["erased 2"]);
    feed.stop();
  });

  test("is told before any message that follows it", async () => {
    const { own, other, feed, erase, events } = await deaf();
    await erase(2);
    await commitOf(other, 2, ["c"]);
    await commitOf(own, 1, ["d"]);
    expect(events()).toEqual(["erased 2", "said 3"]);
    feed.stop();
  });

  test("and whose message is read later comes with the message", async () => {
    const { other, feed, erase, heard } = await deaf();
    await commitOf(other, 2, ["c", "d"]);
    await erase(4);
    await feed.check();
    const runs = heard.flatMap((event) => (event.type === "said" ? event.runs : []));
    expect(runs.map((run) => [run.seq, run.texts, run.at(0).deleted])).toEqual([
      [3, ["c"], undefined],
      [4, [deletedText], true],
    ]);
    feed.stop();
  });

  test("is told later if it can't be read", async () => {
    const { feed, state, erase, events } = await deaf();
    await erase(2);
    state.failsFor = "FROM parley.erasures";
    await expect(feed.check()).rejects.toThrow("cut");
    state.failsFor = "";
    await feed.check();
    expect(events()).toEqual(["erased 2"]);
    feed.stop();
  });
});

/** Another server has said four messages; the reading of batches can be refused. */
async function refusing() {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const database = new SimulatedDatabase(new VirtualClock(), options, events);
  let isRefused = true;
  const port: DatabasePort = {
    run: async (text, values = []) => {
      if (isRefused && text.includes("parley.batches") && values.includes("lobby")) {
        throw new Refused("invalid page in block 7", "XX001");
      }
      return database.run(text, values) as never;
    },
    script: async () => {},
    transact: async (inside) => await inside(port.run),
    listen: async () => () => {},
  };
  const other = await PostgresStore.open(port, { newServerId: () => "other" });
  const store = await PostgresStore.open(port, { newServerId: () => "own" });
  const logged: string[] = [];
  const feed = new Feed(port, store, (line) => logged.push(line));
  const seqs = new Map([
    ["lobby", 0],
    ["den", 0],
  ]);
  const skipped: number[] = [];
  const heard: ForeignEvent[] = [];
  const handleForeign = (event: ForeignEvent): void => {
    heard.push(event);
    if (event.type === "skipped") skipped.push(event.seq);
    if (event.type === "skipped") seqs.set(event.room, event.seq);
    if (event.type === "said") seqs.set(event.room, event.runs.at(-1)!.seq);
  };
  const positionIn = (room: string) => ({ seq: seqs.get(room) ?? 0, presence: 0 });
  feed.attach(hubStub(heard, { handleForeign, positionIn, openRooms: () => [...seqs.keys()] }));
  await commitOf(other, 1, ["a", "b", "c", "d"]);
  await commitOf(other, 2, ["a"], "den");
  const read = (): void => void (isRefused = false);
  return { store, feed, logged, skipped, read, seqs };
}

describe("messages that the database refuses to read", () => {
  test("are left out after some tries, so that own ones can be stored", async () => {
    const { store, feed, logged, skipped } = await refusing();
    const outcomes = [(await commitOf(store, 1, ["own"])).outcome];
    while (outcomes.at(-1) !== "done" && outcomes.length < 20) {
      await feed.check().catch(() => {});
      outcomes.push((await commitOf(store, 1, ["own"])).outcome);
    }
    expect(outcomes).toEqual([...Array(limits.refusedReads - 1).fill("unknown"), "done"]);
    // One, two, and what is left.
    expect(skipped).toEqual([1, 3, 4]);
    expect(logged[0]).toContain("Messages 1 to 1 of 'lobby' can't be read");
    expect((await commitOf(store, 2, ["next"])).outcome).toBe("done");
  });

  test("are not left out if they can be read again soon", async () => {
    const { store, skipped, read } = await refusing();
    // However often they are wanted meanwhile.
    for (let i = 0; i < 2 * limits.refusedReads; i++) {
      expect((await commitOf(store, 1, ["own"])).outcome).toBe("unknown");
    }
    read();
    expect((await commitOf(store, 1, ["own"])).outcome).toBe("done");
    expect(skipped).toEqual([]);
  });

  test("are left out too if nothing is said here, and other rooms are read meanwhile", async () => {
    const { feed, seqs } = await refusing();
    await expect(feed.check()).rejects.toThrow("invalid page");
    expect([...seqs.values()]).toEqual([0, 1]);
    for (let i = 2; i < limits.refusedReads; i++) await expect(feed.check()).rejects.toThrow();
    await feed.check();
    expect([...seqs.values()]).toEqual([4, 1]);
  });
});
