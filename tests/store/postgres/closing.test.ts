// A server leaves its database whatever that does: nobody waits for one that does not answer.

import { expect, test } from "bun:test";
import type { Row, Value } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { openOn, type ProcessParts } from "../../../src/store/postgres/open.ts";
import { VirtualClock } from "../../sim/chat/virtual-clock.ts";
import { SimulatedDatabase } from "../../sim/cluster/database.ts";
import { until } from "../../until.ts";

/** A server whose timers run out when told, with a database that can hold its answers back. */
async function serverWith() {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const database = new SimulatedDatabase(new VirtualClock(), options, events);
  const held: { readonly text: string; readonly fail: (error: Error) => void }[] = [];
  const state = { isSilent: false, isFull: false };
  const run = async (text: string, values: readonly Value[] = []): Promise<readonly Row[]> => {
    if (state.isFull && text.startsWith("SELECT pg_try_advisory")) return [{ free: true }];
    if (state.isFull && /^(?:WITH|DELETE|SELECT (?:id|count|1|value))/.test(text)) return [{}];
    if (!state.isSilent) return database.run(text, values);
    return await new Promise((_, fail) => held.push({ text, fail }));
  };
  const port: DatabasePort = {
    run: run as DatabasePort["run"],
    script: async () => {},
    transact: async (work) => await work(run as DatabasePort["run"]),
    listen: async () => () => {},
  };
  const timers = new Set<() => void>();
  const startTimer: ProcessParts["startTimer"] = (_, expire) => {
    timers.add(expire);
    return () => timers.delete(expire);
  };
  const logged: string[] = [];
  const log = (line: string): void => void logged.push(line);
  const server = await openOn(port, { retention: {}, pin: "", log }, { startTimer });
  return {
    server,
    held,
    logged,
    timers,
    state,
    expire: () => [...timers].forEach((run) => (timers.delete(run), run())),
  };
}

test("a database that does not answer keeps no server from stopping", async () => {
  const { server, held, state, expire } = await serverWith();
  state.isSilent = true;
  const closed = server.close();
  await until(() => held.length === 1);
  expire();
  await closed;
});

test("what was under way when the server stopped is not reported as a failure", async () => {
  const { server, held, logged, state, expire } = await serverWith();
  state.isSilent = true;
  expire();
  await until(() => held.some(({ text }) => text.includes("SET expires")));
  const closed = server.close();
  for (const { fail } of held) fail(new Error("The database is closed"));
  await until(() => held.some(({ text }) => text.includes("has_left")));
  expire();
  await closed;
  expect(logged).toEqual([]);
});

test("a server that stops sweeps no further", async () => {
  const { server, state, timers, expire } = await serverWith();
  const before = timers.size;
  state.isFull = true;
  expire();
  await until(() => timers.size === before, "the pause of the sweep and all other timers");
  await server.close();
  expect(timers.size).toBe(0);
});
