// Files by code through the hub: who may open and try one, that each is for one guest, when a
// channel opens, and what an attacker gains who knows some or all numbers.

import { expect, test } from "bun:test";
import { accounts, codes as limits } from "../../../src/limits.ts";
import { withKey } from "../owner.ts";
import { Neighbours } from "../neighbours.ts";
import { keptBy, nothing } from "../inspect.ts";
import { type Client, memoryAnswerer, native, Rig } from "../rig.ts";
import type { StoreRequest } from "../../../src/chat/turn/store.ts";

const id = (n: number): string => `code-number-${String(n).padStart(10, "0")}`;
const open = (n = 1, number?: number) => ({ type: "open-code", offer: id(n), number, ref: "o" });
const join = (number: number, n = 2) => ({ type: "join-code", offer: id(n), number, ref: "j" });
const answer = (accept: boolean, n = 1) => ({ type: "answer-files", offer: id(n), accept });
const pass = (data: string, n: number, channel = 1) => ({
  type: "pass",
  offer: id(n),
  channel,
  data,
});
const end = (reason: string, n = 1) => ({ type: "end-files", offer: id(n), reason });

/**
 * The events a client has received: `opened`, `joined here`, `channel 1`, `passed x`, or error
 * codes.
 */
const heard = (client: Client): string[] =>
  client.lines().flatMap((line) => {
    switch (line["type"]) {
      case "code-opened":
        return ["opened"];
      case "code-joined":
        return [line["here"] === true ? "joined" : "joined, away"];
      case "channel":
        return [`channel ${line["channel"]}`];
      case "channel-lost":
        return [`lost ${line["channel"]}`];
      case "passed":
        return [`passed ${line["data"]} to ${Number(String(line["offer"]).slice(-4))}`];
      case "offer-ended":
        return [`ended ${line["reason"]}`];
      case "error":
        return [String(line["code"])];
      default:
        return [];
    }
  });

/** A connection without a name. */
function visitor(rig: Rig, address = "127.0.0.1"): Client {
  const client = rig.client(native, true, address);
  client.send({ type: "hello", version: 2 });
  client.lines();
  return client;
}

function openedBy(client: Client, n = 1): number {
  client.send(open(n));
  const line = client.lines().find(({ type }) => type === "code-opened");
  if (line === undefined) throw new Error("the code was not opened");
  return Number(line["number"]);
}

/** Two clients without a name, with an open channel. */
function connected() {
  const rig = new Rig();
  const [sender, guest] = [visitor(rig), visitor(rig, "192.0.2.9")];
  const number = openedBy(sender);
  guest.send(join(number));
  heard(sender);
  heard(guest);
  return { rig, sender, guest, number };
}

