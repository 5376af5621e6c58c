// Files from person to person through the hub: who is notified of an offer, when a channel opens,
// and what happens to both when an end leaves, returns, or asks for too much.

import { expect, test } from "bun:test";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { offerBook as limits, offers } from "../../../src/limits.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { keptBy, nothing } from "../inspect.ts";
import { type Client, Rig } from "../rig.ts";

const id = (n: number): string => `offer-number-${String(n).padStart(9, "0")}`;
const summary = { files: 1, bytes: 3, names: ["a.txt"] };
const offerFiles = (to: string, n = 1, ref = "o") =>
  ({ type: "offer-files", offer: id(n), to, summary, ref }) as const;
const answer = (accept: boolean, n = 1) => ({ type: "answer-files", offer: id(n), accept });
const pass = (data: string, channel = 1, n = 1) => ({ type: "pass", offer: id(n), channel, data });
const end = (reason: string, n = 1) => ({ type: "end-files", offer: id(n), reason });

/**
 * The events a client has received about offers: `offered Ann`, `channel 1 Bob`, `passed x`, or
 * error codes.
 */
const heard = (client: Client): string[] =>
  client.lines().flatMap((line) => {
    switch (line["type"]) {
      case "offered":
        return [`offered ${line["from"]}`];
      case "offering":
        return [line["here"] === true ? "here" : "away"];
      case "channel":
        return [`channel ${line["channel"]} ${line["with"]}`];
      case "channel-lost":
        return [`lost ${line["channel"]}`];
      case "passed":
        return [`passed ${line["data"]}`];
      case "offer-ended":
        return [`ended ${line["reason"]}`];
      case "error":
        return [String(line["code"])];
      default:
        return [];
    }
  });

const taking = { takesFiles: true };

function people() {
  const rig = new Rig();
  const [ann, bob] = [rig.member("Ann"), rig.member("Bob", taking)];
  heard(ann);
  heard(bob);
  return { rig, ann, bob };
}

/** The same, with an open channel. */
function connected() {
  const all = people();
  all.ann.send(offerFiles("Bob"));
  all.bob.send(answer(true));
  heard(all.ann);
  heard(all.bob);
  return all;
}

test("an offer is accepted, and frames pass both ways, in order", () => {
  const { ann, bob } = people();
  ann.send(offerFiles("bob"));
  expect([heard(ann), heard(bob)]).toEqual([["here"], ["offered Ann"]]);
  bob.send(answer(true));
  expect([heard(ann), heard(bob)]).toEqual([["channel 1 Bob"], ["channel 1 Ann"]]);
  bob.send(pass("AAAA"), pass("BBBB"));
  ann.send(pass("CCCC"));
  expect([heard(ann), heard(bob)]).toEqual([["passed AAAA", "passed BBBB"], ["passed CCCC"]]);
  ann.send(end("done"));
  expect([heard(ann), heard(bob)]).toEqual([[], ["ended done"]]);
});

test("the content is relayed unchanged, and the device that has proved its key is named", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  const bob = owner(rig, "Bob", "laptop", taking);
  const sealed = { key: keyOf("desk"), boxes: [{ key: keyOf("laptop"), box: "box" }] };
  ann.send({ ...offerFiles("Bob"), summary: undefined, sealed });
  expect(bob.lines()).toEqual([{ type: "offered", offer: id(1), from: "Ann", sealed }]);
  bob.send(answer(true));
  expect(ann.lines().at(-1)).toMatchObject({ type: "channel", key: keyOf("laptop") });
  expect(bob.lines().at(-1)).toMatchObject({ type: "channel", key: keyOf("desk") });
});

/** The token for the relay of the channel that the client was told about. */
const token = (client: Client): string =>
  (client.lines().find(({ type }) => type === "channel")!["relay"] as { token: string }).token;

