// Calls between peers through the hub: who can be called, what the ends and others receive, what
// ends a call, and the bounds of each.

import { expect, test } from "bun:test";
import { calls as limits, offerBook, offers } from "../../../src/limits.ts";
import { releasePlace } from "../../../src/chat/elsewhere/place-claims.ts";
import { loginProofText } from "../../../src/trust/login-proof.ts";
import { fakeSignature } from "../fake-credentials.ts";
import { keyOf } from "../owner.ts";
import { Neighbours } from "../neighbours.ts";
import { keptBy, nothing } from "../inspect.ts";
import { type Client, native, Rig, say } from "../rig.ts";

const id = (n: number): string => `call-number-${String(n).padStart(10, "0")}`;
const take = (peer: string) => ({ type: "take-calls", id: peer, ref: "t" });
const call = (to: string, device: string, n = 1, channel = 1) => ({
  type: "call",
  offer: id(n),
  channel,
  to,
  key: keyOf(device),
  ref: "c",
});
const pass = (data: string, n = 1, channel = 1) => ({ type: "pass", offer: id(n), channel, data });
const end = (n = 1) => ({ type: "end-files", offer: id(n), reason: "done" });

/** What a client has received, in a few words each. */
const heard = (client: Client): string[] =>
  client.lines().flatMap((line) => {
    switch (line["type"]) {
      case "passed":
        return [`passed ${line["data"]}`];
      case "offer-ended":
        return [`ended ${line["reason"]}`];
      case "error":
        return [String(line["code"])];
      case "taking-calls":
      case "calling":
      case "channel":
        return [String(line["type"])];
      default:
        return [];
    }
  });

/** A connection without a name; `device`: whose key it proves. */
function visitor(rig: Rig, device?: string, address = "127.0.0.1"): Client {
  const client = rig.client(native, true, address);
  if (device === undefined) {
    client.send({ type: "hello", version: 2 });
    client.lines();
    return client;
  }
  const key = keyOf(device);
  client.send({ type: "hello", version: 2, identity: { key } });
  const [challenge] = client.lines();
  const nonce = String(challenge?.["nonce"]);
  const signature = fakeSignature(key, loginProofText({ name: "", nonce }));
  client.send({ type: "prove", signature });
  client.lines();
  return client;
}

const relayOf = (client: Client) => client.lines().find(({ type }) => type === "channel");

function called(rig = new Rig()) {
  const [alice, bob] = [visitor(rig, "Alice's"), visitor(rig, undefined, "192.0.2.9")];
  alice.send(take("Alice"));
  bob.send(call("alice", "Alice's"));
  return { rig, alice, bob };
}

