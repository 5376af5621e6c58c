// Bun executables for other platforms, from the npm packages that the package `bun` depends on.
// package-lock.json pins their versions and hashes; npm fetches them.

import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";

type Lock = { packages: Readonly<Record<string, { version: string; integrity?: string }>> };

/**
 * The path of the executable in `package`, fetched into `cache` if missing.
 * @throws Error if npm can't fetch it, or if it does not match package-lock.json
 */
export async function bunExecutable(name: string, root: string, cache: string): Promise<string> {
  const lock = (await Bun.file(join(root, "package-lock.json")).json()) as Lock;
  const entry = lock.packages[`node_modules/${name}`];
  if (entry?.integrity === undefined) throw new Error(`package-lock.json does not list ${name}`);
  const binary = name.includes("windows") ? "bun.exe" : "bun";
  const folder = join(cache, `${name.replaceAll("/", "-")}-${entry.version}`);
  const path = join(folder, "package/bin", binary);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const wanted = `${name}@${entry.version}`;
  const packed = await $`npm pack --silent --pack-destination ${cache} ${wanted}`.nothrow().quiet();
  const file = packed.stdout.toString().trim().split("\n").at(-1) ?? "";
  if (packed.exitCode !== 0 || file === "") {
    throw new Error(`npm could not fetch ${wanted}: ${packed.stderr.toString().trim()}`);
  }
  const archive = join(cache, file);
  if (integrityOf(readFileSync(archive)) !== entry.integrity) {
    throw new Error(`${archive} is not what package-lock.json says: delete it, and try again`);
  }
  // Renamed when complete, so that an interrupted run leaves nothing that looks complete.
  const unpacked = `${folder}.part`;
  await $`rm -rf ${unpacked} ${folder} && mkdir ${unpacked} && tar -xzf ${archive} -C ${unpacked}`;
  renameSync(unpacked, folder);
  await $`rm ${archive}`;
  return path;
}

/** Subresource Integrity, as npm writes it. */
function integrityOf(bytes: Uint8Array): string {
  return `sha512-${new Bun.CryptoHasher("sha512").update(bytes).digest("base64")}`;
}
