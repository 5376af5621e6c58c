// How long an answer takes meanwhile is measured by tests/bench/join-storm.ts.

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { skipUnless } from "../skip.ts";
import { crowd, joinStorm } from "./join-storm.ts";

for (const framing of ["framed", "unframed"] as const) {
  skipUnless(existsSync("/proc/self/status"), "memory is read from /proc")(
    `${crowd} ${framing} people join within a second: lists are answered, memory is bounded`,
    async () => {
      const { listed, growthMiB } = await joinStorm(framing);
      expect(listed).toBe(crowd);
      expect(growthMiB).toBeLessThan(400);
    },
    180_000,
  );
}