test("a peer that takes calls is called by its ID and key, and frames pass both ways", () => {
  const { rig, alice, bob } = called();
  expect([heard(alice), heard(bob)]).toEqual([
    ["taking-calls", "channel"],
    ["calling", "channel"],
  ]);
  bob.send(pass("AAAA"), pass("BBBB"));
  alice.send(pass("CCCC"));
  expect([heard(alice), heard(bob)]).toEqual([["passed AAAA", "passed BBBB"], ["passed CCCC"]]);
  bob.send(end());
  expect([heard(alice), heard(bob)]).toEqual([["ended done"], []]);
  alice.send(pass("DDDD"));
  expect(heard(bob)).toEqual([]);
  // It can be called again, and the end of either connection ends the call.
  bob.send(call("Alice", "Alice's", 2));
  heard(alice);
  bob.close();
  expect(heard(alice)).toEqual(["ended lost"]);
  alice.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("nobody takes the calls for another key, or without one", () => {
  const rig = new Rig();
  const [eve, nobody, bob] = [visitor(rig, "Eve's"), visitor(rig), visitor(rig)];
  eve.send(take("Alice"));
  nobody.send(take("Alice"));
  expect([heard(eve), heard(nobody)]).toEqual([["taking-calls"], ["not-allowed"]]);
  bob.send(call("Alice", "Alice's"), call("Bob", "Eve's", 2));
  expect(heard(bob)).toEqual(["not-found", "not-found"]);
  expect(heard(eve)).toEqual([]);
});

test("a connection takes the calls for one ID", () => {
  const { alice, bob } = called();
  heard(alice);
  alice.send(take("Alice2"), take("ALICE"));
  expect(heard(alice)).toEqual(["not-allowed", "taking-calls"]);
  bob.send(call("Alice", "Alice's", 2));
  expect(heard(alice)).toEqual(["channel"]);
});

test("the last client with a key takes the calls for an ID, and its end ends that", () => {
  const rig = new Rig();
  const [first, second, bob] = [visitor(rig, "Alice's"), visitor(rig, "Alice's"), visitor(rig)];
  first.send(take("Alice"));
  second.send(take("ALICE"));
  bob.send(call("Alice", "Alice's"));
  expect([heard(first), heard(second)]).toEqual([["taking-calls"], ["taking-calls", "channel"]]);
  first.close();
  bob.send(call("Alice", "Alice's", 2));
  expect(heard(second)).toEqual(["channel"]);
  second.close();
  expect(heard(bob)).toEqual([
    "calling",
    "channel",
    "calling",
    "channel",
    "ended lost",
    "ended lost",
  ]);
  bob.send(call("Alice", "Alice's", 3));
  expect(heard(bob)).toEqual(["not-found"]);
});

test("a caller that has lost its connection goes on under the same number, in a new channel", () => {
  const { rig, alice, bob } = called();
  bob.send(pass("AAAA"));
  expect(heard(alice)).toEqual(["taking-calls", "channel", "passed AAAA"]);
  // The server does not know yet that the first connection is lost.
  const again = visitor(rig, undefined, "198.51.100.7");
  again.send(call("ALICE", "Alice's", 1, 2));
  expect(again.lines()).toMatchObject([{ type: "calling" }, { type: "channel", channel: 2 }]);
  // Frames of the channel before, on their way or from the old connection, reach nobody.
  bob.send(pass("BBBB"), pass("BBBB", 1, 2), end());
  alice.send(pass("CCCC"), pass("DDDD", 1, 2));
  expect([heard(alice), heard(again)]).toEqual([["ended lost", "channel"], ["passed DDDD"]]);
  bob.close();
  expect(heard(alice)).toEqual([]);
  again.send(pass("EEEE", 1, 2));
  again.send(end());
  expect(heard(alice)).toEqual(["passed EEEE", "ended done"]);
});

test("a callee that comes back says which calls were cut off, and their callers call again", () => {
  const { rig, alice, bob } = called();
  heard(bob);
  const back = visitor(rig, "Alice's", "198.51.100.7");
  back.send({ ...take("Alice"), again: [id(1), id(2)] });
  expect([heard(back), heard(bob)]).toEqual([["taking-calls"], ["ended lost"]]);
  bob.send(call("Alice", "Alice's", 1, 2), pass("AAAA", 1, 2));
  expect(heard(back)).toEqual(["channel", "passed AAAA"]);
  expect(heard(alice)).toEqual(["taking-calls", "channel"]);
  alice.close();
  expect(heard(back)).toEqual([]);
});

test("nobody else ends or continues a call, even with its number", () => {
  const { rig, alice, bob } = called();
  const eve = visitor(rig, "Eve's");
  eve.send({ ...take("Alice"), again: [id(1)] }, call("Alice", "Eve's", 1, 2));
  // The same or an earlier channel.
  eve.send(call("Alice", "Alice's", 1, 1));
  expect(heard(eve)).toEqual(["taking-calls", "protocol", "protocol"]);
  bob.send(pass("AAAA"));
  expect(heard(alice)).toEqual(["taking-calls", "channel", "passed AAAA"]);
});

test("others can't send anything into a call, nor end it, nor use its number", () => {
  const { rig, alice, bob } = called();
  heard(alice);
  heard(bob);
  const eve = visitor(rig, "Eve's");
  eve.send(pass("EEEE"), end(), call("Alice", "Alice's"));
  eve.send({ type: "open-code", offer: id(1), ref: "o" }, take("Alice"));
  expect(heard(eve)).toEqual(["protocol", "protocol", "taking-calls"]);
  expect([heard(alice), heard(bob)]).toEqual([[], []]);
});

test("each end has a relay for the datagrams of its files, and it closes with the call", () => {
  let open = 0;
  const relay = {
    open() {
      open++;
      const [sender, recipient] = ["c".repeat(22), "d".repeat(22)];
      return { port: 9, sender, recipient, close: () => void open-- };
    },
  };
  const { alice, bob } = called(new Rig({ relay }));
  expect(relayOf(bob)).toMatchObject({ relay: { token: "c".repeat(22), port: 9 } });
  expect(relayOf(alice)).toMatchObject({ relay: { token: "d".repeat(22), port: 9 } });
  expect(open).toBe(1);
  alice.close();
  expect(open).toBe(0);
});

test("an end that is sent more than it can have asked for ends the call", () => {
  const { alice, bob } = called();
  heard(alice);
  alice.link.capacity = 0;
  const frame = "A".repeat(64 * 1_024);
  for (
    let sent = 0;
    sent <= offerBook.maxWaitingChars + offerBook.maxLagBytes;
    sent += frame.length
  ) {
    bob.send(pass(frame));
  }
  expect(heard(bob)).toEqual(["calling", "channel", "ended overrun"]);
});

test("strangers who fill all room for frames end their own calls, not those of others", () => {
  const { rig, alice, bob } = called();
  const { maxAllWaitingChars, maxOwnerWaitingChars, maxWaitingChars } = offerBook;
  const { maxFrameChars } = offers;
  const small = "A".repeat(maxFrameChars / 8);
  const perCall = Math.floor((maxWaitingChars - offerBook.maxLagBytes) / small.length);
  // Fewer for one network than may wait for it.
  const perNetwork = Math.floor(maxOwnerWaitingChars / maxWaitingChars);
  const leftChars = () => maxAllWaitingChars - keptBy(rig.hub).frameChars;
  const strangers: Client[] = [];
  while (leftChars() >= maxFrameChars) {
    const n = strangers.length;
    const address = `198.51.100.${1 + Math.floor(n / perNetwork)}`;
    const stuck = visitor(rig, `Stuck${n}'s`, address);
    stuck.send(take(`Stuck${n}`));
    const eve = visitor(rig, undefined, address);
    eve.send(call(`Stuck${n}`, `Stuck${n}'s`, 100 + n));
    stuck.link.capacity = 0;
    for (let sent = 0; sent < perCall; sent++) {
      if (leftChars() < maxFrameChars) break;
      eve.send(pass(small, 100 + n));
    }
    strangers.push(eve);
  }
  const large = "B".repeat(maxFrameChars);
  bob.send(pass(large));
  alice.send(pass(large));
  expect(heard(bob).at(-1)).toBe(`passed ${large}`);
  expect(heard(alice).at(-1)).toBe(`passed ${large}`);
  const ended = strangers.filter((eve) => heard(eve).includes("ended overrun"));
  expect(ended).toHaveLength(1);
});

test("a network makes so many calls, and others still can", () => {
  const rig = new Rig();
  const alice = visitor(rig, "Alice's", "192.0.2.1");
  alice.send(take("Alice"));
  const near = visitor(rig, undefined, "192.0.2.9");
  for (const name of ["Bea", "Cal", "Dan"]) visitor(rig, `${name}'s`, "192.0.2.2").send(take(name));
  for (let n = 1; n <= limits.maxPerOwner + 1; n++) {
    const to = ["Alice", "Bea", "Cal", "Dan"][n % 4]!;
    near.send(call(to, `${to}'s`, n));
  }
  const answers = heard(near);
  expect(answers.filter((one) => one === "calling")).toHaveLength(limits.maxPerOwner);
  expect(answers.at(-1)).toBe("full");
  // Some of them end; too many new ones are refused as well.
  for (let n = 1; n <= limits.maxPerOwner; n++) near.send(end(n));
  for (let n = 100; n < 100 + limits.newAtOnce; n++) near.send(call("Alice", "Alice's", n), end(n));
  expect(heard(near).at(-1)).toBe("full");
  const far = visitor(rig, undefined, "198.51.100.1");
  far.send(call("Alice", "Alice's", 999));
  expect(heard(far)).toEqual(["calling", "channel"]);
  rig.pass(60_000 / limits.newPerMinute);
  near.send(call("Alice", "Alice's", 1_000));
  expect(heard(near)).toEqual(["calling", "channel"]);
});

test("so many call one peer at once, and so many peers of one network can be called", () => {
  const rig = new Rig();
  const alice = visitor(rig, "Alice's");
  alice.send(take("Alice"));
  const callers = Array.from({ length: limits.maxToCallee + 1 }, (_, n) =>
    visitor(rig, undefined, `198.51.${n}.1`).send(call("Alice", "Alice's", n)),
  );
  expect(callers.map((caller) => heard(caller)[0])).toEqual([
    ...Array.from({ length: limits.maxToCallee }, () => "calling"),
    "full",
  ]);
  const many = Array.from({ length: limits.maxWaitingPerOwner + 1 }, (_, n) =>
    visitor(rig, `device ${n}`, "192.0.2.1").send(take(`P${n}`)),
  );
  expect(heard(many.at(-2)!)).toEqual(["taking-calls"]);
  expect(heard(many.at(-1)!)).toEqual(["full"]);
  many[0]!.close();
  expect(heard(many.at(-1)!.send(take("Last")))).toEqual(["taking-calls"]);
});

test("one network leaves room for the calls of others to the same peer", () => {
  const rig = new Rig();
  visitor(rig, "Alice's").send(take("Alice"));
  const answers = Array.from({ length: limits.maxPerOwner }, (_, n) => {
    const caller = visitor(rig, undefined, "192.0.2.66");
    return heard(caller.send(call("Alice", "Alice's", n)))[0];
  });
  const made = answers.filter((answer) => answer === "calling").length;
  expect(made).toBe(limits.maxToCalleePerOwner);
  // The accounts of the network may make as many again.
  expect(3 * made).toBeLessThanOrEqual(limits.maxToCallee);
  const far = visitor(rig, undefined, "192.0.2.7");
  expect(heard(far.send(call("Alice", "Alice's", 999)))[0]).toBe("calling");
});

test("a peer that takes calls at one server is called there, wherever somebody asks", () => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  const alice = visitor(here!, "Alice's");
  alice.send(take("Alice"));
  expect(heard(alice)).toEqual(["taking-calls"]);
  const bob = visitor(there!);
  expect(bob.send(call("alice", "Alice's")).lines()).toMatchObject([
    { type: "error", code: "elsewhere", at: "here.example:55000", ref: "c" },
  ]);
  expect(heard(bob.send(call("Alice", "Eve's", 2)))).toEqual(["not-found"]);
  // She comes back at the other one before her first connection ends.
  const again = visitor(there!, "Alice's");
  again.send(take("Alice"));
  expect(heard(again)).toEqual(["taking-calls"]);
  alice.close();
  neighbours.deliver();
  expect(heard(bob.send(call("Alice", "Alice's", 3)))).toEqual(["calling", "channel"]);
  const cal = visitor(here!);
  expect(cal.send(call("Alice", "Alice's", 4)).lines()).toMatchObject([
    { code: "elsewhere", at: "there.example:55000" },
  ]);
  again.close();
  neighbours.deliver();
  expect(heard(cal.send(call("Alice", "Alice's", 5)))).toEqual(["not-found"]);
});

test("a peer is found again after its server was taken for dead, unless it has moved since", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  visitor(here!, "Alice's").send(take("Alice"));
  const bob = visitor(third!);
  neighbours.fence("here");
  expect(bob.send(call("Alice", "Alice's")).lines()).toMatchObject([{ at: "here.example:55000" }]);
  there!.pass(1);
  visitor(there!, "Alice's").send(take("Alice"));
  neighbours.fence("here");
  expect(bob.send(call("Alice", "Alice's", 2)).lines()).toMatchObject([
    { at: "there.example:55000" },
  ]);
});

