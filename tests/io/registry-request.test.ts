// One request to a registry, over loopback.

import { expect, test } from "bun:test";
import { Deadline } from "../../src/io/dial.ts";
import { askRegistry } from "../../src/io/registry-request.ts";

test("what a server that is no registry says instead is quoted", async () => {
  const refusal = "This server requires TLS from other machines";
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end(`${refusal}\r\nmore\n`) },
  });
  const registry = { host: "127.0.0.1", port: server.port };
  const deadline = new Deadline(5_000);
  const { answer } = await askRegistry(registry, "BRIDGE\r\n", deadline);
  expect(answer).toEqual({
    failed: `the registry's answer is not CPP: '${refusal}' (not a CPP message)`,
  });
  deadline.cancel();
  server.stop(true);
});
