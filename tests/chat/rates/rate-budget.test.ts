// Budgets that the connections of one owner share: together, they can't do more than it may.

import { expect, test } from "bun:test";
import { CommandQueue } from "../../../src/chat/rates/command-queue.ts";
import { RateBudget, ratesFor } from "../../../src/chat/rates/rate-budget.ts";
import { sender as limits } from "../../../src/limits.ts";

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
