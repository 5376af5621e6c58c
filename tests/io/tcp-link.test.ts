// A TCP link over real sockets: what it sends to an end that does not read is bounded.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { linkHandlers, TcpLink } from "../../src/io/tcp-link.ts";
import { peer as limits } from "../../src/limits.ts";
import { turns } from "../turns.ts";

const MiB = 1024 * 1024;

test("an end that does not read is disconnected once too much waits for it", async () => {
  const link = new TcpLink();
  const heard = { ends: 0 };
  const opened = Promise.withResolvers<void>();
  const listener = Bun.listen<TcpLink>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...linkHandlers,
      open(socket) {
        socket.data = link;
        link.attach(socket, { data() {}, ended: () => heard.ends++ });
        opened.resolve();
      },
    },
  });
  const silent = connect(listener.port, "127.0.0.1").on("error", () => {});
  silent.pause();
  await opened.promise;
  let most = 0;
  // The system's buffers take some megabytes.
  for (let sent = 0; sent < limits.maxUnreadBytes + 64 * MiB && heard.ends === 0; sent += MiB) {
    link.send("x".repeat(MiB));
    most = Math.max(most, link.waitingBytes);
    await turns(1);
  }
  expect(heard.ends).toBe(1);
  expect(most).toBeLessThanOrEqual(limits.maxUnreadBytes + MiB);
  await link.closed;
  silent.destroy();
  listener.stop();
});
