// Devices of one account at several servers: a code created at one adds a device at another, and
// each is notified.

import { expect, test } from "bun:test";
import { accounts } from "../../src/limits.ts";
import { awayIn, memberNames } from "./inspect.ts";
import { Neighbours } from "./neighbours.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { type Client, inRoom } from "./rig.ts";
import { IrcClient, irc, ircAt } from "../dialects/irc/rig.ts";

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

test("who is away at one server is shown as back where another device of theirs counts", () => {
  const world = new Neighbours();
  const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
  const watchers = [east, west, north].map((rig, i) => rig!.member(`Watcher${i}`));
  world.deliver();
  const desk = owner(east!, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  const guest = withKey(west!, "Guest", "phone");
  world.deliver();
  ask(guest, { type: "link", code });
  guest.send({ type: "bye" });
  desk.send({ type: "admin", command: "away lunch" });
  world.deliver();
  const away = () =>
    watchers.map((watcher) =>
      watcher
        .lines()
        .filter(({ type }) => type === "away")
        .map(({ text = "back" }) => text),
    );
  const shown = () => [east, west, north].map((rig) => awayIn(rig!.hub, "lobby").get("Ann"));
  expect(away()).toEqual([["lunch"], ["lunch"], ["lunch"]]);
  const phone = withKey(west!, "Ann", "phone", { secret: "another-secret-0123456789" });
  world.deliver();
  expect(shown()).toEqual([true, false, true]);
  expect(away()).toEqual([[], ["back"], []]);
  desk.close("quit");
  world.deliver();
  expect(shown()).toEqual([false, false, false]);
  expect(away()).toEqual([["back"], [], ["back"]]);
  phone.send({ type: "admin", command: "away shop" });
  world.deliver();
  expect(away()).toEqual([["shop"], ["shop"], ["shop"]]);
});

/** The texts of the private messages that came, with their numbers. */
function heard(client: Client): unknown[] {
  return client
    .lines()
    .flatMap(({ type, mail, text }) => (type === "private" ? [[mail, text]] : []));
}

function tell(client: Client, text: string): void {
  client.send({ type: "tell", to: ["Ann"], text });
}

test("private messages from other servers that cross a registration arrive once, in order", () => {
  for (const late of [true, false]) {
    const world = new Neighbours();
    const [east, west] = [world.server("east"), world.server("west")];
    const ann = withKey(east, "Ann", "desk");
    const [bob, cal] = [west.member("Bob"), east.member("Cal")];
    world.deliver();
    tell(bob, "one");
    world.deliver();
    // Committed before the registration, and told after it.
    tell(bob, "two");
    world.hold("west");
    tell(bob, "three");
    if (!late) world.release("west");
    ann.send({ type: "register", label: "desk" });
    tell(cal, "four");
    if (late) world.release("west");
    world.deliver();
    tell(bob, "five");
    world.deliver();
    const all = late
      ? ["one", "two", "four", "three", "five"]
      : ["one", "two", "three", "four", "five"];
    expect({ late, heard: heard(ann) }).toEqual({
      late,
      heard: all.map((text, i) => [i + 1, text]),
    });
    // Another device reads what no device has received yet.
    ann.close();
    const again = withKey(east, "Ann", "desk", { secret: "another-secret-0123456789" });
    world.deliver();
    expect({ late, heard: heard(again) }).toEqual({
      late,
      heard: all.map((text, i) => [i + 1, text]),
    });
  }
});

test("a private message is not lost while the server does not know of the registration yet", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const ann = withKey(east, "Ann", "desk");
  const bob = west.member("Bob");
  world.deliver();
  // East does not know its registration until its commit is settled.
  world.hold("east", "answers");
  east.member("Cal").send({ type: "say", room: "lobby", text: "hello" });
  world.hold("west");
  tell(bob, "one");
  ann.send({ type: "register", label: "desk" });
  world.release("west");
  while (world.deliverOne("east"));
  world.release("east");
  tell(bob, "two");
  world.deliver();
  expect(heard(ann)).toEqual([
    [1, "one"],
    [2, "two"],
  ]);
});

