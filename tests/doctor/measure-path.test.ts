// Measuring the path to a server whose name has several addresses.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { measurePath } from "../../src/doctor/measure-path.ts";
import { Parley } from "../parley.ts";

// It measures for several seconds.
setDefaultTimeout(180_000);

test("datagrams are measured to the address at which the server was reached", async () => {
  await using server = new Parley("server", "--port", "0", "--no-web", "--json");
  const { port } = JSON.parse(await server.line(/"listening"/)) as { port: number };
  // As where `localhost` is ::1 first, and the server listens on 127.0.0.1.
  const lookup = spyOn(Bun.dns, "lookup").mockResolvedValue([
    { address: "::1", family: 6, ttl: 0 },
    { address: "127.0.0.1", family: 4, ttl: 0 },
  ]);
  const place = { host: "localhost", port };
  const { probes, others } = await measurePath(place, place);
  lookup.mockRestore();
  expect(probes.answered).toBeGreaterThan(0);
  // In the same family, since their answers are to be compared.
  expect(others?.answered).toBeGreaterThan(0);
});