test("a code is opened and tried without a name, and frames pass both ways", () => {
  const rig = new Rig();
  const [sender, guest] = [visitor(rig), visitor(rig)];
  const number = openedBy(sender);
  expect(number).toBeGreaterThan(0);
  expect(number).toBeLessThanOrEqual(limits.maxNumber);
  guest.send(join(number));
  expect([heard(sender), heard(guest)]).toEqual([["channel 1"], ["joined", "channel 1"]]);
  guest.send(pass("AAAA", 2), pass("BBBB", 2));
  sender.send(pass("CCCC", 1));
  // Each end uses its own number, which the other never learns.
  expect(heard(sender)).toEqual(["passed AAAA to 1", "passed BBBB to 1"]);
  expect(heard(guest)).toEqual(["passed CCCC to 2"]);
  sender.send(answer(true), end("done"));
  expect([heard(sender), heard(guest)]).toEqual([[], ["ended done"]]);
  sender.close();
  guest.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("the client that opens a code learns the address of the page", () => {
  const page = { port: 8_000, secure: true };
  const rig = new Rig({ page: () => page });
  const sender = visitor(rig);
  for (const times of [1, 2]) {
    sender.send(open());
    expect({ times, lines: sender.lines() }).toMatchObject({ lines: [{ page }] });
  }
});

test("members may open and try codes too", () => {
  const rig = new Rig();
  const [ann, bob] = [rig.member("Ann"), rig.member("Bob")];
  heard(ann);
  heard(bob);
  bob.send(join(openedBy(ann)));
  expect(heard(bob)).toEqual(["joined", "channel 1"]);
});

test("a code is for one guest: for everyone else it looks like a number that never existed", () => {
  const { rig, sender, guest, number } = connected();
  const other = visitor(rig, "192.0.2.10");
  other.send(join(number, 3), join(number === 1 ? 2 : number - 1, 4));
  const [taken, never] = other.lines();
  expect(taken).toMatchObject({ type: "error", code: "not-found" });
  expect(never).toEqual(taken ?? {});
  expect([heard(sender), heard(guest)]).toEqual([[], []]);
  // Nor can anybody use the numbers of its ends, including the sender's.
  other.send(pass("x", 1), pass("x", 2), end("done", 1), end("done", 2), answer(true, 1));
  other.send(open(2), join(number, 1));
  expect(heard(other)).toEqual(["not-found", "protocol", "protocol"]);
  expect([heard(sender), heard(guest)]).toEqual([[], []]);
});

test("a connection can't try its own code", () => {
  const rig = new Rig();
  const sender = visitor(rig);
  expect(heard(sender.send(join(openedBy(sender))))).toEqual(["not-found"]);
});

test("a wrong guess ends the code for everyone", () => {
  const { rig, sender, guest, number } = connected();
  sender.send(answer(false));
  expect([heard(sender), heard(guest)]).toEqual([[], ["ended declined"]]);
  expect(heard(visitor(rig).send(join(number, 5)))).toEqual(["not-found"]);
  expect(heard(sender.send(answer(true)))).toEqual(["not-found"]);
});

test("a guest that leaves ends it too, and both resume by their numbers after a lost connection", () => {
  const { rig, sender, guest, number } = connected();
  guest.close("lost");
  expect(heard(sender)).toEqual(["lost 1"]);
  const again = visitor(rig);
  again.send(join(number));
  expect([heard(sender), heard(again)]).toEqual([["channel 2"], ["joined", "channel 2"]]);
  // Late frames of the first channel reach nobody.
  sender.send(pass("late", 1, 1), pass("new", 1, 2));
  expect(heard(again)).toEqual(["passed new to 2"]);
  sender.close("lost");
  expect(heard(again)).toEqual(["lost 2"]);
  again.send(join(number));
  expect(heard(again)).toEqual(["joined, away"]);
  const senderAgain = visitor(rig);
  senderAgain.send(open(1, number));
  expect(heard(senderAgain)).toEqual(["opened", "channel 3"]);
  expect(heard(again)).toEqual(["channel 3"]);
  again.send(end("cancelled", 2));
  expect(heard(senderAgain)).toEqual(["ended cancelled"]);
});

test("the same end on another connection takes over, and the first one is notified", () => {
  const { rig, sender, guest, number } = connected();
  const [senderAgain, guestAgain] = [visitor(rig), visitor(rig)];
  senderAgain.send(open(1, number));
  expect(heard(sender)).toEqual(["lost 1", "ended elsewhere"]);
  expect(heard(guest)).toEqual(["lost 1", "channel 2"]);
  guestAgain.send(join(number));
  expect(heard(guest)).toEqual(["lost 2", "ended elsewhere"]);
  guest.send(pass("x", 2, 3));
  expect(heard(senderAgain)).toEqual(["opened", "channel 2", "lost 2", "channel 3"]);
});

test("after a restart a code gets its number back, unless somebody else has it", () => {
  const rig = new Rig();
  const sender = visitor(rig);
  sender.send(open(1, 77));
  expect(sender.lines()).toMatchObject([{ type: "code-opened", number: 77 }]);
  sender.send(open(2, 77));
  const [other] = sender.lines();
  expect(other).toMatchObject({ type: "code-opened" });
  expect(other?.["number"]).not.toBe(77);
});

test("guesses are limited per network, across all codes; correct ones do not count", () => {
  const rig = new Rig();
  const sender = visitor(rig);
  const numbers = Array.from({ length: 12 }, (_, n) => openedBy(sender, 100 + n));
  // A network that knows its codes may use any number of them.
  const friends = visitor(rig, "192.0.2.20");
  for (const [n, number] of numbers.entries()) {
    friends.send(join(number, 200 + n));
    expect(heard(friends)).toEqual(["joined", "channel 1"]);
    sender.send(answer(true, 100 + n), end("done", 100 + n));
    expect(heard(friends)).toEqual(["ended done"]);
  }
  // One that does not is refused, whether or not the sender answers.
  const more = Array.from({ length: 14 }, (_, n) => openedBy(sender, 300 + n));
  const said = more.flatMap((number, n) => {
    const guesser = visitor(rig, "192.0.2.30");
    const [first = ""] = heard(guesser.send(join(number, 400 + n)));
    guesser.close();
    return [first];
  });
  const allowed = said.filter((one) => one === "joined").length;
  expect(allowed).toBe(accounts.guessesPerNetwork);
  expect(new Set(said.slice(allowed))).toEqual(new Set(["rate"]));
  // Numbers that do not exist cost as much.
  const prober = visitor(rig, "192.0.2.40");
  const probes = Array.from({ length: 14 }, (_, n) => heard(prober.send(join(998, 500 + n)))[0]);
  expect(probes.slice(accounts.guessesPerNetwork)).toEqual(["rate", "rate", "rate", "rate"]);
  rig.pass(accounts.networkGuessEveryMs, 1_000);
  expect(heard(prober.send(join(998, 600))).filter((line) => line !== "ping")).toEqual([
    "not-found",
  ]);
});

test("a guest who is accepted again and again is given back one guess", () => {
  const rig = new Rig();
  const sender = visitor(rig);
  const number = openedBy(sender);
  const guest = visitor(rig, "192.0.2.9");
  const wrong = accounts.guessesPerNetwork - 2;
  for (let n = 0; n < wrong; n++) guest.send(join(998, 10 + n));
  guest.send(join(number));
  for (let n = 0; n < wrong; n++) sender.send(answer(true));
  heard(guest);
  const left = Array.from({ length: 5 }, (_, n) => heard(guest.send(join(998, 50 + n)))[0]);
  expect(left).toEqual(["not-found", "not-found", "rate", "rate", "rate"]);
});

test("a code that has ended no longer counts for its network", () => {
  const rig = new Rig();
  for (let n = 0; n <= limits.maxPerOwner; n++) {
    const far = visitor(rig, "192.0.2.7");
    expect([n, heard(far.send(open(n)))]).toEqual([n, ["opened"]]);
    far.send(end("cancelled", n)).close();
    rig.nowMs += 60_000 / limits.newPerMinute;
  }
});

test("codes are limited per connection, per network and in total, and in how fast they open", () => {
  const rig = new Rig();
  const far = visitor(rig, "192.0.2.7");
  const said = Array.from({ length: limits.newAtOnce + 2 }, (_, n) => {
    const [first = ""] = heard(far.send(open(n)));
    if (n > 2) far.send(end("cancelled", n));
    return first;
  });
  expect(said.slice(limits.newAtOnce)).toEqual(["full", "full"]);
  expect(new Set(said.slice(0, limits.newAtOnce))).toEqual(new Set(["opened"]));
  const near = visitor(rig);
  for (let n = 0; n < limits.maxPerSession; n++) {
    expect(heard(near.send(open(1_000 + n)))).toEqual(["opened"]);
  }
  expect(heard(near.send(open(1_999)))).toEqual(["full"]);
  // Repeating the same request creates no new one.
  expect(heard(near.send(open(1_000)))).toEqual(["opened"]);
  let all = 0;
  for (let n = 0; all < limits.maxOpen && n < 2 * limits.maxOpen; n++) {
    if (n % limits.maxPerSession === 0) all = keptBy(rig.hub).codes;
    visitor(rig).send(open(10_000 + n));
  }
  expect(keptBy(rig.hub)).toMatchObject({ codes: limits.maxOpen });
});

test("codes end when their sender does not return, or after a day without use", () => {
  const { rig, sender, guest } = connected();
  const idle = visitor(rig);
  openedBy(idle, 9);
  sender.close("lost");
  heard(guest);
  rig.pass(limits.awayMs - 5_000, 5_000);
  expect(keptBy(rig.hub)).toMatchObject({ codes: 2 });
  rig.pass(10_000, 5_000);
  expect(heard(guest).filter((line) => line !== "ping")).toEqual(["ended lost"]);
  rig.nowMs += limits.unusedMs;
  rig.hub.handleTimeout(rig.nowMs);
  expect(keptBy(rig.hub)).toMatchObject({ codes: 0 });
});

test("an end that sends far more than the other accepts ends it", () => {
  const { rig, sender, guest } = connected();
  guest.link.capacity = 0;
  for (let n = 0; n < 120; n++) sender.queue(pass("x".repeat(90_000), 1));
  rig.settle();
  expect(heard(sender)).toEqual(["ended overrun"]);
  expect(keptBy(rig.hub)).toMatchObject({ codes: 0, frameChars: 0 });
});

test("at a server with restricted access, only admitted clients open or try one", () => {
  const door = { isMembersOnly: false, checkPassword: (text: string) => text === "sesame" };
  const rig = new Rig({ door });
  const outside = rig.client();
  outside.send({ type: "hello", version: 2 });
  expect(heard(outside)).toEqual(["password-required"]);
  expect(heard(outside.send(open(), join(1)))).toEqual([]);
  const inside = rig.client();
  inside.send({ type: "hello", version: 2, serverPassword: "sesame" });
  expect(heard(inside.send(open()))).toEqual(["opened"]);
});

test("a muted user opens none", () => {
  const rig = new Rig();
  const ann = withKey(rig, "Ann", "desk");
  rig.order("mute Ann");
  heard(ann);
  expect(heard(ann.send(open()))).toEqual(["muted"]);
});

test("a code can be fetched at one server, and the others say which one", () => {
  const neighbours = new Neighbours();
  const [here, there] = [neighbours.server("here"), neighbours.server("there")];
  const sender = visitor(here);
  const number = Number(sender.send(open(1)).lines()[0]?.["number"]);
  const guest = visitor(there);
  // Being sent there uses up no guess.
  for (let n = 0; n <= accounts.guessesPerNetwork; n++) {
    expect(guest.send(join(number, 10 + n)).lines()).toMatchObject([
      { type: "error", code: "elsewhere", at: "here.example:55000" },
    ]);
  }
  const [refused] = guest.send(join(number === 1 ? 2 : number - 1, 2)).lines();
  expect(refused).toMatchObject({ type: "error", code: "not-found" });
  expect(refused?.["message"]).toContain("No server of this parley");
  expect(heard(visitor(here).send(join(number, 3)))).toContain("joined");
  sender.send(end("done", 1));
  neighbours.deliver();
  expect(heard(guest.send(join(number, 4)))).toEqual(["not-found"]);
});

test("a code that can't be looked up uses up no guess", () => {
  const neighbours = new Neighbours();
  const [here, there] = [neighbours.server("here"), neighbours.server("there")];
  const number = openAt(here, 1);
  const guest = visitor(there, "192.0.2.50");
  neighbours.hold("there", "nothing", "find-claimant");
  for (let n = 0; n <= accounts.guessesPerNetwork; n++) {
    expect(heard(guest.send(join(number, 10 + n)))).toEqual(["storage"]);
  }
  neighbours.release("there");
  expect(heard(guest.send(join(number, 2)))).toEqual(["elsewhere"]);
});

test("a guest that leaves before its code was looked up has used up no guess", () => {
  const neighbours = new Neighbours();
  const [here, there] = [neighbours.server("here"), neighbours.server("there")];
  const number = openAt(here, 1);
  neighbours.hold("there", "commits", "find-claimant");
  for (let n = 0; n < accounts.guessesPerNetwork; n++) {
    const guest = visitor(there, "192.0.2.50").send(join(number, 10 + n));
    expect(heard(guest)).toEqual([]);
    guest.close();
  }
  // While it is not known, each counts.
  expect(heard(visitor(there, "192.0.2.50").send(join(number, 2)))).toEqual(["rate"]);
  neighbours.release("there");
  expect(heard(visitor(there, "192.0.2.50").send(join(number, 3)))).toEqual(["elsewhere"]);
});

test("a code is found again after its server was taken for dead", () => {
  const neighbours = new Neighbours();
  const [here, there] = [neighbours.server("here"), neighbours.server("there")];
  const sender = visitor(here);
  const number = Number(sender.send(open(1)).lines()[0]?.["number"]);
  neighbours.fence("here");
  expect(heard(visitor(there).send(join(number)))).toEqual(["elsewhere"]);
  expect(heard(visitor(here).send(join(number, 3)))).toContain("joined");
});

test("a code is found where its sender was last, also at a server where it was before", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  const number = openAt(here!, 1);
  const isAt = (n: number) => visitor(third!).send(join(number, n)).lines();
  there!.pass(1);
  expect(openAt(there!, 1, number)).toBe(number);
  expect(isAt(1)).toMatchObject([{ code: "elsewhere", at: "there.example:55000" }]);
  here!.pass(2);
  expect(openAt(here!, 1, number)).toBe(number);
  expect(isAt(2)).toMatchObject([{ code: "elsewhere", at: "here.example:55000" }]);
});

test("a code is found where its sender sent its last request, also if an earlier connection is heard later", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  const number = Number(
    visitor(there!)
      .send({ ...open(1), time: 20 })
      .lines()[0]?.["number"],
  );
  // Its network or its machine was slow.
  here!.pass(1);
  const dead = visitor(here!).send({ ...open(1, number), time: 10 });
  expect(heard(dead)).toEqual(["opened"]);
  const isAt = (n: number) => visitor(third!).send(join(number, n)).lines();
  expect(isAt(1)).toMatchObject([{ code: "elsewhere", at: "there.example:55000" }]);
  dead.close();
  neighbours.deliver();
  expect(isAt(2)).toMatchObject([{ code: "elsewhere", at: "there.example:55000" }]);
});

