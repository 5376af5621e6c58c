// How much of a user's mail one address may displace, with any number of names and within its rate.

import assert from "node:assert/strict";
import { Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";

/** Below the limit of an address. */
const strangers = 60;

world(
  "60 names of one address that write to an absent person push nobody else's mail out",
  { needs: ["network"], slow: true },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const [home, work] = ["home", "work"].map((name) => network.host(name).space);
    const outside = network.host("stranger").space;
    await TestServer.start(scope, host.space);
    const bob = await Person.login(work!, host.address(), { name: "Bob" });
    const absent = await Person.login(home!, host.address(), { name: "Absent" });
    absent.cut();
    await bob.line(({ type, name }) => type === "left" && name === "Absent", "that one is absent");
    const mail = Array.from({ length: 40 }, (_, i) => `mail ${i}`);
    for (const text of mail) await bob.tell("Absent", text);

    const people = await Promise.all(
      Array.from({ length: strangers }, (_, i) =>
        Person.login(outside, host.address(), { name: `Stranger${i}` }),
      ),
    );
    // 1 500 in total: one and a half times the size of a mailbox
    for (let round = 0; round < 25; round++) {
      for (const one of people) one.send({ type: "tell", to: ["Absent"], text: `${round}` });
      await Bun.sleep(350);
    }
    const back = await Person.login(home!, host.address(), absent.credentials);
    await back.until(() => back.lines.some(({ from }) => from === "Bob"), "Bob's mail");
    await back.ping();
    const texts = new Set(back.lines.map(({ text }) => text));
    const lost = mail.filter((text) => !texts.has(text));
    assert.equal(lost.length, 0, `${lost.length} of Bob's ${mail.length} messages are lost`);
  },
);

world(
  "long messages at the rate of one address push nobody's words out of a room",
  { needs: ["network"], slow: true },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const work = network.host("work").space;
    const outside = network.host("stranger").space;
    await TestServer.start(scope, host.space);
    const bob = await Person.login(work, host.address(), { name: "Bob" });
    const words = Array.from({ length: 30 }, (_, i) => `words ${i}`);
    for (const text of words) await bob.say(text);
    // An address can send as much as a room remembers within 8 s.
    const people = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        Person.login(outside, host.address(), { name: `Stranger${i}` }),
      ),
    );
    for (let round = 0; round < 240; round++) {
      for (const one of people) one.send({ type: "say", room: "lobby", text: "x".repeat(16_000) });
      await Bun.sleep(62);
    }
    await bob.ping();
    const heard = bob.texts.filter((text) => text.startsWith("x")).length;
    assert.ok(heard > 50, `the strangers were heard ${heard} times only`);
    const page = await bob.history("lobby", words.length, words.length + 1);
    const said = new Set(page.map(({ text }) => text));
    const lost = words.filter((text) => !said.has(text));
    assert.equal(lost.length, 0, `${lost.length} of Bob's ${words.length} messages are lost`);
  },
);
