// A name server that answers every query for an IPv4 address with one address, until it is told to
// go offline.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";

export class NameServer {
  isAway = false;
  /** How long it takes for each answer. */
  delayMs = 0;
  #asked = 0;

  /**
   * Listens on `listen` in `space`, and makes it the name server of `clients`, which wait this long
   * for it.
   */
  static async start(
    scope: Scope,
    space: Namespace,
    listen: string,
    answer: string,
    clients: readonly Namespace[],
    timeoutSeconds = 1,
  ): Promise<NameServer> {
    const server = new NameServer();
    const socket = await space.within(() =>
      Bun.udpSocket({
        hostname: listen,
        port: 53,
        socket: {
          data(from, query, port, address) {
            server.#asked++;
            if (server.isAway) return;
            const reply = replyTo(query, answer);
            setTimeout(() => from.send(reply, port, address), server.delayMs);
          },
        },
      }),
    );
    scope.defer(() => socket.close());
    for (const { name } of clients) {
      // ip(8) mounts this over /etc/resolv.conf for programs in the namespace
      const folder = `/etc/netns/${name}`;
      mkdirSync(folder, { recursive: true });
      scope.defer(() => rmSync(folder, { recursive: true }));
      const options = `options timeout:${timeoutSeconds} attempts:1`;
      writeFileSync(`${folder}/resolv.conf`, `nameserver ${listen}\n${options}\n`);
    }
    return server;
  }

  get questions(): number {
    return this.#asked;
  }
}

/** RFC 1035: the question again, and for type A one record. */
function replyTo(query: Buffer, address: string): Buffer {
  let at = 12;
  while (at < query.length && query[at] !== 0) at += (query[at] ?? 0) + 1;
  const end = at + 5;
  const isA = query.readUInt16BE(at + 1) === 1;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isA ? 1 : 0, 6);
  const record = Buffer.from([
    0xc0,
    12,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    1,
    0,
    4,
    ...address.split(".").map(Number),
  ]);
  return Buffer.concat([header, query.subarray(12, end), ...(isA ? [record] : [])]);
}
