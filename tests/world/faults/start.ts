// Starting on a port that Linux has temporarily assigned to an outgoing connection.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { Namespace } from "../bed/namespace.ts";
import { parley } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";

type Lent = { giveBack(): void };

/** Nothing listens on the port: it is the local end of a connection to elsewhere. */
async function lendTcp(scope: Scope, space: Namespace): Promise<Lent> {
  space.run("sh", "-c", `echo ${chatPort} ${chatPort} > /proc/sys/net/ipv4/ip_local_port_range`);
  const listener = space.within(() =>
    Bun.listen({ hostname: here, port: 9, socket: { data: () => {} } }),
  );
  scope.defer(() => listener.stop(true));
  const socket = await space.within(() =>
    Bun.connect({ hostname: here, port: 9, socket: { data: () => {} } }),
  );
  assert.equal(socket.localPort, chatPort);
  space.run("sh", "-c", "echo 32768 60999 > /proc/sys/net/ipv4/ip_local_port_range");
  return { giveBack: () => socket.terminate() };
}

/** Like a program that waits for the answer of a name server. */
async function lendUdp(scope: Scope, space: Namespace): Promise<Lent> {
  const socket = await space.within(() =>
    Bun.udpSocket({ port: chatPort, connect: { hostname: here, port: 53 } }),
  );
  scope.defer(() => socket.close());
  return { giveBack: () => socket.close() };
}

for (const [kind, lend] of [
  ["TCP connection", lendTcp],
  ["UDP socket", lendUdp],
] as const) {
  world(
    `a port that is lent to an outgoing ${kind} for a moment does not stop the start`,
    { needs: ["network"] },
    async (scope) => {
      const space = new Namespace(scope, "one");
      mkdirSync(scope.folder("FILES"));
      const lent = await lend(scope, space);
      const server = parley(scope, ["server", "--host", "0.0.0.0"], { space });
      await Bun.sleep(1_200);
      assert.ok(!server.hasEnded, `it gave up: ${server.output}`);
      lent.giveBack();
      await server.says("Server listening on");
    },
  );
}

world(
  "a port that stays in use ends the start soon, with its number and the flag",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    mkdirSync(scope.folder("FILES"));
    const listener = space.within(() =>
      Bun.listen({ hostname: here, port: chatPort, socket: { data: () => {} } }),
    );
    scope.defer(() => listener.stop(true));
    const server = parley(scope, ["server"], { space });
    await until(() => server.hasEnded, "the end of the start");
    assert.equal(await server.exit(), 1);
    assert.match(server.stderr, /55000/);
    assert.match(server.stderr, /--port/);
  },
);
