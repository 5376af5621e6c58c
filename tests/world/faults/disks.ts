// Disks on which there is room and nothing can be written: a quota or the number of files is used
// up, or the disk turns read-only while the server runs. And slow ones.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { succeeds } from "../bed/command.ts";
import { Fetch } from "../bed/fetch.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { mountFailing, mountFewFiles, mountFuse, mountQuota } from "../bed/mounts.ts";
import { Network } from "../bed/network.ts";
import { Namespace } from "../bed/namespace.ts";
import { Person } from "../bed/person.ts";
import { parley } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";

/** Things that are nobody's business, or that nobody understands. */
const internal = /internal|EDQUOT|ENOSPC|EROFS|\.parley-shared|\bat .*\.ts/;

/** All that is kept of the lobby. */
async function textsOf(person: Person): Promise<Set<string>> {
  const texts = new Set<string>();
  for (let before: number | undefined; ;) {
    const page = await person.history("lobby", 500, before);
    for (const { text } of page) texts.add(String(text));
    before = Number(page[0]?.["seq"] ?? 1);
    if (before <= 1) return texts;
  }
}

type Disk = {
  path: string;
  /** Leaves no room on it. */
  fill: () => void;
  /** What people read there. */
  word: RegExp;
};

const kinds: readonly [name: string, need: "btrfs" | "mount", make: (scope: Scope) => Disk][] = [
  [
    "whose quota is used up",
    "btrfs",
    (scope) => {
      const path = mountQuota(scope, "disk", 16);
      const fill = () => {
        succeeds("sh", "-c", `cat /dev/zero > ${path}/ballast`);
        succeeds("sh", "-c", `cat /dev/zero > ${path}/more`);
        succeeds("sync", "-f", path);
      };
      return { path, fill, word: /quota/ };
    },
  ],
  [
    "that has room for no other file",
    "mount",
    (scope) => {
      const path = mountFewFiles(scope, "disk", 64);
      const fill = () => {
        mkdirSync(join(path, "ballast"));
        for (let i = 0; succeeds("sh", "-c", `: > ${path}/ballast/${i}`); i++);
      };
      return { path, fill, word: /full/ };
    },
  ],
];

for (const [name, need, make] of kinds) {
  world(
    `a disk ${name} is named by fetches and uploads, which leave nothing there`,
    { needs: ["network", need] },
    async (scope) => {
      const space = new Namespace(scope, "one");
      const disk = make(scope);
      const source = scope.folder("source");
      mkdirSync(source);
      writeNoise(join(source, "big"), 24);
      const server = await TestServer.start(scope, space, { address: here, files: source });
      if (need === "mount") disk.fill();
      const fetching = new Fetch(scope, space, here, "big", join(disk.path, "big"));
      assert.equal(await fetching.exit(), 1, fetching.process.output);
      assert.match(String(fetching.failure?.["message"]), disk.word);
      assert.doesNotMatch(fetching.process.output, internal);
      await server.stop();

      const flags = ["--quota", "1G"];
      // What has arrived stays, for the next attempt.
      for (const one of ["ballast", "big.part", "big.part.journal"]) {
        rmSync(join(disk.path, one), { recursive: true, force: true });
      }
      succeeds("sync", "-f", disk.path);
      const sharing = await TestServer.start(scope, space, {
        address: here,
        files: disk.path,
        flags,
      });
      const share = (path: string) => {
        const words = ["send-file", path, "--share", "--server", here, "--name", "Ann"];
        return parley(scope, words, { space });
      };
      const first = share(join(import.meta.dir, "disks.ts"));
      assert.equal(await first.exit(), 0, first.output);
      const uploads = () => readdirSync(join(disk.path, ".parley-shared", "uploads"));
      if (need === "btrfs") {
        const large = share(join(source, "big"));
        assert.notEqual(await large.exit(), 0, large.output);
        assert.match(large.output, /The server cannot store it/);
        assert.doesNotMatch(large.output, internal);
        assert.match(sharing.process.stderr, disk.word);
        await until(() => uploads().length === 0, "what has arrived of it to be removed");
      }
      disk.fill();
      const refused = share(join(source, "big"));
      assert.notEqual(await refused.exit(), 0, refused.output);
      assert.match(refused.output, /disk/);
      assert.doesNotMatch(refused.output, internal);
      rmSync(join(disk.path, "ballast"), { recursive: true });
      rmSync(join(disk.path, "more"), { force: true });
      succeeds("sync", "-f", disk.path);
      writeNoise(join(source, "small"), 2);
      const again = share(join(source, "small"));
      assert.equal(await again.exit(), 0, again.output);
      const names = readdirSync(disk.path).filter((one) => !one.startsWith("."));
      assert.deepEqual(names.sort(), ["disks.ts", "small"]);
      assert.deepEqual(uploads(), []);
    },
  );

  world(
    `--data on a disk ${name} loses nothing acknowledged, and talk goes on with room`,
    { needs: ["network", need] },
    async (scope) => {
      const space = new Namespace(scope, "one");
      const disk = make(scope);
      const path = join(disk.path, "chat.db");
      const flags = ["--data", path, "--rate", "0"];
      const server = await TestServer.start(scope, space, { address: here, flags });
      const ann = await Person.login(space, here, { name: "Ann" });
      await ann.say("before");
      disk.fill();
      const told = () => server.process.stderr.includes("chat.db");
      const acknowledged = ["before"];
      for (let i = 0; !told() && i < 4_000; i++) {
        const text = `${i} ${"x".repeat(4_000)}`;
        const outcome = await ann.trySay(text);
        if (outcome === "ack") acknowledged.push(text);
        else assert.equal(outcome, "storage");
        if (need === "mount" && i > 100) break;
      }
      if (need === "btrfs") {
        assert.ok(told(), server.process.output);
        assert.doesNotMatch(server.process.stderr, internal);
      }
      rmSync(join(disk.path, "ballast"), { recursive: true });
      rmSync(join(disk.path, "more"), { force: true });
      succeeds("sync", "-f", disk.path);
      await until(async () => (await ann.trySay("after")) === "ack", "talk to go on");
      await server.kill();
      await server.start();
      const bob = await Person.login(space, here, { name: "Bob" });
      const kept = await textsOf(bob);
      const lost = [...acknowledged, "after"].filter((text) => !kept.has(text));
      assert.equal(lost.length, 0, `${lost.length} of ${acknowledged.length} are lost`);
    },
  );
}

