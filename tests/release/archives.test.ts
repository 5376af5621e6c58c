// Archives: unpacking restores the content, and the same files always produce the same bytes.

import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { type ArchivedFile, debianPackage, tarXz, zip } from "../../src/release/archives.ts";
import { debianControl, debianFiles, forDebian } from "../../src/release/debian.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("archives");

const atSeconds = 1_700_000_000;
const files: readonly ArchivedFile[] = [
  { path: "parley-1/bin/parley", content: "#!/bin/sh\necho 1.2.3\n", isExecutable: true },
  { path: "parley-1/share/doc/LICENSE", content: new Uint8Array([1, 2, 3]) },
];
const hasTools = process.platform === "linux" && Bun.which("xz") !== null;
const onLinux = skipUnless(hasTools, "needs GNU tar and xz");

onLinux("tar.xz: content, modes, time, owner; the same bytes in any order", async () => {
  const archive = await tarXz(files, atSeconds);
  expect(await tarXz(files.toReversed(), atSeconds)).toEqual(archive);
  const path = join(folder, "a.tar.xz");
  writeFileSync(path, archive);
  const { stdout } = Bun.spawnSync(["tar", "-tvJf", path, "--full-time", "--utc"]);
  const listed = stdout
    .toString()
    .split("\n")
    .filter((line) => line.includes("parley-1/bin/parley"));
  expect(listed.join()).toMatch(
    /^-rwxr-xr-x 0\/0\s+21 2023-11-14 22:13:20 \.\/parley-1\/bin\/parley$/,
  );
  Bun.spawnSync(["tar", "-xJf", path, "-C", folder]);
  expect(readFileSync(join(folder, "parley-1/share/doc/LICENSE"))).toEqual(Buffer.from([1, 2, 3]));
  expect(statSync(join(folder, "parley-1/share/doc/LICENSE")).mode & 0o777).toBe(0o644);
});

onLinux("tar.xz: a file that tar can't archive is an error, not left out", async () => {
  const path = Array.from({ length: 3 }, () => "x".repeat(120)).join("/");
  expect(await tarXz([...files, { path, content: "" }], atSeconds).catch(() => "failed")).toBe(
    "failed",
  );
});

test("zip: content; the same bytes in any order and any time zone", () => {
  const archive = zip(files, atSeconds);
  expect(zip(files.toReversed(), atSeconds)).toEqual(archive);
  const unpacked = unzipSync(archive);
  expect(Object.keys(unpacked)).toEqual(files.map(({ path }) => path));
  expect(unpacked["parley-1/share/doc/LICENSE"]).toEqual(new Uint8Array([1, 2, 3]));
  const script = `
    import { zip } from "${join(import.meta.dir, "../../src/release/archives.ts")}";
    const files = [{ path: "a", content: "b" }];
    process.stdout.write(new Bun.CryptoHasher("sha256").update(zip(files, ${atSeconds})).digest("hex"));`;
  const hashes = ["UTC", "Asia/Tokyo", "America/New_York"].map((TZ) =>
    Bun.spawnSync([process.execPath, "-e", script], {
      env: { ...process.env, TZ },
    }).stdout.toString(),
  );
  expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(hashes).size).toBe(1);
});

function dpkg(...words: string[]): string {
  const { stdout, stderr } = Bun.spawnSync(["dpkg-deb", ...words]);
  expect(stderr.toString()).toBe("");
  return stdout.toString();
}

skipUnless(hasTools && Bun.which("dpkg-deb") !== null, "dpkg-deb is not installed")(
  "a Debian package: dpkg reads its fields and files, and its sums fit",
  async () => {
    const release = {
      version: "1.2.3",
      architecture: "amd64",
      licence: "MIT\n\nText\n",
      unit: "[Service]\nExecStart=/usr/local/bin/parley server\n",
      atSeconds,
    };
    const installed = [
      { path: "usr/bin/parley", content: "#!/bin/sh\n", isExecutable: true },
      ...debianFiles(release),
    ];
    const path = join(folder, "parley.deb");
    writeFileSync(
      path,
      await debianPackage(debianControl(release, installed), installed, atSeconds),
    );
    expect(dpkg("--field", path, "Package", "Version", "Architecture", "Depends")).toBe(
      "Package: parley\nVersion: 1.2.3\nArchitecture: amd64\nDepends: libc6 (>= 2.17)\n",
    );
    const root = join(folder, "root");
    dpkg("--raw-extract", path, root);
    expect(statSync(join(root, "usr/bin/parley")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(root, "lib/systemd/system/parley.service"), "utf8")).toContain(
      "ExecStart=/usr/bin/parley server",
    );
    const changelog = readFileSync(join(root, "usr/share/doc/parley/changelog.gz"));
    expect(Buffer.from(Bun.gunzipSync(changelog)).toString()).toBe(
      "parley (1.2.3) unstable; urgency=medium\n\n  * CHANGELOG.md says what has changed.\n\n" +
        " -- The parley authors <parley@localhost>  Tue, 14 Nov 2023 22:13:20 +0000\n",
    );
    const { exitCode } = Bun.spawnSync(["md5sum", "--check", "--quiet", "DEBIAN/md5sums"], {
      cwd: root,
    });
    expect(exitCode).toBe(0);
  },
);

test("Debian packages have compressed man pages and Debian's own paths", () => {
  const archived = [
    "bin/parley",
    "share/man/man1/parley.1",
    "share/zsh/site-functions/_parley",
    "share/parley/parley.ps1",
    "share/doc/parley/LICENSE",
  ].map((path) => ({ path, content: "text", isExecutable: path === "bin/parley" }));
  const files = forDebian(archived);
  expect(files.map(({ path }) => path)).toEqual([
    "bin/parley",
    "share/man/man1/parley.1.gz",
    "share/zsh/vendor-completions/_parley",
  ]);
  expect(files[0]).toEqual(archived[0]!);
  expect(Buffer.from(Bun.gunzipSync(files[1]!.content as Uint8Array<ArrayBuffer>)).toString()).toBe(
    "text",
  );
});