test("a device that joins goes on with its own mailbox, until it logs in as the owner", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  const bob = east.member("Bob");
  const guest = (name: string, extra = {}) => withKey(west, name, "phone", extra);
  const tell = (to: string, text: string) => {
    bob.send({ type: "tell", to: [to], text });
    world.deliver();
  };
  const { code } = ask(desk, { type: "device-code" });
  const before = guest("Guest");
  world.deliver();
  before.close("lost");
  tell("Guest", "one");
  tell("Ann", "for the owner");
  world.hold("west", "answers", "read-mail");
  const phone = guest("Guest", { epoch: "epoch-1", mail: 0 });
  expect(ask(phone, { type: "link", code, label: "phone" })).toMatchObject({ type: "linked" });
  world.release("west");
  tell("Guest", "two");
  expect(heard(phone)).toEqual([
    [1, "one"],
    [2, "two"],
  ]);
  phone.close("quit");
  expect(heard(guest("Ann"))).toEqual([[1, "for the owner"]]);
});

test("a revoked device gets no code at a server that does not know yet", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  ask(withKey(west, "Guest", "phone"), { type: "link", code });
  const phone = withKey(west, "Ann", "phone", { secret: "another-secret-0123456789" });
  world.deliver();
  ask(desk, { type: "revoke", key: keyOf("phone") });
  expect(ask(phone, { type: "device-code" })).toMatchObject({ code: "no-identity" });
});

test("whoever knows only the old password gets no code at a server that does not know yet", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const owner = east.member("Ann");
  owner.send({ type: "register", password: "old password" });
  world.deliver();
  const password = "old password";
  const other = west.member("Ann", { password, secret: "another-secret-0123456789" });
  world.deliver();
  expect(ask(other, { type: "device-code" })).toMatchObject({ type: "device-code" });
  expect(ask(owner, { type: "set-password", password: "new password" })).toMatchObject({
    type: "password-set",
  });
  expect(ask(other, { type: "device-code" })).toMatchObject({ code: "no-identity" });
  expect(ask(owner, { type: "device-code" })).toMatchObject({ type: "device-code" });
});

test("a device code that can't be looked up uses up no guess", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const { code } = ask(owner(east, "Ann", "desk"), { type: "device-code" });
  const guest = withKey(west, "Guest", "phone");
  world.deliver();
  world.hold("west", "nothing", "find-code");
  for (let n = 0; n <= accounts.guessesPerNetwork; n++) {
    expect(ask(guest, { type: "link", code })).toMatchObject({ code: "storage" });
  }
  world.release("west");
  expect(ask(guest, { type: "link", code })).toMatchObject({ type: "linked", name: "Ann" });
});

test("a device that is revoked before its server hears that it was added does not become the owner's", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  const guest = withKey(west, "Guest", "phone");
  world.deliver();
  guest.text();
  world.hold("west", "answers", "change-account");
  guest.send({ type: "link", code, label: "phone", ref: "link" });
  world.deliver();
  ask(desk, { type: "revoke", key: keyOf("phone") });
  world.deliver();
  world.release("west");
  world.deliver();
  expect(guest.lines()).toContainEqual(
    expect.objectContaining({ type: "error", code: "not-found", ref: "link" }),
  );
  expect(ask(guest, { type: "device-code" })).toMatchObject({ code: "no-identity" });
});

