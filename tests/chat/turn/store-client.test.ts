// Requests to the store and their replies, in any order; and that nothing of them is kept.

import { edenGC, fullGC, heapSize } from "bun:jsc";
import { expect, test } from "bun:test";
import { StoreClient } from "../../../src/chat/turn/store-client.ts";
import type { StoreRequest } from "../../../src/chat/turn/store.ts";

const found = (id: number, last: number) =>
  ({ id, outcome: "done", type: "room-bounds", result: { first: 1, last } }) as const;

test("replies in any order find their requests, and each counts once", () => {
  const store = new StoreClient();
  const answers: string[] = [];
  const requests: StoreRequest[] = [];
  for (const room of ["a", "b", "c"]) {
    store.ask({ type: "room-bounds", room }, (outcome) => {
      answers.push(`${room} ${outcome.done ? outcome.result.last : "failed"}`);
    });
    requests.push(store.poll(0)!);
  }
  const [a, b, c] = requests.map(({ id }) => id);
  store.handle(found(b!, 2), 0);
  store.handle(found(b!, 20), 0);
  store.handle(found(c!, 3), 0);
  store.handle(found(99, 9), 0);
  expect(store.size).toBe(1);
  store.handle(found(a!, 1), 0);
  expect(answers).toEqual(["b 2", "c 3", "a 1"]);
  expect(store.size).toBe(0);
});

test("answered requests are freed by a young collection while other requests are open", () => {
  const store = new StoreClient();
  const before = (fullGC(), heapSize());
  const open: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const answers = Array.from({ length: 50 }, () => i);
    store.ask({ type: "room-bounds", room: "lobby" }, ({ done }) => answers.push(Number(done)));
    open.push(store.poll(0)!.id);
    if (open.length > 20) store.handle(found(open.shift()!, i), 0);
    if (i % 500 === 0) edenGC();
  }
  edenGC();
  // About 10 MB passed through.
  expect(heapSize() - before).toBeLessThan(2_000_000);
});
