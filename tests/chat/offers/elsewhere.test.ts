// Offers for people at other servers: the sender is told where they are, also if they get there
// later.

import { expect, test } from "bun:test";
import { Neighbours } from "../neighbours.ts";
import { keptBy, nothing } from "../inspect.ts";
import { IrcClient, irc } from "../../dialects/irc/rig.ts";
import { owner, withKey } from "../owner.ts";
import { type Client } from "../rig.ts";

const offer = "AAAAAAAAAAAAAAAAAAAAAA";
const summary = { files: 1, bytes: 3, names: ["a.txt"] };
const offerTo = (to: string) => ({ type: "offer-files", offer, to, summary, ref: "o" });
const taking = { takesFiles: true };

function two() {
  const world = new Neighbours();
  return { world, east: world.server("east"), west: world.server("west") };
}

/** What the client has been told of offers: `offered Ann`, `here`, `waits`, `elsewhere: west …`. */
const heard = (client: Client): string[] =>
  client.lines().flatMap(({ type, from, here, code, at, subject, ref }) => {
    if (type === "offered") return [`offered ${String(from)}`];
    if (type === "offering") return [here === true ? "here" : "waits"];
    if (type === "channel" || type === "channel-lost") return [type];
    if (type !== "error") return [];
    return [`${String(code)}: ${String(at)}, ${String(ref ?? subject)}`];
  });
const there = (about: string) => [`elsewhere: west.example:55000, ${about}`];

test("an offer for somebody at another server is refused with where they are", () => {
  const { world, east, west } = two();
  const ann = east.member("Ann");
  west.member("Ben", taking);
  world.deliver();
  heard(ann);
  expect(heard(ann.send(offerTo("ben")))).toEqual(there("o"));
});

test("the sender is told when somebody who was away comes to another server", () => {
  const { world, east, west } = two();
  const ann = east.member("Ann");
  owner(east, "Ben", "desk").close("quit");
  world.deliver();
  heard(ann);
  expect(heard(ann.send(offerTo("Ben")))).toEqual(["waits"]);
  const ben = withKey(west, "Ben", "desk", taking);
  world.deliver();
  expect(heard(ann)).toEqual(there(offer));
  // There it is a new one.
  ann.close("quit");
  const moved = west.member("Ann");
  heard(ben);
  expect(heard(moved.send(offerTo("Ben")))).toEqual(["here"]);
  expect(heard(ben)).toEqual(["offered Ann"]);
  world.deliver();
  expect(keptBy(east.hub)).toEqual(nothing);
});

test("the sender follows a recipient who moves while the files arrive", () => {
  const { world, east, west } = two();
  const secret = { secret: "the-secret-of-ben-0123456789" };
  const ann = east.member("Ann");
  const ben = east.member("Ben", { ...secret, ...taking });
  world.deliver();
  ann.send(offerTo("Ben"));
  ben.send({ type: "answer-files", offer, accept: true });
  expect(heard(ann)).toEqual(["here", "channel"]);
  west.member("Ben", { ...secret, ...taking });
  world.deliver();
  ben.close();
  world.deliver();
  expect(heard(ann)).toEqual(["channel-lost", ...there(offer)]);
});

test("files for the owner's other devices find the one at another server", () => {
  const { world, east, west } = two();
  const desk = owner(east, "Ann", "desk");
  withKey(west, "Ann", "desk", { secret: "another-secret-0123456789", ...taking });
  world.deliver();
  heard(desk);
  expect(heard(desk.send(offerTo("Ann")))).toEqual(there("o"));
});

test("a client here that takes no files is told, unless one elsewhere takes them", () => {
  const { world, east, west } = two();
  const ann = east.member("Ann");
  owner(east, "Ben", "desk").send({ type: "set-password", password: "correct horse" });
  const desk = new IrcClient(east.client(irc)).send(
    "PASS :correct horse",
    "NICK Ben",
    "USER b 0 * :b",
  );
  const phone = withKey(west, "Ben", "desk", { secret: "another-secret-0123456789" });
  world.deliver();
  heard(ann);
  expect(heard(ann.send(offerTo("Ben")))).toEqual(["waits"]);
  expect(desk.lines().join("\n")).toContain("Ann offers you files");
  phone.close();
  world.deliver();
  withKey(west, "Ben", "desk", { secret: "another-secret-0123456789", ...taking });
  world.deliver();
  expect(heard(ann)).toEqual(there(offer));
});
