// Compiles dist/parley.   bun build.ts              for this machine
//                         bun build.ts --if-needed  only when a source is newer than the executable
//                         bun build.ts --all        for every platform, with dist/SHA256SUMS

import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { $ } from "bun";
import { version } from "./package.json";

const root = import.meta.dir;
const dist = join(root, "dist");

const targets = {
  "linux-x64": "bun-linux-x64",
  "linux-arm64": "bun-linux-arm64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "macos-x64": "bun-darwin-x64",
  "macos-arm64": "bun-darwin-arm64",
  "windows-x64": "bun-windows-x64",
} as const;

const { values } = parseArgs({
  options: { all: { type: "boolean" }, "if-needed": { type: "boolean" } },
});

/** Ends in `-dirty` if there are changes besides; empty outside a repository. */
const described = await $`git describe --always --dirty --abbrev=40 --exclude='*'`
  .cwd(root)
  .nothrow()
  .quiet();
const commit = described.stdout.toString().trim();

mkdirSync(dist, { recursive: true });
if (values.all) await buildAll();
else if (!values["if-needed"] || isStale()) await compile(join(dist, "parley"));

async function compile(outfile: string, target?: string, executablePath?: string): Promise<void> {
  const startedMs = performance.now();
  const result = await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    minify: true,
    bytecode: true,
    sourcemap: "linked",
    format: "esm",
    ...(commit === "" ? {} : { define: { PARLEY_COMMIT: JSON.stringify(commit) } }),
    compile: {
      outfile,
      ...(target === undefined ? {} : { target: target as Bun.Build.CompileTarget }),
      ...(executablePath === undefined ? {} : { executablePath }),
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
    throw: false,
  });
  if (!result.success) {
    for (const message of result.logs) console.error(message);
    throw new Error(`${outfile} could not be built`);
  }
  rmSync(join(dist, "main.js.map"), { force: true });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.error(`built ${outfile} (parley ${version}) in ${seconds} s`);
}

async function buildAll(): Promise<void> {
  const sums: string[] = [];
  for (const [platform, target] of Object.entries(targets)) {
    const suffix = platform.startsWith("windows") ? ".exe" : "";
    const name = `parley-${version}-${platform}${suffix}`;
    await compile(join(dist, name), target);
    const hash = new Bun.CryptoHasher("sha256");
    hash.update(await Bun.file(join(dist, name)).arrayBuffer());
    sums.push(`${hash.digest("hex")}  ${name}`);
  }
  await Bun.write(join(dist, "SHA256SUMS"), `${sums.join("\n")}\n`);
}

function isStale(): boolean {
  const builtMs = statSync(join(dist, "parley"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const all = [...sources, "build.ts", "package.json", "package-lock.json"].map((path) =>
    path.startsWith(root) ? path : join(root, path),
  );
  return all.some((path) => statSync(path).mtimeMs > builtMs);
}
