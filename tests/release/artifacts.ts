// Checks a finished release, and runs the artifacts that can run on this machine:
//
//   bun build.ts --all && bun tests/release/artifacts.ts [FOLDER]
//
// arm64 runs under qemu-user with the libraries of libc6-arm64-cross, an old x64 processor under
// qemu-user too, musl with its own loader, Windows under wine; foreign-libraries.ts provides what
// these need. Missing programs are reported, and their checks skipped.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { unzipSync } from "fflate";
import { targets } from "../../src/release/targets.ts";
import { bunExecutable } from "../../src/release/bun-executable.ts";
import { addWineLibrary, muslLibraries } from "./foreign-libraries.ts";
import { readSignature } from "./macho-reader.ts";

const root = resolve(import.meta.dir, "../..");
const folder = resolve(process.argv[2] ?? join(root, "dist/release"));
const work = mkdtempSync(join(tmpdir(), "parley-artifacts-"));
const totals = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map<string, number>();

const maxArchiveBytes = 42e6;
/** The most that parley may add to Bun. */
const maxAddedBytes = 3e6;
const maxHelpMs = 30;
/** Two are about the maintainer's address, the others about Bun, which must not be stripped. */
const lintianTags = [
  "bogus-mail-host",
  "bogus-mail-host-in-debian-changelog",
  "embedded-library",
  "hardening-no-pie",
  "hardening-no-relro",
  "unstripped-binary-or-object",
];

class Skipped extends Error {}

