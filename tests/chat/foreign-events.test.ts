// What a hub makes of events of other servers that come twice or too early, and of the versions of
// its own changes; and what it has for other servers if a batch fails.

import { expect, test } from "bun:test";
import type { AddressedSignal, StoreReply } from "../../src/chat/turn/store.ts";
import { ParleyError } from "../../src/errors.ts";
import { run } from "../store/batches.ts";
import { FailingStore } from "./failing-store.ts";
import { keyOf, owner } from "./owner.ts";
import { type Answerer, memoryAnswerer, Rig } from "./rig.ts";

const shared = { roomOpened() {} };

function saidElsewhere(rig: Rig, ...numbers: number[]): void {
  const runs = numbers.map((seq) => Object.assign(run("lobby", [`text ${seq}`]), { seq }));
  rig.hub.handleForeign({ type: "said", room: "lobby", runs }, rig.nowMs);
  rig.settle();
}

test("messages of other servers are said once, and none after a gap", () => {
  const rig = new Rig({ shared });
  const ann = rig.member("Ann");
  ann.text();
  saidElsewhere(rig, 1, 2);
  saidElsewhere(rig, 2, 3);
  saidElsewhere(rig, 5);
  saidElsewhere(rig, 1);
  saidElsewhere(rig, 4, 5);
  const texts = ann.lines().map(({ type, text }) => (type === "message" ? text : type));
  expect(texts).toEqual([1, 2, 3, 4, 5].map((seq) => `text ${seq}`));
});

type Committed = Extract<StoreReply, { type: "commit" }>;

/** A hub whose commits are answered as `change` says. */
function changing(change: (reply: Committed) => StoreReply) {
  const answer = memoryAnswerer();
  const signals: (readonly AddressedSignal[])[] = [];
  const changed: Answerer = (request) => {
    if (request.type !== "commit") return answer(request);
    if ((request.batch.signals ?? []).length > 0) signals.push(request.batch.signals!);
    const reply = answer(request);
    return reply?.outcome === "done" && reply.type === "commit" ? change(reply) : reply;
  };
  return { rig: new Rig({ shared }, changed), signals };
}

test("own changes of a room's members count only if no other's is missing before them", () => {
  const versions = [1, 2, 4, 5];
  const { rig } = changing((reply) => {
    const result = { ...reply.result, presence: [versions.shift() ?? 0] };
    return { ...reply, result };
  });
  const counted = ["Ann", "Ben", "Cal", "Dora"].map((name) => {
    rig.member(name);
    return rig.hub.positionIn("lobby")?.presence;
  });
  expect(counted).toEqual([1, 2, 2, 2]);
});

test("a signal for another server is sent with the next batch if the first one fails", () => {
  let fails = 1;
  const { rig, signals } = changing((reply) => {
    if (fails-- <= 0) return reply;
    return { id: reply.id, outcome: "failed", error: new ParleyError("storage", "full") };
  });
  const from = { key: "k", name: "Eve", folded: "eve", person: "p" };
  const invitation = { type: "chat", to: "nobody", step: "invite", exchange: ["x"], from } as const;
  rig.hub.handleForeign({ type: "signal", server: "east", signal: invitation }, rig.nowMs);
  rig.settle();
  expect(signals).toHaveLength(1);
  rig.member("Ann");
  expect(signals).toHaveLength(2);
  expect(signals[1]).toEqual(signals[0]!);
  expect(signals[1]).toMatchObject([{ server: "east", signal: { to: "k", step: "gone" } }]);
});

test("a device that was revoked at another server is disconnected, though the store can't be read at first", () => {
  const store = new FailingStore();
  const rig = new Rig({ shared }, store.answer);
  const desk = owner(rig, "Ann", "desk");
  const { id } = store.store.accounts.find({ name: "ann" })!;
  const key = keyOf("desk");
  store.store.accounts.change({
    type: "add-key",
    account: id,
    key: keyOf("phone"),
    label: "phone",
    atMs: rig.nowMs,
  });
  store.store.accounts.change({ type: "revoke-key", account: id, key, atMs: rig.nowMs });
  desk.text();
  store.unreadable = true;
  rig.hub.handleForeign({ type: "account", account: id, change: "revoke-key" }, rig.nowMs);
  rig.settle();
  expect(desk.text()).toBe("");
  store.unreadable = false;
  rig.hub.handleForeign({ type: "looked" }, rig.nowMs);
  rig.settle();
  expect(desk.text()).toContain("This device may no longer use the name");
});
