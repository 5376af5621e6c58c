// The effect of kick, ban and mute in every dialect.

import { describe, expect, test } from "bun:test";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { dialects } from "../../../src/dialects/table.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { ParleyError } from "../../../src/errors.ts";
import { keepingLog } from "../../silent-log.ts";
import { FailingStore } from "../failing-store.ts";
import { Neighbours } from "../neighbours.ts";
import { keyOf, withKey } from "../owner.ts";
import { keptBy, memberNames, nothing } from "../inspect.ts";
import { type Client, native, Rig, say, since } from "../rig.ts";

/** IRC, whose login differs, has separate tests (tests/dialects/irc). */
const spoken = Object.values(dialects).flatMap((entry): Dialect[] =>
  entry.transport === "udp" || entry.dialect.name === "irc" ? [] : [entry.dialect],
);
/** The dialects in which users have names. */
const social = spoken.filter(({ name }) => name !== "greeting" && name !== "calculator");
const bad = "198.51.100.7";

function join(rig: Rig, dialect: Dialect, name: string, address?: string): Client {
  if (dialect.name === "native") return rig.member(name, {}, address);
  const client = rig.client(dialect, true, address);
  // select-chat's greeting takes a moment.
  rig.pass(200);
  return client.send(name);
}

describe("kick", () => {
  test.each([native, ...social].map((dialect) => [dialect.name, dialect] as const))(
    "%s: the user is told who and why, is disconnected, and may come back",
    (_, dialect) => {
      const rig = new Rig();
      const ann = rig.member("Ann");
      const bob = join(rig, dialect, "Bob", bad);
      ann.text();
      bob.text();
      expect(rig.order("kick bob being rude")).toEqual({ ok: true, message: "Removed Bob" });
      rig.pass(1_000);
      expect(bob.text()).toContain("console has removed you: being rude");
      expect(bob.link.ended).toBe(true);
      expect(ann.lines()).toEqual([{ type: "left", room: "lobby", name: "Bob", reason: "kicked" }]);
      bob.send(dialect.name === "native" ? say(1) : "still here");
      expect(ann.lines()).toEqual([]);
      bob.close();
      join(rig, dialect, "Bob", bad);
      expect(ann.text()).toContain("Bob");
    },
  );

  test("a native client learns that it was kicked", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    bob.text();
    rig.order("kick Bob");
    const bye = { type: "bye", reason: "console has removed you", code: "kicked" };
    expect(bob.lines()).toEqual([bye]);
  });

  test("an operator without a name is not shown by a key", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const bob = rig.member("Bob");
    bob.text();
    const actor = { name: keyOf("x"), rank: "operator", session: ann.session } as const;
    rig.hub.handleAdmin({ ...actor, id: actor.name }, "kick Bob too loud", rig.nowMs, () => {});
    rig.settle();
    const reason = "An operator has removed you: too loud";
    expect(bob.lines()).toEqual([{ type: "bye", reason, code: "kicked" }]);
  });

  test("earlier messages are delivered, later ones are not", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const bob = rig.member("Bob");
    ann.text();
    bob.queue(say(1, "before"));
    rig.hub.handleAdmin(
      { name: "Op", rank: "operator", session: ann.session, id: undefined },
      "kick Bob",
      rig.nowMs,
      () => {},
    );
    bob.queue(say(2, "after"));
    rig.settle();
    expect(ann.lines().map(({ type, text }) => text ?? type)).toEqual(["before", "left"]);
  });

  test("oneself", () => {
    const rig = new Rig();
    const { session } = rig.member("Ann");
    const actor = { name: "Ann", rank: "operator", session, id: undefined } as const;
    let message: unknown;
    rig.hub.handleAdmin(actor, "kick ann", rig.nowMs, (answer) => (message = answer.message));
    expect(message).toBe("That is you: nothing was done");
  });

  test("a name that nobody uses", () => {
    const rig = new Rig();
    const answer = rig.order("kick Bbo");
    expect(answer).toMatchObject({ ok: false, code: "unknown-user" });
    expect(answer.message).toBe("Nobody here is called 'Bbo': list everybody with 'who'");
    rig.member("Bob");
    expect(rig.order("kick Bbo").message).toBe("Nobody here is called 'Bbo': did you mean 'Bob'?");
  });
});

