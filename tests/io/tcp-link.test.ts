// A TCP link over real sockets: what it sends to an end that does not read is bounded, and one that
// reads slowly gets everything.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { linkHandlers, TcpLink } from "../../src/io/tcp-link.ts";
import { peer as limits } from "../../src/limits.ts";
import { turns } from "../turns.ts";
import { until } from "../until.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** A link to a client that does not read by itself. */
async function linked() {
  const link = new TcpLink();
  const heard = { ends: 0 };
  const opened = Promise.withResolvers<void>();
  const listener = Bun.listen<TcpLink>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      ...linkHandlers,
      open(socket) {
        socket.data = link;
        link.attach(socket, { data() {}, ended: () => heard.ends++ });
        opened.resolve();
      },
    },
  });
  const reader = connect(listener.port, "127.0.0.1").on("error", () => {});
  reader.pause();
  await opened.promise;
  return { link, heard, reader, listener };
}

test("an end that does not read is disconnected once too much waits for it", async () => {
  const { link, heard, reader: silent, listener } = await linked();
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

test("a link that ends waits for an end that reads slowly, however much there is", async () => {
  const { link, reader, listener } = await linked();
  const all = 12 * MiB;
  let read = 0;
  let hasEnded = false;
  reader.on("end", () => (hasEnded = true));
  link.send("x".repeat(all));
  link.end();
  // Takes longer than a link waits for an end that does not read.
  const reading = setInterval(() => (read += reader.read(64 * KiB)?.length ?? 0), 10);
  await until(() => hasEnded || reader.destroyed, "everything");
  clearInterval(reading);
  expect(read).toBe(all);
  reader.end();
  await link.closed;
  listener.stop();
});
