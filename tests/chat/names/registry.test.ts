// The name of a lost connection is reserved for the owner of its secret as long as its mail is.

import { expect, test } from "bun:test";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { history as limits } from "../../../src/limits.ts";
import { type Client, Rig } from "../rig.ts";

const stranger = { secret: "mallory-0123456789" };
const elsewhere = "192.0.2.7";
const heard = (client: Client) =>
  client.lines().flatMap(({ type, text }) => (type === "private" ? [text] : []));

test("nobody else can log in under it, and its mail waits for its owner", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  rig.member("Bob").close();
  rig.pass(60_000, 1_000);
  const mallory = rig.member("BOB", stranger, elsewhere);
  expect(mallory.lines()).toEqual([
    {
      type: "error",
      code: "name-taken",
      subject: "BOB",
      message: expect.stringContaining("try again in 241 s"),
      retryAfterMs: limits.mailHoldMs - 60_000 + 1,
    },
  ]);
  expect(mallory.link.ended).toBe(true);
  ann.send({ type: "tell", n: 1, to: ["Bob"], text: "for Bob" });
  const bob = rig.member("Bob", { epoch: "epoch-1", mail: 0 });
  expect(heard(bob)).toEqual(["for Bob"]);
});

test("nobody can take it by a rename or as an alias", () => {
  const rig = new Rig();
  rig.member("Bob").close();
  const mallory = rig.member("Mallory", {}, elsewhere);
  mallory.text();
  mallory.send({ type: "rename", name: "Bob", ref: 1 });
  expect(mallory.lines()).toMatchObject([{ type: "error", code: "name-taken", ref: 1 }]);
  const eve = rig.client(chatRoom, true, elsewhere).send(":Bob:Eve");
  expect(eve.text()).toContain("is reserved for a user who lost the connection");
  expect(eve.session.phase).toBe("new");
  eve.send(":Evi:Eve");
  expect(eve.session.name).toBe("Eve");
  for (const dialect of [openChat, lineChat]) {
    const plain = rig.client(dialect, true, elsewhere).send("Bob");
    expect(plain.text()).toContain("is reserved for a user who lost the connection");
    plain.send("Bob2");
    expect(plain.session.name).toBe("Bob2");
    plain.send({ type: "bye" }).close("quit");
  }
});

test("it is free after the hold time, and immediately after a goodbye or a rename", () => {
  const rig = new Rig();
  rig.member("Bob").close();
  rig.member("Cal").send({ type: "bye" });
  rig.member("Dan").send({ type: "rename", name: "Daniel" });
  expect(rig.member("Cal", stranger, elsewhere).lines()[0]).toMatchObject({ type: "welcome" });
  expect(rig.member("Dan", { secret: "others-0123456789" }, elsewhere).lines()[0]).toMatchObject({
    type: "welcome",
  });
  rig.pass(limits.mailHoldMs, 60_000);
  expect(rig.member("Bob", { secret: "another-0123456789" }, elsewhere).lines()[0]).toMatchObject({
    type: "error",
  });
  rig.pass(1);
  expect(rig.member("Bob", { secret: "another-0123456789" }, elsewhere).lines()[0]).toMatchObject({
    type: "welcome",
  });
});

test("a client from the same network gets it back without the secret", () => {
  const rig = new Rig();
  for (const address of [elsewhere, "2001:db8::1"]) {
    rig.member("Bob", {}, address).close();
    const again = rig.member("Bob", { secret: "another-0123456789" }, address);
    expect(again.lines()[0]).toMatchObject({ type: "welcome", session: { name: "Bob" } });
    again.send({ type: "bye" });
  }
  rig.member("Cal", {}, "2001:db8::1").close();
  const neighbour = rig.member("Cal", stranger, "2001:db8::2");
  expect(neighbour.lines()[0]).toMatchObject({ type: "welcome" });
});

test("dialects without secrets hold no name after a lost connection", () => {
  const rig = new Rig();
  for (const dialect of [openChat, lineChat, chatRoom]) {
    rig.client(dialect).send("Zoe").close();
    const again = rig.client(dialect).send("Zoe");
    expect(again.session.name).toBe("Zoe");
    again.close();
  }
});

test("names and aliases share one namespace", () => {
  const rig = new Rig();
  const watcher = rig.client(openChat).send("Bob");
  const mia = rig.client(chatRoom).send(":Cal:mia");
  watcher.text();
  for (const login of [":Bob:eve", ":bob:eve", ":CAL:eve", ":x:Cal"]) {
    const eve = rig.client(chatRoom).send(login);
    expect(eve.text()).toContain("is taken: choose another");
    // The client is asked for a name again.
    expect(eve.session.phase).toBe("new");
    eve.close();
  }
  const cal = rig.client(openChat).send("Cal");
  expect(cal.text()).toContain("The name 'Cal' is taken: choose another");
  const dan = rig.member("Dan");
  dan.text();
  dan.send({ type: "rename", name: "cal", ref: 1 });
  expect(dan.lines()).toMatchObject([
    { type: "error", code: "name-taken", subject: "cal", ref: 1 },
  ]);
  // One's own name as an alias is fine.
  const own = rig.client(chatRoom).send(":Eva:Eva");
  expect(own.session.name).toBe("Eva");
  // The alias is free as soon as its user leaves.
  mia.close();
  cal.send("Cal");
  expect(cal.session.name).toBe("Cal");
});
