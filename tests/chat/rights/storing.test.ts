// Decisions that are stored one after another.

import { expect, test } from "bun:test";
import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import type { StoreRequest } from "../../../src/chat/turn/store.ts";
import { sender } from "../../../src/limits.ts";
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