describe("a banned network", () => {
  test.each(
    [native, ...spoken].flatMap((dialect) =>
      [true, false].map(
        (framed) => [dialect.name, framed ? "" : " unframed", dialect, framed] as const,
      ),
    ),
  )("%s%s: hears nothing but that", (_, __, dialect, framed) => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    ann.send(say(1, "secret"));
    rig.order(`ban ${bad}/24 --for 1d spam`);
    ann.text();
    const intruder = rig.client(dialect, framed, "198.51.100.200");
    intruder.send(dialect.name === "native" ? { type: "hello", version: 2 } : "Mallory");
    intruder.send("show", "get_list_file", "2 + 3", "hello");
    rig.pass(2_000);
    const ban = /You are banned from this server until \d{4}-\d\d-\d\d \d\d:\d\d UTC: spam/;
    const frame = /\{"type":"error","code":"banned","message":"(.*)"\}|\s/g;
    expect(intruder.text().replace(ban, "BAN").replace(frame, "$1")).toBe("BAN");
    expect(intruder.link.ended).toBe(true);
    expect([...rig.hub.options.metrics.connectionsRefused]).toEqual([["banned", 1]]);
    expect(ann.text()).toBe("");
    intruder.close();
    ann.send({ type: "bye" });
    ann.close();
    expect(keptBy(rig.hub)).toEqual(nothing);
  });

  test("is disconnected everywhere, and others stay", () => {
    const rig = new Rig();
    const there = [native, ...social].map((dialect) =>
      join(rig, dialect, `A${dialect.name.replaceAll("-", "")}`, bad),
    );
    const visitor = rig.client(native, true, bad).send({ type: "hello", version: 2 });
    const silent = rig.client(native, true, bad);
    const ann = rig.member("Ann", {}, "198.51.100.8");
    rig.order(`ban ${bad}`);
    rig.pass(2_000);
    for (const client of [...there, visitor, silent]) {
      expect(client.text()).toContain("You are banned from this server");
      expect(client.link.ended).toBe(true);
    }
    expect(ann.link.ended).toBe(false);
    expect(memberNames(rig.hub)).toEqual(["Ann"]);
  });

  test("can come in again when the ban is over, or lifted", () => {
    const rig = new Rig();
    rig.order(`ban ${bad} --for 1h`);
    rig.nowMs += 3_599_999;
    expect(join(rig, native, "Bob", bad).lines()[0]).toMatchObject({ code: "banned" });
    rig.nowMs += 1;
    expect(join(rig, native, "Bob", bad).lines()[0]).toMatchObject({ type: "welcome" });
    rig.order(`ban ${bad}`);
    expect(rig.order(`unban ${bad}`).ok).toBe(true);
    expect(join(rig, native, "Bob", bad).lines()[0]).toMatchObject({ type: "welcome" });
  });
});

test("a reason is told without control characters", () => {
  const rig = new Rig();
  const eve = rig.member("Eve");
  eve.text();
  rig.order("kick Eve a\u001b[2Jb\u009b1m\u202ec");
  const removed = "console has removed you: ab1mc";
  expect(eve.lines()).toEqual([{ type: "bye", reason: removed, code: "kicked" }]);
  const bob = rig.member("Bob", {}, "2001:db8::7");
  bob.text();
  rig.order("ban Bob a\u001b[2Jb\u009b1m\u202ec");
  const banned = "You are banned from this server: ab1mc";
  expect(bob.lines()).toEqual([{ type: "bye", reason: banned, code: "banned" }]);
  expect(JSON.stringify(rig.order("bans"))).toContain("ab1mc (console");
});

