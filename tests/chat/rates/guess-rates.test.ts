// Guesses by network and by what they are about: each bound holds by itself, and gives back exactly
// what it took for right ones.

import { describe, expect, test } from "bun:test";
import { GuessRates } from "../../../src/chat/rates/guess-rates.ts";
import type { SharedCharge } from "../../../src/chat/rates/shared-charges.ts";
import { accounts as limits } from "../../../src/limits.ts";

const home = "192.0.2.1";
const away = "198.51.100.2";
/** A network of its own for each number. */
const network = (i: number) => `203.0.${i >> 8}.${i & 255}`;

function newRates(): { rates: GuessRates; told: SharedCharge[] } {
  const told: SharedCharge[] = [];
  return { rates: new GuessRates((charge) => told.push(charge)), told };
}

/** How many of that many guesses are allowed. */
function allowed(count: number, guess: (i: number) => number): number {
  return Array.from({ length: count }, (_, i) => guess(i)).filter((waitMs) => waitMs === 0).length;
}

describe.each([
  ["an account", (rates: GuessRates, at: string, ms: number) => rates.take(at, "ann", ms)],
  ["a free name", (rates: GuessRates, at: string, ms: number) => rates.takeUnowned(at, "ann", ms)],
] as const)("at %s", (_, take) => {
  test("one network gets half of what all get, however long it waits", () => {
    const { rates } = newRates();
    const half = limits.guessesPerAccount / 2;
    const hourMs = 3_600_000;
    // Once a second, for an hour: far more than its limit as a network is refilled in between.
    const fromOne = allowed(3_601, (i) => take(rates, home, i * 1_000));
    expect(fromOne).toBe(half + Math.floor(hourMs / (2 * limits.guessEveryMs)));
    const others = allowed(100, (i) => take(rates, network(i), hourMs));
    expect(others).toBeGreaterThan(0);
    expect(fromOne + others).toBeLessThanOrEqual(
      limits.guessesPerAccount + hourMs / limits.guessEveryMs,
    );
  });

  test("all networks together get a burst, then one by one", () => {
    const { rates } = newRates();
    expect(allowed(100, (i) => take(rates, network(i), 0))).toBe(limits.guessesPerAccount);
    expect(allowed(100, (i) => take(rates, network(i), limits.guessEveryMs))).toBe(1);
  });

  test("guesses at other servers count", () => {
    const { rates, told } = newRates();
    const { rates: there } = newRates();
    for (let i = 0; i < limits.guessesPerAccount; i++) take(rates, network(i), 0);
    for (const charge of told) if (charge.what === "guess") there.handleGuessElsewhere(charge, 0);
    expect(take(there, home, 0)).toBeGreaterThan(0);
    expect(there.take(home, "ben", 0)).toBe(0);
  });
});

test("guesses at names that nobody has make no guesses at accounts forgotten", () => {
  const { rates } = newRates();
  for (let i = 0; i < limits.guessesPerAccount; i++) rates.take(network(i), "ann", 0);
  for (let i = 0; i < limits.guessers + 1; i++) rates.takeUnowned(network(i), `name ${i}`, 0);
  expect(rates.take(home, "ann", 0)).toBeGreaterThan(0);
});

test("right passwords cost neither the account, nor the network, here or at another server", () => {
  const { rates, told } = newRates();
  const { rates: there } = newRates();
  for (let i = 0; i < 10 * limits.guessesPerAccount; i++) {
    expect(rates.take(network(i % 50), "ann", 0)).toBe(0);
    rates.wasRight(network(i % 50), "ann", 0);
  }
  for (const charge of told) {
    if (charge.what === "guess") there.handleGuessElsewhere(charge, 0);
    else if (charge.what === "right") there.handleRightElsewhere(charge, 0);
  }
  for (const one of [rates, there]) {
    expect(allowed(100, () => one.take(network(0), undefined, 0))).toBe(limits.guessesPerNetwork);
    expect(allowed(100, (i) => one.take(network(1_000 + i), "ann", 0))).toBe(
      limits.guessesPerAccount,
    );
  }
});

test("wrong codes are counted afterwards, here and at other servers, and only for their network", () => {
  const { rates, told } = newRates();
  const { rates: there } = newRates();
  for (let i = 0; i < limits.guessesPerNetwork; i++) {
    expect(rates.waitMs(home, 0)).toBe(0);
    rates.wasWrong(home, 0);
  }
  for (const charge of told) if (charge.what === "guess") there.handleGuessElsewhere(charge, 0);
  for (const one of [rates, there]) {
    expect(one.waitMs(home, 0)).toBeGreaterThan(0);
    expect(one.waitMs(away, 0)).toBe(0);
    expect(one.waitMs(home, limits.networkGuessEveryMs)).toBe(0);
  }
});

test("guesses that are refused make no others forgotten, of neither networks nor accounts", () => {
  const { rates } = newRates();
  for (let i = 0; i < limits.guessesPerAccount; i++) rates.take(network(i), "ann", 0);
  while (rates.take(home, undefined, 0) === 0);
  for (let i = 0; i < 3 * limits.guessers; i++) {
    const crowd = `2001:db8:1:${i.toString(16)}::1`;
    rates.waitMs(crowd, 0);
    rates.take(crowd, `account ${i}`, 0);
    rates.takeUnowned(crowd, `name ${i}`, 0);
  }
  expect(rates.waitMs(home, 0)).toBeGreaterThan(0);
  expect(rates.take(away, "ann", 0)).toBeGreaterThan(0);
});
