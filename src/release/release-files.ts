// What an archive contains in addition to the executable: man pages, completions, documents,
// licences.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { adminCommands } from "../chat/admin/admin-command.ts";
import { commandModels } from "../cli/command-models.ts";
import { commands } from "../cli/command-table.ts";
import type { ArchivedFile } from "./archives.ts";
import { manPages } from "./man-pages.ts";

/** Where each shell looks, below a prefix such as /usr/local. */
const completionPaths = {
  bash: "share/bash-completion/completions/parley",
  zsh: "share/zsh/site-functions/_parley",
  fish: "share/fish/vendor_completions.d/parley.fish",
  powershell: "share/parley/parley.ps1",
} as const;

type Release = {
  version: string;
  /** `YYYY-MM-DD` */
  date: string;
};

/** `parley`: an executable for this machine, which prints the completions. */
export async function sharedFiles(
  root: string,
  parley: string,
  release: Release,
): Promise<ArchivedFile[]> {
  const models = await commandModels(commands);
  const pages = manPages(models, { admin: Object.values(adminCommands) }, release);
  return [
    ...pages.map(({ file, text }) => ({ path: `share/man/man1/${file}`, content: text })),
    ...Object.entries(completionPaths).map(([shell, path]) => ({
      path,
      content: completions(parley, shell),
    })),
    { path: "share/doc/parley/LICENSE", content: readFileSync(join(root, "LICENSE")) },
    { path: "share/doc/parley/THIRD-PARTY-LICENSES", content: await otherLicences(root) },
    ...documents(root),
  ];
}

/** The README and everything that it links to, so that it can be read without a network. */
export function documents(root: string): ArchivedFile[] {
  const inRoot = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];
  const inDocs = readdirSync(join(root, "docs"))
    .toSorted()
    .map((name) => `docs/${name}`);
  return [...inRoot, ...inDocs].map((path) => ({
    path: `share/doc/parley/${path}`,
    content: readFileSync(join(root, path)),
  }));
}

function completions(parley: string, shell: string): Uint8Array {
  const { stdout, exitCode, stderr } = Bun.spawnSync([parley, "completions", shell]);
  if (exitCode !== 0) throw new Error(`parley completions ${shell}: ${stderr.toString()}`);
  return stdout;
}

type Lock = { packages: Readonly<Record<string, { version: string; dev?: boolean }>> };

/** Licences of the libraries in the executable, according to package-lock.json. */
async function otherLicences(root: string): Promise<string> {
  const lock = (await Bun.file(join(root, "package-lock.json")).json()) as Lock;
  const parts = Object.entries(lock.packages).flatMap(([path, { version, dev }]) => {
    if (path === "" || dev === true) return [];
    const folder = join(root, path);
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) throw new Error(`${path} has no licence`);
    const name = path.replace("node_modules/", "");
    return [`${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`];
  });
  const bun =
    `Bun ${Bun.version}\n\nThe executable is that of Bun (MIT licence), whose libraries are listed at\n` +
    "https://bun.com/docs/project/licensing\n";
  return [bun, ...parts].join(`\n${"-".repeat(72)}\n\n`);
}
