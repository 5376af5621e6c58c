// How a server is reached as a source of files.

import { expect, test } from "bun:test";
import { ServerSource } from "../../src/files/server-source.ts";
import { until } from "../until.ts";

test("the control connection opens while an attempt is prepared, and only once", async () => {
  let accepted = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => void accepted++, data() {} },
  });
  const source = new ServerSource({ host: "127.0.0.1", port: server.port }, undefined);
  const attempt = await source.openAttempt({
    name: "file",
    heldBytes: 0,
    sha256: false,
    tagTimeoutMs: 1_000,
    onOffer: () => undefined,
    onTurn() {},
  });
  await until(() => accepted === 1);
  const control = await source.connect();
  expect(await source.connect()).toBe(control);
  expect(accepted).toBe(1);
  attempt.close();
  source.close();
  server.stop(true);
});
