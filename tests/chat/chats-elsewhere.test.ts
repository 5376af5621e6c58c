// Private chats by consent between people at two servers: the same as at one, whatever crosses
// what, and nobody is ever left alone in a chat.

import { expect, test } from "bun:test";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { seeded } from "../sim/random.ts";
import { Neighbours } from "./neighbours.ts";
import { answer, heard, invite } from "./private/chats.ts";
import { keptBy } from "./inspect.ts";

function people() {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [ann, ben, cal] = [east.member("Ann"), west.member("Ben"), west.member("Cal")];
  world.deliver();
  for (const client of [ann, ben, cal]) client.text();
  return { world, east, west, ann, ben, cal };
}

test("an invitation is accepted, both write to each other alone, and the chat is left", () => {
  const { world, ann, ben, cal } = people();
  invite(ann, "ben");
  expect(heard(ann)).toEqual([]);
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["asked Ben"], ["invited Ann"]]);
  answer(ben, "accept");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["started Ben"], ["started Ann"]]);
  ann.send({ type: "tell", to: ["Ben"], text: "for you alone", n: 1 });
  world.deliver();
  expect(ben.lines()).toMatchObject([
    { type: "private", from: "Ann", text: "for you alone", chat: true },
  ]);
  expect(cal.text()).toBe("");
  ben.send({ type: "tell", to: ["ann"], text: "by name", n: 1 });
  world.deliver();
  expect(ann.lines().filter(({ type }) => type === "private")).toMatchObject([
    { from: "Ben", text: "by name", chat: true },
  ]);
  ben.text();
  answer(ben, "leave");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["left Ben"], ["left Ann"]]);
});

test("an invitation is rejected, withdrawn, or answered by somebody who is busy", () => {
  const { world, ann, ben, cal } = people();
  invite(ann, "Ben");
  world.deliver();
  answer(ben, "reject");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([
    ["asked Ben", "rejected Ben"],
    ["invited Ann", "rejected Ann"],
  ]);
  invite(ann, "Ben");
  world.deliver();
  answer(ann, "leave");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([
    ["asked Ben", "left Ben"],
    ["invited Ann", "left Ann"],
  ]);
  invite(cal, "Ben");
  invite(ann, "Ben");
  world.deliver();
  expect(heard(ann)).toEqual(["busy Ben"]);
});

test("two invitations that cross are a chat", () => {
  const { world, ann, ben } = people();
  invite(ann, "Ben");
  invite(ben, "Ann");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["started Ben"], ["started Ann"]]);
  answer(ann, "leave");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["left Ben"], ["left Ann"]]);
});

test("an answer to an invitation that was withdrawn meanwhile starts nothing", () => {
  const { world, ann, ben } = people();
  invite(ann, "Ben");
  world.deliver();
  answer(ben, "accept");
  answer(ann, "leave");
  invite(ann, "Ben");
  world.deliver();
  expect(heard(ben)).toEqual(["invited Ann", "started Ann", "left Ann", "invited Ann"]);
  expect(heard(ann)).toEqual(["asked Ben", "left Ben", "asked Ben"]);
  answer(ben, "accept");
  world.deliver();
  expect([heard(ann), heard(ben)]).toEqual([["started Ben"], ["started Ann"]]);
});

test("people who go, and a server that dies, end what there is between them and others", () => {
  const { world, east, ann, ben, cal } = people();
  invite(ann, "Ben");
  world.deliver();
  answer(ben, "accept");
  world.deliver();
  ben.close("lost");
  world.deliver();
  expect(heard(ann)).toEqual(["asked Ben", "started Ben", "lost Ben"]);
  invite(ann, "Cal");
  world.deliver();
  answer(cal, "accept");
  world.deliver();
  expect(east.hub.watchedServers()).toEqual(["west"]);
  world.kill("west");
  world.deliver();
  expect(heard(ann)).toEqual(["asked Cal", "started Cal", "lost Cal"]);
  expect(east.hub.watchedServers()).toEqual([]);
  // Whoever is invited has gone before it arrives.
  expect(heard(invite(ann, "Cal"))).toEqual(["unknown-user"]);
});

test("whoever has gone when an invitation arrives is said to have gone", () => {
  const { world, ann, ben } = people();
  invite(ann, "Ben");
  ben.close("quit");
  world.deliver();
  expect(heard(ann)).toEqual(["lost Ben"]);
  expect(ann.session.privateChat.invited).toBeUndefined();
});

