// Several servers of one cluster, of which one takes connections and never answers, as a machine
// behind a dead link does.

import { expect, spyOn, test } from "bun:test";
import { ClientSession } from "../../src/client/session.ts";
import { NativeConnection } from "../../src/io/native-connection.ts";
import { ServerTrust } from "../../src/tls/server-trust.ts";

/** A port, and the first connection to it. Says nothing, so TLS never gets anywhere. */
function silentPort() {
  const reached = Promise.withResolvers<void>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => reached.resolve(), data() {} },
  });
  return { port: listener.port, reached: reached.promise, close: () => listener.stop(true) };
}

test("after a server that never answers, a client tries the next one", async () => {
  const dead = silentPort();
  const next = silentPort();
  const session = new ClientSession({
    name: "Ann",
    rooms: ["lobby"],
    secret: "s".repeat(32),
    random: () => 0,
  });
  const host = "127.0.0.1";
  const server = `${host}:${dead.port}`;
  const trust = new ServerTrust({ server, pin: undefined, file: undefined, say() {} });
  const alternatives = [{ host, port: next.port }];
  const connection = new NativeConnection(
    { host, port: dead.port, trust, alternatives },
    session,
    () => {},
  );
  // The first attempt times out at once.
  const timers = spyOn(globalThis, "setTimeout");
  const late = Promise.withResolvers<() => void>();
  timers.mockImplementationOnce(((expire: () => void) => {
    late.resolve(expire);
    return 0;
  }) as unknown as typeof setTimeout);
  connection.start();
  timers.mockRestore();
  await dead.reached;
  (await late.promise)();
  await next.reached;
  expect(connection.server.port).toBe(next.port);
  void connection.leave();
  dead.close();
  next.close();
});
