// IRC clients at two servers of one parley: each gets the same lines as at one server.

import { expect, test } from "bun:test";
import { Neighbours } from "../../chat/neighbours.ts";
import { owner } from "../../chat/owner.ts";
import { Rig } from "../../chat/rig.ts";
import { irc, ircAt, IrcClient } from "./rig.ts";

const caps =
  "multi-prefix extended-join away-notify account-notify invite-notify setname message-tags echo-message userhost-in-names";

/** The lines each client receives at each step: `Ann: LINE`. */
type Heard = { step: string; heard: string[] };

/** Names of a channel's members, which are listed in order of arrival at each server. */
function inOrder(line: string): string {
  const [start = "", names] = line.split(/(?<= 353 .*) :/);
  return names === undefined ? line : `${start} :${names.split(" ").sort().join(" ")}`;
}

/** `NAME LINE`: who sends which line. */
function play(
  steps: readonly string[],
  open: (name: string) => IrcClient,
  settle: () => void,
): Heard[] {
  const clients = new Map<string, IrcClient>();
  return steps.map((step) => {
    const [, name = "", line = ""] = /^(\S+) (.*)$/.exec(step) ?? [];
    const known = clients.get(name) ?? open(name);
    clients.set(name, known);
    settle();
    for (const client of clients.values()) client.lines();
    known.send(line);
    settle();
    const heard = Array.from(clients, ([who, client]) =>
      client.lines().map((text) => `${who}: ${inOrder(text)}`),
    ).flat();
    return { step, heard };
  });
}

/** The same steps with all users at one server, and with users at two alternately. */
function both(...steps: readonly string[]): { one: Heard[]; two: Heard[] } {
  const rig = new Rig();
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  let opened = 0;
  const one = play(
    steps,
    (name) => ircAt(rig, name, caps),
    () => {},
  );
  const two = play(
    steps,
    (name) => ircAt(opened++ % 2 === 0 ? east : west, name, caps),
    () => world.deliver(),
  );
  return { one, two };
}

function sorted(all: Heard[]): Heard[] {
  return all.map(({ step, heard }) => ({ step, heard: [...heard].sort() }));
}

function expectSame(...steps: readonly string[]): void {
  const { one, two } = both(...steps);
  expect(sorted(two)).toEqual(sorted(one));
}

test("joining, talking, being away, name changes, and leaving", () => {
  expectSame(
    "Ann JOIN #room",
    "Ben JOIN #room",
    "Ann PRIVMSG #room :hello Ben",
    "Ben PRIVMSG #room :hello Ann",
    "Ben PRIVMSG Ann :between us",
    "Ann AWAY :lunch",
    "Ben PRIVMSG Ann :are you there",
    "Cal JOIN #room",
    "Cal WHOIS Ben",
    "Ben SETNAME :Another Name",
    "Ann AWAY",
    "Ben NICK Benno",
    "Ann NAMES #room",
    "Ben NAMES #room",
    "Ann @+typing=active TAGMSG #room",
    "Ann @+typing=active TAGMSG Benno",
    "Ann TAGMSG Nobody",
    "Ann PART #room :back to work",
    "Ben QUIT :done",
  );
});

test("an invitation to a room does not admit to a later room of that name", () => {
  expectSame(
    "Ann JOIN #den",
    "Ben JOIN #lobby",
    "Cal JOIN #lobby",
    "Ann MODE #den +i",
    "Ann INVITE Ben #den",
    "Ann PART #den",
    "Cal JOIN #den",
    "Cal MODE #den +i",
    "Ben JOIN #den",
    "Cal INVITE Ben #den",
    "Ben JOIN #den",
  );
});

test("what happens in several rooms in one commit keeps its order", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [igor, ann] = [ircAt(east, "Igor"), ircAt(west, "Ann")];
  for (const client of [igor, ann]) client.send("JOIN #lobby", "JOIN #den");
  world.deliver();
  ann.lines();
  world.hold("east", "commits");
  igor.send("PRIVMSG #lobby :1");
  // While that is committed, the next batch gathers.
  igor.send("PART #den", "NICK Gor", "JOIN #den", "QUIT");
  world.release("east");
  world.deliver();
  expect(ann.lines().map((line) => line.replace(/^:(\w+)!\S+/, "$1"))).toEqual([
    "Igor PRIVMSG #lobby :1",
    "Igor PART #den",
    "Igor NICK Gor",
    "Gor JOIN #den",
    "Gor QUIT :Quit",
  ]);
});