test("an open channel has a relay, and each end gets its own token for it", () => {
  const open = new Set<number>();
  let opened = 0;
  const relay = {
    open() {
      const number = ++opened;
      open.add(number);
      const [from, to] = [`s${number}`, `r${number}`].map((text) => text.padEnd(22, "A"));
      return { port: 4, sender: from!, recipient: to!, close: () => void open.delete(number) };
    },
  };
  const rig = new Rig({ relay });
  const [ann, bob] = [rig.member("Ann"), rig.member("Bob", taking)];
  ann.send(offerFiles("Bob"));
  bob.send(answer(true));
  expect([token(ann), token(bob)].map((text) => text.slice(0, 2))).toEqual(["s1", "r1"]);
  bob.close("lost");
  expect([...open]).toEqual([]);
  const bobAgain = rig.member("Bob", taking).send(answer(true));
  expect(token(bobAgain)).toStartWith("r2");
  // Requesting a fresh channel ends the relay of the previous one.
  bobAgain.send(answer(true));
  expect([...open]).toEqual([3]);
  ann.send(end("done"));
  expect([...open]).toEqual([]);
});

test("an offer is declined", () => {
  const { ann, bob } = people();
  ann.send(offerFiles("Bob"));
  bob.send(answer(false));
  expect(heard(ann)).toEqual(["here", "ended declined"]);
  heard(bob);
  expect(heard(bob.send(answer(true)))).toEqual(["not-found"]);
});

test("an offer to nobody, to oneself, by a muted user or with invalid fields is refused", () => {
  const { rig, ann } = people();
  expect(heard(ann.send(offerFiles("Nobody")))).toEqual(["unknown-user"]);
  expect(heard(ann.send(offerFiles("Ann")))).toEqual(["not-allowed"]);
  const bad = [
    { ...offerFiles("Bob"), offer: "short" },
    { ...offerFiles("Bob"), summary: undefined },
    { ...offerFiles("Bob"), summary: { ...summary, names: Array.from({ length: 9 }, () => "x") } },
    { ...offerFiles("Bob"), summary: { ...summary, bytes: -1 } },
    { ...pass("x"), data: "x".repeat(offers.maxFrameChars + 1) },
  ];
  for (const message of bad) expect(heard(ann.send(message))).toEqual(["protocol"]);
  rig.order("mute Ann");
  expect(heard(ann.send(offerFiles("Bob")))).toEqual(["muted"]);
});

test("a user who is offline, or whose client accepts no files, is notified later", () => {
  const { rig, ann } = people();
  const cal = owner(rig, "Cal", "cal's", taking);
  cal.close("quit");
  heard(ann);
  ann.send(offerFiles("Cal"));
  expect(heard(ann)).toEqual(["away"]);
  expect(heard(withKey(rig, "Cal", "cal's"))).toEqual([]);
  expect(heard(withKey(rig, "Cal", "cal's", taking))).toEqual(["offered Ann"]);
});

test("a sender who knows that an offer was declined may make it again, and the other is asked", () => {
  const rig = new Rig();
  const ann = withKey(rig, "Ann", "desk");
  const bob = rig.member("Bob", taking);
  heard(bob);
  // At the prompt, on the same connection.
  for (let round = 0; round < 2; round++) {
    ann.send(offerFiles("Bob"));
    expect(heard(bob)).toEqual(["offered Ann"]);
    bob.send(answer(false));
    expect(heard(ann)).toEqual(["here", "ended declined"]);
  }
  // By a new program with the same key.
  ann.close("quit");
  const again = withKey(rig, "Ann", "desk", { secret: "another-secret-0123456789" });
  again.send(offerFiles("Bob"));
  expect([heard(again), heard(bob)]).toEqual([["here"], ["offered Ann"]]);
  // Somebody who stops a transfer is asked again as well.
  bob.send(answer(true), end("cancelled"));
  expect(heard(again)).toEqual(["channel 1 Bob", "ended cancelled"]);
  heard(bob);
  again.send(offerFiles("Bob"));
  expect(heard(bob)).toEqual(["offered Ann"]);
});

