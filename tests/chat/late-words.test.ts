// Lines typed in a private chat and delayed by the sender's rate: they go only to that partner,
// whatever happens in the meantime.

import { expect, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { Rig } from "./rig.ts";

const rates = { messagesPerSecond: 10, bytesPerSecond: 1_000_000 };
const burst = 40;
const secrets = Array.from({ length: 50 }, (_, i) => `secret ${i}`);

function chat(dialect: Dialect) {
  const rig = new Rig({ rates });
  const eve = rig.member("Eve");
  const bob = rig.member("Bob");
  const ann = rig.client(dialect).send("Ann");
  bob.send({ type: "invite", to: "Ann" });
  ann.send("accept");
  for (const client of [ann, bob, eve]) client.text();
  return { rig, ann, bob, eve };
}

for (const dialect of [selectChat, openChat, lineChat]) {
  test(`${dialect.name}: delayed private lines never go to the room`, () => {
    const { rig, ann, bob, eve } = chat(dialect);
    ann.send(...secrets);
    expect(ann.session.queue.length).toBeGreaterThan(1);
    bob.send({ type: "leave" });
    rig.pass(5_000);
    expect(eve.text()).not.toContain("secret");
    expect(ann.text()).toContain("The private chat has ended: the message was not sent");
    const reached = bob.text();
    expect(reached).toContain(`secret ${burst / 2}`);
    expect(reached).not.toContain("secret 49");
  });
}

test("delayed lines for the room go to the room, even if a private chat has started", () => {
  const rig = new Rig({ rates });
  const eve = rig.member("Eve");
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  const talk = secrets.map((text) => ({ type: "say", room: "lobby", text }));
  ann.send({ type: "invite", to: "Bob" }, ...talk);
  bob.send({ type: "accept" });
  rig.pass(5_000);
  expect(eve.text()).toContain("secret 49");
  ann.send({ type: "tell", to: ["Bob"], text: "for Bob" });
  expect(bob.lines()).toContainEqual(
    expect.objectContaining({ type: "private", chat: true, text: "for Bob" }),
  );
  expect(eve.text()).not.toContain("for Bob");
});