describe("a ban by name", () => {
  test("of a user who is online applies to the person, under any name and in any dialect", () => {
    const rig = new Rig();
    const bob = rig.member("Bob", {}, "2001:db8::7");
    bob.text();
    expect(rig.order("ban Bob spam")).toEqual({
      ok: true,
      message: "Banned the name Bob and the network 2001:db8::/64",
    });
    expect(bob.lines()).toEqual([
      { type: "bye", reason: "You are banned from this server: spam", code: "banned" },
    ]);
    for (const dialect of [native, ...social]) {
      const again = join(rig, dialect, "Other", "2001:db8::8");
      rig.pass(200);
      expect(again.text()).toContain("You are banned");
    }
    const elsewhere = join(rig, native, "BOB", "192.0.2.1");
    expect(elsewhere.lines()).toMatchObject([{ type: "error", code: "banned", subject: "BOB" }]);
    expect(elsewhere.link.ended).toBe(true);
    expect(memberNames(rig.hub)).toEqual([]);
  });

  test("of a user who is online applies to their device, from any network", () => {
    const rig = new Rig();
    const bob = withKey(rig, "Bob", "laptop", {}, bad);
    expect(rig.order("ban Bob")).toEqual({
      ok: true,
      message: "Banned the name Bob, their device and the network 198.51.100.7",
    });
    expect(bob.link.ended).toBe(true);
    const again = withKey(rig, "Other", "laptop", {}, "192.0.2.1");
    expect(again.text()).toContain("You are banned from this server");
    expect(again.link.ended).toBe(true);
    expect(withKey(rig, "Other", "phone", {}, "192.0.2.1").text()).toContain("welcome");
    expect(rig.order("bans")).toMatchObject({ rows: [{ fields: { key: keyOf("laptop") } }] });
    rig.order("unban Bob");
    expect(withKey(rig, "Bob", "laptop", {}, bad).text()).toContain("welcome");
  });

  test("of a device shuts it out without a name too, from any network", () => {
    const rig = new Rig();
    const nameless = { name: undefined, secret: undefined };
    const visit = (): Client => withKey(rig, "", "desk", nameless, "203.0.113.9");
    const before = visit();
    expect(before.lines()).toMatchObject([{ type: "welcome" }]);
    rig.order(`ban ${keyOf("desk")}`);
    expect(before.lines()).toMatchObject([{ type: "bye", code: "banned" }]);
    const after = visit();
    expect(after.lines()).toMatchObject([{ type: "error", code: "banned" }]);
    expect(after.link.ended).toBe(true);
  });

  test("leaves out a network that an operator is connected from", () => {
    const rights = new Rights();
    const rig = new Rig({ rights });
    const ann = rig.member("Ann", {}, bad);
    const op = { name: "Ann", rank: "operator", session: ann.session, id: undefined } as const;
    const order = (text: string): unknown => {
      let answered: unknown;
      rig.hub.handleAdmin(op, text, rig.nowMs, (answer) => (answered = answer));
      rig.settle();
      return answered;
    };
    const bob = withKey(rig, "Bob", "laptop", {}, bad);
    expect(order("ban Bob")).toEqual({ ok: true, message: "Banned the name Bob and their device" });
    expect([bob.link.ended, ann.link.ended]).toEqual([true, false]);
    expect(withKey(rig, "Other", "laptop", {}, bad).text()).toContain("You are banned");
    // The network of somebody who outranks the operator.
    const owner = withKey(rig, "Olga", "phone", {}, "203.0.113.7");
    const id = keyOf("phone");
    rights.roles.give({ id, rank: "owner", name: "Olga", by: "claim", atMs: 0 });
    rig.member("Eve", {}, "203.0.113.7");
    expect(order("mute Eve")).toEqual({ ok: true, message: "Muted the name Eve" });
    expect(owner.link.ended).toBe(false);
  });

  test.each(social.map((dialect) => [dialect.name, dialect] as const))(
    "%s: the user is told so, and not asked for another name",
    (_, dialect) => {
      const rig = new Rig();
      rig.order("ban Bob");
      const bob = join(rig, dialect, "ｂob");
      rig.pass(500);
      expect(bob.text()).toMatch(/You are banned from this server\s*$/);
      expect(bob.link.ended).toBe(true);
    },
  );

  test("of a user on this machine does not ban the machine", () => {
    const rig = new Rig();
    rig.member("Bob");
    expect(rig.order("ban Bob")).toMatchObject({ message: "Banned the name Bob" });
    expect(rig.member("Ann").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("keeps users who are already online from taking the name, also as an alias", () => {
    const rig = new Rig();
    rig.order("ban Bob");
    const ann = rig.member("Ann");
    ann.text();
    ann.send({ type: "rename", name: "bob", ref: 1 });
    expect(ann.lines()).toMatchObject([{ type: "error", code: "banned", ref: 1 }]);
    const chatRoom = spoken.find(({ name }) => name === "chat-room")!;
    const cal = rig.client(chatRoom).send(":Bob:Cal");
    expect(cal.text()).toContain("You are banned");
  });
});

describe("mute", () => {
  test.each([native, ...social].map((dialect) => [dialect.name, dialect] as const))(
    "%s: the user is told so, and nobody hears them",
    (_, dialect) => {
      const rig = new Rig();
      const ann = rig.member("Ann");
      const bob = join(rig, dialect, "Bob", bad);
      rig.order("mute Bob --for 1h shouting");
      ann.text();
      bob.text();
      const isNative = dialect.name === "native";
      bob.send(isNative ? say(1, "loud") : "loud");
      bob.send(isNative ? { type: "tell", to: ["Ann"], text: "loud", n: 2 } : "~Ann loud");
      bob.send(isNative ? { type: "tell", to: ["ALL"], text: "loud", n: 3 } : "Ann - loud");
      rig.pass(200);
      expect(bob.text()).toMatch(/You are muted until .* UTC: shouting/);
      expect(ann.text()).toBe("");
      rig.order("unmute Bob");
      bob.send(isNative ? say(4, "soft") : dialect.name === "select-chat" ? "Ann - soft" : "soft");
      expect(ann.text()).toContain("soft");
    },
  );

  test("uses the counter up, like any permanent refusal", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    bob.text();
    rig.order("mute Bob");
    bob.send(say(1), say(2));
    const errors = [1, 2].map((n) => ({
      type: "error",
      code: "muted",
      message: "You are muted",
      n,
    }));
    expect(bob.lines()).toEqual([...errors, { type: "ack", n: 2 }]);
  });

  test("covers private chats and mail to offline users", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const bob = rig.member("Bob", {}, bad);
    const cal = rig.member("Cal");
    cal.close();
    bob.send({ type: "invite", to: "Ann" });
    ann.send({ type: "accept" });
    rig.order("mute Bob");
    ann.text();
    bob.send({ type: "tell", to: ["Ann"], text: "x", n: 1 });
    bob.send({ type: "tell", to: ["Cal"], text: "x", n: 2 });
    bob.send({ type: "invite", to: "Dan", ref: 1 });
    expect(ann.text()).toBe("");
    expect(rig.member("Cal", since(0)).lines()).toMatchObject([
      { type: "welcome", session: { mail: 0 } },
      { type: "joined" },
      { type: "motd", text: "" },
      { type: "topic", topic: "" },
    ]);
  });

  test("does not end with another name or another connection", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const bob = rig.member("Bob", {}, bad);
    rig.order("mute Bob");
    bob.text();
    bob.send({ type: "rename", name: "Rob", ref: 1 });
    expect(bob.lines()).toMatchObject([{ type: "error", code: "muted", ref: 1 }]);
    const rob = rig.member("Rob", {}, bad);
    ann.text();
    rob.send(say(1, "loud"));
    expect(ann.text()).toBe("");
  });

  test("stops messages that were already waiting for the rate", () => {
    const rig = new Rig({ rates: { messagesPerSecond: 1, bytesPerSecond: 1_000_000 } });
    const ann = rig.member("Ann");
    const bob = rig.member("Bob");
    for (let n = 1; n <= 10; n++) bob.send(say(n));
    rig.order("mute Bob");
    ann.text();
    rig.pass(20_000);
    expect(ann.text()).not.toContain('"type":"message"');
  });
});

