// Malicious or broken servers, from the client's point of view.

import assert from "node:assert/strict";
import { join } from "node:path";
import { Fetch } from "../bed/fetch.ts";
import { writeNoise } from "../bed/files.ts";
import { Namespace } from "../bed/namespace.ts";
import { parley } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { usualMemory } from "../../usual-memory.ts";

const here = "127.0.0.1";
const MiB = 1024 * 1024;

type Side = { other: Bun.Socket<Side> | undefined; isServer: boolean; rest: string };

/** A proxy in front of a server that forwards all lines except matching ones. */
function filteringProxy(
  scope: Scope,
  space: Namespace,
  listen: string,
  target: string,
  leavesOut: (line: string) => boolean,
): void {
  const handlers: Bun.SocketHandler<Side> = {
    data(socket, bytes) {
      const { data } = socket;
      if (!data.isServer) return void data.other?.write(bytes);
      const lines = (data.rest + bytes.toString("latin1")).split("\n");
      data.rest = lines.pop() ?? "";
      const kept = lines.filter((line) => !leavesOut(line)).map((line) => `${line}\n`);
      data.other?.write(Buffer.from(kept.join(""), "latin1"));
    },
    close: (socket) => void socket.data.other?.end(),
    error: (socket) => void socket.data.other?.end(),
  };
  const listener = space.within(() =>
    Bun.listen<Side>({
      hostname: listen,
      port: chatPort,
      data: { other: undefined, isServer: false, rest: "" },
      socket: {
        ...handlers,
        open(client) {
          client.data = { other: undefined, isServer: false, rest: "" };
          client.pause();
          const connecting = space.within(() =>
            Bun.connect<Side>({
              hostname: target,
              port: chatPort,
              data: { other: client, isServer: true, rest: "" },
              socket: handlers,
            }),
          );
          void connecting.then((server) => {
            client.data.other = server;
            client.resume();
          });
        },
      },
    }),
  );
  scope.defer(() => listener.stop(true));
}

world(
  "a server that sends data and answers pings, but never a tag, does not hold a fetch for ever",
  { needs: ["network", "iptables"], slow: true },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const server = await TestServer.start(scope, space, { address: here });
    writeNoise(join(server.files, "big"), 1);
    filteringProxy(scope, space, "127.0.0.2", here, isTags);
    // Datagrams take their own path.
    space.run(
      "iptables",
      "-t",
      "nat",
      "-A",
      "OUTPUT",
      "-p",
      "udp",
      "-d",
      "127.0.0.2",
      "-j",
      "DNAT",
      "--to",
      here,
    );
    const fetching = new Fetch(scope, space, "127.0.0.2", "big", scope.folder("big"));
    await fetching.process.says('"offer"');
    const code = await fetching.exit(200_000);
    assert.ok(code === 6 || code === 7, `exit code ${code}: ${fetching.process.output}`);
  },
);

for (const words of [
  ["fetch-file", "big"],
  ["client", "--name", "Ann"],
]) {
  world(
    `a line of 16 MiB of nested JSON costs ${words[0]} no more memory than its limit`,
    { needs: ["network"] },
    async (scope) => {
      const space = new Namespace(scope, "one");
      const line = Buffer.from(`{"type":"welcome","x":[[]${",[]".repeat((16 * MiB) / 3 - 20)}]}\n`);
      const listener = space.within(() =>
        Bun.listen<{ sent: number }>({
          hostname: here,
          port: chatPort,
          socket: {
            open: (socket) => void (socket.data = { sent: 0 }),
            data: (socket) => pump(socket, line),
            drain: (socket) => pump(socket, line),
          },
        }),
      );
      scope.defer(() => listener.stop(true));
      const [command = "", ...rest] = words;
      const all = [command, "--server", `${here}:${chatPort}`, ...rest];
      const client = parley(scope, all, { space, env: usualMemory });
      let peakMib = 0;
      let seenMs = Infinity;
      // Where much else runs, it takes seconds to start.
      while (performance.now() - seenMs < 10_000 && !client.hasEnded) {
        try {
          peakMib = Math.max(peakMib, client.memoryMib("peak"));
          if (peakMib > 10) seenMs = Math.min(seenMs, performance.now());
        } catch {
          // It ends just now.
        }
        await Bun.sleep(5);
      }
      assert.ok(peakMib > 10, "its memory was not seen");
      assert.ok(peakMib < 300, `${peakMib.toFixed(0)} MiB`);
    },
  );
}

function pump(socket: Bun.Socket<{ sent: number }>, line: Buffer): void {
  const written = socket.write(line.subarray(socket.data.sent));
  if (written > 0) socket.data.sent += written;
}

/** The data that verifies a chunk; version 1 had digests. */
function isTags(line: string): boolean {
  return line.includes('"type":"tags"') || line.includes('"type":"digest"');
}
