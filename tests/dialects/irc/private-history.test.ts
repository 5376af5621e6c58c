// CHATHISTORY for private messages (IRCv3 draft/chathistory): both sides of a conversation, whom it
// belongs to, and what is never in it.

import { describe, expect, test } from "bun:test";
import { Neighbours } from "../../chat/neighbours.ts";
import { keyOf, owner } from "../../chat/owner.ts";
import type { Rig } from "../../chat/rig.ts";
import { irc, IrcClient, IrcRig } from "./rig.ts";

const caps = "batch server-time message-tags draft/chathistory echo-message";
const password = "correct horse";

/** An IRC client that has logged in under a name registered for it. */
function registered(rig: Rig, nick: string, extra = caps): IrcClient {
  const owning = rig.member(nick);
  owning.send({ type: "register", password }, { type: "bye" });
  return logIn(rig, nick, extra);
}

function logIn(rig: Rig, nick: string, extra = caps): IrcClient {
  const client = new IrcClient(rig.client(irc));
  client.send("CAP LS 302", `CAP REQ :${extra}`, `PASS :${password}`, `NICK ${nick}`);
  client.send(`USER ${nick} 0 * :${nick}`, "CAP END");
  expect(client.lines().join("\n")).toContain(` 001 ${nick} `);
  return client;
}

/** `FROM>TO TEXT` for each message of a page, and the target of its batch. */
function page(client: IrcClient, request: string): { target: string; said: string[] } {
  const lines = client.ask(`CHATHISTORY ${request}`);
  const batch = /^:irc\.test BATCH \+(\w+) chathistory (\S+)$/.exec(lines[0] ?? "");
  expect(batch).not.toBeNull();
  expect(lines.at(-1)).toBe(`:irc.test BATCH -${batch?.[1]}`);
  const said = lines.slice(1, -1).map((line) => {
    expect(line).toContain(`batch=${batch?.[1]}`);
    const [, from, to, text] = /:([^!]+)!\S+ (?:PRIVMSG|NOTICE) (\S+) :(.*)$/.exec(line) ?? [];
    return `${from}>${to} ${text}`;
  });
  return { target: batch?.[2] ?? "", said };
}

const said = (client: IrcClient, request: string): string[] => page(client, request).said;

function targets(client: IrcClient, request: string): string[] {
  return client
    .ask(`CHATHISTORY TARGETS ${request}`)
    .flatMap((line) => / CHATHISTORY TARGETS (\S+) /.exec(line)?.[1] ?? []);
}

/** All messages that a mailbox keeps. */
function kept(rig: Rig, session: string): readonly unknown[] {
  const listed = rig.answer({ id: 1, type: "list-mail", session });
  if (listed?.outcome !== "done" || listed.type !== "list-mail") return [];
  const numbers = listed.result.map(({ mail }) => mail);
  const read = rig.answer({ id: 2, type: "read-mail", session, numbers });
  return read?.outcome === "done" && read.type === "read-mail" ? read.result : [];
}

const always = "timestamp=2001-01-01T00:00:00.000Z timestamp=2099-01-01T00:00:00.000Z";

/** Ann and Ben, who have written to each other in turn, a second apart. */
function conversation(): { rig: IrcRig; ann: IrcClient; ben: IrcClient; raw: string } {
  const rig = new IrcRig();
  const [ann, ben] = [registered(rig, "Ann"), registered(rig, "Ben")];
  for (const [i, text] of ["one", "two", "three", "four"].entries()) {
    if (i % 2 === 0) ann.send(`PRIVMSG Ben :${text}`);
    else ben.send(`PRIVMSG Ann :${text}`);
    rig.pass(1_000);
  }
  const raw = ann.client.text();
  ben.lines();
  return { rig, ann, ben, raw };
}

const all = ["Ann>Ben one", "Ben>Ann two", "Ann>Ben three", "Ben>Ann four"];