test("a sender that may not know that an offer was declined is told, and Bob is not asked", () => {
  const { rig, ann, bob } = people();
  ann.send(offerFiles("Bob"));
  heard(bob);
  // What the server sends to a connection that is breaking may be lost.
  bob.send(answer(false));
  ann.close("lost");
  const again = rig.member("Ann");
  again.send(offerFiles("Bob"));
  expect([heard(again), heard(bob)]).toEqual([["here", "ended declined"], []]);
  // Now she knows.
  again.send(offerFiles("Bob"));
  expect([heard(again), heard(bob)]).toEqual([["here"], ["offered Ann"]]);
});

test("a lost connection closes the channel; another opens when both are online again", () => {
  const { rig, ann, bob } = connected();
  bob.close("lost");
  expect(heard(ann)).toEqual(["lost 1"]);
  expect(heard(ann.send(pass("lost")))).toEqual([]);
  const bobAgain = rig.member("Bob", taking);
  expect(heard(bobAgain)).toEqual(["offered Ann"]);
  bobAgain.send(answer(true));
  expect([heard(ann), heard(bobAgain)]).toEqual([["channel 2 Bob"], ["channel 2 Ann"]]);
  // A late frame of the first channel.
  ann.send(pass("late", 1), pass("new", 2));
  expect(heard(bobAgain)).toEqual(["passed new"]);
  ann.close("lost");
  expect(heard(bobAgain)).toEqual(["lost 2"]);
  const annAgain = rig.member("Ann");
  annAgain.send(offerFiles("Bob"));
  expect([heard(annAgain), heard(bobAgain)]).toEqual([
    ["here", "channel 3 Bob"],
    ["channel 3 Ann"],
  ]);
});

test("both ends may be restarted programs: a client with the same device's key continues", () => {
  const rig = new Rig();
  const ann = withKey(rig, "Ann", "desk");
  const bob = withKey(rig, "Bob", "laptop", taking);
  ann.send(offerFiles("Bob"));
  bob.send(answer(true));
  ann.close("lost");
  bob.close("lost");
  const secret = "another-secret-0123456789";
  const bobAgain = withKey(rig, "Bob", "laptop", { ...taking, secret });
  expect(heard(bobAgain)).toEqual(["offered Ann"]);
  bobAgain.send(answer(true));
  const annAgain = withKey(rig, "Ann", "desk", { secret: `${secret}-2` });
  annAgain.send(offerFiles("Bob"));
  expect(heard(annAgain)).toContain("channel 2 Bob");
  expect(heard(bobAgain)).toEqual(["channel 2 Ann"]);
});

test("nobody else can use the number of an offer", () => {
  const { rig, ann, bob } = people();
  const eve = rig.member("Eve", taking);
  ann.send(offerFiles("Bob"));
  heard(eve);
  for (const message of [offerFiles("Bob"), answer(true), answer(false)]) {
    expect(heard(eve.send(message))).toEqual([
      message.type === "offer-files" ? "protocol" : "not-found",
    ]);
  }
  eve.send(end("done"), pass("AAAA"));
  heard(bob);
  bob.send(answer(true));
  eve.send(end("done"), pass("AAAA"));
  expect(heard(bob)).toEqual(["channel 1 Ann"]);
});

test("one of several devices accepts it, and the others are notified", () => {
  const { rig, desk, phone: another } = devices();
  const ann = rig.member("Ann");
  const phone = another();
  heard(desk);
  heard(phone);
  ann.send(offerFiles("Bob"));
  expect([heard(desk), heard(phone)]).toEqual([["offered Ann"], ["offered Ann"]]);
  phone.send(answer(true));
  expect([heard(desk), heard(phone)]).toEqual([["ended elsewhere"], ["channel 1 Ann"]]);
  expect(heard(desk.send(answer(true)))).toEqual(["not-allowed"]);
});

/** Bob with two devices. */
function devices() {
  const rig = new Rig();
  const desk = owner(rig, "Bob", "desk", taking);
  desk.send({ type: "device-code", ref: "c" });
  const code = String(desk.lines().find(({ ref }) => ref === "c")?.["code"]);
  withKey(rig, "Bobs-phone", "phone").send({ type: "link", code, label: "phone" }).close("quit");
  heard(desk);
  return { rig, desk, phone: () => withKey(rig, "Bob", "phone", taking) };
}

