// What logins and calls are signed for: the same at both ends of a TLS connection, and another for
// every connection, although all have the same key.

import { expect, test } from "bun:test";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { channelBinding } from "../../src/tls/channel-binding.ts";
import { exportedKey } from "../../src/tls/exported-key.ts";

test("each TLS connection has a binding of its own, which both of its ends know", async () => {
  const { key, cert } = await createKeyPair(Date.now());
  const served: string[] = [];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    socket: {
      handshake: (socket) => {
        served.push(channelBinding(socket));
        socket.write("!");
      },
      data() {},
    },
  });
  const called: string[] = [];
  for (let n = 0; n < 3; n++) {
    const answered = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      tls: { rejectUnauthorized: false },
      socket: {
        handshake: (secured) => {
          called.push(channelBinding(secured));
          const other = Buffer.from(exportedKey(secured, "EXPORTER-other")).toString("base64url");
          expect(other).not.toBe(called.at(-1)!);
        },
        data: () => answered.resolve(),
        close: () => answered.reject(new Error("closed")),
      },
    });
    await answered.promise;
    socket.end();
  }
  server.stop(true);
  expect(called).toEqual(served);
  expect(new Set(called).size).toBe(3);
  for (const binding of called) expect(binding).toMatch(/^[\w-]{43}$/);
});
