// Files for a user at another server: the sender moves there, with its files. Files by code made
// at another server, and calls of peers: the recipient, or the caller, goes there.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { until } from "../until.ts";
import { Wire } from "./wire.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

withPostgres(
  "send-file and /send reach somebody at another server",
  async () => {
    await using setting = await Setting.start(2);
    const [east, west] = setting.ports.map((port) => `127.0.0.1:${port}`);
    const [inbox, path] = [join(setting.folder, "inbox"), join(setting.folder, "plan.txt")];
    mkdirSync(inbox);
    writeFileSync(path, "the plan\n".repeat(1_000));
    await using ben = new Parley("client", west!, "--name", "Ben", "--json", "--accept", inbox);
    await ben.line(/"online"/);
    {
      await using sent = new Parley("send-file", east!, path, "--to", "Ben", "--name", "Ann");
      expect(await sent.exit()).toBe(0);
    }
    expect(await Bun.file(join(inbox, "plan.txt")).text()).toBe(await Bun.file(path).text());

    // A bot at the other server, which stays in its rooms meanwhile.
    const other = join(setting.folder, "more.txt");
    writeFileSync(other, "more");
    const flags = ["--name", "Cal", "--json", "--json-in", "--follow"];
    await using cal = new Parley("client", east!, ...flags);
    await cal.line(/"online"/);
    cal.type(JSON.stringify({ send: other, to: "Ben", ref: 1 }));
    await cal.line(/"event":"done","ref":1/);
    expect(await Bun.file(join(inbox, "more.txt")).text()).toBe("more");
    cal.type(JSON.stringify({ say: "still here", room: "lobby" }));
    await ben.line(/still here/);
  },
  180_000,
);

withPostgres(
  "fetch-file goes to the server where a code was made, and a peer's call to that of the callee",
  async () => {
    await using setting = await Setting.start(2);
    const [east, west] = setting.ports.map((port) => `127.0.0.1:${port}`);
    const [saved, path] = [join(setting.folder, "saved.txt"), join(setting.folder, "plan.txt")];
    writeFileSync(path, "the plan\n".repeat(1_000));
    await using sender = new Parley("send-file", east!, path, "--code", "--json");
    const { code } = JSON.parse(await sender.line(/"code":/));
    await using guest = new Parley("fetch-file", west!, "--code", code, "-o", saved);
    expect(await guest.exit()).toBe(0);
    expect(await sender.exit()).toBe(0);
    expect(await Bun.file(saved).text()).toBe(await Bun.file(path).text());
    const kept = () => setting.query("SELECT 1 FROM parley.names WHERE folded LIKE 'code/%'");
    await until(async () => (await kept()).length === 0, "the end of the code in the database");
    const peer = (id: string, server: string | undefined, ...flags: string[]) => {
      const identity = join(setting.folder, id, "identity");
      const place = ["--port", "0", "--server", server ?? "", "--identity", identity];
      return new Parley("peer", "--id", id, ...place, "--json", ...flags);
    };
    await using alice = peer("Alice", east);
    alice.type("/register", "/bridge");
    await alice.line(/"waiting"/);
    const taking = () => setting.query("SELECT 1 FROM parley.names WHERE folded LIKE 'call/%'");
    await until(async () => (await taking()).length === 1, "that she can be called");
    await using bob = peer("Bob", west, "--no-direct");
    bob.type("/bridge Alice", "/chat", "hello");
    await alice.line(/"event":"message".*"hello"/);
    expect(JSON.parse(await bob.line(/"event":"chat"/))).toMatchObject({ path: "relayed" });
    alice.type("hi");
    await bob.line(/"event":"message".*"hi"/);
    bob.type("/quit");
    expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
    await until(async () => (await taking()).length === 0, "that nobody can be called any more");
  },
  180_000,
);

withPostgres(
  "a client that can't move is told where the other one is",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    using ann = await Wire.native(east, "Ann");
    using ben = await Wire.native(west, "Ben", { takesFiles: true });
    const summary = { files: 1, bytes: 1, names: ["plan.txt"] };
    const offer = "AAAAAAAAAAAAAAAAAAAAAA";
    ann.send({ type: "offer-files", offer, to: "ben", summary, ref: 7 });
    const refused = JSON.parse(await ann.until(/"type":"error"/));
    expect(refused).toMatchObject({ code: "elsewhere", ref: 7, at: `127.0.0.1:${west}` });
    expect(refused.message).toContain(`connect to 127.0.0.1:${west}`);
    expect(ben.unread).not.toContain(offer);

    // Somebody who is away, and comes to the other server while the files wait.
    const path = join(setting.folder, "plan.txt");
    writeFileSync(path, "the plan");
    const dan = await Wire.native(east, "Dan", { takesFiles: true });
    dan[Symbol.dispose]();
    const left = () => setting.query("SELECT 1 FROM parley.people WHERE folded = 'dan'");
    await until(async () => (await left()).length === 0, "that Dan is away");
    const words = [`127.0.0.1:${east}`, path, "--to", "Dan", "--name", "Eve", "--json"];
    await using sender = new Parley("send-file", ...words);
    await sender.line(/"event":"offered".*"here":false/);
    using back = await Wire.native(west, "Dan", { takesFiles: true });
    expect(await back.until(/"type":"offered"/)).toContain('"from":"Eve"');
    await sender.line(/"event":"offered".*"here":true/);
  },
  180_000,
);
