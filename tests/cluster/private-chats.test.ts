// Private chats by consent between users at two servers of one database, with the database's own
// commits, leases and notifications.

import { expect } from "bun:test";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

withPostgres(
  "people at two servers chat in private, until one of the servers dies",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    using ann = await Wire.native(east, "Ann");
    using ben = await Wire.native(west, "Ben");
    using cal = await Wire.native(west, "Cal");
    ann.send({ type: "invite", to: "ben" });
    await ben.until(/"state":"invited","with":"Ann"/);
    await ann.until(/"state":"asked","with":"Ben"/);
    ben.send({ type: "accept" }, { type: "tell", to: ["Ann"], text: "at once", n: 1 });
    await ann.until(/"state":"started","with":"Ben"/);
    // Messages of a partner follow the start of the chat.
    const first = JSON.parse(await ann.until(/"text":"at once"/));
    expect(first).toMatchObject({ type: "private", from: "Ben", chat: true });
    await ben.until(/"state":"started","with":"Ann"/);
    cal.send({ type: "invite", to: "Ann" });
    await cal.until(/"state":"busy","with":"Ann"/);

    ben.send({ type: "leave" });
    await ann.until(/"state":"left","with":"Ben"/);
    cal.send({ type: "invite", to: "Ann" });
    await ann.until(/"state":"invited","with":"Cal"/);
    ann.send({ type: "accept" });
    await cal.until(/"state":"started","with":"Ann"/);
    cal.close();
    await ann.until(/"state":"lost","with":"Cal"/);

    ann.send({ type: "invite", to: "Ben" });
    await ben.until(/"state":"invited","with":"Ann"/);
    ben.send({ type: "accept" });
    await ann.until(/"state":"started","with":"Ben"/);
    await setting.servers[1]?.kill();
    await ann.until(/"state":"lost","with":"Ben"/);
    ann.send({ type: "invite", to: "Ben" });
    await ann.until(/"code":"unknown-user"/);
    expect(await setting.query("SELECT folded FROM parley.people")).toEqual([{ folded: "ann" }]);
    expect(await setting.query("SELECT id FROM parley.signals")).toEqual([]);
  },
  180_000,
);
