// Notifications of commits: in several parts if one is too short, read if there would be too many.

import { describe, expect, test } from "bun:test";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { PresenceChange, StoreReply } from "../../../src/chat/turn/store.ts";
import { postgres as limits } from "../../../src/limits.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { Feed } from "../../../src/store/postgres/feed.ts";
import { mayConcern, NoticeParts } from "../../../src/store/postgres/notices.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { hubStub } from "./hub-stub.ts";
import { withDatabase } from "./with-database.ts";

function part(number: number, of: number, text: string, transaction = 7, server = "s"): string {
  return `${server} ${transaction} ${number} ${of}\n${text}`;
}

function arrivals(count: number, name: string): PresenceChange[] {
  return Array.from({ length: count }, (_, i) => {
    const shown = `${name}${i}`;
    const alias = "x".repeat(200);
    const event = { type: "joined", room: "lobby", name: shown, alias, author: 1 } as const;
    return { folded: shown, name: shown, event };
  });
}

describe("parts of a notification", () => {
  test("are joined in any order, and per server", () => {
    const parts = new NoticeParts();
    expect(parts.add(part(2, 3, " b\n"))).toBeUndefined();
    expect(parts.add(part(1, 2, "x", 8, "t"))).toBeUndefined();
    expect(parts.add(part(3, 3, "c"))).toBeUndefined();
    expect(parts.add(part(1, 3, "a"))).toBe("a b\nc");
    expect(parts.add(part(2, 2, "y", 8, "t"))).toBe("xy");
  });

  test("of a later commit replace those of one that is incomplete", () => {
    const parts = new NoticeParts();
    expect(parts.add(part(1, 2, "old"))).toBeUndefined();
    expect(parts.add(part(2, 2, "b", 8))).toBeUndefined();
    expect(parts.add(part(1, 2, "a", 8))).toBe("ab");
  });

  test("leave everything else as it is", () => {
    const parts = new NoticeParts();
    for (const whole of [`{"from":"s"}`, "", "s 1 2 3", "s x 1 2\n", "1\n"]) {
      expect(parts.add(whole)).toBe(whole);
    }
  });

  test("are kept of a limited number of servers, and in a limited number", () => {
    const parts = new NoticeParts();
    for (let i = 0; i <= limits.partialNotices; i++) parts.add(part(1, 2, "a", 1, `s${i}`));
    expect(parts.add(part(2, 2, "b", 1, "s0"))).toBeUndefined();
    expect(parts.add(part(2, 2, "b", 1, "s9"))).toBe("ab");
    const many = limits.noticeParts + 2;
    for (let i = 1; i < many; i++) expect(parts.add(part(i, many, "a"))).toBeUndefined();
    expect(parts.add(part(many, many, "a"))).toBeUndefined();
  });

  test("that a server has sent itself concern it if members have changed", () => {
    expect(mayConcern(`{"from" : "s", "pieces" : [{"seq" : 1}]}`, "s")).toBe(false);
    expect(mayConcern(`{"from" : "t", "pieces" : [{"seq" : 1}]}`, "s")).toBe(true);
    expect(mayConcern(`{"from":"s","pieces":[{"version":1,"changes":[]}]}`, "s")).toBe(true);
  });
});

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: notifications of PostgreSQL`);

describe.skipIf(!hasPostgres)("a commit with many arrivals", () => {
  let database: Database;

  withDatabase((opened) => (database = opened));

  test.each([
    ["that fit into some notifications are not read", 100, "ann", "presence"],
    [
      "that are written with several bytes a letter are not read",
      40,
      "Äöü€".repeat(10),
      "presence",
    ],
    ["that are too many are read", 1_500, "ben", "roster"],
  ])("%s", async (_, count, name, how) => {
    const east = await PostgresStore.open(database);
    const west = await PostgresStore.open(database);
    const heard: ForeignEvent[] = [];
    let presence = (await west.rooms.roster("lobby", "")).version;
    const hub = hubStub(heard, {
      handleForeign(event) {
        // After each look at what may have been missed; these tests are about notifications.
        if (event.type === "looked") return;
        heard.push(event);
        if (event.type === "presence") presence++;
        if (event.type === "roster") ({ version: presence } = event);
      },
      positionIn: (room) => (room === "lobby" ? { seq: 0, presence } : undefined),
      openRooms: () => ["lobby"],
    });
    const feed = new Feed(database, west, () => {});
    feed.attach(hub);
    await feed.start(await west.rights());
    // Nothing has been missed from here on.
    await feed.check();
    const changes = arrivals(count, name);
    const commit = (store: PostgresStore, number: number): Promise<StoreReply> => {
      const batch = {
        number,
        rooms: [],
        mail: [],
        sessions: [],
        presence: [{ room: "lobby", changes }],
      };
      return new Promise((resolve) => store.answer({ type: "commit", batch, id: number }, resolve));
    };
    // Its own changes in between are no gap.
    await commit(east, 1);
    await commit(west, 1);
    await commit(east, 2);
    const isRead = () => heard.some(({ type }) => type === "roster");
    while (how === "presence" ? heard.length < 3 : !isRead()) await Bun.sleep(5);
    if (how === "presence") {
      const told = heard.map((event) => (event.type === "presence" ? event.rooms : event));
      expect(told).toEqual([
        [{ room: "lobby", version: presence - 2, changes: JSON.parse(JSON.stringify(changes)) }],
        [{ room: "lobby", version: presence - 1, changes: [] }],
        [{ room: "lobby", version: presence, changes: JSON.parse(JSON.stringify(changes)) }],
      ]);
    }
    feed.stop();
    await east.leave();
    await west.leave();
  });
});
