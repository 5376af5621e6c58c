// Counts per owner of a share, against a simple model.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ownerAt } from "../src/share-owner.ts";
import { networksOf } from "../src/addresses.ts";
import { ShareCounts } from "../src/share-counts.ts";

const addresses = [
  "192.0.2.1",
  "192.0.2.2",
  // More /64 in one /56, and more of them in all, than may be full at the same time.
  ...["1::1", "1::2", "2::1", "3::1", "4::1", "5::1"].map((rest) => `2001:db8:1:${rest}`),
  ...["100::1", "200::1", "2000::1", "3000::1"].map((rest) => `2001:db8:1:${rest}`),
];

test("no network ever exceeds its limit, and removed entries are free again", () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom("add", "add", "remove"), fc.constantFrom(...addresses)),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), (all, max) => {
      const counts = new ShareCounts(max, 6 * max);
      const here: string[] = [];
      const within = (network: string): number =>
        here.filter((one) => networksOf(one).some((each) => each.network === network)).length;
      for (const [step, address] of all) {
        if (step === "add") {
          const full = networksOf(address).find(
            ({ network, share }) => within(network) >= Math.min(share, 6) * max,
          );
          expect(counts.full(ownerAt(address))?.key).toBe(full?.network);
          if (full !== undefined) continue;
          counts.add(ownerAt(address));
          here.push(address);
        } else if (here.includes(address)) {
          counts.remove(ownerAt(address));
          here.splice(here.indexOf(address), 1);
        }
      }
      for (const address of here.splice(0)) counts.remove(ownerAt(address));
      expect(counts.size).toBe(0);
    }),
  );
});

test("loopback is never full", () => {
  const counts = new ShareCounts(1, 1);
  for (let i = 0; i < 9; i++) counts.add(ownerAt("127.0.0.1"));
  expect(counts.full(ownerAt("127.0.0.1"))).toBeUndefined();
  expect(counts.full(ownerAt("::1"))).toBeUndefined();
});
