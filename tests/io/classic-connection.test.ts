// The small clients' connections: to a name that has several addresses, and to a slow server.

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

test("the second answer to a repeated request is not taken for that to the next one", async () => {
  const encoder = new TextEncoder();
  const heard: { text: string; port: number }[] = [];
  const server: UdpPort = await UdpPort.open({
    host: "127.0.0.1",
    onDatagrams(bytes, address, port) {
      heard.push({ text: new TextDecoder().decode(bytes), port });
      // The first request is answered when it is repeated, and once more with the next one.
      for (const { text, port: to } of heard.slice(1)) {
        const answer = encoder.encode(`answer to ${text}`);
        server.send(answer, answer.length, address, to);
      }
    },
  });
  const client = await ClassicUdp.open({ host: "127.0.0.1", port: server.port });
  expect(await client.ask("date")).toBe("answer to date");
  expect(await client.ask("time")).toBe("answer to time");
  client.close();
  server.close();
});
