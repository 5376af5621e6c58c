// The driver with a store that answers later, like a database on another machine, and with turns
// that take long.

import { expect, test } from "bun:test";
import { Hub } from "../../src/chat/hub.ts";
import { steadyMs } from "../../src/io/clock.ts";
import { HubDriver } from "../../src/server/hub-driver.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { output } from "../../src/limits.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { FakeLink, native } from "../chat/rig.ts";
import { hubOptions } from "../chat/hub-options.ts";
import { until } from "../until.ts";

function hubOver(epoch: string, wake: () => void): Hub {
  return new Hub({ ...hubOptions(), epoch, wake });
}

/** A request that the store has not answered yet. */
type Pending = { type: string; answer: () => void };

test("nothing is acknowledged before a late store has committed it, and pings do not wait", async () => {
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
  const hub = hubOver(store.epoch, driver.wake);
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
  /** Lets the store answer every request up to the next commit. */
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

test("after a long turn joins are announced together, while messages and answers continue", async () => {
  const store = openMemoryStore();
  const driver = new HubDriver((request, reply) => reply(answerRequest(store, request)));
  const hub = hubOver(store.epoch, driver.wake);
  driver.start(hub);
  /** Writing to it takes as long as writing to many members. */
  class SlowLink extends FakeLink {
    override write(bytes: Uint8Array): number {
      const untilMs = performance.now() + slowMs;
      while (performance.now() < untilMs);
      return super.write(bytes);
    }
  }
  let slowMs = 0;
  let port = 1;
  const connect = (link: FakeLink) => {
    const peer = { address: "127.0.0.1", port: port++ };
    const session = driver.handleConnect(link, native, peer);
    session.output.framed = true;
    const say = (message: object): void =>
      driver.handleMessage(session, JSON.stringify(message), steadyMs());
    const has = (type: string): boolean => link.sends.join("").includes(`"type":"${type}"`);
    const hears = (type: string): Promise<void> => until(() => has(type), type);
    return { link, say, has, hears };
  };
  const join = async (name: string, link = new FakeLink()) => {
    const client = connect(link);
    client.say({ type: "hello", version: 2, name });
    await client.hears("welcome");
    return client;
  };
  const crowd = await join("Crowd", new SlowLink());
  const ann = await join("Ann");
  // Such a turn makes the rest the longest.
  slowMs = output.maxRestMs;
  // At the earliest: this process may not be scheduled for a while after the turn.
  const restsUntilMs = performance.now() + slowMs + output.maxRestMs;
  ann.say({ type: "say", n: 1, text: "hi" });
  await ann.hears("ack");
  slowMs = 0;
  crowd.link.sends = [];
  ann.link.sends = [];

  const newcomers = ["Bob", "Cid", "Dan"].map((name) => {
    const client = connect(new FakeLink());
    client.say({ type: "hello", version: 2, name });
    return client;
  });
  ann.say({ type: "ping", ref: "1" });
  await ann.hears("pong");
  // Unless this process was not scheduled for that long.
  const isEarly = performance.now() < restsUntilMs;
  expect(isEarly && newcomers.some(({ has }) => has("welcome"))).toBe(false);
  for (const { hears } of newcomers) await hears("welcome");
  const announcements = crowd.link.sends.filter((sent) => sent.includes("joined"));
  expect(announcements.map((sent) => sent.match(/joined/g)!.length)).toEqual([3]);

  // A message does not wait, and earlier joins are announced before it.
  slowMs = output.maxRestMs;
  ann.say({ type: "say", n: 2, text: "again" });
  await ann.hears("ack");
  slowMs = 0;
  ann.link.sends = [];
  const eve = connect(new FakeLink());
  eve.say({ type: "hello", version: 2, name: "Eve" });
  ann.say({ type: "say", n: 3, text: "at once" });
  await ann.hears("ack");
  expect(eve.has("welcome")).toBe(true);
  expect(ann.link.sends.join("")).toMatch(/"joined".*"Eve"[^]*"at once"/);
  driver.stop();
});
