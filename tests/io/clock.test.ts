// The server's clock beside two that a test moves.

import { expect, test } from "bun:test";
import { clock } from "../../src/io/clock.ts";

test("it goes on steadily, follows a system that is far ahead, and never goes back", () => {
  let steadyMs = 1_700_000_000_000.7;
  let systemMs = 1_700_000_000_000;
  const unixMs = clock(
    () => steadyMs,
    () => systemMs,
  );
  const start = unixMs();
  expect(start).toBe(1_700_000_000_000);
  // Set a little, or back by a day: nothing of it is seen.
  steadyMs += 100;
  systemMs += 1_000;
  expect(unixMs()).toBe(start + 100);
  systemMs -= 86_400_000;
  expect(unixMs()).toBe(start + 100);
  // An hour of sleep, which the steady source has not noticed.
  systemMs = start + 3_600_100;
  expect(unixMs()).toBe(start + 3_600_100);
  steadyMs += 50;
  expect(unixMs()).toBe(start + 3_600_150);
  // Put right again afterwards: it waits for nobody, and goes back for nobody.
  systemMs = start + 200;
  steadyMs += 50;
  expect(unixMs()).toBe(start + 3_600_200);
});
