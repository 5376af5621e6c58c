// Files that people share on disks that are full, read-only or lack features, and over connections
// that are reset.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../bed/command.ts";
import { Fetch } from "../bed/fetch.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { mountExfat, mountFuse, mountReadOnly, mountSmall } from "../bed/mounts.ts";
import { Namespace } from "../bed/namespace.ts";
import { Network } from "../bed/network.ts";
import { parley, type Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";
const MiB = 1024 * 1024;

/** A server that shares a folder on some disk, and people on the same machine. */
async function sharing(scope: Scope, files: string, quota = "1G") {
  const space = new Namespace(scope, "one");
  await TestServer.start(scope, space, { address: here, files, flags: ["--quota", quota] });
  const share = (...paths: string[]): Process =>
    parley(scope, ["send-file", ...paths, "--share", "--server", here, "--name", "Ann"], { space });
  return { space, share };
}

const listed = (files: string): string[] =>
  readdirSync(files).filter((name) => !name.startsWith("."));

for (const kind of ["exFAT", "a FUSE mount"] as const) {
  world(
    `what people share on ${kind} arrives, with folders, and replaces nothing`,
    { needs: ["network", kind === "exFAT" ? "exfat" : "bindfs"] },
    async (scope) => {
      const files = kind === "exFAT" ? mountExfat(scope, "disk") : mountFuse(scope, "disk");
      const { share } = await sharing(scope, files);
      const given = scope.folder("given");
      mkdirSync(join(given, "tree", "inner"), { recursive: true });
      const sha256 = writeNoise(join(given, "tree", "inner", "big"), 3);
      for (const text of ["first", "second"]) {
        writeFileSync(join(given, "a.txt"), text);
        const sending = share(join(given, "tree"), join(given, "a.txt"));
        assert.equal(await sending.exit(), 0, sending.output);
      }
      assert.deepEqual(listed(files).sort(), ["a (2).txt", "a.txt", "tree", "tree (2)"]);
      for (const tree of ["tree", "tree (2)"]) {
        assert.equal(sha256OfFile(join(files, tree, "inner", "big")), sha256, tree);
      }
    },
  );
}

world(
  "on a full disk an upload is refused with a sentence, nothing of it stays, and room helps at once",
  { needs: ["network", "mount"] },
  async (scope) => {
    const files = mountSmall(scope, "disk", 8 * 1024);
    const { share } = await sharing(scope, files);
    const given = scope.folder("given");
    mkdirSync(given);
    writeNoise(join(given, "large"), 16);
    const sha256 = writeNoise(join(given, "fits"), 5);
    const large = share(join(given, "large"));
    assert.notEqual(await large.exit(), 0);
    assert.match(large.output, /disk has room for/);
    // Room is there when it is announced, and gone when it arrives.
    writeNoise(join(files, "other"), 2);
    run("dd", "if=/dev/zero", `of=${join(files, "filler")}`, "bs=64k", "count=20");
    const fits = share(join(given, "fits"));
    assert.notEqual(await fits.exit(), 0, fits.output);
    assert.match(fits.output, /disk/);
    assert.doesNotMatch(fits.output, /internal|\.parley-shared|ENOSPC/);
    assert.deepEqual(listed(files), ["filler", "other"]);
    run("rm", join(files, "filler"), join(files, "other"));
    const again = share(join(given, "fits"));
    assert.equal(await again.exit(), 0, again.output);
    assert.equal(sha256OfFile(join(files, "fits")), sha256);
    assert.deepEqual(readdirSync(join(files, ".parley-shared", "uploads")), []);
  },
);

world(
  "on a read-only disk an upload is refused with a sentence, and files are still handed out",
  { needs: ["network", "mount"] },
  async (scope) => {
    const source = scope.folder("source");
    mkdirSync(source);
    const sha256 = writeNoise(join(source, "old"), 1);
    const { share, space } = await sharing(scope, mountReadOnly(scope, "disk", source));
    const given = scope.folder("given");
    writeNoise(given, 1);
    const sending = share(given);
    assert.notEqual(await sending.exit(), 0);
    assert.match(sending.output, /read-only/);
    assert.doesNotMatch(sending.output, /internal|EROFS/);
    const fetched = scope.folder("fetched");
    assert.equal(await new Fetch(scope, space, here, "old", fetched).exit(), 0);
    assert.equal(sha256OfFile(fetched), sha256);
  },
);

world(
  "an upload and a fetch whose connections are reset in the middle go on",
  { needs: ["network", "iptables"], slow: true },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const client = network.host("client");
    const server = await TestServer.start(scope, host.space, { flags: ["--quota", "1G"] });
    const sha256 = writeNoise(join(server.files, "big"), 12);
    const given = scope.folder("given");
    const givenSha256 = writeNoise(given, 12);
    const { space } = client;
    const to = scope.folder("fetched");
    const limit = ["--limit-rate", "1500k"];
    const fetching = new Fetch(scope, space, host.address(), "big", to, limit);
    const words = ["send-file", given, "--share", "--server", host.address(), "--name", "Ann"];
    const sending = parley(scope, [...words, ...limit], { space });
    await fetching.hasReceived(2 * MiB);
    const reset = ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"];
    for (let i = 0; i < 3; i++) {
      client.block(...reset);
      await Bun.sleep(700);
      client.unblock(...reset);
      await Bun.sleep(1_500);
    }
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assert.equal(sha256OfFile(to), sha256, "the fetched file");
    assert.equal(await sending.exit(), 0, sending.output);
    const placed = join(server.files, "given");
    await until(() => existsSync(placed), "the shared file");
    assert.equal(sha256OfFile(placed), givenSha256, "the shared file");
  },
);

world(
  "an upload goes on when the server is killed in the middle and started again",
  { needs: ["network"], slow: true },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const server = await TestServer.start(scope, space, {
      address: here,
      flags: ["--quota", "1G", "--data", scope.folder("chat.db")],
    });
    const given = scope.folder("given");
    const sha256 = writeNoise(given, 12);
    const words = ["send-file", given, "--share", "--server", here, "--name", "Ann", "--json"];
    const sending = parley(scope, [...words, "--limit-rate", "2M"], { space });
    const sent = (): number => Number(/.*"verifiedBytes":(\d+)/s.exec(sending.stdout)?.[1] ?? 0);
    await until(
      () => sent() > 3 * MiB,
      () => `3 MiB; ${sending.output}`,
    );
    await server.kill();
    await server.start();
    assert.equal(await sending.exit(), 0, sending.output);
    assert.equal(sha256OfFile(join(server.files, "given")), sha256);
    assert.deepEqual(listed(server.files), ["given"]);
  },
);