test("a partner at another server keeps its former name for a while, and is told of by its new one", () => {
  const { world, west, ann, ben } = people();
  invite(ann, "Ben");
  world.deliver();
  answer(ben, "accept");
  ann.send({ type: "part", room: "lobby" });
  world.deliver();
  ann.text();
  ben.send({ type: "rename", name: "Benno" });
  world.deliver();
  expect(ann.lines()).toEqual([{ type: "renamed", from: "Ben", to: "Benno", chat: true }]);
  const other = west.member("Ben", { secret: "another-secret-of-16" });
  world.deliver();
  other.text();
  ann.send({ type: "tell", to: ["Ben"], text: "for my partner", n: 1 });
  world.deliver();
  expect(other.text()).toBe("");
  expect(heard(ann)).toEqual(["unknown-user"]);
  other.send({ type: "bye" });
  world.deliver();
  ben.text();
  ann.send({ type: "tell", to: ["Ben"], text: "for my partner", n: 2 });
  world.deliver();
  expect(ben.lines()).toMatchObject([{ from: "Ann", text: "for my partner", chat: true }]);
});

test("a client without a session to resume chats across servers too", () => {
  const { world, west, ann } = people();
  const old = west.client(lineChat);
  old.send("Dora");
  world.deliver();
  old.text();
  invite(ann, "Dora");
  world.deliver();
  expect(heard(ann)).toEqual(["asked Dora"]);
  expect(old.text()).toContain("Ann");
  old.send("accept");
  world.deliver();
  expect(heard(ann)).toEqual(["started Dora"]);
  old.send("for Ann alone");
  ann.send({ type: "tell", to: ["Dora"], text: "for Dora alone", n: 1 });
  world.deliver();
  expect(ann.lines().filter(({ type }) => type === "private")).toMatchObject([
    { from: "Dora", text: "for Ann alone", chat: true },
  ]);
  expect(old.text()).toContain("Ann (private): for Dora alone");
  ann.close("lost");
  old.send("too late");
  world.deliver();
  // What was typed for the partner reaches nobody else.
  const cid = west.member("Cid");
  cid.send({ type: "history", room: "lobby", limit: 10 });
  expect(cid.text()).not.toContain("too late");
});

/** The matching field on the other side. */
const opposite = { partner: "partner", invited: "invitedBy", invitedBy: "invited" } as const;

test("once everything has arrived both sides agree, whatever people do and whatever crosses", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed);
    const below = (n: number): number => Math.floor(random() * n);
    const world = new Neighbours();
    const servers = ["s0", "s1", "s2"];
    const rigs = servers.map((id) => world.server(id));
    const names = ["p0", "p1", "p2", "p3", "p4"];
    const homes = names.map(() => below(rigs.length));
    const all = names.map((name, i) => rigs[homes[i]!]!.member(name));
    world.deliver();
    for (let step = 0; step < 80; step++) {
      const at = below(all.length);
      const one = all[at]!;
      const deeds = [
        () => invite(one, names[below(names.length)]!),
        () => invite(one, names[below(names.length)]!),
        () => answer(one, "accept"),
        () => answer(one, "accept"),
        () => answer(one, "reject"),
        () => answer(one, "leave"),
        () => {
          one.close("lost");
          all[at] = rigs[homes[at]!]!.member(names[at]!);
        },
      ];
      deeds[below(deeds.length)]!();
      for (let i = below(4); i > 0; i--) world.deliverOne(servers[below(servers.length)]!);
    }
    world.deliver();
    const keyOf = (from: number, to: number): string => {
      const { key } = all[to]!.session.identity;
      return homes[from] === homes[to] ? key : `${servers[homes[to]!]!}/${key}`;
    };
    for (const [from, { session }] of all.entries()) {
      for (const tie of Object.keys(opposite) as (keyof typeof opposite)[]) {
        const other = session.privateChat[tie];
        if (other === undefined) continue;
        const to = all.findIndex((_, i) => keyOf(from, i) === other);
        const back = all[to]?.session.privateChat[opposite[tie]];
        if (back !== keyOf(to, from)) {
          throw new Error(`seed ${seed}: ${session.name} has a ${tie} that has not: ${other}`);
        }
      }
    }
    for (const client of all) client.close("quit");
    world.deliver();
    for (const rig of rigs) expect(keptBy(rig.hub).chatsElsewhere).toBe(0);
  }
});