describe("a conversation", () => {
  test("is the same for both, with the IDs and times of the messages as they were sent", () => {
    const { ann, ben, raw } = conversation();
    expect(page(ann, "LATEST Ben * 9")).toEqual({ target: "Ben", said: all });
    expect(page(ben, "LATEST ann * 9")).toEqual({ target: "ann", said: all });
    const live = raw.match(/(msgid|time)=[^; ]*/g);
    expect(live).toHaveLength(8);
    for (const client of [ann, ben]) {
      client.send("CHATHISTORY LATEST Ann * 9", "CHATHISTORY LATEST Ben * 9");
      expect(client.client.text().match(/(msgid|time)=[^; ]*/g)).toEqual(live);
    }
  });

  test("can be read around a message, a time, and between", () => {
    const { ann, raw } = conversation();
    const ids = [...raw.matchAll(/msgid=([^; ]*)/g)].map(([, id]) => `msgid=${id}`);
    const times = [...raw.matchAll(/time=([^; ]*)/g)].map(([, time]) => `timestamp=${time}`);
    expect(said(ann, "LATEST Ben * 2")).toEqual(all.slice(2));
    for (const points of [ids, times]) {
      expect(said(ann, `LATEST Ben ${points[1]} 9`)).toEqual(all.slice(2));
      expect(said(ann, `BEFORE Ben ${points[3]} 2`)).toEqual(all.slice(1, 3));
      expect(said(ann, `AFTER Ben ${points[0]} 2`)).toEqual(all.slice(1, 3));
      expect(said(ann, `AROUND Ben ${points[1]} 3`)).toEqual(all.slice(0, 3));
      expect(said(ann, `BETWEEN Ben ${points[0]} ${points[3]} 1`)).toEqual([all[1]!]);
      expect(said(ann, `BETWEEN Ben ${points[3]} ${points[0]} 1`)).toEqual([all[2]!]);
    }
    expect(said(ann, "AFTER Ben msgid=log-x1-0 9")).toEqual(all);
    const wrong = "CHATHISTORY AFTER Ben msgid=other-x1-0 9";
    expect(ann.ask(wrong)[0]).toContain(" FAIL CHATHISTORY INVALID_MSGREFTYPE AFTER Ben ");
    expect(ann.ask("CHATHISTORY SOON Ben * 9")[0]).toContain("INVALID_PARAMS SOON Ben ");
    expect(ann.ask("CHATHISTORY LATEST &ben * 9")[0]).toContain("INVALID_TARGET LATEST &ben ");
  });

  test("with somebody else is a separate one, and an unknown nick has none", () => {
    const { rig, ann, ben } = conversation();
    const cal = registered(rig, "Cal");
    ann.send("PRIVMSG Cal :aside", "NOTICE Cal :noted");
    expect(said(ann, "LATEST Cal * 9")).toEqual(["Ann>Cal aside", "Ann>Cal noted"]);
    expect(said(ann, "LATEST Ben * 9")).toEqual(all);
    expect(said(ben, "LATEST Cal * 9")).toEqual([]);
    expect(said(ann, "LATEST Nobody * 9")).toEqual([]);
    expect(said(cal, "LATEST Ann * 9")).toEqual(["Ann>Cal aside", "Ann>Cal noted"]);
  });

  test("outlasts the connection, and the absence of the other side", () => {
    const { rig, ann, ben } = conversation();
    ben.send("QUIT");
    ann.send("PRIVMSG Ben :later");
    ann.send("QUIT");
    expect(said(logIn(rig, "Ann"), "LATEST Ben * 9")).toEqual([...all, "Ann>Ben later"]);
    expect(said(logIn(rig, "Ben"), "LATEST Ann * 9")).toEqual([...all, "Ann>Ben later"]);
  });

  test("with oneself has each message once", () => {
    const rig = new IrcRig();
    const ann = registered(rig, "Ann");
    ann.send("PRIVMSG Ann :note", "PRIVMSG Ann :to self");
    expect(said(ann, "LATEST Ann * 9")).toEqual(["Ann>Ann note", "Ann>Ann to self"]);
  });

  test("contains what was said from other clients, and a sealed message only as a sentence", () => {
    const rig = new IrcRig();
    const ann = registered(rig, "Ann");
    const bob = owner(rig, "Bob", "desk");
    const tell = { type: "tell", to: ["Ann"] };
    bob.send({ ...tell, n: 1, text: "two\nlines" });
    const sealed = { key: keyOf("desk"), boxes: [{ key: keyOf("phone"), box: "secret_box" }] };
    bob.send({ ...tell, n: 2, sealed });
    const [one, two, three] = said(ann, "LATEST Bob * 9");
    expect([one, two]).toEqual(["Bob>Ann two", "Bob>Ann lines"]);
    expect(three).toContain("Bob>Ann (a sealed message: parley client can read it");
    // The copy for Bob's history has no boxes: they are for Ann's devices.
    const { mailbox } = bob.session.identity;
    expect(JSON.stringify(kept(rig, ann.client.session.identity.mailbox))).toContain("secret_box");
    expect(kept(rig, mailbox)).toMatchObject([{ text: "two\nlines" }, { text: three?.slice(8) }]);
    expect(JSON.stringify(kept(rig, mailbox))).not.toContain("secret_box");
  });
});