test("a revoked device is not its owner any more, whatever name it comes under", () => {
  const { rig, desk, phone: another } = devices();
  desk.close("quit");
  const phone = another();
  const ann = rig.member("Ann");
  ann.send(offerFiles("Bob"));
  const deskAgain = withKey(rig, "Bob", "desk", taking);
  deskAgain.send({ type: "revoke", key: keyOf("phone"), ref: "r" });
  phone.close("lost");
  for (const client of [ann, deskAgain]) heard(client);
  const thief = withKey(rig, "Zed", "phone", { ...taking, secret: "another-0123456789abcdef" });
  thief.send(answer(true), answer(false));
  expect(heard(thief)).toEqual(["not-found", "not-found"]);
  expect(heard(ann)).toEqual([]);
  deskAgain.send(answer(true));
  expect(heard(deskAgain)).toEqual(["channel 1 Ann"]);
});

test("nor is whoever has only the secret of its session", () => {
  const { rig, desk, phone: another } = devices();
  const ann = rig.member("Ann");
  const phone = another();
  ann.send(offerFiles("Bob"));
  phone.send(answer(true));
  phone.close("lost");
  desk.send({ type: "revoke", key: keyOf("phone"), ref: "r" });
  for (const client of [ann, desk]) heard(client);
  const thief = rig.member("Zed", { ...taking, secret: "phone-0123456789abcdef" });
  ann.send(offerFiles("Bob"));
  expect(heard(thief)).toEqual([]);
  thief.send(pass("AAAA", 2), end("done"));
  expect([heard(thief), heard(ann)]).toEqual([[], ["here"]]);
  desk.send(answer(true));
  expect(heard(desk).at(-1)).toBe("channel 2 Ann");
});

test("somebody sends files to their own other device, and not to the one that sends", () => {
  const { rig, desk, phone } = devices();
  // Another program of the sending device is not offered them either.
  const second = withKey(rig, "Bob", "desk", { ...taking, secret: "another-0123456789abcdef" });
  heard(second);
  expect(heard(desk.send(offerFiles("bob")))).toEqual(["away"]);
  const taker = phone();
  expect(heard(taker)).toEqual(["offered Bob"]);
  for (const own of [desk, second]) expect(heard(own.send(answer(true)))).toEqual(["not-found"]);
  taker.send(answer(true));
  expect([heard(desk), heard(taker), heard(second)]).toEqual([
    ["channel 1 Bob"],
    ["channel 1 Bob"],
    [],
  ]);
  desk.send(pass("AAAA"));
  taker.send(pass("BBBB"));
  expect([heard(desk), heard(taker)]).toEqual([["passed BBBB"], ["passed AAAA"]]);
  taker.close("lost");
  expect(heard(desk)).toEqual(["lost 1"]);
  const again = phone();
  expect(heard(again)).toEqual(["offered Bob"]);
  again.send(answer(true));
  desk.send(end("done"));
  expect([heard(desk), heard(again)]).toEqual([["channel 2 Bob"], ["channel 2 Bob", "ended done"]]);
});

test("an offer ends with its sender, immediately on a goodbye, or when the sender does not return", () => {
  const { ann, bob } = connected();
  ann.send({ type: "bye" });
  expect(heard(bob)).toEqual(["lost 1", "ended lost"]);
  const other = connected();
  other.ann.close("lost");
  other.rig.pass(offers.awayMs - 2_000, 1_000);
  expect(heard(other.bob)).toEqual(["lost 1"]);
  other.rig.pass(4_000, 1_000);
  expect(heard(other.bob).filter((line) => line !== "ping")).toEqual(["ended lost"]);
  expect(keptBy(other.rig.hub)).toMatchObject({ offers: 0 });
});

test("when a recipient's client leaves, another client of the same user gets the offer", () => {
  const { rig, ann, bob } = connected();
  bob.send({ type: "bye" });
  expect(heard(ann)).toEqual(["lost 1"]);
  const again = rig.member("Bob", { ...taking, secret: "another-0123456789abcdef" });
  expect(heard(again)).toEqual(["offered Ann"]);
});

