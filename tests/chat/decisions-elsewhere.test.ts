// Operators' decisions at several servers at the same moment: none overwrites another, and a pass
// admits no more people than it allows.

import { expect, test } from "bun:test";
import type { DoorOptions } from "../../src/chat/login/door-options.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import { rights } from "../../src/limits.ts";
import { Neighbours } from "./neighbours.ts";
import { owner, withKey } from "./owner.ts";
import { memberNames } from "./inspect.ts";
import type { Rig } from "./rig.ts";

const membersOnly: DoorOptions = { checkPassword: undefined, isMembersOnly: true };

/** Servers that were started with these rows and have not heard of each other's decisions yet. */
function servers(rows: Rights, world = new Neighbours()): Rig[] {
  const changes = rows.takeChanges();
  world.decided(changes);
  const kept = changes.flatMap(({ key, value }) => (value ? [{ key, value }] : []));
  return ["east", "west"].map((id) =>
    world.server(id, { door: membersOnly, rights: new Rights(kept) }),
  );
}

function ban(name: string) {
  const subject = { name, kind: "ban" as const, reason: "", by: "console" };
  return { ...subject, atMs: 0, untilMs: undefined };
}

function hello(name: string, pass: string) {
  return { type: "hello", version: 2, name, secret: `${name}-0123456789abcdef`, pass };
}

test("a pass for one person admits one, even if shown at two servers at the same time", () => {
  const pass = new Rights();
  const terms = { hash: "hash of code", uses: 1, by: "console", atMs: 0, untilMs: 2e12 };
  pass.passes.issue(terms);
  const first = servers(pass).map((rig, i) => rig.member(`Guest${i}`, { pass: "code" }));
  expect(first.map((client) => client.lines()[0])).toMatchObject([
    { type: "welcome" },
    { code: "storage", message: expect.stringContaining("try again") },
  ]);
  // Two people at one server, in one turn.
  pass.passes.issue({ ...terms, hash: "hash of other" });
  const [rig] = servers(pass);
  const [ann, ben] = [rig!.client(), rig!.client()];
  ann.queue(hello("Ann", "other"));
  ben.queue(hello("Ben", "other"));
  rig!.settle();
  expect(memberNames(rig!.hub)).toEqual(["Ann"]);
});

test("settings that end with a room stay if another server has changed them while the last one left", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  const inDen = { rooms: [{ room: "den" }] };
  const ann = east!.member("Ann", inDen);
  ann.send({ type: "admin", command: "mode den +l 5" });
  world.deliver();
  // East has yet to hear of Bob.
  const bob = west!.member("Bob", inDen);
  world.hold("east", "commits", "change-rights");
  ann.send({ type: "bye" });
  expect(west!.order("mode den +m")).toMatchObject({ ok: true });
  world.release("east");
  world.deliver();
  const settings = [east!, west!].map(({ hub }) => hub.options.rights.rooms.of("den"));
  const kept = { limit: 5, flags: expect.arrayContaining(["moderated"]) };
  expect(settings).toMatchObject([kept, kept]);
  expect(bob.text()).not.toContain("-m");
});

test.each([
  ["has heard of that", true],
  ["has yet to hear of that", false],
])(
  "a pass that is revoked while another server stores its use stays so, and admits nobody: it %s",
  (_, hears) => {
    const world = new Neighbours();
    const [east, west] = ["east", "west"].map((id) => world.server(id, { door: membersOnly }));
    const made = east!.order("pass --uses 5");
    const code = made.ok ? (made.rows?.[0]?.text ?? "") : "";
    world.deliver();
    world.hold("west", "commits", "change-rights");
    const ann = west!.client().send(hello("Ann", code));
    expect(ann.text()).toBe("");
    expect(east!.order("revoke #1")).toMatchObject({ ok: true });
    if (!hears) world.lose("west", "rights");
    world.release("west");
    expect(ann.lines()[0]).toMatchObject({ type: "error", code: "members-only" });
    world.deliver();
    for (const rig of [east!, west!]) {
      expect(rig.order("passes")).toEqual({ ok: true, message: "There are no passes" });
    }
  },
);

test("a guest who comes twice at once is not let in by a use that was not stored", () => {
  const world = new Neighbours();
  const rows = new Rights();
  const terms = { hash: "hash of code", uses: 1, by: "console", atMs: 0, untilMs: 2e12 };
  rows.passes.issue(terms);
  const [east] = servers(rows, world);
  rows.passes.redeem(terms.hash, ["somebody at a server that has stopped since"]);
  world.decided(rows.takeChanges());
  world.hold("east", "commits", "change-rights");
  const clients = [1, 2].map(() => east!.client().send(hello("Ben", "code")));
  world.release("east");
  for (const client of clients) {
    expect(client.lines()[0]).toMatchObject({ type: "error", code: "storage" });
  }
});