test("a sealed message that other devices got a copy of is in the history once", () => {
  const rig = new IrcRig();
  const ann = registered(rig, "Ann");
  const bob = owner(rig, "Bob", "desk").send({ type: "set-password", password });
  const boxes = [{ key: keyOf("phone"), box: "a_box" }];
  const sealed = { key: keyOf("desk"), boxes };
  bob.send({ type: "tell", n: 1, to: ["Ann"], sealed, copies: boxes });
  const atIrc = logIn(rig, "Bob");
  for (const [client, other] of [
    [atIrc, "Ann"],
    [ann, "Bob"],
  ] as const) {
    const [one = "", ...more] = said(client, `LATEST ${other} * 9`);
    expect(one).toStartWith("Bob>Ann (a sealed message: ");
    expect(more).toEqual([]);
  }
  expect(targets(atIrc, `${always} 9`)).toEqual(["Ann"]);
});

describe("a conversation belongs to a person, not to a name", () => {
  test("whoever registers a name later has nothing of what its users said, or heard", () => {
    const rig = new IrcRig();
    const ann = registered(rig, "Ann");
    const cal = rig.irc("Cal", caps);
    ann.send("PRIVMSG Cal :for the guest");
    cal.send("PRIVMSG Ann :from the guest");
    const both = ["Ann>Cal for the guest", "Cal>Ann from the guest"];
    expect(said(ann, "LATEST Cal * 9")).toEqual(both);
    cal.send("QUIT");
    // Nobody has the name: whoever had it is meant.
    expect(said(ann, "LATEST cal * 9")).toEqual(both);
    const next = registered(rig, "Cal");
    expect(said(next, "LATEST Ann * 9")).toEqual([]);
    expect(targets(next, `${always} 9`)).toEqual([]);
    expect(said(ann, "LATEST Cal * 9")).toEqual([]);
    expect(targets(ann, `${always} 9`)).toEqual([]);
    next.send("PRIVMSG Ann :a new start");
    expect(said(ann, "LATEST Cal * 9")).toEqual(["Cal>Ann a new start"]);
  });

  test("a deleted account takes its conversations with it; the others keep theirs", () => {
    const { rig, ann } = conversation();
    expect(rig.order("forget Ben").ok).toBe(true);
    expect(said(ann, "LATEST Ben * 9")).toEqual(all);
    const next = registered(rig, "Ben");
    expect(said(next, "LATEST Ann * 9")).toEqual([]);
    expect(said(ann, "LATEST Ben * 9")).toEqual([]);
  });

  test("a former user's mailbox stays closed to the next user of an unregistered name", () => {
    const rig = new IrcRig();
    const ann = registered(rig, "Ann");
    const bob = rig.member("Bob");
    bob.send({ type: "tell", n: 1, to: ["Ann"], text: "as Bob" }, { type: "rename", name: "Rob" });
    ann.send("PRIVMSG Rob :as Rob");
    // The person has another name now.
    expect(said(ann, "LATEST Rob * 9")).toEqual(["Bob>Ann as Bob", "Ann>Rob as Rob"]);
    expect(targets(ann, `${always} 9`)).toEqual(["Rob"]);
    const next = rig.irc("Bob", caps);
    expect(said(ann, "LATEST Bob * 9")).toEqual([]);
    expect(next.ask("CHATHISTORY LATEST Ann * 9")).toEqual([
      ":irc.test FAIL CHATHISTORY INVALID_TARGET LATEST Ann :" +
        "Private messages are kept for registered names: register yours first",
    ]);
  });
});