test("offers are limited per sender, recipient and network", () => {
  const { rig, ann, bob } = people();
  for (let n = 0; n < limits.maxBySender; n++) {
    expect(heard(ann.send(offerFiles("Bob", n)))).toEqual(["here"]);
  }
  expect(heard(ann.send(offerFiles("Bob", 99)))).toEqual(["full"]);
  const others = Array.from({ length: 3 }, (_, i) => rig.member(`Other${i}`, taking));
  const toBob = (limits.maxToRecipient - limits.maxBySender) / 2;
  for (const [i, other] of others.entries()) {
    heard(other);
    for (let n = 0; n < toBob; n++) other.send(offerFiles("Bob", 1_000 * (i + 1) + n));
    const expected = i < 2 ? "here" : "full";
    expect(new Set(heard(other))).toEqual(new Set([expected]));
  }
  // Repeating the same offer creates no new one.
  expect(heard(ann.send(offerFiles("Bob", 3)))).toEqual(["here"]);
  ann.send(end("cancelled", 3));
  heard(bob);
  expect(heard(ann.send(offerFiles("Cal", 3)))).toEqual(["unknown-user"]);
  const far = rig.member("Far", {}, "192.0.2.7");
  heard(far);
  for (let n = 0; n < limits.newAtOnce + 1; n++) {
    far.send(offerFiles("Other0", 5_000 + n));
    const [said] = heard(far);
    if (n < limits.newAtOnce) expect(said).toBe("here");
    else expect(said).toBe("full");
    if (n >= 2) far.send(end("cancelled", 5_000 + n));
  }
});

test("an offer that has ended no longer counts for its network", () => {
  const { rig } = people();
  const far = rig.member("Far", {}, "192.0.2.7");
  heard(far);
  for (let n = 0; n <= limits.maxPerOwner; n++) {
    far.send(offerFiles("Bob", 5_000 + n));
    expect([n, heard(far)[0]]).toEqual([n, "here"]);
    far.send(end("cancelled", 5_000 + n));
    heard(far);
    rig.nowMs += 60_000 / limits.newPerMinute;
  }
});

test("one network leaves room for the offers of others to the same person", () => {
  const { rig, bob } = people();
  const names = ["Mal", "Mallory", "Mallet"];
  let made = 0;
  for (const [i, name] of names.entries()) {
    const one = rig.member(name, {}, "192.0.2.66");
    heard(one);
    for (let n = 0; n < limits.maxToRecipientPerOwner / 2; n++) {
      one.send(offerFiles("Bob", 100 * (i + 1) + n));
      if (heard(one)[0] === "here") made++;
    }
  }
  expect(made).toBe(limits.maxToRecipientPerOwner);
  // Nor does it take all of them if some of its people are registered.
  for (const [i, name] of ["Eve", "Evan", "Eva"].entries()) {
    const one = withKey(rig, name, name, {}, "192.0.2.66");
    one.send({ type: "register", label: "desk" });
    heard(one);
    expect(one.session.identity.account).not.toBe("");
    for (let n = 0; n < limits.maxToRecipientPerOwner / 2; n++) {
      one.send(offerFiles("Bob", 100 * (i + 5) + n));
      if (heard(one)[0] === "here") made++;
    }
  }
  expect(made).toBe(2 * limits.maxToRecipientPerOwner);
  const far = rig.member("Far", {}, "192.0.2.7");
  heard(far);
  expect(heard(far.send(offerFiles("Bob", 900)))).toEqual(["here"]);
  expect(bob.link.aborted).toBe(false);
});

