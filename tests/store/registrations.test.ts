// Peer registrations survive a restart, in the same file as the chat.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { steadyMs } from "../../src/io/clock.ts";
import { registry as limits } from "../../src/limits.ts";
import { openRegistrations } from "../../src/store/registrations.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("registrations");

const address = (id: string, port: number) => ({ id, ip: "127.0.0.1", port });
const fail = (error: unknown): never => {
  throw error;
};

test("registered, waiting and handed-out peers are the same after a restart", () => {
  const path = join(folder, "a.db");
  const first = openSqliteStore(path);
  const before = openRegistrations(first, fail);
  for (const [i, id] of ["Ann", "Bob", "Cal"].entries()) {
    before.registry.register(address(id, 5_000 + i), 10 * i);
  }
  before.registry.register(address("ann", 6_000), 40);
  expect(before.registry.bridge("Bob", 50, "127.0.0.1")?.id).toBe("Cal");
  expect(before.registry.bridge("Cal", 60, "127.0.0.1", "Nobody")).toBeUndefined();
  const entries = before.registry.entries();
  before.close();
  first.close();

  const second = openSqliteStore(path);
  const after = openRegistrations(second, fail);
  expect(after.registry.entries()).toEqual(entries);
  expect(after.registry.bridge("Bob", 70, "127.0.0.1")?.id).toBe("Cal");
  after.close();
  second.close();
});

test("a smaller limit drops the oldest, also in the file", () => {
  const path = join(folder, "b.db");
  const store = openSqliteStore(path);
  const many = openRegistrations(store, fail);
  for (let i = 0; i < 10; i++) many.registry.register(address(`p${i}`, 5_000 + i), i);
  many.close();
  const few = openRegistrations(store, fail, 3);
  expect(few.registry.entries().map(({ id }) => id)).toEqual(["p7", "p8", "p9"]);
  expect(store.db.query("SELECT count(*) AS n FROM registrations").get()).toEqual({ n: 3 });
  few.registry.register(address("p10", 6_000), 10);
  expect(store.db.query("SELECT count(*) AS n FROM registrations").get()).toEqual({ n: 3 });
  few.close();
  store.close();
});

test("a change that can't be written is reported and still applies in memory", () => {
  const store = openSqliteStore(join(folder, "c.db"));
  const problems: unknown[] = [];
  const { registry, close } = openRegistrations(store, (error) => problems.push(error));
  store.db.run("DROP TABLE registrations");
  registry.register(address("Ann", 5_000), 1);
  expect(problems).toHaveLength(1);
  expect(registry.find("ann")?.port).toBe(5_000);
  close();
  store.close();
});

test("after a restart an ID belongs to its client for another hour, whatever the clock says", () => {
  const path = join(folder, "d.db");
  const first = openSqliteStore(path);
  const before = openRegistrations(first, fail);
  // Long ago according to the clock of this process.
  before.registry.register(address("Ann", 5_000), 1, "127.0.0.1");
  before.close();
  first.close();

  const second = openSqliteStore(path);
  const { registry, close } = openRegistrations(second, fail);
  const nowMs = steadyMs();
  const mallory = { id: "Ann", ip: "192.0.2.1", port: 1 };
  expect(registry.register(mallory, nowMs + 1_000, "192.0.2.1")).toBeUndefined();
  const lateMs = nowMs + limits.freshMs + 1_000;
  expect(registry.register(mallory, lateMs, "192.0.2.1")).toMatchObject(mallory);
  close();
  second.close();
});

test("after a restart an ID belongs to the network that registered it, not to its address there", () => {
  const path = join(folder, "e.db");
  const first = openSqliteStore(path);
  const before = openRegistrations(first, fail);
  // Behind a router, and under a name.
  const ann = { id: "Ann", ip: "192.168.1.5", port: 5_000 };
  const bob = { id: "Bob", ip: "bob.example", port: 5_000 };
  before.registry.register(ann, steadyMs(), "203.0.113.7");
  before.registry.register(bob, steadyMs(), "203.0.113.8");
  before.registry.bridge("Bob", steadyMs(), "203.0.113.8", "Nobody");
  before.close();
  first.close();

  const second = openSqliteStore(path);
  const { registry, close } = openRegistrations(second, fail);
  const nowMs = steadyMs();
  expect(registry.register(ann, nowMs, "192.168.1.5")).toBeUndefined();
  expect(registry.register(ann, nowMs, "203.0.113.7")).toMatchObject(ann);
  expect(registry.findOwn("Bob", "203.0.113.8")).toMatchObject(bob);
  close();
  second.close();
});