test("TARGETS has rooms and people by the time of their last messages", () => {
  const { rig, ann, ben } = conversation();
  ann.send("JOIN #den");
  for (const line of ["PRIVMSG #den :hello", "PRIVMSG Ben :five"]) {
    rig.pass(1_000);
    ann.send(line);
  }
  const cal = registered(rig, "Cal");
  rig.pass(1_000);
  cal.send("PRIVMSG Ann :hi");
  expect(targets(ann, `${always} 9`)).toEqual(["#den", "Ben", "Cal"]);
  expect(targets(ann, `${always} 2`)).toEqual(["#den", "Ben"]);
  expect(targets(ben, `${always} 9`)).toEqual(["Ann"]);
  ann.lines();
  ann.send("CHATHISTORY LATEST Ben * 1", "CHATHISTORY LATEST Cal * 1");
  const [five, hi] = [...ann.client.text().matchAll(/time=([^; ]*)/g)].map(([, time]) => time);
  // Both ends are exclusive, in either order.
  const between = `timestamp=${hi} timestamp=${five} 9`;
  expect(targets(ann, between)).toEqual([]);
  const since = `timestamp=${five} timestamp=2099-01-01T00:00:00.000Z 9`;
  expect(targets(ann, since)).toEqual(["Cal"]);
});

test("whoever has not asked for batches gets none", () => {
  const rig = new IrcRig();
  const ann = registered(rig, "Ann", "draft/chathistory");
  registered(rig, "Ben").send("PRIVMSG Ann :hi");
  ann.lines();
  expect(ann.ask(`CHATHISTORY TARGETS ${always} 9`)).toEqual([
    expect.stringContaining(" CHATHISTORY TARGETS Ben "),
  ]);
  expect(ann.ask("CHATHISTORY LATEST Ben * 9")).toEqual([expect.stringMatching(/ Ann :hi$/)]);
  expect(ann.ask("CHATHISTORY LATEST Ben * 0")).toEqual([]);
});

test("messages that were not committed are in no history", () => {
  const rig = new IrcRig();
  const [ann, ben] = [registered(rig, "Ann"), registered(rig, "Ben")];
  rig.order("mute Ben");
  ben.send("PRIVMSG Ann :unheard");
  expect(said(ann, "LATEST Ben * 9")).toEqual([]);
  expect(said(ben, "LATEST Ann * 9")).toEqual([]);
});

test("people at two servers of one parley have the same conversation", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const ann = registered(east, "Ann");
  world.deliver();
  const ben = registered(west, "Ben");
  world.deliver();
  for (const [who, line] of [
    [ann, "PRIVMSG Ben :one"],
    [ben, "PRIVMSG Ann :two"],
  ] as const) {
    who.send(line);
    world.deliver();
    east.pass(10);
    west.pass(10);
  }
  const both = ["Ann>Ben one", "Ben>Ann two"];
  expect(said(ann, "LATEST Ben * 9")).toEqual(both);
  expect(said(ben, "LATEST Ann * 9")).toEqual(both);
  expect(targets(ben, `${always} 9`)).toEqual(["Ann"]);
});
