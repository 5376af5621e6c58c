// Devices of one account at several servers: a code created at one adds a device at another, and
// each is notified.

import { expect, test } from "bun:test";
import { Neighbours } from "./neighbours.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { type Client, inRoom } from "./rig.ts";

function ask(client: Client, request: object): Record<string, unknown> {
  client.text();
  const lines = client.send({ ...request, ref: "ask" }).lines();
  return lines.find(({ ref }) => ref === "ask") ?? {};
}

test("a device is added to its account at another server, by a code that is valid once", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  const [guest, thief] = [withKey(west, "Guest", "phone"), withKey(west, "Thief", "other")];
  world.deliver();
  desk.text();
  const linked = ask(guest, { type: "link", code, label: "phone", proof: "p".repeat(43) });
  expect(linked).toMatchObject({ type: "linked", name: "Ann" });
  expect(ask(thief, { type: "link", code, label: "mine" })).toMatchObject({ code: "not-found" });
  world.deliver();
  // The device that created the code can vouch for the new one.
  expect(desk.lines()).toContainEqual(
    expect.objectContaining({ type: "account-changed", change: "device-added", device: "phone" }),
  );
  guest.send({ type: "bye" });
  const phone = withKey(west, "Ann", "phone");
  expect(phone.lines()[0]).toMatchObject({ session: { name: "Ann", registered: true } });
  world.deliver();
  desk.text();
  expect(ask(phone, { type: "set-password", password: "correct horse" })).toMatchObject({
    type: "password-set",
  });
  world.deliver();
  expect(desk.lines()).toContainEqual(
    expect.objectContaining({ type: "account-changed", change: "password-changed" }),
  );
});

test("the key of a user at another server is reported as if there were one server", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const asker = west.member("Asker");
  withKey(east, "Guest", "phone");
  east.member("Plain");
  world.deliver();
  expect(ask(asker, { type: "keys", name: "guest" })).toMatchObject({
    type: "keys",
    name: "Guest",
    registered: false,
    keys: [keyOf("phone")],
  });
  expect(ask(asker, { type: "keys", name: "Plain" })).toMatchObject({ name: "Plain", keys: [] });
  expect(ask(asker, { type: "keys", name: "Nobody" })).toMatchObject({ code: "unknown-user" });
});

test("a command about a person reaches the devices at all servers", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  desk.send({ type: "join", room: "den" });
  const [bob, cal] = [west.member("Bob", inRoom("den")), west.member("Cal", inRoom("den"))];
  const phone = withKey(west, "Ann", "desk", { secret: "another-secret-0123456789" });
  world.deliver();
  expect(ask(bob, { type: "admin", command: "call den Ann" })).toMatchObject({ code: "is-there" });
  west.order("mode den +m");
  expect(west.order("mode den +v Ann")).toMatchObject({ ok: true });
  world.deliver();
  desk.text();
  cal.text();
  desk.send({ type: "say", room: "den", text: "I have the word" });
  world.deliver();
  expect(cal.lines()).toMatchObject([{ type: "message", text: "I have the word" }]);
  expect(west.order("kick Ann")).toMatchObject({ ok: true, message: "Removed Ann" });
  world.deliver();
  expect([desk, phone].map(({ link }) => link.ended)).toEqual([true, true]);
});