test("nobody becomes the owner of an account that an operator has deleted at another server", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const ann = withKey(west, "Ann", "desk");
  world.deliver();
  ann.text();
  world.hold("west", "answers", "change-account");
  ann.send({ type: "register", label: "desk" });
  expect(east.order("forget Ann")).toMatchObject({ ok: true });
  world.deliver();
  world.release("west");
  world.deliver();
  expect(ann.lines().map(({ type, code }) => [type, code])).toEqual([["bye", "kicked"]]);
  expect(memberNames(west.hub)).toEqual([]);
  const again = owner(west, "Ann", "desk");
  expect(again.session.identity.account).not.toBe("");
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

/** Ann opens the den at one server, her phone enters it at another, and watchers at all three. */
function annAtTwo() {
  const world = new Neighbours();
  const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
  const desk = owner(east!, "Ann", "desk").send({ type: "join", room: "den" });
  world.deliver();
  const phone = withKey(west!, "Ann", "desk", { secret: "another-secret-0123456789" });
  phone.send({ type: "join", room: "den" });
  world.deliver();
  const servers = [east!, west!, north!];
  const watchers = servers.map((server, i) => ircAt(server, `Watcher${i}`).send("JOIN #den"));
  world.deliver();
  for (const watcher of watchers) watcher.lines();
  return { world, servers, devices: [desk, phone], watchers };
}

function isRefused(device: Client): boolean {
  return ask(device, { type: "admin", command: "mode den +s" })["code"] === "not-allowed";
}

test("a rank is that of all devices at all servers, wherever it is given and taken, and told once", () => {
  for (let at = 0; at < 3; at++) {
    const { world, servers, devices, watchers } = annAtTwo();
    const shown = () =>
      watchers.map((one) => /[ :]([@+]?)Ann\b/.exec(one.ask("NAMES #den").join("\n"))?.[1]);
    expect(shown()).toEqual(["@", "@", "@"]);
    for (const [change, sign] of [
      ["-o", ""],
      ["+v", "+"],
      ["-v", ""],
      ["+o", "@"],
      ["-o", ""],
    ]) {
      servers[at]!.order(`mode den ${change} Ann`);
      world.deliver();
      const told = watchers.map((one) => one.lines().filter((line) => line.includes(" MODE ")));
      const line = expect.stringMatching(new RegExp(` MODE #den \\${change} Ann$`));
      expect({ at, change, told }).toEqual({ at, change, told: [[line], [line], [line]] });
      expect({ at, change, shown: shown() }).toEqual({ at, change, shown: [sign, sign, sign] });
    }
    expect(devices.map(isRefused)).toEqual([true, true]);
  }
});

test("who goes on with another device at another server keeps the rank", () => {
  const { world, devices } = annAtTwo();
  const [desk, phone] = devices;
  desk!.send({ type: "part", room: "den" });
  world.deliver();
  expect(isRefused(phone!)).toBe(false);
});

test("WHOIS shows the rooms of devices at all servers", () => {
  const { world, servers, devices } = annAtTwo();
  const [desk, phone] = devices;
  desk!.send({ type: "join", room: "attic" });
  phone!.send({ type: "part", room: "den" }, { type: "join", room: "porch" });
  world.deliver();
  const rooms = servers.map((server, i) => {
    const lines = ircAt(server, `Asker${i}`).ask("WHOIS Ann");
    const [, names = ""] = / 319 \S+ Ann :(.*)/.exec(lines.join("\n")) ?? [];
    return names.replaceAll("@", "").trim().split(" ").sort();
  });
  const all = ["#attic", "#den", "#lobby", "#porch"];
  expect(rooms).toEqual([all, all, all]);
});

test("that somebody types is shown to devices at all servers", () => {
  const { world, servers, devices, watchers } = annAtTwo();
  devices[0]!.send({ type: "set-password", password: "correct horse" });
  world.deliver();
  const tablets = servers.slice(0, 2).map((server) => {
    const tablet = new IrcClient(server.client(irc));
    return tablet.send(
      "PASS :correct horse",
      "CAP REQ :message-tags",
      "NICK Ann",
      "USER a 0 * :a",
      "CAP END",
    );
  });
  world.deliver();
  for (const sender of watchers) {
    for (const tablet of tablets) tablet.lines();
    sender.send("CAP REQ :message-tags", "@+typing=active TAGMSG Ann");
    world.deliver();
    const line = expect.stringMatching(/typing=active.* TAGMSG Ann$/);
    expect(tablets.map((tablet) => tablet.lines())).toEqual([[line], [line]]);
  }
});

test("a decision about somebody who has just gone to another server finds them there", () => {
  const told: Record<string, object> = {
    "remove den Bob": { type: "parted", room: "den", by: "console" },
    "kick Bob": { type: "bye", code: "kicked", reason: "console has removed you" },
    "mode den +v Bob": { type: "mode", room: "den", by: "console", change: "+v Bob" },
  };
  for (const [order, line] of Object.entries(told)) {
    const world = new Neighbours();
    const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
    west!.member("Ann", inRoom("den"));
    const before = east!.member("Bob", inRoom("den"));
    world.deliver();
    west!.order(order);
    before.close();
    const bob = north!.member("Bob", inRoom("den"));
    bob.text();
    world.deliver();
    expect(bob.lines()).toContainEqual(expect.objectContaining(line));
  }
});

test("other devices hear of a change also if the store could not say at once where they are", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  world.deliver();
  const phone = withKey(west, "Ann", "desk", { secret: "another-secret-0123456789" });
  world.deliver();
  desk.text();
  world.hold("west", "nothing", "find-elsewhere");
  expect(ask(phone, { type: "set-password", password: "correct horse" })).toMatchObject({
    type: "password-set",
  });
  world.look("west", 2);
  world.deliver();
  expect(desk.text()).not.toContain("password-changed");
  world.release("west");
  world.look("west", 2);
  world.deliver();
  const told = desk.lines().filter(({ change }) => change === "password-changed");
  expect(told).toMatchObject([{ type: "account-changed" }]);
});

