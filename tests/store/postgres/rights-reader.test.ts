// Operators' decisions that change all the time, at this server and others: each is noticed, and
// they are not read each time.

import { expect, test } from "bun:test";
import type { RightsRow } from "../../../src/chat/rights/rights-rows.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { RightsReader } from "../../../src/store/postgres/rights-reader.ts";

/** A table whose readings end when they are told to, with what was in it when they began. */
function setting() {
  const table = new Map<string, string>();
  const open: (() => void)[] = [];
  const delivered: (readonly RightsRow[])[] = [];
  let reads = 0;
  const read = async (): Promise<readonly RightsRow[]> => {
    reads++;
    const rows = Array.from(table, ([key, value]) => ({ key, value }));
    await new Promise<void>((resolve) => open.push(resolve));
    return rows;
  };
  const reader = new RightsReader(
    read,
    (rows) => delivered.push(rows),
    (error) => expect.unreachable(String(error)),
  );
  const known = (): Record<string, string> =>
    Object.fromEntries((delivered.at(-1) ?? []).map(({ key, value }) => [key, value]));
  /** Ends the oldest reading, or the newest. */
  const end = async (which: "oldest" | "newest" = "oldest"): Promise<void> => {
    const ended = which === "oldest" ? open.shift() : open.pop();
    ended?.();
    await Bun.sleep(0);
  };
  return { table, reader, known, end, reads: () => reads, delivered };
}

test("a ban is noticed while somebody changes a topic before every reading has ended", async () => {
  const { table, reader, known, end } = setting();
  table.set("sanction/1", "ban");
  for (let topic = 1; topic < limits.rightsReadPerLook; topic++) {
    table.set("room/den", `topic ${topic}`);
    reader.readSoon();
    // The one before it ends only now.
    if (topic > 1) await end();
    if (topic > 1) expect(known()).toMatchObject({ "sanction/1": "ban" });
  }
});

test("the same while this server's own topics are stored; they are not undone meanwhile", async () => {
  const { table, reader, known, end } = setting();
  table.set("sanction/1", "ban");
  reader.readSoon();
  for (let topic = 1; topic < limits.rightsReadPerLook; topic++) {
    const row = { key: "room/den", value: `topic ${topic}` };
    table.set(row.key, row.value);
    reader.stored([row]);
    await end();
    expect(known()).toEqual({ "sanction/1": "ban", "room/den": row.value });
  }
  table.delete("room/den");
  reader.stored([{ key: "room/den", value: undefined }]);
  await end();
  expect(known()).toEqual({ "sanction/1": "ban" });
});

test("a reading that ends after a newer one undoes nothing", async () => {
  const { table, reader, known, end } = setting();
  reader.readSoon();
  table.set("sanction/1", "ban");
  reader.readSoon();
  await end("newest");
  expect(known()).toEqual({ "sanction/1": "ban" });
  await end();
  expect(known()).toEqual({ "sanction/1": "ban" });
});

test("what another server undoes at once, as a ban, is undone here", async () => {
  const { table, reader, end, delivered } = setting();
  table.set("room/den", "topic");
  reader.readSoon();
  await end();
  // The ban was stored, and the other server has deleted it.
  reader.stored([{ key: "sanction/1", value: "ban" }]);
  reader.readSoon();
  await end();
  expect(delivered).toEqual([
    [{ key: "room/den", value: "topic" }],
    [{ key: "room/den", value: "topic" }],
  ]);
});

test("changes without end are read a few times, and then at the next look", async () => {
  const { table, reader, known, end, reads } = setting();
  for (let topic = 0; topic < 500; topic++) {
    table.set("room/den", `topic ${topic}`);
    reader.readSoon();
    await end();
  }
  expect(reads()).toBe(limits.rightsReadPerLook);
  const looked = reader.look();
  await end();
  await looked;
  expect(known()).toEqual({ "room/den": "topic 499" });
  reader.readSoon();
  expect(reads()).toBe(limits.rightsReadPerLook + 2);
});
