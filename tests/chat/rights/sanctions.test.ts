// Bans and mutes: whom they apply to, for how long, and what is stored of them.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Rights } from "../../../src/chat/rights/rights.ts";
import type { RightsRow } from "../../../src/chat/rights/rights-rows.ts";
import type { Subject, Suspect } from "../../../src/chat/rights/sanction.ts";
import { rights as limits } from "../../../src/limits.ts";

const terms = (subject: Subject, untilMs?: number) => ({
  kind: "ban" as const,
  reason: "spam",
  by: "console",
  atMs: 1_000,
  untilMs,
  ...subject,
});

const suspect = (given: Partial<Suspect>): Suspect => ({
  address: "203.0.113.1",
  names: [],
  keys: [],
  accounts: [],
  ...given,
});

describe("a ban applies to", () => {
  const rights = new Rights();
  rights.sanctions.impose(terms({ name: "bob", network: "198.51.100.7", key: "K", account: "A" }));
  rights.sanctions.impose(terms({ network: "2001:db8::/48" }));
  rights.sanctions.impose(terms({ network: "192.0.2.0/24" }));
  const isBanned = (given: Partial<Suspect>) =>
    rights.sanctions.find("ban", suspect(given), 2_000) !== undefined;

  test.each<Partial<Suspect>>([
    { names: ["ann", "bob"] },
    { keys: ["K"] },
    { accounts: ["B", "A"] },
    { address: "198.51.100.7" },
    { address: "::ffff:198.51.100.7" },
    { address: "192.0.2.255" },
    { address: "2001:db8:0:ffff::1" },
  ])("%j", (given) => {
    expect(isBanned(given)).toBe(true);
  });

  test.each<Partial<Suspect>>([
    {},
    { names: ["bobby"] },
    { keys: ["k"] },
    { address: "198.51.100.8" },
    { address: "192.0.3.0" },
    { address: "2001:db8:1::1" },
    { address: "unix socket" },
  ])("not %j", (given) => {
    expect(isBanned(given)).toBe(false);
  });

  test("nobody, if it is a mute", () => {
    expect(rights.sanctions.has("mute")).toBe(false);
    expect(rights.sanctions.find("mute", suspect({ names: ["bob"] }), 2_000)).toBeUndefined();
  });
});

test("a ban ends, to the millisecond; of several, the longest counts", () => {
  const { sanctions } = new Rights();
  sanctions.impose(terms({ name: "bob" }, 5_000));
  sanctions.impose(terms({ network: "203.0.113.0/24" }, 7_000));
  const at = (nowMs: number) => sanctions.find("ban", suspect({ names: ["bob"] }), nowMs)?.untilMs;
  expect([4_999, 6_999, 7_000].map(at)).toEqual([7_000, 7_000, undefined]);
  // In any order.
  sanctions.impose(terms({ name: "bob" }, 9_000));
  expect([6_999, 8_999, 9_000].map(at)).toEqual([9_000, 9_000, undefined]);
  expect(sanctions.list("ban", 5_000).map(({ network }) => network)).toEqual(["203.0.113.0/24"]);
});

test("a second ban of the same subject changes its terms; lifting finds any part of it", () => {
  const { sanctions } = new Rights();
  sanctions.impose(terms({ name: "bob", network: "192.0.2.1" }, 5_000));
  const second = sanctions.impose(terms({ name: "bob", network: "192.0.2.1" }));
  expect(sanctions.list("ban", 2_000)).toEqual([second!]);
  expect(sanctions.lift("mute", { name: "bob" })).toEqual([]);
  expect(sanctions.lift("ban", { network: "192.0.2.1" })).toEqual([second!]);
  expect(sanctions.list("ban", 2_000)).toEqual([]);
});

test("only a limited number is kept; expired ones make room", () => {
  const { sanctions } = new Rights();
  for (let i = 0; i < limits.maxSanctions; i++) {
    expect(sanctions.impose(terms({ name: `n${i}` }, 5_000))).toBeDefined();
  }
  expect(sanctions.impose(terms({ name: "more" }))).toBeUndefined();
  expect(sanctions.impose({ ...terms({ name: "more" }), atMs: 5_000 })).toBeDefined();
  expect(sanctions.list("ban", 5_000)).toHaveLength(1);
});

