// Fetching into unusual folders and from unusual files: content that changes under the same size
// and time, locks and leftovers of dead processes, links, file systems that lack features of ext4,
// full disks.

import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run, succeeds } from "../bed/command.ts";
import { Fetch } from "../bed/fetch.ts";
import { sha256Of, sha256OfFile, writeNoise } from "../bed/files.ts";
import { httpGet } from "../bed/http.ts";
import { mountExfat, mountFuse, mountReadOnly, mountSmall } from "../bed/mounts.ts";
import { Namespace } from "../bed/namespace.ts";
import { parley, Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";
const MiB = 1024 * 1024;

type Bed = {
  space: Namespace;
  server: TestServer;
  sha256: string;
  /** The folder for fetched files. */
  folder: string;
  fetch(name: string, to: string, ...flags: string[]): Fetch;
};

async function bed(scope: Scope, mib = 4): Promise<Bed> {
  const space = new Namespace(scope, "one");
  const server = await TestServer.start(scope, space, { address: here });
  const sha256 = writeNoise(join(server.files, "big"), mib);
  const folder = scope.folder("fetched");
  mkdirSync(folder);
  const fetch = (name: string, to: string, ...flags: string[]): Fetch =>
    new Fetch(scope, space, here, name, to, flags);
  return { space, server, sha256, folder, fetch };
}

async function assertExit(fetching: Fetch, code: number): Promise<void> {
  assert.equal(await fetching.exit(), code, fetching.process.output);
}

world(
  "a file whose content changes under the same size and time is another version",
  { needs: ["network"] },
  async (scope) => {
    const { space, server, folder, fetch } = await bed(scope);
    const path = join(server.files, "big");
    await assertExit(fetch("big", join(folder, "a")), 0);
    const etag = (await httpGet(space, here, "/files/big", {}, { method: "HEAD" })).headers.get(
      "etag",
    );
    assert.ok(etag, "an ETag");

    // In place, then the old time again, like dd conv=notrunc and touch -r.
    const times = scope.folder("times");
    run("touch", "-r", path, times);
    const changed = readFileSync(path);
    changed.fill(0x2a, MiB, MiB + 4096);
    writeFileSync(path, changed, { flag: "r+" });
    run("touch", "-r", times, path);
    const sha256 = sha256Of(changed);

    // A quick comparison may find the same size and time, and claims no more than that.
    const again = fetch("big", join(folder, "a"));
    await again.exit();
    const compared = again.last("unchanged")?.["compared"] ?? "time";
    assert.equal(compared, "time", `the old file passes for equal: ${again.process.output}`);
    const checked = fetch("big", join(folder, "a"), "--checksum");
    await assertExit(checked, 1);
    assert.match(checked.process.stdout, /differs/);
    const fresh = fetch("big", join(folder, "b"));
    await assertExit(fresh, 0);
    assert.equal(sha256OfFile(join(folder, "b")), sha256, "the fresh copy");
    const answer = await httpGet(
      space,
      here,
      "/files/big",
      { "If-None-Match": etag },
      { method: "HEAD" },
    );
    assert.equal(answer.status, 200, "HTTP says 304 for content that has changed");
    const ranged = await httpGet(space, here, "/files/big", {
      Range: "bytes=0-9",
      "If-Range": etag,
    });
    assert.equal(ranged.status, 200, "a range is joined to another version");
  },
);

world(
  "a fetch that is killed at any moment leaves nothing that stops the next one",
  { needs: ["network"], slow: true },
  async (scope) => {
    const { folder, fetch, sha256 } = await bed(scope, 1);
    const path = join(folder, "big");
    for (let i = 0; i < 40; i++) {
      const killed = fetch("big", path);
      await until(
        () =>
          existsSync(path) ||
          killed.process.hasEnded ||
          (i % 2 === 0 && existsSync(`${path}.part`)),
        "the file or a part of it",
      );
      await killed.process.kill();
      await assertExit(fetch("big", path), 0);
      assert.deepEqual(readdirSync(folder), ["big"], `leftovers in round ${i}`);
      assert.equal(sha256OfFile(path), sha256);
      renameSync(path, join(scope.folder(), "old"));
    }
  },
);

world(
  "a lock that names a process which lives, but is no fetch, stops nobody",
  { needs: ["network"] },
  async (scope) => {
    const { folder, fetch, sha256 } = await bed(scope);
    const path = join(folder, "big");
    const other = new Process(scope, ["sleep", "600"]);
    const stat = readFileSync(`/proc/${other.pid}/stat`, "utf8");
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const host = readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
    writeFileSync(`${path}.part.lock`, `${other.pid} ${start} ${host}`);
    await assertExit(fetch("big", path), 0);
    assert.equal(sha256OfFile(path), sha256);
  },
);

world(
  "two fetches of one name never write at once, even from two process namespaces",
  { needs: ["network", "unshare"] },
  async (scope) => {
    const { space, folder, fetch, sha256 } = await bed(scope, 8);
    const path = join(folder, "big");
    const first = fetch("big", path, "--limit-rate", "1M");
    await first.hasReceived(MiB);
    // However long the second one takes.
    first.process.signal("SIGSTOP");
    // In a container with the same folder, process IDs have a different meaning.
    const command = process.env["PARLEY_BIN"] ?? join(import.meta.dir, "../../../dist/parley");
    const second = new Process(
      scope,
      ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", command, "fetch-file"].concat([
        "--server",
        `${here}:55000`,
        "big",
        "-o",
        path,
        "--json",
      ]),
      { space },
    );
    const code = await second.exit();
    first.process.signal("SIGCONT");
    assert.equal(code, 1, `the second fetch was let in: ${second.output}`);
    assert.match(second.stdout, /"locked"/);
    await assertExit(first, 0);
    assert.equal(sha256OfFile(path), sha256);
  },
);

