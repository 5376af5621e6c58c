// Measuring the path to a server whose name has several addresses.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measurePath } from "../../src/doctor/measure-path.ts";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";

// It measures for several seconds.
setDefaultTimeout(180_000);

test("a path: the address at which the server was reached, a second server's, only folders to fetch", async () => {
  const files = testFolder("only-folders");
  mkdirSync(join(files, "photos"));
  writeFileSync(join(files, "photos", "a.jpg"), Buffer.alloc(2_000_000));
  await using server = new Parley("server", "--port=0", "--no-web", "--json", "--files", files);
  const { port } = JSON.parse(await server.line(/"listening"/)) as { port: number };
  // As where `localhost` is ::1 first, and the server listens on 127.0.0.1.
  const lookup = spyOn(Bun.dns, "lookup").mockResolvedValue([
    { address: "::1", family: 6, ttl: 0 },
    { address: "127.0.0.1", family: 4, ttl: 0 },
  ]);
  const place = { host: "localhost", port };
  const { probes, others, download } = await measurePath(place, place);
  lookup.mockRestore();
  expect(probes.answered).toBeGreaterThan(0);
  // In the same family, since their answers are to be compared.
  expect(others?.answered).toBeGreaterThan(0);
  expect(download).toEqual({ kind: "none", reason: "it shares files in folders alone" });
});