test("the stored state is the same after a restart, whatever was done before", () => {
  const subject = fc.record(
    {
      name: fc.constantFrom("ann", "bob", "cal"),
      network: fc.constantFrom("192.0.2.1", "192.0.2.0/24", "2001:db8::/64"),
      key: fc.constantFrom("K", "L"),
    },
    { requiredKeys: ["name"] },
  );
  const act = fc.record({
    subject,
    lifts: fc.boolean(),
    kind: fc.constantFrom("ban" as const, "mute" as const),
    untilMs: fc.option(fc.integer({ min: 1_001, max: 9_000 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 20 }), (acts) => {
      const rows = new Map<string, string>();
      const rights = new Rights();
      for (const { subject, lifts, kind, untilMs } of acts) {
        if (lifts) rights.sanctions.lift(kind, { name: subject.name });
        else rights.sanctions.impose({ ...terms(subject, untilMs), kind });
        for (const { key, value } of rights.takeChanges()) {
          if (value === undefined) rows.delete(key);
          else rows.set(key, value);
        }
      }
      const stored: RightsRow[] = Array.from(rows, ([key, value]) => ({ key, value }));
      const again = new Rights(stored);
      for (const kind of ["ban", "mute"] as const) {
        expect(again.sanctions.list(kind, 0)).toEqual(rights.sanctions.list(kind, 0));
      }
    }),
  );
});

test("damaged rows are skipped, the others apply", () => {
  const good = new Rights();
  good.sanctions.impose(terms({ name: "bob" }));
  const [row] = good.takeChanges();
  const { sanctions } = new Rights([
    { key: "sanction/2", value: "{" },
    { key: "sanction/3", value: '{"kind":"ban"}' },
    { key: "sanctions", value: "{}" },
    { key: row!.key, value: row!.value! },
  ]);
  expect(sanctions.list("ban", 2_000).map(({ name }) => name)).toEqual(["bob"]);
});

test("changes that could not be stored are returned again, unless there is a newer one", () => {
  const rights = new Rights();
  rights.sanctions.impose(terms({ name: "bob" }));
  const lost = rights.takeChanges();
  expect(rights.takeChanges()).toEqual([]);
  rights.sanctions.lift("ban", { name: "bob" });
  rights.putBack(lost);
  expect(rights.takeChanges()).toEqual([{ key: lost[0]!.key, value: undefined }]);
});

test("a clock that is ahead while somebody is banned lifts no other ban", () => {
  const { sanctions } = new Rights();
  const dayMs = 24 * 3_600_000;
  sanctions.impose(terms({ name: "bob" }, 1_000 + 30 * dayMs));
  expect(sanctions.impose({ ...terms({ name: "eve" }), atMs: 1_000 + 40 * dayMs })).toBeDefined();
  expect(sanctions.find("ban", suspect({ names: ["bob"] }), 2_000)).toBeDefined();
});

describe("a clock that is 40 days ahead for a moment", () => {
  const [nowMs, aheadMs, untilMs] = [1_000, 40 * 86_400_000, 10 * 86_400_000];

  test("does not permanently end an earlier pass", () => {
    const { passes } = new Rights();
    const pass = { uses: 1, by: "console", atMs: nowMs, untilMs };
    passes.issue({ ...pass, hash: "before" });
    passes.issue({ ...pass, hash: "during", atMs: aheadMs, untilMs: aheadMs + untilMs });
    expect(passes.admits("before", [], aheadMs)).toBe(false);
    expect(passes.admits("before", [], nowMs)).toBe(true);
    expect(passes.list(nowMs)).toHaveLength(2);
  });

  test("does not permanently end an access token either", () => {
    const { tokens } = new Rights();
    const token = { account: "a1", name: "Ann", by: "console", atMs: nowMs, untilMs };
    tokens.issue({ ...token, hash: "before" });
    tokens.issue({ ...token, hash: "during", atMs: aheadMs, untilMs: Infinity });
    expect(tokens.find("before", aheadMs)).toBeUndefined();
    expect(tokens.find("before", nowMs)).toBeDefined();
  });

  test("removes expired entries once there are too many", () => {
    const { passes } = new Rights();
    const pass = { uses: 1, by: "console" };
    for (let i = 0; i < 5 * limits.maxPasses; i++) {
      const issued = passes.issue({ ...pass, hash: `${i}`, atMs: 10 * i, untilMs: 10 * i + 5 });
      expect(issued).toBeDefined();
    }
    const all = passes.list(-1).length;
    expect(all).toBeLessThanOrEqual(2 * limits.maxPasses);
    for (let i = 0; i < limits.maxPasses; i++) {
      passes.issue({ ...pass, hash: `valid ${i}`, atMs: 1e9, untilMs: 2e9 });
    }
    expect(passes.issue({ ...pass, hash: "more", atMs: 1e9, untilMs: 2e9 })).toBeUndefined();
  });
});