test("what one room must hear later about a user is told later in the others, too", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [igor, ann, ben] = [ircAt(east, "Igor"), ircAt(west, "Ann"), ircAt(west, "Ben")];
  for (const client of [igor, ann, ben]) client.send("JOIN #lobby");
  ann.send("JOIN #den");
  world.deliver();
  ann.lines();
  world.hold("west", "commits");
  // The den's news come after his entry, which is being committed.
  ben.send("JOIN #den");
  for (const line of ["JOIN #den", "NICK Gor", "QUIT"]) {
    igor.send(line);
    world.deliver();
  }
  world.release("west");
  world.deliver();
  expect(ann.lines().map((line) => line.replace(/^:(\w+)!\S+/, "$1"))).toEqual([
    "Ben JOIN #den",
    "Igor JOIN #den",
    "Igor NICK Gor",
    "Gor QUIT :Quit",
  ]);
});

test("a quit that a server finds out late is told before the same user joins another room", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [igor, ann, ben] = [ircAt(east, "Igor"), ircAt(west, "Ann"), ircAt(west, "Ben")];
  ann.send("JOIN #lobby", "JOIN #den");
  igor.send("JOIN #den");
  world.deliver();
  world.hold("west");
  ann.send("PRIVMSG #lobby :1");
  ann.send("PRIVMSG #lobby :2");
  ben.send("JOIN #den");
  igor.send("QUIT");
  world.lose("west", "presence");
  // Only now it reads who is in the den.
  ircAt(east, "Cal").send("JOIN #den");
  world.deliver();
  ann.lines();
  ircAt(west, "Igor").send("JOIN #lobby");
  world.release("west");
  world.deliver();
  expect(ann.lines().map((line) => line.replace(/^:(\w+)!\S+/, "$1"))).toEqual([
    "Ben JOIN #den",
    "Igor QUIT :Connection lost",
    "Cal JOIN #den",
    "Igor JOIN #lobby",
  ]);
});

test("quits of users at two servers are told, whichever numbers they have there", () => {
  for (let before = 0; before < 40; before++) {
    const world = new Neighbours();
    const [east, west] = [world.server("east"), world.server("west")];
    const [igor, ann, ben] = [ircAt(east, "Igor"), ircAt(west, "Ann"), ircAt(west, "Ben")];
    for (const client of [igor, ann, ben]) client.send("JOIN #lobby", "JOIN #den");
    for (let i = 0; i < before; i++) igor.send("NAMES #den");
    world.deliver();
    ann.send("PART #den");
    ann.lines();
    world.hold("west", "commits");
    ann.send("PRIVMSG #lobby :1", "JOIN #den");
    ben.send("QUIT");
    igor.send("QUIT");
    world.deliver();
    world.release("west");
    world.deliver();
    const quits = ann.lines().filter((line) => line.includes(" QUIT "));
    expect(quits.map((line) => line.slice(1, 4)).sort()).toEqual(["Ben", "Igo"].sort());
  }
});

test("operators: modes, ranks, topics, invitations, kicks", () => {
  expectSame(
    "Ann JOIN #room",
    "Ben JOIN #room",
    "Ben MODE #room +m",
    "Ann MODE #room +m",
    "Ben PRIVMSG #room :am I heard",
    "Ben AWAY :am I seen",
    "Ben AWAY",
    "Ann MODE #room +v Ben",
    "Ben PRIVMSG #room :now I am",
    "Ann NAMES #room",
    "Ann MODE #room +o Ben",
    "Ben MODE #room -o Ann",
    "Ben TOPIC #room :ours now",
    "Ann TOPIC #room :mine",
    "Ben MODE #room +k secret",
    "Cal JOIN #room",
    "Ann INVITE Cal #room",
    "Cal JOIN #room",
    "Cal JOIN #room secret",
    "Ben MODE #room -k secret",
    "Ben MODE #room +i",
    "Ben KICK #room Ann :that's it",
    "Ann JOIN #room",
    "Ben INVITE Ann #room",
    "Ben INVITE Ann #room",
    "Ann JOIN #room",
    "Ben INVITE Ann #room",
    "Ben INVITE Nobody #room",
    "Ben KICK #room Nobody",
    "Ben MODE #room +b Ann!*@*",
    "Ann PRIVMSG #room :am I banned",
    "Ben MODE #room b",
    "Ann MODE #room",
  );
});

