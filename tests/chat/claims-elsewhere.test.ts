// A login whose claim waits for the database that it shares with other servers.

import { beforeEach, describe, expect, test } from "bun:test";
import type { StoreReply, StoreRequest } from "../../src/chat/turn/store.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { ParleyError } from "../../src/errors.ts";
import { sender } from "../../src/limits.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import { nameHolders } from "./inspect.ts";
import { type Answerer, type Client, memoryAnswerer, Rig, say } from "./rig.ts";

type Claim = Extract<StoreRequest, { type: "claim-name" }>;

let rig: Rig;
/** Claims without an answer. */
let claims: Claim[];
/** Other requests without an answer, while they are held. */
let held: StoreRequest[] | undefined;
let answerNow: Answerer;

beforeEach(() => {
  claims = [];
  held = undefined;
  answerNow = memoryAnswerer();
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "claim-name") claims.push(request);
    else if (held === undefined) return answerNow(request);
    else held.push(request);
    return undefined;
  });
});

const comeIn = (): Client => rig.member("Ann");

function reply(answer: (id: number) => StoreReply): void {
  rig.hub.handleStore(answer(claims.at(-1)!.id), rig.nowMs);
  rig.settle();
}

const taken = (claim: number) => (id: number) =>
  ({
    id,
    outcome: "done",
    type: "claim-name",
    result: { isFree: true, taken: { n: 0, claim } },
  }) as const;

const typesOf = (client: Client): unknown[] => client.lines().map(({ type }) => type);

test("is repeated with the same number while the client waits", () => {
  const ann = comeIn();
  reply((id) => ({ id, outcome: "unknown" }));
  rig.pass(sender.storageRetryMs, sender.storageRetryMs);
  expect(claims).toHaveLength(2);
  const [first, again] = claims;
  expect(again).toEqual({ ...first!, isWithdrawn: false });
  reply(taken(1));
  expect(typesOf(ann)).toContain("welcome");
});

test("tells of what was counted and refused at the last server since the record was read", () => {
  const ann = comeIn();
  const refused = "1-1:muted";
  reply((id) => {
    const result = { isFree: true, taken: { n: 2, refused, claim: 1 } };
    return { id, outcome: "done", type: "claim-name", result };
  });
  const [welcome] = ann.lines();
  const session = { n: 2, refused: [{ first: 1, last: 1, code: "muted" }] };
  expect(welcome).toMatchObject({ type: "welcome", session });
});

test("ends what the connection before is doing: only what the claim has found is taken", () => {
  const ann = comeIn();
  reply(taken(1));
  expect(ann.lines()[0]).toMatchObject({ type: "welcome", session: { n: 0 } });
  held = [];
  ann.send({ type: "tell", n: 1, to: ["Bob"], text: "hi" });
  const looking = held;
  held = undefined;
  expect(looking.length).toBeGreaterThan(0);
  const again = comeIn();
  for (const request of looking) rig.hub.handleStore(answerNow(request)!, rig.nowMs);
  rig.settle();
  reply(taken(2));
  expect(again.lines()[0]).toMatchObject({ type: "welcome", session: { n: 0 } });
});

test("is withdrawn when the client has given up, and its name is free again", () => {
  comeIn().close();
  reply((id) => ({ id, outcome: "unknown" }));
  rig.pass(sender.storageRetryMs, sender.storageRetryMs);
  expect(claims.at(-1)).toMatchObject({ id: claims[0]!.id, isWithdrawn: true });
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: false } }));
  expect([...nameHolders(rig.hub)]).toEqual([]);
  const next = comeIn();
  reply(taken(2));
  expect(typesOf(next)).toContain("welcome");
});