test("a peer is found where it came last, also if the database hears late of where it was before", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  neighbours.hold("here", "commits", "claim-name");
  // The end of this connection is not noticed.
  visitor(here!, "Alice's").send(take("Alice"));
  there!.pass(1);
  visitor(there!, "Alice's").send(take("Alice"));
  neighbours.release("here");
  const bob = visitor(third!).send(call("Alice", "Alice's"));
  expect(bob.lines()).toMatchObject([{ at: "there.example:55000" }]);
});

test("a peer is found where it connected last, also if an earlier connection asks after that", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  const dead = visitor(here!, "Alice's");
  there!.pass(1);
  visitor(there!, "Alice's").send(take("Alice"));
  // Its server waited for the database.
  here!.pass(2);
  dead.send(take("Alice"));
  const bob = visitor(third!);
  for (const n of [1, 2]) {
    expect(bob.send(call("Alice", "Alice's", n)).lines()).toMatchObject([
      { at: "there.example:55000" },
    ]);
    dead.close();
    neighbours.deliver();
  }
});

test("a peer whose end was told the database twice is found again after it has come back", () => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  const alice = visitor(here!, "Alice's").send(take("Alice"));
  const state = here!.hub["state"];
  const [waiting] = state.calls.claims();
  const ann = here!.member("Ann");
  neighbours.hold("here");
  ann.send(say(1));
  alice.close();
  // As by `reclaimPlace`, whose claim is answered now.
  releasePlace(state, waiting?.claim);
  visitor(here!, "Alice's").send(take("Alice"));
  neighbours.release("here");
  neighbours.deliver();
  const bob = visitor(there!).send(call("Alice", "Alice's"));
  expect(bob.lines()).toMatchObject([{ at: "here.example:55000" }]);
});