test("a decision finds somebody who has gone to another server once the store knows where", () => {
  const world = new Neighbours();
  const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
  west!.member("Ann");
  const before = east!.member("Bob");
  world.deliver();
  west!.order("kick Bob");
  before.close();
  const bob = north!.member("Bob");
  world.hold("east", "nothing", "find-elsewhere");
  world.deliver();
  expect(bob.link.ended).toBe(false);
  world.release("east");
  world.look("east", 1);
  world.deliver();
  expect(bob.link.ended).toBe(true);
});

test("a decision finds somebody who has come back to the server that could not pass it on", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  west!.member("Ann");
  const before = east!.member("Bob");
  world.deliver();
  west!.order("kick Bob");
  before.close();
  world.hold("east", "nothing", "find-elsewhere");
  world.deliver();
  const bob = east!.member("Bob");
  world.release("east");
  world.look("east", 1);
  world.deliver();
  expect(bob.lines().at(-1)).toMatchObject({ type: "bye", code: "kicked" });
});

test("an operator is told that somebody may still be at another server", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  world.deliver();
  withKey(west, "Ann", "desk", { secret: "another-secret-0123456789" });
  world.deliver();
  world.hold("west", "nothing", "find-elsewhere");
  expect(west.order("kick Ann")).toEqual({
    ok: false,
    code: "storage",
    message: "Removed Ann from this server alone: The database does not answer",
  });
  world.release("west");
  world.deliver();
  expect(desk.link.ended).toBe(false);
  expect(west.order("kick Ann")).toMatchObject({ ok: true });
  world.deliver();
  expect(desk.link.ended).toBe(true);
});

test("a device that was revoked at another server gives no commands, even before that is heard of", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const desk = owner(east, "Ann", "desk");
  east.order("op Ann");
  const { code } = ask(desk, { type: "device-code" });
  const guest = withKey(west, "Guest", "phone");
  world.deliver();
  ask(guest, { type: "link", code });
  guest.send({ type: "bye" });
  const phone = withKey(west, "Ann", "phone", { secret: "another-secret-0123456789" });
  world.deliver();
  const order = { type: "admin", command: "mute Eve" };
  expect(ask(phone, order)).toMatchObject({ type: "admin" });
  expect(ask(desk, { type: "revoke", key: keyOf("phone") })).toMatchObject({ type: "devices" });
  expect(ask(phone, { ...order, command: "unmute Eve" })).toMatchObject({ code: "not-allowed" });
  world.deliver();
  expect(phone.link.ended).toBe(true);
});
