// The hub's requests, answered by a store in the same process.

import { expect, test } from "bun:test";
import type { StoreOperation } from "../../src/chat/turn/store.ts";
import { ParleyError } from "../../src/errors.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { logged, mail, run, update } from "./batches.ts";

const runs = [run("lobby", ["a", "b", "c"])];
const session = update("s1", { n: 3 });
const letter = mail("s1", "psst");
const batch = {
  number: 1,
  rooms: [{ room: "lobby", runs }],
  mail: [letter],
  sessions: [session],
};
const record = { ...session, mail: 1 };
const said = logged(runs, 1);

test("each request is answered with its own type and number", () => {
  const store = openMemoryStore();
  const answers: [StoreOperation, unknown][] = [
    [
      { type: "commit", batch },
      { rooms: [1], mail: [1] },
    ],
    [
      { type: "room-bounds", room: "lobby" },
      { first: 1, last: 3 },
    ],
    [{ type: "read-room", room: "lobby", after: 0, limit: 2 }, said.slice(0, 2)],
    [{ type: "read-room", room: "lobby", before: 4, limit: 2 }, said.slice(1)],
    [{ type: "read-mail", session: "s1", after: 0, limit: 9 }, [{ ...letter.message, mail: 1 }]],
    [
      { type: "count-mail", session: "s1", after: 0 },
      { count: 1, last: 1 },
    ],
    [{ type: "load-session", session: "s1" }, record],
    [{ type: "load-session", session: "s2" }, undefined],
    [{ type: "find-name", name: "ann", sinceMs: 0 }, record],
  ];
  for (const [i, [question, result]] of answers.entries()) {
    const reply: unknown = answerRequest(store, { ...question, id: 70 + i });
    expect(reply).toEqual({ id: 70 + i, outcome: "done", type: question.type, result });
  }
});

test("a store failure is a reply; a bug in the program is thrown", () => {
  const store = openMemoryStore();
  const error = new ParleyError("storage", "The disk is full");
  store.commit = () => {
    throw error;
  };
  const request = { id: 5, type: "commit", batch } as const;
  expect(answerRequest(store, request)).toEqual({ id: 5, outcome: "failed", error });
  store.commit = () => {
    throw new TypeError("a mistake");
  };
  expect(() => answerRequest(store, request)).toThrow("a mistake");
});
