// Messages to a private-chat partner whose name changes hands: nobody else receives them.

import { expect, test } from "bun:test";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { privateChat as limits } from "../../../src/limits.ts";
import { type Client, inRoom, Rig } from "../rig.ts";

const tell = (n: number, to: string, text = "my PIN") => ({ type: "tell", n, to: [to], text });
const heard = (client: Client) =>
  client.lines().flatMap(({ type, text }) => (type === "private" ? [text] : []));

/** Ann in the lobby and Bob in the den, in a private chat. */
function chat() {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", inRoom("den"));
  ann.send({ type: "invite", to: "Bob" });
  bob.send({ type: "accept" });
  for (const client of [ann, bob]) client.text();
  return { rig, ann, bob };
}

test("people with a private chat or invitation hear of a rename in another room", () => {
  const { rig, ann, bob } = chat();
  bob.send({ type: "rename", name: "Robert" });
  expect(ann.lines()).toEqual([{ type: "renamed", from: "Bob", to: "Robert", chat: true }]);
  const cal = rig.client(openChat).send("Cal");
  const dan = rig.member("Dan", inRoom("den"));
  dan.send({ type: "invite", to: "Cal" }, { type: "rename", name: "Daniel" });
  expect(cal.text()).toContain("Dan is called Daniel now");
  dan.text();
  cal.send("CHANGENAME Cal Carl");
  expect(dan.lines()).toContainEqual({ type: "renamed", from: "Cal", to: "Carl", chat: true });
  // Members of the same room hear it there, once.
  ann.send({ type: "leave" });
  cal.send("reject");
  cal.text();
  ann.send({ type: "invite", to: "Carl" }, { type: "rename", name: "Anna" });
  expect(cal.text().match(/Anna/g)).toHaveLength(2);
});

test("select-chat announces it in its own format", () => {
  const rig = new Rig();
  const ann = rig.client(selectChat).send("Ann");
  const bob = rig.member("Bob", inRoom("den"));
  ann.send("Bob");
  bob.send({ type: "accept" });
  ann.text();
  bob.send({ type: "rename", name: "Robert" });
  expect(ann.text()).toBe("Bob is called Robert now\n");
});

test("a message to a partner's old name reaches the partner, never the new user of the name", () => {
  const { rig, ann, bob } = chat();
  bob.send({ type: "rename", name: "Robert" });
  ann.send(tell(1, "Bob"));
  expect(heard(bob)).toEqual(["my PIN"]);
  const mallory = rig.member("Bob", { secret: "mallory-0123456789" });
  mallory.text();
  ann.text();
  ann.send(tell(2, "Bob"));
  expect(ann.lines()).toMatchObject([
    { type: "error", code: "unknown-user", n: 2 },
    { type: "ack", n: 2 },
  ]);
  expect([heard(mallory), heard(bob)]).toEqual([[], []]);
  ann.send(tell(3, "Robert", "to you"));
  expect(heard(bob)).toEqual(["to you"]);
  // Reaching at least one recipient counts as sent.
  ann.text();
  ann.send({ type: "tell", n: 4, to: ["Bob", "Robert"], text: "to both" });
  const [missed, ack] = ann.lines();
  expect(missed).toMatchObject({ type: "error", code: "unknown-user", subject: "Bob" });
  expect(missed).not.toHaveProperty("n");
  expect(ack).toEqual({ type: "ack", n: 4 });
  expect([heard(mallory), heard(bob)]).toEqual([[], ["to both"]]);
});

test("it goes to nobody after the partner has left and somebody else has logged in under the name", () => {
  const { rig, ann, bob } = chat();
  bob.send({ type: "bye" });
  const mallory = rig.member("Bob", { secret: "mallory-0123456789" });
  mallory.text();
  ann.send(tell(1, "Bob"));
  expect(heard(mallory)).toEqual([]);
  rig.pass(limits.nameKnownMs);
  ann.send(tell(2, "Bob", "to whoever is Bob"));
  expect(heard(mallory)).toEqual(["to whoever is Bob"]);
});

test("a partner who reconnects is recognized", () => {
  const { rig, ann, bob } = chat();
  bob.close();
  ann.send(tell(1, "Bob", "while you are away"));
  const again = rig.member("Bob", { epoch: "epoch-1", mail: 0 });
  ann.send(tell(2, "Bob", "and back"));
  expect(heard(again)).toEqual(["while you are away", "and back"]);
});

test("few old names are remembered", () => {
  const { ann, bob } = chat();
  for (let i = 0; i <= limits.namesKnown; i++) bob.send({ type: "rename", name: `Bob${i}` });
  ann.text();
  ann.send(tell(1, "Bob", "too long ago"), tell(2, "Bob0", "known"));
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "unknown-user", n: 1 }));
  expect(heard(bob)).toEqual(["known"]);
});