test("the use of a pass at a server that has missed others does not undo them", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id, { door: membersOnly }));
  const made = east!.order("pass --uses 2");
  const code = made.ok ? (made.rows?.[0]?.text ?? "") : "";
  world.deliver();
  for (const name of ["Ann", "Ben"]) {
    const client = east!.client().send(hello(name, code));
    expect(client.lines()[0]).toMatchObject({ type: "welcome" });
    client.close("quit");
  }
  world.lose("west", "rights");
  world.deliver();
  const again = { code: "storage", message: expect.stringContaining("try again") };
  expect(west!.client().send(hello("Ann", code)).lines()[0]).toMatchObject(again);
  for (const name of ["Ann", "Ben"]) {
    const client = west!.client().send(hello(name, code));
    expect(client.lines()[0]).toMatchObject({ type: "welcome" });
  }
  for (const rig of [east!, west!]) {
    const client = rig.client().send(hello("Cal", code));
    expect(client.lines()[0]).toMatchObject({ type: "error", code: "members-only" });
  }
});

test("decisions have numbers that no other server assigns", () => {
  let next = 100;
  const numbers = () => next++;
  const [east, west] = [new Rights([], numbers), new Rights([], numbers)];
  const ids = [
    east.sanctions.impose(ban("ann"))?.id,
    west.sanctions.impose(ban("ben"))?.id,
    east.passes.issue({ hash: "h", uses: 1, by: "console", atMs: 0, untilMs: 1 })?.id,
  ];
  expect(ids).toEqual([100, 101, 102]);
  const both = [...east.takeChanges(), ...west.takeChanges()];
  expect(new Set(both.map(({ key }) => key)).size).toBe(3);
  east.replace(both.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }])));
  expect(east.sanctions.list("ban", 0).map(({ name }) => name)).toEqual(["ann", "ben"]);
  expect(east.sanctions.impose(ban("cal"))?.id).toBe(103);
  const none = new Rights([], () => undefined);
  expect(none.sanctions.impose(ban("ann"))).toBeUndefined();
  // One that can't be replaced stays.
  let left = 1;
  const few = new Rights([], () => (left > 0 ? left-- : undefined));
  few.sanctions.impose(ban("ann"));
  expect(few.sanctions.impose({ ...ban("ann"), reason: "again" })).toBeUndefined();
  expect(few.sanctions.list("ban", 0)).toMatchObject([{ id: 1, name: "ann" }]);
});

test("a ban by name of a user at another server also bans their network", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const mallory = west.member("Mallory", {}, "203.0.113.7");
  world.deliver();
  expect(east.order("ban Mallory")).toMatchObject({
    ok: true,
    message: "Banned the name Mallory and the network 203.0.113.7",
  });
  world.deliver();
  expect(mallory.link.ended).toBe(true);
  mallory.close();
  const again = west.member("Somebody", {}, "203.0.113.7");
  expect(again.text()).toContain("banned");
  expect(west.member("Other", {}, "203.0.113.8").text()).toContain("welcome");
  // Nobody else learns the network.
  const asked = west.member("Asker");
  asked.send({ type: "who", room: "lobby" });
  expect(asked.text()).not.toContain("203.0.113");
});

test("a ban by name of a user at another server also bans their device", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  withKey(west, "Mallory", "laptop", {}, "203.0.113.7");
  world.deliver();
  expect(east.order("ban Mallory")).toMatchObject({
    ok: true,
    message: "Banned the name Mallory, their device and the network 203.0.113.7",
  });
  world.deliver();
  const again = withKey(west, "Somebody", "laptop", {}, "203.0.113.8");
  expect(again.text()).toContain("banned");
});

test("an operator can't ban another one at another server, whatever name they have there", () => {
  const world = new Neighbours();
  let secrets = 0;
  const newSecret = () => `secret-number-${++secrets}`;
  const [east, west] = [world.server("east", { newSecret }), world.server("west", { newSecret })];
  owner(west, "Ann", "desk").close("quit");
  const bob = owner(east, "Bob", "phone");
  const ann = withKey(west, "Zed", "desk", {}, "203.0.113.7");
  world.deliver();
  for (const name of ["Ann", "Bob"]) expect(east.order(`op ${name}`)).toMatchObject({ ok: true });
  bob.lines();
  bob.send({ type: "admin", command: "ban Zed", ref: "b" });
  expect(bob.lines()).toMatchObject([
    { type: "error", code: "not-allowed", message: expect.stringContaining("Zed is an operator") },
  ]);
  world.deliver();
  expect(ann.link.ended).toBe(false);
  expect(east.order("bans")).toMatchObject({ message: "There are no bans" });
});

test("operators see the users of all servers", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  east.member("Ann");
  west.member("Ben");
  world.deliver();
  expect(east.order("who")).toMatchObject({ rows: [{ text: "Ann" }, { text: "Ben" }] });
  expect(west.order("who --long")).toMatchObject({
    rows: [{ text: "Ben 127.0.0.1 native" }, { text: "Ann at east.example:55000" }],
  });
});

test("operators are told that there are more people at other servers than are listed", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  for (let i = 0; i <= rights.maxAnswerRows; i++) west.member(`p${i}`, { rooms: [] });
  world.deliver();
  expect(east.order("who")).toMatchObject({
    message: `There are at least ${rights.maxAnswerRows} people, of whom ${rights.maxAnswerRows} are listed`,
  });
  expect(west.order("who")).toMatchObject({
    message: `There are ${rights.maxAnswerRows + 1} people, of whom ${rights.maxAnswerRows} are listed`,
  });
});