test("who is where: WHO, WHOX, WHOIS, WHOWAS, LIST, LUSERS", () => {
  expectSame(
    "Ann JOIN #room",
    "Ben JOIN #room",
    "Ann MODE #room +v Ben",
    "Ben AWAY :elsewhere",
    "Ann WHO #room",
    "Ben WHO #room %tcnfar,7",
    "Ann WHO Ben",
    "Ann WHO B*",
    "Ann WHOIS Ben",
    "Ben WHOIS Ann",
    "Ben WHOIS Nobody",
    "Ben MODE Ben +i",
    "Ann WHO B*",
    "Ann PART #room",
    "Ann WHO B?n",
    "Ann WHOIS Ben",
    "Ann LIST",
    "Ben LIST",
    "Ann LUSERS",
    "Ben QUIT",
    "Ann WHOWAS Ben",
    "Ann WHOIS Ben",
  );
});

test("a room with members only at the other server: its members, and its limit", () => {
  expectSame(
    "Ann JOIN #den",
    "Ben WHO #den",
    "Ben NAMES #den",
    "Ann MODE #den +l 1",
    "Ben JOIN #den",
    "Ann MODE #den +sl 2",
    "Ben NAMES #den",
    "Ben LIST",
    "Ben JOIN #den",
    "Ben NAMES #den",
  );
});

test("MONITOR reports users at the other server", () => {
  expectSame(
    "Ann MONITOR + Ben,Cal",
    "Ben JOIN #room",
    "Ann MONITOR S",
    "Ann MONITOR L",
    "Ben NICK Cal",
    "Ben QUIT",
    "Ann MONITOR S",
    "Ann MONITOR - Ben",
    "Ann MONITOR C",
  );
});

test("settings of an operator without an account hold at all servers, until the last member has left", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [ann, ben] = [ircAt(east, "Ann"), ircAt(west, "Ben")];
  ann.send("JOIN #room", "MODE #room +k secret", "TOPIC #room :for some");
  world.deliver();
  expect(ben.ask("JOIN #room").join()).toContain(" 475 ");
  ben.send("JOIN #room secret");
  world.deliver();
  ann.send("PART #room");
  world.deliver();
  const cal = ircAt(east, "Cal");
  expect(cal.ask("JOIN #room").join()).toContain(" 475 ");
  ben.send("PART #room");
  world.deliver();
  const joined = cal.ask("JOIN #room").join();
  expect(joined).toContain(" 366 ");
  expect(joined).not.toContain("for some");
});

test("commands at a server's terminal affect users at the other", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const [ann, ben] = [ircAt(east, "Ann"), ircAt(west, "Ben")];
  ann.send("JOIN #room");
  world.deliver();
  ben.send("JOIN #room");
  world.deliver();
  expect(east.order("mode room +o Ben").ok).toBe(true);
  world.deliver();
  ben.lines();
  ben.send("KICK #room Ann :out");
  world.deliver();
  expect(ann.lines().join()).toContain("KICK #room Ann :out");
  expect(east.order("kick Ben spamming")).toMatchObject({ ok: true, message: "Removed Ben" });
  world.deliver();
  expect(ben.lines().join()).toContain("spamming");
  expect(east.order("kick Ben again").ok).toBe(false);
});

test("whoever is removed from a room that has become private stays in the others", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  owner(east, "Ann", "desk").send({ type: "set-password", password: "correct horse" });
  world.deliver();
  const admitted = [east, west].map((rig) =>
    new IrcClient(rig.client(irc)).send("PASS :correct horse", "NICK Ann", "USER a 0 * :a"),
  );
  const ben = ircAt(east, "Ben");
  for (const one of [...admitted, ben]) {
    one.send("JOIN #lobby,#room");
    world.deliver();
  }
  expect(east.order("op Ann").ok).toBe(true);
  world.deliver();
  for (const one of [...admitted, ben]) one.lines();
  expect(east.order("private room").ok).toBe(true);
  world.deliver();
  const out = ":irc.test KICK #room Ben :";
  expect(ben.lines()).toEqual([`${out}You may no longer be here`]);
  for (const one of admitted) expect(one.lines()).toEqual([`${out}Removed by an operator`]);
});