test("of a use of a pass is given back if the client has gone meanwhile", () => {
  const answer = memoryAnswerer();
  const rights = new Rights();
  rights.passes.issue({ hash: "hash of code", uses: 1, by: "console", atMs: 0, untilMs: 1e15 });
  const released: string[] = [];
  const door = { isMembersOnly: true, checkPassword: undefined };
  rig = new Rig({ shared: { roomOpened() {} }, rights, door }, (request) => {
    if (request.type === "commit") {
      released.push(...(request.batch.released ?? []).map(({ name }) => name));
    }
    if (request.type !== "claim-name") return answer(request);
    claims.push(request);
    return undefined;
  });
  rig.member("Ann", { pass: "code" }).close();
  expect(claims.map(({ claim }) => claim.name)).toEqual(["pass/hash of code/0"]);
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: true } }));
  expect(released).toEqual(["pass/hash of code/0"]);
});

test("of a use of a pass is given back if the use can't be stored", () => {
  const answer = memoryAnswerer();
  const rights = new Rights();
  rights.passes.issue({ hash: "hash of code", uses: 1, by: "console", atMs: 0, untilMs: 1e15 });
  const released: string[] = [];
  const door = { isMembersOnly: true, checkPassword: undefined };
  rig = new Rig({ shared: { roomOpened() {} }, rights, door }, (request) => {
    if (request.type === "commit") {
      released.push(...(request.batch.released ?? []).map(({ name }) => name));
    }
    if (request.type === "change-rights") {
      const error = new ParleyError("storage", "the disk is full");
      return { id: request.id, outcome: "failed", error };
    }
    if (request.type !== "claim-name") return answer(request);
    claims.push(request);
    return undefined;
  });
  const ann = rig.member("Ann", { pass: "code" });
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: true } }));
  expect(ann.lines()[0]).toMatchObject({ type: "error", code: "storage" });
  expect(released).toEqual(["pass/hash of code/0"]);
});

test("does not keep the name of the earlier connection when it is withdrawn", () => {
  const answer = memoryAnswerer();
  const released: string[] = [];
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "commit") {
      released.push(...(request.batch.released ?? []).map(({ name }) => name));
    }
    if (request.type !== "claim-name") return answer(request);
    claims.push(request);
    return undefined;
  });
  comeIn();
  reply(taken(1));
  const again = comeIn();
  rig.hub.handleForeign(
    { type: "moved", session: "hash of Ann-0123456789abcdef", claim: 5 },
    rig.nowMs,
  );
  again.close();
  reply((id) => ({ id, outcome: "unknown" }));
  rig.pass(sender.storageRetryMs, sender.storageRetryMs);
  expect(claims).toHaveLength(3);
  expect(released).toEqual([]);
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: false } }));
  expect(released).toEqual(["ann"]);
  expect([...nameHolders(rig.hub)]).toEqual([]);
});

test.each([
  ["a later claim elsewhere ends it", 5, false],
  ["an earlier one does not", 3, true],
])("%s", (_, claim, isIn) => {
  const ann = comeIn();
  rig.hub.handleForeign(
    { type: "moved", session: "hash of Ann-0123456789abcdef", claim },
    rig.nowMs,
  );
  reply(taken(4));
  expect(typesOf(ann)).toEqual(isIn ? expect.arrayContaining(["welcome"]) : ["bye"]);
  expect([...nameHolders(rig.hub)]).toHaveLength(isIn ? 1 : 0);
  expect(ann.link.ended).toBe(!isIn);
  // The session may log in here again.
  if (isIn) return;
  const next = comeIn();
  reply(taken(6));
  expect(typesOf(next)).toContain("welcome");
});

