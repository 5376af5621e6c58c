// A server starts only if notifications of the database arrive.

import { expect, test } from "bun:test";
import { Refused } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { checkNotifications } from "../../../src/store/postgres/notification-check.ts";

/** A database that answers a notification with `notify`. */
function databaseThat(notify: (heard: (payload: string) => void, payload: string) => void) {
  let heard: ((payload: string) => void) | undefined;
  let isStopped = false;
  const port: DatabasePort = {
    run: async (_text, [, payload] = []) => {
      notify((said) => heard?.(said), String(payload));
      return [];
    },
    script: async () => {},
    transact: async (work) => await work(port.run),
    listen: async (_channel, listener) => {
      heard = listener;
      return () => void (isStopped = true);
    },
  };
  return { port, isStopped: () => isStopped };
}

test("they arrive, among those of others", async () => {
  const { port, isStopped } = databaseThat((heard, payload) => {
    heard('{"from":"another"}');
    queueMicrotask(() => heard(payload));
  });
  await checkNotifications(port);
  expect(isStopped()).toBe(true);
});

const poolers: [string, () => void][] = [
  ["swallows notifications", () => {}],
  [
    "confuses prepared statements",
    () => {
      throw new Refused('prepared statement "P0" does not exist', "26000");
    },
  ],
];

test.each(poolers)("a pooler that %s is named", async (_, notify) => {
  const { port } = databaseThat(notify);
  await expect(checkNotifications(port, 1)).rejects.toThrow("pooler in transaction mode");
});

test("other refusals are passed on", async () => {
  const refusal = new Refused("permission denied", "42501");
  const { port } = databaseThat(() => {
    throw refusal;
  });
  await expect(checkNotifications(port, 1)).rejects.toBe(refusal);
});