world(
  "nothing is written through a hard link that stands where a partial file will be",
  { needs: ["network"] },
  async (scope) => {
    const { folder, fetch, sha256, server } = await bed(scope);
    const path = join(folder, "big");
    const precious = join(scope.folder(), "precious");
    const words = "my only copy";

    // Without a journal, with the journal of an interrupted fetch, and as the journal.
    writeFileSync(precious, words);
    linkSync(precious, `${path}.part`);
    await fetch("big", path).exit();
    assert.equal(sha256OfFile(precious), sha256Of(words), "written through NAME.part");

    for (const name of readdirSync(folder))
      renameSync(join(folder, name), join(scope.folder(), name));
    const other = join(folder, "other");
    writeNoise(join(server.files, "other"), 8);
    const interrupted = fetch("other", other, "--limit-rate", "1M");
    await interrupted.hasReceived(MiB);
    await interrupted.process.kill();
    linkSync(`${other}.part`, join(scope.folder(), "linked"));
    linkSync(`${other}.part.journal`, join(scope.folder(), "linked.journal"));
    const part = sha256OfFile(join(scope.folder(), "linked"));
    const journal = sha256OfFile(join(scope.folder(), "linked.journal"));
    await fetch("other", other).exit();
    assert.equal(sha256OfFile(join(scope.folder(), "linked")), part, "written through the part");
    assert.equal(
      sha256OfFile(join(scope.folder(), "linked.journal")),
      journal,
      "through the journal",
    );

    await assertExit(fetch("big", join(folder, "clean")), 0);
    assert.equal(sha256OfFile(join(folder, "clean")), sha256);
  },
);

for (const [kind, need, mount] of [
  ["exFAT", "exfat", mountExfat],
  ["FUSE without hard links", "bindfs", mountFuse],
] as const) {
  world(
    `a fetch into ${kind} comes whole, and goes on after a kill`,
    { needs: ["network", need] },
    async (scope) => {
      const { fetch, sha256 } = await bed(scope, 8);
      const disk = mount(scope, "disk");
      const path = join(disk, "big");
      const first = fetch("big", path, "--limit-rate", "1M");
      await first.hasReceived(3 * MiB);
      await first.process.kill();
      const second = fetch("big", path);
      await assertExit(second, 0);
      assert.equal(sha256OfFile(path), sha256);
      const resumed = Number(second.last("offer")?.["resumedBytes"]);
      assert.ok(resumed > MiB, `resumed with ${resumed} bytes`);
      assert.deepEqual(readdirSync(disk), ["big"], "leftovers");
    },
  );
}

world(
  "where upper and lower case are one, a fetch never takes the other file's place",
  { needs: ["network", "exfat"] },
  async (scope) => {
    const { fetch, server } = await bed(scope, 1);
    const disk = mountExfat(scope, "disk");
    writeNoise(join(server.files, "Notes.txt"), 1);
    writeNoise(join(server.files, "notes.txt"), 2);
    await assertExit(fetch("Notes.txt", join(disk, "Notes.txt")), 0);
    const kept = sha256OfFile(join(disk, "Notes.txt"));
    const second = fetch("notes.txt", join(disk, "notes.txt"));
    await assertExit(second, 1);
    assert.match(second.process.stdout, /differs/);
    assert.equal(sha256OfFile(join(disk, "Notes.txt")), kept);
  },
);

/** Other programs leave no room on the disk. */
function fill(disk: string): void {
  succeeds("sh", "-c", `cat /dev/zero > ${disk}/ballast`);
}

