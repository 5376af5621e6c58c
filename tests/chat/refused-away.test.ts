// A message that is refused while its sender's connection is being lost: the welcome at the return
// says that it was, also of a server that has restarted.

import { expect, test } from "bun:test";
import { FailingStore } from "./failing-store.ts";
import { type Client, hello, inRoom, Rig, say, since } from "./rig.ts";

const elsewhere = (n: number) => ({ ...say(n), room: "den" });

function sessionOf(client: Client): unknown {
  const [welcome] = client.lines();
  return welcome?.["session"];
}

test("a return tells which messages were refused, and why", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.send(say(1), elsewhere(2), elsewhere(3), say(4));
  ann.send({ type: "tell", n: 5, to: ["Zed"], text: "psst" });
  ann.send({ type: "tell", n: 6, to: ["Zed", "Ann"], text: "psst" });
  ann.send({ type: "say", n: 7, text: "x".repeat(20_000) });
  ann.close();
  const refused = [
    { first: 2, last: 3, code: "not-in-room", message: "You were not in the room" },
    { first: 5, last: 5, code: "unknown-user", message: expect.any(String) },
    { first: 6, last: 6, code: "unknown-user", to: "Zed", message: expect.any(String) },
    { first: 7, last: 7, code: "text-invalid", message: expect.any(String) },
  ];
  const back = rig.client().send(hello("Ann", since(0)));
  expect(sessionOf(back)).toMatchObject({ n: 7, refused });
  // The same if a new connection takes over from an open one.
  const again = rig.client().send(hello("Ann", since(0)));
  expect(sessionOf(again)).toMatchObject({ n: 7, refused });
});

test("a message for everybody and for somebody, from whoever may not speak there, was refused for everybody", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  rig.order("mode lobby +m");
  bob.text();
  ann.send({ type: "tell", n: 1, to: ["all", "Bob"], text: "psst" });
  expect(bob.text()).toContain("psst");
  ann.close();
  const refused = [{ first: 1, last: 1, code: "muted", to: "lobby", message: expect.any(String) }];
  const back = rig.client().send(hello("Ann", since(0)));
  expect(sessionOf(back)).toMatchObject({ n: 1, refused });
});

test("without a refused message there is no list", () => {
  const rig = new Rig();
  rig.member("Ann").send(say(1)).close();
  expect(sessionOf(rig.client().send(hello("Ann", since(0))))).not.toHaveProperty("refused");
});

test("a restarted server still knows", () => {
  const store = new FailingStore();
  new Rig({}, store.answer).member("Ann").send(elsewhere(1), say(2)).close();
  store.reopen();
  const back = new Rig({}, store.answer).client().send(hello("Ann", since(0)));
  const refused = [{ first: 1, last: 1, code: "not-in-room" }];
  expect(sessionOf(back)).toMatchObject({ n: 2, refused });
});

test("a refusal that was not stored did not happen: the message is sent again", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  store.full = true;
  ann.send(elsewhere(1));
  store.full = false;
  ann.close();
  const back = rig.client().send(hello("Ann", inRoom("den")));
  expect(sessionOf(back)).toMatchObject({ n: 0 });
  back.send(elsewhere(1));
  back.close();
  const again = rig.client().send(hello("Ann", inRoom("den")));
  expect(sessionOf(again)).toMatchObject({ n: 1 });
  expect(sessionOf(again)).not.toHaveProperty("refused");
});