describe("lists and log", () => {
  test("show who was banned by whom, why, and until when", () => {
    const rig = new Rig();
    rig.order(`ban ${bad} --for 1d spam`);
    rig.order("mute Eve");
    const { nowMs } = rig;
    expect(rig.order("bans")).toEqual({
      ok: true,
      rows: [
        {
          text: `#1 the network ${bad} until 2023-11-15 22:14 UTC: spam (console, 2023-11-14 22:13 UTC)`,
          fields: {
            event: "ban",
            id: 1,
            network: bad,
            until: nowMs + 86_400_000,
            reason: "spam",
            by: "console",
            time: nowMs,
          },
        },
      ],
    });
    expect(rig.order("unban #2").ok).toBe(false);
    expect(rig.order("unmute #2").ok).toBe(true);
    expect(rig.order("mutes")).toEqual({ ok: true, message: "There are no mutes" });
  });

  test("show every act in the log", () => {
    const { log, logged } = keepingLog();
    const rig = new Rig({ log });
    const ann = rig.member("Ann", {}, "192.0.2.9");
    rig.member("Bob", {}, bad);
    logged.length = 0;
    const op = { name: "Ann", rank: "owner", session: ann.session, id: undefined } as const;
    for (const line of [
      "kick Bob rude",
      "ban Bob --for 1h spam",
      "unban Bob",
      "mute Eve",
      "unmute Eve",
    ]) {
      rig.hub.handleAdmin(op, line, rig.nowMs, () => {});
      rig.settle();
    }
    const by = { by: "Ann", from: "192.0.2.9" };
    const until = "2023-11-14T23:13:20.000Z";
    expect(logged.filter(({ fields }) => "by" in fields)).toEqual([
      {
        level: "info",
        message: "kicked",
        fields: { target: "Bob", address: bad, reason: "rude", ...by },
      },
      {
        level: "info",
        message: "banned",
        fields: { target: "the name Bob", until, reason: "spam", ...by },
      },
      {
        level: "info",
        message: "unbanned",
        fields: { target: "the name Bob", reason: undefined, ...by },
      },
      {
        level: "info",
        message: "muted",
        fields: { target: "the name Eve", until: undefined, reason: undefined, ...by },
      },
      {
        level: "info",
        message: "unmuted",
        fields: { target: "the name Eve", reason: undefined, ...by },
      },
    ]);
  });

  test("nobody bans themselves by accident", () => {
    const rig = new Rig();
    const ann = rig.member("Ann", {}, bad);
    let refusal: unknown;
    const op = { name: "Ann", rank: "owner", session: ann.session, id: undefined } as const;
    rig.hub.handleAdmin(op, "ban 198.51.100.0/24", rig.nowMs, (answer) => (refusal = answer));
    rig.settle();
    expect(refusal).toMatchObject({
      ok: false,
      message: "That would ban you too: nothing was done",
    });
    expect(rig.order("bans")).toMatchObject({ message: "There are no bans" });
  });
});