async function check(name: string, run: () => unknown): Promise<void> {
  try {
    const said = await run();
    totals.passed++;
    console.log(`ok       ${name}${typeof said === "string" ? `: ${said}` : ""}`);
  } catch (error) {
    if (error instanceof Skipped) {
      totals.skipped++;
      skips.set(error.message, (skips.get(error.message) ?? 0) + 1);
      console.log(`skipped  ${name}: ${error.message}`);
    } else {
      totals.failed++;
      console.log(`FAILED   ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence);
}

function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Skipped(`${what} is not there`);
}

function run(
  words: readonly string[],
  env: Record<string, string> = {},
  input: string | Bun.BunFile = "",
): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...words], {
    stdin: typeof input === "string" ? new TextEncoder().encode(input) : input,
    env: { ...process.env, ...environment, ...env },
    timeout: 120_000,
  });
  assert(exitCode === 0, `${words.join(" ")} ended with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

const environment = {
  XDG_CONFIG_HOME: join(work, "config"),
  XDG_STATE_HOME: join(work, "state"),
  NO_COLOR: "1",
};

const sums = readFileSync(join(folder, "SHA256SUMS"), "utf8").trimEnd().split("\n");
const names = sums.map((line) => line.slice(66));

function archiveOf(platform: string): string {
  const ends = [`-${platform}.tar.xz`, `-${platform}.zip`];
  const name = names.find((one) => ends.some((end) => one.endsWith(end)));
  need(name !== undefined, `an archive for ${platform}`);
  return name;
}

/** Unpacks an archive; returns the path of its executable. */
const unpacked = new Map<string, string>();
function executableOf(platform: string): string {
  const known = unpacked.get(platform);
  if (known !== undefined) return known;
  const archive = archiveOf(platform);
  const inside = archive.replace(/\.(?:tar\.xz|zip)$/, "");
  if (archive.endsWith(".zip")) {
    const files = unzipSync(readFileSync(join(folder, archive)));
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(work, path, ".."), { recursive: true });
      writeFileSync(join(work, path), content);
    }
  } else run(["tar", "-xJf", join(folder, archive), "-C", work]);
  const suffix = platform.startsWith("windows") ? ".exe" : "";
  const path = join(work, inside, `bin/parley${suffix}`);
  unpacked.set(platform, path);
  return path;
}

/**
 * Starts a server, sends a message through it, and fetches a file from it, all with this way to
 * start parley. `hello`: the client's input.
 */
async function trial(
  parley: readonly string[],
  env: Record<string, string> = {},
  hello: string | Bun.BunFile = "hello\n",
): Promise<string> {
  const version = run([...parley, "--version"], env).trim();
  const shared = join(work, "shared");
  mkdirSync(shared, { recursive: true });
  const content = crypto.getRandomValues(new Uint8Array(65_536));
  writeFileSync(join(shared, "some.bin"), content);
  const flags = ["--port=0", "--web-port=0", `--files=${shared}`];
  const server = Bun.spawn([...parley, "server", ...flags], {
    env: { ...process.env, ...environment, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of server.stdout) {
      said += decoder.decode(bytes, { stream: true });
      if (said.includes("\n")) break;
    }
    const address = said.trim().replace("Server listening on ", "");
    assert(/^127\.0\.0\.1:\d+$/.test(address), `the server said '${said}'`);
    const chat = run([...parley, "client", address, "--name", "Ann"], env, hello);
    assert(chat.includes("Ann: hello"), `the client said '${chat}'`);
    const target = join(work, "fetched.bin");
    run([...parley, "fetch-file", address, "some.bin", "-o", target, "--force"], env);
    assert(Buffer.compare(readFileSync(target), content) === 0, "the file came changed");
    return `version ${version}; server, chat and fetch`;
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
}

await check("SHA256SUMS fits every file", () => {
  for (const line of sums) {
    const [hash, name] = [line.slice(0, 64), line.slice(66)];
    assert(Bun.SHA256.hash(readFileSync(join(folder, name)), "hex") === hash, `${name} differs`);
  }
  return `${sums.length} files`;
});

for (const { platform } of targets) {
  await check(`${platform}: what is in the archive`, () => {
    const archive = archiveOf(platform);
    const start = archive.replace(/\.(?:tar\.xz|zip)$/, "");
    const path = join(folder, archive);
    const listed = archive.endsWith(".zip")
      ? Object.keys(unzipSync(readFileSync(path)))
      : run(["tar", "-tJf", path])
          .split("\n")
          .map((line) => line.replace(/^\.\//, ""));
    const suffix = platform.startsWith("windows") ? ".exe" : "";
    const wanted = [
      `bin/parley${suffix}`,
      "share/doc/parley/LICENSE",
      "share/man/man1/parley.1",
      "share/man/man1/parley-server.1",
      "share/bash-completion/completions/parley",
      "share/zsh/site-functions/_parley",
      "share/fish/vendor_completions.d/parley.fish",
      "share/parley/parley.ps1",
    ];
    const missing = wanted.filter((one) => !listed.includes(`${start}/${one}`));
    assert(missing.length === 0, `missing: ${missing.join(", ")}`);
    const maps = listed.filter((one) => one.endsWith(".map"));
    assert(maps.length === 0, `source maps: ${maps.join(", ")}`);
    return `${(statSync(path).size / 1e6).toFixed(1)} MB`;
  });
}

await check("linux-x64: sizes", async () => {
  const archiveBytes = statSync(join(folder, archiveOf("linux-x64"))).size;
  assert(archiveBytes <= maxArchiveBytes, `the archive has ${archiveBytes} bytes`);
  const bun = await bunExecutable("@oven/bun-linux-x64", root, join(root, "dist/.bun"));
  const bytes = statSync(executableOf("linux-x64")).size;
  const addedBytes = bytes - statSync(bun).size;
  assert(addedBytes <= maxAddedBytes, `${addedBytes} bytes are added to Bun`);
  return `archive ${(archiveBytes / 1e6).toFixed(1)} MB; ${(addedBytes / 1e6).toFixed(2)} MB over Bun`;
});

const onX64 = process.platform === "linux" && process.arch === "x64";
await check("linux-x64: --help within 30 ms", () => {
  need(onX64, "Linux on x64");
  const parley = executableOf("linux-x64");
  // Processor time: delays by other programs are not parley's.
  const times = Array.from({ length: 21 }, () => {
    const { resourceUsage } = Bun.spawnSync([parley, "--help"], { stdout: "ignore" });
    return Number(resourceUsage.cpuTime.total) / 1000;
  }).sort((a, b) => a - b);
  const medianMs = times[10]!;
  assert(medianMs <= maxHelpMs, `it took ${medianMs.toFixed(1)} ms`);
  return `${medianMs.toFixed(1)} ms`;
});

await check("linux-x64 runs", () => {
  need(onX64, "Linux on x64");
  return trial([executableOf("linux-x64")]);
});

await check("linux-x64 runs on a processor of 2008", () => {
  const qemu = Bun.which("qemu-x86_64-static");
  need(onX64 && qemu !== null, "qemu-x86_64-static");
  return trial([qemu, "-cpu", "Nehalem", executableOf("linux-x64")]);
});

await check("linux-arm64 runs", () => {
  if (process.platform === "linux" && process.arch === "arm64") {
    return trial([executableOf("linux-arm64")]);
  }
  const qemu = Bun.which("qemu-aarch64-static");
  const libraries = "/usr/aarch64-linux-gnu";
  need(qemu !== null, "qemu-aarch64-static");
  need(existsSync(join(libraries, "lib/ld-linux-aarch64.so.1")), "libc6-arm64-cross");
  return trial([qemu, "-L", libraries, executableOf("linux-arm64")]);
});

await check("linux-x64-musl runs", () => {
  need(onX64, "Linux on x64");
  const loader = "/lib/ld-musl-x86_64.so.1";
  need(existsSync(loader), "musl");
  const executable = executableOf("linux-x64-musl");
  if (existsSync("/etc/alpine-release")) return trial([executable]);
  const libraries = muslLibraries(executable, join(work, "musl"));
  need(libraries !== undefined, "a libstdc++ for musl (musl-tools and libstdc++-12-pic make one)");
  return trial([executable], { LD_LIBRARY_PATH: libraries });
});

for (const platform of ["macos-x64", "macos-arm64"]) {
  await check(`${platform}: the signature fits every page`, () => {
    const signature = readSignature(readFileSync(executableOf(platform)));
    const { wrongPages, isAdHoc, identifier, endsWithFile, linkEditEndsWithFile } = signature;
    assert(wrongPages.length === 0, `${wrongPages.length} pages have another hash`);
    assert(isAdHoc && identifier === "parley", `it is signed as ${identifier}`);
    assert(endsWithFile && linkEditEndsWithFile, "something follows the signature");
    return `${signature.pages} pages`;
  });
}

await check("windows-x64 runs", () => {
  const wine = ["wine64", "/usr/lib/wine/wine64"].map((name) => Bun.which(name)).find(Boolean);
  need(process.platform === "win32" || wine != null, "wine");
  const executable = executableOf("windows-x64");
  if (process.platform === "win32") return trial([executable]);
  const env = { WINEPREFIX: join(work, "wine"), WINEDEBUG: "-all" };
  addWineLibrary(dirname(executable));
  try {
    run([wine!, executable, "--version"], env);
  } catch {
    throw new Skipped("wine does not start Bun's executable");
  }
  // To Bun on Windows, a Linux pipe is not a pipe, but a file is a file.
  const hello = join(work, "hello.txt");
  writeFileSync(hello, "hello\n");
  return trial([wine!, executable], env, Bun.file(hello));
});

for (const architecture of ["amd64", "arm64"]) {
  await check(`the Debian package for ${architecture}`, () => {
    const name = names.find((one) => one.endsWith(`_${architecture}.deb`));
    need(name !== undefined, `a package for ${architecture}`);
    need(Bun.which("dpkg-deb") !== null, "dpkg-deb");
    const target = join(work, `deb-${architecture}`);
    run(["dpkg-deb", "--raw-extract", join(folder, name), target]);
    run(["sh", "-c", `cd ${target} && md5sum --check --quiet DEBIAN/md5sums`]);
    return run(["dpkg-deb", "--field", join(folder, name), "Depends"]).trim();
  });
}

for (const name of names.filter((one) => one.endsWith(".deb"))) {
  await check(`lintian about ${name}`, () => {
    need(Bun.which("lintian") !== null, "lintian");
    const tags = lintianTags.join(",");
    run(["lintian", "--fail-on=error,warning", "--suppress-tags", tags, join(folder, name)]);
  });
}

rmSync(work, { recursive: true, force: true });
for (const [reason, count] of skips) console.log(`${count} skipped: ${reason}`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);
