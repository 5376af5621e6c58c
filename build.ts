// Compiles dist/parley.   bun build.ts              for this machine
//                         bun build.ts --if-needed  only when a source is newer than the executable
//                         bun build.ts --bytecode   dist/bytecode/parley, for tests: 8 MB larger, and
//                                                   starts in half the processor time
//                         bun build.ts --all        a release for every platform, in dist/release
//                             --only linux-x64,…    for these platforms
//                             --base-url URL        where it will be, for its installers

import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { $ } from "bun";
import { version } from "./package.json";
import type { Target } from "./src/release/targets.ts";

const root = import.meta.dir;
const dist = join(root, "dist");

const { values } = parseArgs({
  options: {
    all: { type: "boolean" },
    only: { type: "string", default: "" },
    "base-url": { type: "string", default: "" },
    "if-needed": { type: "boolean" },
    bytecode: { type: "boolean" },
  },
});

/** Ends in `-dirty` if there are changes besides; empty outside a repository. */
const described = await $`git describe --always --dirty --abbrev=40 --exclude='*'`
  .cwd(root)
  .nothrow()
  .quiet();
const commit = described.stdout.toString().trim();

const executable = join(dist, values.bytecode === true ? "bytecode/parley" : "parley");
mkdirSync(dirname(executable), { recursive: true });
if (values.all) await buildAll();
else if (!values["if-needed"] || isStale(executable)) await compile(executable);

// Split, and for people without bytecode and source maps: that is 8 MB less in the executable, and
// a command reads only its own part at the start.
async function compile(outfile: string, target?: Target, executablePath?: string): Promise<void> {
  const startedMs = performance.now();
  const result = await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    minify: true,
    bytecode: values.bytecode === true,
    splitting: true,
    format: "esm",
    ...(commit === "" ? {} : { define: { PARLEY_COMMIT: JSON.stringify(commit) } }),
    compile: {
      outfile,
      ...(target === undefined ? {} : { target: target.bun }),
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
  if ((target?.platform ?? process.platform).startsWith("linux")) {
    const { withoutZeros } = await import("./src/release/elf-zeros.ts");
    const whole = `${outfile}.part`;
    writeFileSync(whole, withoutZeros(readFileSync(outfile)), { mode: 0o755 });
    renameSync(whole, outfile);
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.error(`built ${outfile} (parley ${version}) in ${seconds} s`);
}

async function buildAll(): Promise<void> {
  await compile(join(dist, "parley"));
  const time = await $`git log -1 --format=%ct`.cwd(root).nothrow().quiet();
  const at = process.env["SOURCE_DATE_EPOCH"] ?? time.stdout.toString().trim();
  if (!/^\d+$/.test(at)) throw new Error("Outside a repository a release needs SOURCE_DATE_EPOCH");
  const { buildRelease } = await import("./src/release/build-release.ts");
  await buildRelease(join(dist, "release"), {
    root,
    version,
    atSeconds: Number(at),
    baseUrl: values["base-url"],
    only: values.only.split(",").filter((platform) => platform !== ""),
    compile,
    report: console.error,
  });
}

function isStale(outfile: string): boolean {
  const builtMs = statSync(outfile, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const all = [...sources, "build.ts", "package.json", "package-lock.json"].map((path) =>
    path.startsWith(root) ? path : join(root, path),
  );
  return all.some((path) => statSync(path).mtimeMs > builtMs);
}