test("an earlier connection that is heard later does not take over a code", () => {
  const { rig, sender, guest, number } = connected();
  const [dead, gone] = [visitor(rig), visitor(rig)];
  rig.pass(1);
  const [senderAgain, guestAgain] = [visitor(rig), visitor(rig)];
  senderAgain.send({ ...open(1, number), time: 20 });
  guestAgain.send(join(number));
  expect(heard(sender)).toEqual(["lost 1", "ended elsewhere"]);
  expect(heard(guest)).toEqual(["lost 1", "channel 2", "lost 2", "ended elsewhere"]);
  heard(senderAgain);
  heard(guestAgain);
  dead.send({ ...open(1, number), time: 10 });
  gone.send(join(number));
  expect([dead, gone].map(heard)).toEqual([["not-allowed"], ["not-allowed"]]);
  expect([senderAgain, guestAgain].map(heard)).toEqual([[], []]);
});

function openAt(rig: Rig, n: number, number?: number): number {
  return Number(visitor(rig).send(open(n, number)).lines()[0]?.["number"]);
}

test("what one client has claimed, and waits for, is given to no other", () => {
  const answer = memoryAnswerer();
  const claims: StoreRequest[] = [];
  const released: string[] = [];
  const rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "claim-name") claims.push(request);
    if (request.type === "commit") {
      released.push(...(request.batch.released ?? []).map(({ name }) => name));
    }
    return request.type === "claim-name" ? undefined : answer(request);
  });
  const [one, other, third] = [visitor(rig), visitor(rig), visitor(rig)];
  one.send(open(1, 7));
  other.send(open(2, 7));
  third.send(open(1));
  const names = claims.map((request) => (request.type === "claim-name" ? request.claim.name : ""));
  expect([names[0], new Set(names).size]).toEqual(["code/7", 3]);
  for (const { id: request } of claims) {
    const result = { isFree: true };
    rig.hub.handleStore({ id: request, outcome: "done", type: "claim-name", result }, rig.nowMs);
  }
  rig.settle();
  // The third is the first one on another connection.
  expect(heard(one)).toEqual(["opened", "ended elsewhere"]);
  expect([other, third].map(heard)).toEqual([["opened"], ["opened"]]);
  expect(released).toEqual(names.slice(2));
  for (const client of [one, other, third]) client.close();
});

