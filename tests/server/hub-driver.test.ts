// The driver with a store that answers later, as a database on another machine would.

import { fakeCredentials } from "../chat/fake-credentials.ts";
import { expect, test } from "bun:test";
import { Hub } from "../../src/chat/hub.ts";
import { createMetrics } from "../../src/chat/metrics.ts";
import { steadyMs } from "../../src/io/clock.ts";
import { HubDriver } from "../../src/server/hub-driver.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { FakeLink, native } from "../chat/rig.ts";
import { unruled } from "../chat/no-control.ts";
import { silentLog } from "../silent-log.ts";

/** A request that the store has not answered yet. */
type Pending = { type: string; answer: () => void };

test("nothing is acknowledged before a late store has committed it, and a ping waits for nothing", async () => {
  const store = openMemoryStore();
  const pending: Pending[] = [];
  let asked = Promise.withResolvers<void>();
  const driver = new HubDriver((request, reply) => {
    pending.push({
      type: request.type,
      answer: () => setTimeout(() => reply(answerRequest(store, request))),
    });
    asked.resolve();
  });
  let written = Promise.withResolvers<void>();
  const link = new (class extends FakeLink {
    override write(bytes: Uint8Array): number {
      written.resolve();
      return super.write(bytes);
    }
  })();
  const hub = new Hub({
    epoch: store.epoch,
    metrics: createMetrics(),
    rates: undefined,
    files: {
      list: (_after, _limit, answer) => answer({ files: [], next: undefined }),
      transfer() {},
      download() {},
      closed() {},
    },
    ...unruled(),
    reservedNames: new Set(),
    wake: driver.wake,
    print() {},
    log: silentLog,
    hashSecret: (secret) => secret,
    credentials: fakeCredentials,
    newSecret: () => "secret-0123456789abcdef",
  });
  driver.start(hub);
  const session = driver.handleConnect(link, native, { address: "127.0.0.1", port: 1 });
  const send = (message: object): void =>
    driver.handleMessage(session, JSON.stringify(message), steadyMs());
  const heard = (type: string): boolean => link.sends.join("").includes(`"type":"${type}"`);
  const hears = async (type: string): Promise<void> => {
    while (!heard(type)) {
      await written.promise;
      written = Promise.withResolvers();
    }
  };
  /** Lets the store answer whatever it is asked, until it is asked to commit. */
  const commit = async (): Promise<Pending> => {
    for (;;) {
      const next = pending.shift();
      if (next?.type === "commit") return next;
      next?.answer();
      if (pending.length > 0) continue;
      await asked.promise;
      asked = Promise.withResolvers();
    }
  };

  send({ type: "hello", version: 2, name: "Ann" });
  (await commit()).answer();
  await hears("welcome");
  send({ type: "say", n: 1, text: "hi" });
  const said = await commit();
  send({ type: "ping", ref: 1 });
  await hears("pong");
  expect([heard("message"), heard("ack")]).toEqual([false, false]);
  said.answer();
  await hears("ack");
  expect(heard("message")).toBe(true);
  driver.stop();
});