test("is not undone by an earlier release of the name that could not be committed", () => {
  const answer = memoryAnswerer();
  const log: string[] = [];
  let failed: StoreRequest | undefined;
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "claim-name") {
      log.push(`claim ${request.claim.name}`);
      return taken(log.length)(request.id);
    }
    if (request.type !== "commit") return answer(request);
    const released = (request.batch.released ?? []).map(({ name }) => `release ${name}`);
    if (released.length === 0 || failed !== undefined) {
      log.push(...released);
      return answer(request);
    }
    failed = request;
    return undefined;
  });
  const ann = comeIn();
  ann.send({ type: "rename", name: "Eve" });
  ann.send({ type: "rename", name: "Ann" });
  rig.hub.handleStore(
    { id: failed!.id, outcome: "failed", error: new ParleyError("storage", "full") },
    rig.nowMs,
  );
  rig.settle();
  expect([...nameHolders(rig.hub)].map(([name]) => name)).toEqual(["ann"]);
  expect(log).toEqual(["claim ann", "claim eve", "claim ann", "release eve"]);
});

test("is given up if the store can't say afterwards who had the new name", () => {
  const answer = memoryAnswerer();
  const released: string[] = [];
  let isUnreadable = false;
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "commit") {
      released.push(...(request.batch.released ?? []).map(({ name }) => name));
    }
    if (request.type === "claim-name") {
      isUnreadable = request.claim.name === "eve";
      return taken(1)(request.id);
    }
    if (request.type !== "find-name" || !isUnreadable) return answer(request);
    const error = new ParleyError("storage", "It can't be read");
    return { id: request.id, outcome: "failed", error };
  });
  const ann = comeIn();
  ann.text();
  ann.send({ type: "rename", name: "Eve", ref: 1 });
  expect(ann.lines()).toMatchObject([{ type: "error", code: "storage", ref: 1 }]);
  expect(released).toEqual(["eve"]);
});

/** A rig whose claims wait, and what it releases. */
function releasing(answer = memoryAnswerer()): { released: unknown[] } {
  const released: unknown[] = [];
  rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    if (request.type === "commit") released.push(...(request.batch.released ?? []));
    if (request.type !== "claim-name") return answer(request);
    claims.push(request);
    return undefined;
  });
  return { released };
}

const own = { name: "ann", holder: "hash of Ann-0123456789abcdef" };

test.each([
  ["is there", false],
  ["has gone meanwhile", true],
])(
  "for an account that gets no name leaves none to the session that registered it, which %s",
  (_, isGone) => {
    const { released } = releasing();
    const ann = comeIn();
    reply(taken(1));
    ann.send({ type: "register", password: "correct horse" });
    expect(claims.at(-1)!.claim).toEqual({ name: "ann", holder: expect.stringMatching(/^@/) });
    if (isGone) ann.close();
    reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: false } }));
    expect(released).toContainEqual(own);
  },
);

test("is not given up by the connection before, which is lost while a room catches up", () => {
  const answer = memoryAnswerer();
  let isAhead = false;
  const asked: StoreRequest[] = [];
  const { released } = releasing((request) => {
    if (request.type !== "room-bounds" || !isAhead) return answer(request);
    // Its answer arrives once the room is up to date.
    if (asked.push(request) > 1) return undefined;
    // Another server has stored a message that has not arrived here.
    const reply = answer(request);
    if (reply?.outcome !== "done" || reply.type !== "room-bounds") throw new Error(reply?.outcome);
    return { ...reply, result: { ...reply.result, last: reply.result.last + 1 } };
  });
  const before = comeIn();
  reply(taken(1));
  isAhead = true;
  const again = comeIn();
  reply(taken(2));
  before.close();
  expect([asked.length, released]).toEqual([2, []]);
  rig.hub.handleStore(answer(asked[1]!)!, rig.nowMs);
  rig.settle();
  expect(typesOf(again)).toContain("welcome");
  expect(released).toEqual([]);
  again.close();
  expect(released).toEqual([own]);
});

