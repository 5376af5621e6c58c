// A message is deleted while its reader is on the way to another server, which was not running at
// that time: the reader is told.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deletedText } from "../../src/protocol/messages.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";

skipUnless(hasPostgres, withoutPostgres)(
  "who changes the server is told of a text that was deleted meanwhile",
  async () => {
    await using setting = await Setting.start(2);
    const [east, west] = setting.servers;
    const [eastPort = 0, westPort = 0] = setting.ports;
    const identity = ["--identity", join(setting.folder, "owner")];
    const order = async (...words: string[]) => {
      await using admin = new Parley("admin", `127.0.0.1:${eastPort}`, ...words, ...identity);
      expect(await admin.exit()).toBe(0);
    };
    const code = readFileSync(join(setting.folder, "state", "claim"), "utf8").trim();
    await order("claim", code);

    using ann = await Wire.native(eastPort, "Ann");
    using bob = await Wire.open(westPort);
    const secret = `Bob-${"s".repeat(32)}`;
    bob.send({ type: "hello", version: 2, name: "Bob", secret });
    const { epoch } = JSON.parse(await bob.until(/"type":"welcome"/)).session;
    ann.send({ type: "say", n: 1, text: "a secret" });
    const { seq } = JSON.parse(await bob.until(/a secret/));
    bob.close();
    await west?.stop();
    await order("delete", "lobby", String(seq));
    await west?.start();
    await east?.kill();

    const rooms = [{ room: "lobby", seq }];
    using back = await Wire.native(westPort, "Bob", { epoch, mail: 0, rooms });
    const deleted = JSON.parse(await back.until(/"type":"deleted"/));
    expect(deleted).toEqual({ type: "deleted", room: "lobby", seq });
    back.send({ type: "history", room: "lobby" });
    const { messages } = JSON.parse(await back.until(/"type":"history"/));
    expect(messages).toMatchObject([{ seq, from: "Ann", text: deletedText, deleted: true }]);
  },
  180_000,
);
