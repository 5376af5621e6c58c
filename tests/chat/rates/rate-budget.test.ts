// Budgets that the connections of one owner share: together, they can't do more than it may.

import { expect, test } from "bun:test";
import { CommandQueue } from "../../../src/chat/rates/command-queue.ts";
import { RateBudget, ratesFor, ShareBudgets } from "../../../src/chat/rates/rate-budget.ts";
import { sender as limits } from "../../../src/limits.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { keptBy } from "../inspect.ts";
import { native, Rig } from "../rig.ts";

const rates = ratesFor(limits.messagesPerSecond)!;
const shared = () => new RateBudget(rates, limits.sharedBurstSeconds, limits.sendersPerOwner, 0);

test("more connections get no more refusals answered than their owner may", () => {
  const budget = shared();
  let answered = 0;
  for (let n = 0; n < 8; n++) {
    const queue = new CommandQueue([budget]);
    while (queue.mayRefuse(rates, 0)) answered++;
  }
  expect(answered).toBe(limits.sendersPerOwner * limits.refusalBurst);
});

test("debt ends where a client is disconnected, however much more it is charged", () => {
  const budget = shared();
  while (!budget.isOverdrawn(0)) budget.charge(1_000_000, 0);
  const waitMs = budget.waitMs(0);
  for (let n = 0; n < 100; n++) budget.charge(1_000_000, 0);
  expect(budget.waitMs(0)).toBe(waitMs);
});

test("budgets in use are not forgotten, however many networks come and go", () => {
  const budgets = new ShareBudgets(rates);
  const own = ownerAt("192.0.2.1");
  const [first] = budgets.enter(own, 0);
  for (let i = 0; i < 2 * limits.shareOwners; i++) {
    const other = ownerAt(`198.${51 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
    budgets.enter(other, 0);
    budgets.leave(other);
  }
  expect(budgets.enter(own, 0)[0]).toBe(first!);
  budgets.leave(own);
  expect(budgets.enter(own, 0)[0]).toBe(first!);
  budgets.leave(own);
  budgets.leave(own);
  // After the last connection as well, for a while.
  expect(budgets.enter(own, 0)[0]).toBe(first!);
});

test("a session uses the budgets of one owner at a time, until it has closed", () => {
  const rig = new Rig({ rates });
  const near = rig.client(native, true, "127.0.0.1");
  const far = rig.client(native, true, "192.0.2.1");
  expect(keptBy(rig.hub).budgets).toBe(1);
  near.session.prove({ key: undefined, account: "ann", isDevice: false });
  expect(keptBy(rig.hub).budgets).toBe(2);
  far.session.prove({ key: undefined, account: "ann", isDevice: false });
  // The account, and all accounts of the second network.
  expect(keptBy(rig.hub).budgets).toBe(2);
  for (const client of [near, far]) client.close();
  expect(keptBy(rig.hub).budgets).toBe(0);
});
