// What the owner of a registered name sends to people, not sealed, reaches the owner's other
// clients that show it; sealed copies are tested in devices.test.ts and sent-copies.test.ts.

import { expect, test } from "bun:test";
import { irc, IrcClient } from "../dialects/irc/rig.ts";
import { Neighbours } from "./neighbours.ts";
import { owner } from "./owner.ts";
import { type Client, Rig } from "./rig.ts";

const password = "correct horse";
const tell = (text: string, ...to: string[]) => ({ type: "tell", to, text });
const privates = (client: Client) =>
  client.lines().flatMap(({ type, from, to, text, own }) => {
    return type === "private" ? [{ from, to, text, own }] : [];
  });

/** Ann has a password. */
function withPassword(rig: Rig, extra: object = {}): Client {
  const ann = owner(rig, "Ann", "desk", extra);
  ann.send({ type: "set-password", password });
  return ann;
}

let tabs = 0;

/** A browser's tab in which Ann has logged in. */
function tab(rig: Rig, extra: object = {}): Client {
  const secret = `tab-${++tabs}-0123456789abcdef`;
  const hello = { type: "hello", version: 2, name: "Ann", secret, password, copies: true };
  const client = rig.client().send({ ...hello, ...extra });
  expect(client.lines()[0]).toMatchObject({ type: "welcome" });
  return client;
}

test("each of the owner's clients that show copies gets one for each recipient", () => {
  const rig = new Rig();
  const desk = withPassword(rig);
  const [one, two] = [tab(rig), tab(rig)];
  const [bob, cal] = [rig.member("Bob"), rig.member("Cal")];
  for (const client of [desk, one, two, bob, cal]) client.text();
  one.send(tell("psst", "bob", "Cal"));
  const said = { from: "Ann", text: "psst", own: undefined };
  for (const client of [bob, cal]) {
    expect(privates(client)).toEqual([{ ...said, to: ["Bob", "Cal"] }]);
  }
  // Their client recognizes its own.
  const copies = ["Bob", "Cal"].map((name) => ({ ...said, to: [name], own: true }));
  for (const client of [one, two]) expect(privates(client)).toEqual(copies);
  // It has not asked for them.
  expect(privates(desk)).toEqual([]);
  one.send(tell("to myself", "Ann"));
  for (const client of [one, two]) {
    expect(privates(client)).toEqual([
      { from: "Ann", to: ["Ann"], text: "to myself", own: undefined },
    ]);
  }
});

test("what was sent from IRC is shown in a tab, and IRC clients get no copies", () => {
  const rig = new Rig();
  withPassword(rig);
  const bob = rig.member("Bob");
  const page = tab(rig);
  const chat = new IrcClient(rig.client(irc, true));
  chat.send(`PASS :${password}`, "NICK Ann", "USER a 0 * :a", "PRIVMSG Bob :psst");
  expect(privates(bob)).toMatchObject([{ text: "psst" }]);
  expect(privates(page)).toEqual([{ from: "Ann", to: ["Bob"], text: "psst", own: true }]);
  chat.lines();
  page.send(tell("and now", "Bob"));
  expect(chat.lines()).toEqual([]);
});

test("what was sent from IRC at one server is shown in a tab at another", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  withPassword(east).close();
  world.deliver();
  const page = tab(west);
  world.deliver();
  const chat = new IrcClient(east.client(irc, true));
  chat.send(`PASS :${password}`, "NICK Ann", "USER a 0 * :a");
  east.member("Bob");
  world.deliver();
  page.text();
  chat.send("PRIVMSG Bob :psst");
  world.deliver();
  expect(privates(page)).toEqual([{ from: "Ann", to: ["Bob"], text: "psst", own: true }]);
});

test("a client that was offline gets them when it is back, at another server as well", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  withPassword(east);
  world.deliver();
  const secret = "away-0123456789abcdef";
  const away = tab(west, { secret });
  world.deliver();
  const [phone, bob] = [tab(west), east.member("Bob")];
  const sender = tab(east);
  world.deliver();
  for (const client of [away, phone, bob, sender]) client.text();
  away.close("lost");
  world.deliver();
  sender.send(tell("psst", "Bob"));
  world.deliver();
  const copy = { from: "Ann", to: ["Bob"], text: "psst", own: true };
  expect(privates(phone)).toEqual([copy]);
  expect(privates(sender)).toEqual([copy]);
  const hello = { type: "hello", version: 2, name: "Ann", secret, password, copies: true };
  const back = west.client().send({ ...hello, epoch: "epoch-1", mail: 0 });
  world.deliver();
  expect(privates(back)).toEqual([copy]);
});

test("the name of somebody who is not its owner makes no copies", () => {
  const rig = new Rig();
  const ann = rig.client();
  ann.send({ type: "hello", version: 2, name: "Ann", secret: "s".repeat(16), copies: true });
  rig.member("Bob");
  ann.send(tell("psst", "Bob"));
  expect(privates(ann)).toEqual([]);
});