test("that is withdrawn is released although that was due before it was made", () => {
  const answer = memoryAnswerer();
  let isSlow = false;
  const commits: StoreRequest[] = [];
  const { released } = releasing((request) => {
    if (request.type !== "commit" || !isSlow) return answer(request);
    commits.push(request);
    return undefined;
  });
  const ann = comeIn();
  reply(taken(1));
  isSlow = true;
  ann.send(say(1, "this waits for the database"), { type: "rename", name: "Bob" });
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: true } }));
  ann.send({ type: "rename", name: "Ann" });
  ann.close();
  reply((id) => ({ id, outcome: "unknown" }));
  rig.pass(sender.storageRetryMs, sender.storageRetryMs);
  expect(claims.at(-1)).toMatchObject({ claim: own, isWithdrawn: true });
  reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: false } }));
  isSlow = false;
  rig.hub.handleStore(answer(commits[0]!)!, rig.nowMs);
  rig.settle();
  expect(released).toEqual([{ ...own, name: "bob" }, own]);
});

/** Another server registers Ann, and this one hears of it. */
function register(): void {
  const nothing = { key: undefined, password: undefined };
  const about = { account: "annas", name: "Ann", folded: "ann", atMs: rig.nowMs };
  const change = { type: "register", ...about, ...nothing } as const;
  expect(rig.answer({ type: "change-account", id: 1_000_000, change })?.outcome).toBe("done");
  rig.hub.handleForeign({ type: "account", account: "annas", change: "register" }, rig.nowMs);
  rig.settle();
}

describe("a name that is registered at another server is lost at once by", () => {
  test("somebody whose login has yet to claim it", () => {
    const ann = comeIn();
    register();
    reply(taken(1));
    expect(typesOf(ann)).toEqual(["bye"]);
    expect(nameHolders(rig.hub)).toEqual(new Map());
  });

  test("nobody whose login has yet to hear whose it is: it asks again, and has to prove it", () => {
    const answer = memoryAnswerer();
    let late: StoreReply | undefined;
    rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
      const reply = answer(request);
      const isHeld = request.type === "find-account" && "name" in request.lookup;
      if (!isHeld || late !== undefined) return reply;
      // It was read before the name was registered.
      late = reply;
      return undefined;
    });
    const ann = comeIn();
    register();
    expect(ann.text()).toBe("");
    rig.hub.handleStore(late!, rig.nowMs);
    rig.settle();
    expect(ann.lines()).toMatchObject([{ type: "error", code: "name-registered" }]);
  });

  test("somebody whose new name it would be, who keeps the old one", () => {
    const bob = rig.member("Bob");
    reply(taken(1));
    bob.text();
    bob.send({ type: "rename", name: "Ann", ref: 1 });
    register();
    reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: true } }));
    expect(bob.lines()).toMatchObject([
      { type: "error", code: "name-registered", subject: "Ann", ref: 1 },
    ]);
    expect([...nameHolders(rig.hub).keys()]).toEqual(["bob"]);
    bob.send(say(1, "still here"));
    expect(bob.lines()).toContainEqual(expect.objectContaining({ from: "Bob" }));
  });

  test("nobody who had it before, or could not have it", () => {
    const bob = comeIn();
    reply(taken(1));
    bob.send({ type: "rename", name: "Bob" });
    reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: true } }));
    bob.send({ type: "rename", name: "Ann" });
    reply((id) => ({ id, outcome: "done", type: "claim-name", result: { isFree: false } }));
    register();
    expect([...nameHolders(rig.hub).keys()]).toEqual(["bob"]);
  });

  test("somebody who has it", () => {
    const ann = comeIn();
    reply(taken(1));
    register();
    expect(ann.lines().at(-1)).toMatchObject({
      type: "bye",
      reason: expect.stringContaining("is registered now"),
    });
    expect(nameHolders(rig.hub)).toEqual(new Map());
  });

  test("somebody who is shown with it in chat-room", () => {
    const mallory = rig.client(chatRoom, true).send(":Ann:mallory");
    reply(taken(1));
    expect(mallory.text()).toContain(":Ann:mallory");
    register();
    expect(mallory.text()).toContain("The name 'Ann' is registered now");
    expect(nameHolders(rig.hub)).toEqual(new Map());
  });
});
