// The target of --data, and the files served next to it.

import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { httpGet } from "../bed/http.ts";
import { mountExfat, mountFuse, mountReadOnly, mountSmall } from "../bed/mounts.ts";
import { Namespace } from "../bed/namespace.ts";
import { Person } from "../bed/person.ts";
import { parley } from "../bed/process.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { run } from "../bed/command.ts";

const here = "127.0.0.1";

world(
  "--data on a dangling link is refused with a sentence, and the link stays",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const link = scope.folder("chat.db");
    symlinkSync(scope.folder("disk/chat.db"), link);
    mkdirSync(scope.folder("FILES"));
    const server = parley(scope, ["server", "--data", link], { space });
    assert.equal(await server.exit(), 1, server.output);
    assert.match(server.stderr, /chat\.db/);
    assert.ok(lstatSync(link).isSymbolicLink(), "the link was replaced");

    // Once the disk is mounted the link has a target, and is accepted.
    mkdirSync(scope.folder("disk"));
    writeFileSync(scope.folder("disk/chat.db"), "");
    await TestServer.start(scope, space, { address: here, flags: ["--data", link] });
    assert.ok(lstatSync(link).isSymbolicLink(), "the link was replaced");
  },
);

world(
  "a data file in the shared folder is not served, nor what begins with a dot",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const files = scope.folder("shared");
    mkdirSync(join(files, ".ssh"), { recursive: true });
    mkdirSync(join(files, "sub"));
    for (const name of ["open.txt", ".env", ".ssh/id_rsa", "sub/.hidden"]) {
      writeFileSync(join(files, name), name);
    }
    // A second path to the same file.
    symlinkSync("chat.db", join(files, "link.db"));
    const server = await TestServer.start(scope, space, {
      address: here,
      files,
      flags: ["--data", join(files, "chat.db")],
    });
    const ann = await Person.login(space, here, { name: "Ann" });
    await ann.say("the walls have ears");
    run("ln", join(files, "chat.db"), join(files, "hard.db"));

    const list = (await httpGet(space, here, "/files")).body;
    for (const name of ["chat.db", ".env", "id_rsa", ".hidden", "link.db", "hard.db"]) {
      assert.ok(!list.includes(name), `${name} is listed: ${list}`);
    }
    assert.ok(list.includes("open.txt"), list);
    const paths = ["chat.db", "chat.db-wal", "chat.db-shm", "chat.db-lock", "link.db", "hard.db"];
    for (const path of [...paths, ".env", ".ssh/id_rsa", "sub/.hidden", "sub/../chat.db"]) {
      const { status } = await httpGet(space, here, `/files/${path}`);
      assert.equal(status, 404, `/files/${path}`);
      const encoded = path.replaceAll(".", "%2e").replaceAll("-", "%2d");
      assert.equal((await httpGet(space, here, `/files/${encoded}`)).status, 404, encoded);
    }
    const fetching = parley(scope, ["fetch-file", "127.0.0.1:55000", "chat.db-wal"], { space });
    assert.equal(await fetching.exit(), 5, fetching.output);
    assert.equal((await httpGet(space, here, "/files/open.txt")).body, "open.txt");
    assert.ok(!server.process.hasEnded);
  },
);

world(
  "--data on a full disk ends the start, and the sentence promises nothing",
  { needs: ["network", "mount"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const disk = mountSmall(scope, "disk", 64);
    writeFileSync(join(disk, "ballast"), Buffer.alloc(64 * 1024));
    mkdirSync(scope.folder("FILES"));
    const server = parley(scope, ["server", "--data", join(disk, "chat.db")], { space });
    assert.equal(await server.exit(), 1, server.output);
    assert.match(server.stderr, /chat\.db/);
    assert.match(server.stderr, /disk|space|full/i);
    assert.doesNotMatch(
      server.stderr,
      /go(es)? on by itself|goes on|will go on|tried again|again by itself/i,
    );
  },
);

world(
  "--data in a read-only folder ends the start with a sentence",
  { needs: ["network", "mount"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const source = scope.folder("source");
    mkdirSync(source);
    mkdirSync(scope.folder("FILES"));
    const disk = mountReadOnly(scope, "disk", source);
    const server = parley(scope, ["server", "--data", join(disk, "chat.db")], { space });
    assert.equal(await server.exit(), 1, server.output);
    assert.match(server.stderr, /chat\.db/);
    assert.doesNotMatch(server.stderr, /internal|\bat .*\.ts/);
  },
);

for (const [kind, need, mount] of [
  ["exFAT", "exfat", mountExfat],
  ["FUSE without hard links", "bindfs", mountFuse],
] as const) {
  world(
    `--data on ${kind} keeps what was acknowledged when the server is killed`,
    { needs: ["network", need] },
    async (scope) => {
      const space = new Namespace(scope, "one");
      const path = join(mount(scope, "disk"), "chat.db");
      const server = await TestServer.start(scope, space, {
        address: here,
        flags: ["--data", path],
      });
      const ann = await Person.login(space, here, { name: "Ann" });
      for (let i = 0; i < 50; i++) await ann.say(`line ${i}`);
      const second = parley(scope, ["server", "--port", "0", "--no-web", "--data", path], {
        space,
      });
      assert.equal(await second.exit(), 1, `a second server on the same file: ${second.output}`);
      await server.kill();
      await server.start();
      const bob = await Person.login(space, here, { name: "Bob" });
      assert.equal((await bob.history()).length, 50);
      assert.ok(existsSync(path));
      assert.equal(readFileSync(path).subarray(0, 15).toString(), "SQLite format 3");
    },
  );
}