world(
  "a disk that turns read-only while the server runs loses nothing acknowledged, and its files are still handed out",
  { needs: ["network", "ext4"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const disk = mountFailing(scope, "disk");
    const files = join(disk.path, "files");
    mkdirSync(files);
    const sha256 = writeNoise(join(files, "big"), 4);
    const flags = ["--data", join(disk.path, "chat.db"), "--quota", "1G"];
    const server = await TestServer.start(scope, space, { address: here, files, flags });
    const ann = await Person.login(space, here, { name: "Ann" });
    const said = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    for (const text of said) await ann.say(text);
    disk.fail();
    assert.equal(await ann.trySay("too late"), "storage");
    assert.match(server.process.stderr, /chat\.db/);
    const fetching = new Fetch(scope, space, here, "big", scope.folder("fetched"));
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assert.equal(sha256OfFile(scope.folder("fetched")), sha256);
    const words = ["send-file", join(import.meta.dir, "disks.ts"), "--share"];
    const share = parley(scope, [...words, "--server", here, "--name", "Ben"], { space });
    assert.notEqual(await share.exit(), 0, share.output);
    assert.match(share.output, /read-only/);
    assert.doesNotMatch(server.process.output + share.output, internal);
    await server.kill();
    // As after a repair.
    const repaired = scope.folder("repaired");
    cpSync(disk.path, repaired, { recursive: true });
    const options = { address: here, files, flags: ["--data", join(repaired, "chat.db")] };
    await TestServer.start(scope, space, options);
    const kept = await textsOf(await Person.login(space, here, { name: "Bob" }));
    assert.deepEqual([...kept].sort(), said.sort());
  },
);

world(
  "--data on a slow disk loses nothing acknowledged when the server is killed, nor a name or its mail",
  { needs: ["network", "bindfs"] },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const [home, work, far] = ["home", "work", "far"].map((name) => network.host(name).space);
    const path = join(mountFuse(scope, "disk", 400_000), "chat.db");
    const server = await TestServer.start(scope, host.space, { flags: ["--data", path] });
    const address = host.address();
    const ann = await Person.login(home!, address, { name: "Ann" });
    const bob = await Person.login(work!, address, { name: "Bob" });
    const { credentials } = ann;
    ann.cut();
    await bob.line(({ type, name }) => type === "left" && name === "Ann", "that Ann is away");
    const told: string[] = [];
    const said: string[] = [];
    for (let i = 0; i < 10; i++) {
      await bob.say(`line ${i}`);
      said.push(`line ${i}`);
      await bob.tell("Ann", `mail ${i}`);
      told.push(`mail ${i}`);
    }
    // Killed while it writes.
    for (let i = 0; i < 20; i++) bob.send({ type: "say", text: "x".repeat(10_000) });
    await server.kill();
    await server.start();
    const stranger = await Person.hello(far!, address, { name: "Ann" });
    assert.equal(stranger.error?.["code"], "name-taken");
    const back = await Person.login(home!, address, credentials);
    for (const text of told) {
      await back.line((line) => line.type === "private" && line["text"] === text, text);
    }
    const kept = await textsOf(back);
    assert.deepEqual(
      said.filter((text) => !kept.has(text)),
      [],
    );
  },
);