describe("stored", () => {
  test("another process with the same store knows them", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const start = () =>
      new Rig({ rights: new Rights(store.rights.load()) }, (request) =>
        answerRequest(store, request),
      );
    const before = start();
    before.order(`ban ${bad}`);
    before.order("mute Bob");
    before.order("ban Eve");
    before.order("unban Eve");
    const after = start();
    expect(after.member("Ann", {}, bad).lines()).toMatchObject([{ code: "banned" }]);
    expect(after.member("Eve").lines()[0]).toMatchObject({ type: "welcome" });
    const bob = after.member("Bob");
    bob.text();
    bob.send(say(1));
    expect(bob.lines()[0]).toMatchObject({ code: "muted" });
  });

  test("a decision that can't be stored still applies, says so, and is stored with the next one", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    let isFull = true;
    const rig = new Rig({}, (request) => {
      if (request.type !== "change-rights" || !isFull) return answerRequest(store, request);
      const error = new ParleyError("storage", "the disk is full");
      return { id: request.id, outcome: "failed", error };
    });
    expect(rig.order(`ban ${bad}`)).toEqual({
      ok: true,
      message: `Banned the network ${bad}. It is not stored yet, and would be lost if the server stopped: the disk is full`,
    });
    expect(rig.member("Bob", {}, bad).lines()).toMatchObject([{ code: "banned" }]);
    // What is listed and what is shown only once is still shown.
    expect(rig.order("bans")).toMatchObject({ rows: [{ fields: { network: bad } }] });
    expect(rig.order("mutes")).toEqual({ ok: true, message: "There are no mutes" });
    expect(rig.order("pass")).toMatchObject({
      message: expect.stringContaining(
        "It is not stored yet, and would be lost if the server stopped: the disk is full",
      ),
      rows: [{ text: expect.any(String), fields: { event: "pass", code: expect.any(String) } }],
    });
    isFull = false;
    rig.order("mute Eve");
    expect(store.rights.load()).toHaveLength(3);
  });
});

