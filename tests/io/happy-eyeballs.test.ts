// Two racing attempts: the first success wins, a late one is discarded, a failure is reported.

import { expect, test } from "bun:test";
import { happyEyeballs } from "../../src/io/happy-eyeballs.ts";
import { until } from "../until.ts";

type Outcome = { name: string } | string;

/** Attempts that end on command, in the order in which they were started. */
function attempts() {
  const begun: PromiseWithResolvers<Outcome>[] = [];
  const discarded: string[] = [];
  const run = (delayMs: number) =>
    happyEyeballs<{ name: string }>(
      () => {
        const attempt = Promise.withResolvers<Outcome>();
        begun.push(attempt);
        return attempt.promise;
      },
      delayMs,
      ({ name }) => discarded.push(name),
    );
  const haveBegun = (count: number) => until(() => begun.length >= count, `${count} attempts`);
  return { begun, discarded, run, haveBegun };
}

test("a success in time needs no second attempt", async () => {
  const { begun, run } = attempts();
  const outcome = run(60_000);
  begun[0]!.resolve({ name: "first" });
  expect(await outcome).toEqual({ name: "first" });
  expect(begun.length).toBe(1);
});

test("a failure in time is the outcome", async () => {
  const { begun, run } = attempts();
  const outcome = run(60_000);
  begun[0]!.resolve("refused");
  expect(await outcome).toBe("refused");
  expect(begun.length).toBe(1);
});

test.each([0, 1])("the first success of two wins (%d), the other is discarded", async (winner) => {
  const { begun, discarded, run, haveBegun } = attempts();
  const outcome = run(1);
  await haveBegun(2);
  begun[winner]!.resolve({ name: "fast" });
  expect(await outcome).toEqual({ name: "fast" });
  begun[1 - winner]!.resolve({ name: "slow" });
  await Bun.sleep(0);
  expect(discarded).toEqual(["slow"]);
});

test("when one has failed, the other is awaited", async () => {
  const one = attempts();
  const outcome = one.run(1);
  await one.haveBegun(2);
  one.begun[0]!.resolve("timed out");
  one.begun[1]!.resolve({ name: "second" });
  expect(await outcome).toEqual({ name: "second" });
  expect(one.discarded).toEqual([]);

  const both = attempts();
  const none = both.run(1);
  await both.haveBegun(2);
  both.begun[1]!.resolve("refused");
  both.begun[0]!.resolve("timed out");
  expect(await none).toBe("refused");
});
