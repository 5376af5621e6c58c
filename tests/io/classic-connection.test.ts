// The small clients' connections, to a name that has several addresses.

import { expect, spyOn, test } from "bun:test";
import { ClassicUdp } from "../../src/io/classic-connection.ts";
import { UdpPort } from "../../src/io/udp/udp.ts";

test("a request goes to the next address of a name if nothing listens at the first", async () => {
  const answer = new TextEncoder().encode("hello");
  const server: UdpPort = await UdpPort.open({
    host: "127.0.0.1",
    onDatagrams: (_, address, from) => void server.send(answer, answer.length, address, from),
  });
  // As where `localhost` is ::1 first, and the server listens on 127.0.0.1.
  const lookup = spyOn(Bun.dns, "lookup").mockResolvedValue([
    { address: "::1", family: 6, ttl: 0 },
    { address: "127.0.0.1", family: 4, ttl: 0 },
  ]);
  const client = await ClassicUdp.open({ host: "server.example", port: server.port });
  expect(await client.ask("who")).toBe("hello");
  server.close();
  expect(await client.ask("who").catch(String)).toContain("connection refused");
  client.close();
  lookup.mockRestore();
});