describe("somebody who is called like an address", () => {
  test("is banned and muted by that name, and the address by its length", () => {
    const rig = new Rig();
    const eve = rig.member("203.0.113.9", {}, bad);
    expect(rig.order("mute 203.0.113.9")).toMatchObject({
      message: `Muted the name 203.0.113.9 and the network ${bad}`,
    });
    expect(rig.order("unmute 203.0.113.9")).toMatchObject({ ok: true });
    expect(rig.order("ban 203.0.113.9/32")).toMatchObject({
      message: "Banned the network 203.0.113.9",
    });
    expect(eve.link.ended).toBe(false);
    expect(rig.order("ban 203.0.113.9")).toMatchObject({
      message: `Banned the name 203.0.113.9 and the network ${bad}`,
    });
    expect(eve.link.ended).toBe(true);
    expect(rig.order("unban 203.0.113.9")).toEqual({
      ok: true,
      message: `Lifted the ban of the network 203.0.113.9; the name 203.0.113.9 and the network ${bad}`,
    });
    // Nobody has the name any more.
    expect(rig.order("ban 203.0.113.9")).toMatchObject({
      message: "Banned the network 203.0.113.9",
    });
  });

  test("whom the server has named is banned by that name", () => {
    const rig = new Rig();
    const naming = spoken.find(({ name }) => name === "select-chat")!;
    const eve = rig.client(naming, true, bad);
    rig.pass(200);
    eve.send("");
    rig.pass(200);
    const [name = ""] = memberNames(rig.hub);
    expect(name).toStartWith(`${bad}:`);
    expect(rig.order(`ban ${name}`)).toMatchObject({
      message: `Banned the name ${name} and the network ${bad}`,
    });
    expect(eve.link.ended).toBe(true);
    expect(rig.order(`unban ${name}`)).toMatchObject({ ok: true });
    expect(rig.order(`ban ${name}`)).toMatchObject({ ok: false, code: "usage" });
  });

  test("is found also if the store is asked in vain, or is at another server", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    store.unreadable = true;
    expect(rig.order("ban 203.0.113.9")).toMatchObject({
      message: expect.stringContaining("Banned the network 203.0.113.9."),
    });
    const world = new Neighbours();
    const [east, west] = [world.server("east"), world.server("west")];
    const eve = east.member("203.0.113.9", {}, bad);
    world.deliver();
    expect(west.order("ban 203.0.113.9")).toMatchObject({
      message: `Banned the name 203.0.113.9 and the network ${bad}`,
    });
    world.deliver();
    expect(eve.link.ended).toBe(true);
  });
});
