// Builds a complete release in a folder: an archive for each platform, Debian packages, the
// installers, and SHA256SUMS. The same commit produces the same bytes.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ArchivedFile, debianPackage, tarXz, zip } from "./archives.ts";
import { bunExecutable } from "./bun-executable.ts";
import { debianControl, debianFiles, forDebian } from "./debian.ts";
import { signAdHoc } from "./macho-signature.ts";
import { sharedFiles } from "./release-files.ts";
import { type Target, targets } from "./targets.ts";

export type ReleaseOptions = {
  root: string;
  version: string;
  /** The modification time of every file, in Unix seconds. */
  atSeconds: number;
  /** Where the release will be published; if empty, the installers ask for it. */
  baseUrl: string;
  /** The platforms to build for; empty: all. */
  only: readonly string[];
  /** Compiles the program for a target with the given Bun executable. */
  compile: (outfile: string, target: Target, executablePath: string) => Promise<void>;
  report: (line: string) => void;
};

/** @throws Error that says what is missing or failed */
export async function buildRelease(folder: string, options: ReleaseOptions): Promise<void> {
  const { root, version, atSeconds, baseUrl, report } = options;
  for (const tool of ["npm", "tar", "xz"]) {
    if (Bun.which(tool) === null)
      throw new Error(`A release needs ${tool}, which is not installed`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const date = new Date(atSeconds * 1000).toISOString().slice(0, 10);
  const shared = await sharedFiles(root, join(root, "dist/parley"), { version, date });
  const licence = readFileSync(join(root, "LICENSE"), "utf8");
  const unit = readFileSync(join(root, "docs/parley.service"), "utf8");
  const sums: string[] = [];
  const write = (name: string, content: Uint8Array) => {
    writeFileSync(join(folder, name), content);
    const hash = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    sums.push(`${hash}  ${name}`);
    report(`${name}: ${(content.length / 1e6).toFixed(1)} MB`);
  };
  for (const target of targets) {
    if (options.only.length > 0 && !options.only.includes(target.platform)) continue;
    const executable = await executableFor(target, options);
    const isWindows = target.platform.startsWith("windows");
    const program = {
      path: isWindows ? "bin/parley.exe" : "bin/parley",
      content: executable,
      isExecutable: true,
    };
    const files = [program, ...shared];
    const name = `parley-${version}-${target.platform}`;
    const inFolder = below(`${name}/`, files);
    if (isWindows) write(`${name}.zip`, zip(inFolder, atSeconds));
    else write(`${name}.tar.xz`, await tarXz(inFolder, atSeconds));
    if (target.debian === undefined) continue;
    const release = { version, architecture: target.debian, licence, unit, atSeconds };
    const installed = [...below("usr/", forDebian(files)), ...debianFiles(release)];
    const debian = await debianPackage(debianControl(release, installed), installed, atSeconds);
    write(`parley_${version}_${target.debian}.deb`, debian);
  }
  for (const name of ["install.sh", "install.ps1"]) {
    const script = readFileSync(join(import.meta.dir, name), "utf8");
    write(name, new TextEncoder().encode(withDefault(script, baseUrl)));
  }
  writeFileSync(join(folder, "SHA256SUMS"), `${sums.join("\n")}\n`);
}

async function executableFor(
  target: Target,
  { root, compile }: ReleaseOptions,
): Promise<Uint8Array> {
  const bun = await bunExecutable(target.package, root, join(root, "dist/.bun"));
  const outfile = join(root, "dist/.bun", `parley-${target.platform}`);
  await compile(outfile, target, bun);
  // Windows requires this extension, and the compiler appends it.
  const path = target.platform.startsWith("windows") ? `${outfile}.exe` : outfile;
  const executable = readFileSync(path);
  rmSync(path);
  return target.platform.startsWith("macos") ? signAdHoc(executable, "parley") : executable;
}

/** An installer that knows the address of the release. */
function withDefault(script: string, baseUrl: string): string {
  if (!/^[\w.:/~-]*$/.test(baseUrl)) throw new Error(`${baseUrl} is not the address of a release`);
  return script
    .replace('default_base_url=""', () => `default_base_url="${baseUrl}"`)
    .replace("{ $base = '' }", () => `{ $base = '${baseUrl}' }`);
}

function below(folder: string, files: readonly ArchivedFile[]): ArchivedFile[] {
  return files.map((file) => ({ ...file, path: `${folder}${file.path}` }));
}