test("a peer is found where it sent its last request, also if an earlier connection is accepted later", () => {
  const neighbours = new Neighbours();
  const [here, there, third] = ["here", "there", "third"].map((name) => neighbours.server(name));
  visitor(there!, "Alice's").send({ ...take("Alice"), time: 20 });
  here!.pass(1);
  visitor(here!, "Alice's").send({ ...take("Alice"), time: 10 });
  const bob = visitor(third!).send(call("Alice", "Alice's"));
  expect(bob.lines()).toMatchObject([{ at: "there.example:55000" }]);
});

test("an earlier connection that asks later does not take over a peer's calls", () => {
  const rig = new Rig();
  const dead = visitor(rig, "Alice's");
  rig.pass(1);
  visitor(rig, "Alice's").send(take("Alice"));
  dead.send(take("Alice"));
  expect(heard(dead)).toEqual(["not-allowed"]);
  dead.close();
  expect(heard(visitor(rig).send(call("Alice", "Alice's")))).toEqual(["calling", "channel"]);
});

test.each([
  ["whose first connection's end waits for the database", "end"],
  ["whose first connection ends while the second waits for the database", "claim"],
  ["whose second connection ends meanwhile", "neither"],
] as const)("a peer that comes back to its server is found by others: one %s", (_, waiting) => {
  const neighbours = new Neighbours();
  const [here, there] = ["here", "there"].map((name) => neighbours.server(name));
  const alice = visitor(here!, "Alice's").send(take("Alice"));
  const again = visitor(here!, "Alice's");
  if (waiting === "end") {
    neighbours.hold("here");
    alice.close();
    again.send(take("Alice"));
  } else {
    neighbours.hold("here", "answers", "claim-name");
    again.send(take("Alice"));
    (waiting === "claim" ? alice : again).close();
  }
  neighbours.release("here");
  neighbours.deliver();
  const bob = visitor(there!);
  expect(bob.send(call("Alice", "Alice's")).lines()).toMatchObject([{ at: "here.example:55000" }]);
  for (const one of [alice, again]) one.close();
  expect(heard(bob.send(call("Alice", "Alice's", 2)))).toEqual(["not-found"]);
});
