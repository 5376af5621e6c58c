// Counts by network, against a plain model.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { networksOf } from "../src/addresses.ts";
import { NetworkCounts } from "../src/network-counts.ts";

const addresses = [
  "192.0.2.1",
  "192.0.2.2",
  ...["1::1", "1::2", "2::1", "100::1", "200::1", "2000::1"].map((rest) => `2001:db8:1:${rest}`),
];

test("no network ever has more than it may, and what is removed is free again", () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom("add", "add", "remove"), fc.constantFrom(...addresses)),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), (all, max) => {
      const counts = new NetworkCounts(max, 6 * max);
      const here: string[] = [];
      const within = (network: string): number =>
        here.filter((one) => networksOf(one).some((each) => each.network === network)).length;
      for (const [step, address] of all) {
        if (step === "add") {
          const full = networksOf(address).find(
            ({ network, share }) => within(network) >= Math.min(share, 6) * max,
          );
          expect(counts.full(address)?.network).toBe(full?.network);
          if (full !== undefined) continue;
          counts.add(address);
          here.push(address);
        } else if (here.includes(address)) {
          counts.remove(address);
          here.splice(here.indexOf(address), 1);
        }
      }
      for (const address of here.splice(0)) counts.remove(address);
      expect(counts.size).toBe(0);
    }),
  );
});

test("loopback is never full", () => {
  const counts = new NetworkCounts(1, 1);
  for (let i = 0; i < 9; i++) counts.add("127.0.0.1");
  expect(counts.full("127.0.0.1")).toBeUndefined();
  expect(counts.full("::1")).toBeUndefined();
});