test("a sender that returns while its number is being claimed has the same one", () => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  const isAt = (n: number) => visitor(there!).send(join(7, n)).lines();
  neighbours.hold("here", "answers", "claim-name");
  const [gone, dead, again] = [visitor(here!), visitor(here!), visitor(here!)];
  gone.send(open(1, 7)).close();
  dead.send(open(1, 7));
  again.send(open(1, 7));
  neighbours.release("here");
  expect(heard(dead)).toEqual(["opened", "ended elsewhere"]);
  expect(again.lines()).toMatchObject([{ type: "code-opened", number: 7 }]);
  neighbours.deliver();
  expect(isAt(1)).toMatchObject([{ code: "elsewhere", at: "here.example:55000" }]);
  again.send(end("done"));
  neighbours.deliver();
  expect(isAt(2)).toMatchObject([{ code: "not-found" }]);
  for (const client of [dead, again]) client.close();
  neighbours.deliver();
  expect(keptBy(here!.hub)).toEqual(nothing);
});

test("a number stays claimed if its sender returns and leaves before it is answered again", () => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  neighbours.hold("here", "answers", "claim-name");
  const [first, second] = [visitor(here!), visitor(here!)];
  first.send(open(1, 7));
  second.send(open(1, 7)).close();
  neighbours.release("here");
  neighbours.deliver();
  expect(heard(first)).toEqual(["opened"]);
  expect(visitor(there!).send(join(7)).lines()).toMatchObject([{ code: "elsewhere" }]);
});

test("two servers never use one number, and a sender has it back after a restart", () => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  const first = openAt(here!, 1);
  expect(openAt(there!, 2, first)).not.toBe(first);
  expect(openAt(there!, 1, first)).toBe(first);
});