test("nothing is kept once everyone has disconnected", () => {
  const { rig, ann, bob } = connected();
  bob.link.capacity = 0;
  for (let n = 0; n < 40; n++) ann.queue(pass("x".repeat(40_000)));
  rig.settle();
  expect(keptBy(rig.hub).frameChars).toBeGreaterThan(0);
  ann.send({ type: "bye" }).close("quit");
  bob.close("quit");
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a slow reader gets frames when there is room, and messages before them", () => {
  const { rig, ann, bob } = connected();
  bob.link.capacity = 100_000;
  for (let n = 0; n < 50; n++) ann.queue(pass(`${n}.${"x".repeat(40_000)}`));
  rig.settle();
  ann.send({ type: "say", room: "lobby", n: 1, text: "how is it going?" });
  const { lagBytes } = bob.session.output;
  // One frame more than the bound, plus the messages.
  expect(lagBytes).toBeLessThan(limits.maxLagBytes + 42_000);
  expect(bob.session.phase).toBe("member");
  for (let turns = 0; turns < 100; turns++) {
    bob.link.capacity = 70_000;
    rig.hub.handleDrain(bob.session, rig.nowMs);
    rig.settle();
  }
  const lines = bob.lines();
  const frames = lines.flatMap(({ type, data }) => (type === "passed" ? [String(data)] : []));
  expect(frames.map((frame) => Number(frame.split(".")[0]))).toEqual(
    Array.from({ length: 50 }, (_, n) => n),
  );
  const said = lines.findIndex(({ type }) => type === "message");
  expect(lines.slice(said).filter(({ type }) => type === "passed").length).toBeGreaterThan(30);
});

test("an end that sends far more than the other accepts ends the offer", () => {
  const { rig, ann, bob } = connected();
  bob.link.capacity = 0;
  const frames = Math.ceil(limits.maxWaitingChars / 90_000) + 10;
  for (let n = 0; n < frames; n++) ann.queue(pass("x".repeat(90_000)));
  rig.settle();
  expect(heard(ann)).toEqual(["ended overrun"]);
  expect(keptBy(rig.hub)).toMatchObject({ offers: 0, frameChars: 0 });
});

test("an empty frame reaches the other end, too", () => {
  const { ann, bob } = connected();
  ann.send(pass(""));
  expect(heard(bob)).toEqual(["passed "]);
});

test("short frames count for more than their characters: all of them take memory", () => {
  const { rig, ann, bob } = connected();
  bob.link.capacity = 0;
  const frames = (limits.maxWaitingChars + limits.maxLagBytes) / limits.waitingFrameChars;
  for (let n = 0; n < frames; n++) ann.queue(pass(""));
  rig.settle();
  expect(heard(ann)).toEqual(["ended overrun"]);
  expect(keptBy(rig.hub)).toMatchObject({ offers: 0, frameChars: 0 });
});

test("frames do not count as messages, but frames without a channel count as a flood", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 10, bytesPerSecond: 100_000 } });
  const [ann, bob] = [rig.member("Ann", {}, "192.0.2.1"), rig.member("Bob", taking, "192.0.2.2")];
  ann.send(offerFiles("Bob"));
  bob.send(answer(true));
  heard(bob);
  for (let n = 0; n < 500; n++) ann.send(pass("x".repeat(40_000)));
  expect(heard(bob).length).toBe(500);
  expect(ann.session.phase).toBe("member");
  for (let n = 0; n < 500; n++) ann.send(pass("x".repeat(40_000), 7));
  expect(ann.session.phase).not.toBe("member");
});

test("only what is passed on is counted as frames, which hardly use up a network's reading time", () => {
  const { ann } = connected();
  const before = ann.session.passedChars;
  ann.send(pass("AAAA", 2), pass("AAAA", 1, 2), { type: "ping", ref: 1 });
  expect(ann.session.passedChars).toBe(before);
  ann.send(pass("AAAA"));
  expect(ann.session.passedChars - before).toBe(JSON.stringify(pass("AAAA")).length);
});

test("somebody whose program takes no files is told, and so is the sender", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const dan = rig.client(lineChat).send("Dan");
  heard(ann);
  dan.text();
  ann.send(offerFiles("Dan"));
  expect(ann.lines()).toMatchObject([{ type: "offering", here: false, online: true }]);
  expect(dan.text()).toContain("Ann offers you files (3 B), which this program can't take");
});
