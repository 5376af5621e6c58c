// Decisions that are stored one after another.

import { expect, test } from "bun:test";
import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import type { StoreRequest } from "../../../src/chat/turn/store.ts";
import { ParleyError } from "../../../src/errors.ts";
import { sender } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { memoryAnswerer, Rig } from "../rig.ts";

test("a request whose answer is lost is repeated before later decisions are stored", () => {
  const answer = memoryAnswerer();
  const stored: string[] = [];
  let isLost = true;
  const rig = new Rig({}, (request: StoreRequest) => {
    if (request.type !== "change-rights") return answer(request);
    stored.push(request.changes.map(({ value = "" }) => /"topic":"(\w*)/.exec(value)?.[1]).join());
    if (isLost) return { id: request.id, outcome: "unknown" };
    return answer(request);
  });
  const answers: AdminAnswer[] = [];
  for (const topic of ["one", "two", "three"]) {
    const order = `topic lobby ${topic}`;
    rig.hub.handleAdmin(consoleActor, order, rig.nowMs, (one) => void answers.push(one));
    rig.settle();
  }
  expect(stored).toEqual(["one"]);
  isLost = false;
  rig.pass(sender.storageRetryMs, sender.storageRetryMs);
  expect(stored).toEqual(["one", "one", "three"]);
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, true]);
});

test("a decision that could not be stored is stored once that is possible, even if nobody decides more", () => {
  const store = openMemoryStore({ epoch: "epoch-1" });
  let isFull = true;
  let asked = 0;
  const rig = new Rig({}, (request) => {
    if (request.type !== "change-rights") return answerRequest(store, request);
    asked++;
    const error = new ParleyError("storage", "the disk is full");
    return isFull ? { id: request.id, outcome: "failed", error } : answerRequest(store, request);
  });
  expect(rig.order("ban Eve")).toMatchObject({
    message: expect.stringContaining(
      "It is not stored yet, and would be lost if the server stopped",
    ),
  });
  rig.pass(5_000, 1_000);
  expect(asked).toBeGreaterThan(1);
  expect(rig.log).toEqual([]);
  isFull = false;
  rig.pass(2_000, 1_000);
  expect(store.rights.load()).toMatchObject([{ key: "sanction/1" }]);
  asked = 0;
  rig.pass(2_000, 1_000);
  expect(asked).toBe(0);
});