world(
  "a fetch onto a disk that gets full says that it is full, and nothing internal",
  { needs: ["network", "mount"] },
  async (scope) => {
    const { fetch } = await bed(scope, 8);
    const disk = mountSmall(scope, "disk", 10 * 1024);
    const fetching = fetch("big", join(disk, "big"), "--limit-rate", "1M");
    await fetching.hasReceived(MiB);
    fill(disk);
    await assertExit(fetching, 1);
    const said = String(fetching.failure?.["message"]);
    assert.equal(fetching.failure?.["code"], "storage", fetching.process.output);
    assert.match(said, /the disk is full/);
    assert.doesNotMatch(said, /internal|close|journal|unlink/i);

    const again = fetch("big", join(disk, "big"));
    await assertExit(again, 1);
    assert.equal(again.failure?.["code"], "storage", again.process.output);
    assert.match(String(again.failure?.["message"]), /'big' needs .* and '.*' has room for/);
  },
);

world(
  "who sends a person files learns that the disk over there is full, and not where they would be",
  { needs: ["network", "mount"] },
  async (scope) => {
    const { space, server } = await bed(scope, 8);
    const disk = mountSmall(scope, "disk", 10 * 1024);
    const env = { PARLEY_SEND_FILE_PLAIN: "1", PARLEY_CLIENT_PLAIN: "1" };
    const taking = ["client", here, "--name", "Bob", "--accept", disk, "--follow", "--json"];
    const bob = parley(scope, taking, { space, env });
    await bob.says('"event":"online"');
    const file = join(server.files, "big");
    const sending = ["send-file", `${here}:${chatPort}`, file, "--to", "Bob"];
    const as = { space, env: { ...env, PARLEY_SEND_FILE_NAME: "Ann" } };
    const ann = parley(scope, [...sending, "--limit-rate", "1M"], as);
    await until(
      () => (statSync(join(disk, "big.part"), { throwIfNoEntry: false })?.size ?? 0) > 0,
      "the file to begin to arrive",
    );
    fill(disk);
    assert.equal(await ann.exit(), 1, ann.output);
    assert.match(ann.stderr, /'big': the disk is full/);
    assert.ok(!ann.output.includes(disk), ann.output);
    await bob.says('"failed":1');

    const again = parley(scope, sending, as);
    assert.equal(await again.exit(), 1, again.output);
    assert.match(again.stderr, /'big' needs .* and the folder has room for/);
    assert.ok(!again.output.includes(disk), again.output);
  },
);

world(
  "a fetch into a read-only folder says that it is read-only",
  { needs: ["network", "mount"] },
  async (scope) => {
    const { fetch, folder } = await bed(scope, 1);
    const disk = mountReadOnly(scope, "disk", folder);
    const fetching = fetch("big", join(disk, "big"));
    await assertExit(fetching, 1);
    assert.match(String(fetching.failure?.["message"]), /read-only/i);
  },
);

world(
  "a log that grows all the time is fetched as it was at the start",
  { needs: ["network"], slow: true },
  async (scope) => {
    const { server, folder, fetch } = await bed(scope, 8);
    const log = join(server.files, "big");
    const start = readFileSync(log);
    const growing = setInterval(() => appendFileSync(log, "one more line\n"), 20);
    scope.defer(() => clearInterval(growing));
    const fetching = fetch("big", join(folder, "log"), "--limit-rate", "4M");
    await assertExit(fetching, 0);
    const fetched = readFileSync(join(folder, "log"));
    assert.ok(fetched.length >= start.length, `${fetched.length} bytes`);
    assert.ok(readFileSync(log).subarray(0, fetched.length).equals(fetched), "the log's beginning");
  },
);

world(
  "a partial file that is exchanged during a fetch never passes for the file",
  { needs: ["network"] },
  async (scope) => {
    const { folder, fetch, sha256 } = await bed(scope, 8);
    const path = join(folder, "big");
    const fetching = fetch("big", path, "--limit-rate", "1M");
    await fetching.hasReceived(MiB);
    writeFileSync(join(folder, "other"), Buffer.alloc(8 * MiB));
    renameSync(join(folder, "other"), `${path}.part`);
    const code = await fetching.exit();
    if (code !== 0) return;
    assert.equal(sha256OfFile(path), sha256, "exit code 0, and another content");
  },
);

world(
  "a name that is typed in one Unicode form finds the file that is listed in the other",
  { needs: ["network"] },
  async (scope) => {
    const { server, folder, fetch } = await bed(scope, 1);
    writeFileSync(join(server.files, "Ménü.txt".normalize("NFD")), "decomposed");
    writeFileSync(join(server.files, "Größe.txt".normalize("NFC")), "composed");
    await assertExit(fetch("Ménü.txt".normalize("NFC"), join(folder, "a")), 0);
    await assertExit(fetch("Größe.txt".normalize("NFD"), join(folder, "b")), 0);
    assert.equal(readFileSync(join(folder, "a"), "utf8"), "decomposed");
    assert.equal(readFileSync(join(folder, "b"), "utf8"), "composed");
  },
);
