// The trees of the benchmark: one large file, many small ones, and one with every oddity.

import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { noise } from "../../noise.ts";

const MiB = 1024 * 1024;

export interface Tree {
  readonly name: string;
  describe(isWide: boolean): string;
  /** Creates it at `path`. */
  make(path: string, isWide: boolean): Promise<void> | void;
}

/** On the link it would take a minute and a half. */
const bigMiB = (isWide: boolean) => (isWide ? 128 : 1024);
const smallFiles = 10_000;

export const trees: readonly Tree[] = [
  {
    name: "big",
    describe: (isWide) => `1 file of ${bigMiB(isWide)} MiB`,
    async make(path, isWide) {
      mkdirSync(path);
      const writer = Bun.file(join(path, "file")).writer();
      for (let at = 0; at < bigMiB(isWide) * MiB; at += 65_536) {
        writer.write(noise(65_536));
        if (at % (16 * MiB) === 0) await writer.flush();
      }
      await writer.end();
    },
  },
  {
    name: "small",
    describe: () => `${smallFiles} files of 4 KiB`,
    make(path) {
      for (let i = 0; i < smallFiles; i++) {
        const folder = join(path, String(Math.floor(i / 100)));
        if (i % 100 === 0) mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, `file-${i}`), noise(4_096));
      }
    },
  },
  {
    name: "odd",
    describe: () => "a tree of odd names, links, times and permissions",
    make(path) {
      const names = [
        "a:b",
        "a\\b",
        "CON",
        "end.",
        " lead",
        "%41",
        "?#&",
        "\u00fc",
        "u\u0308",
        "-rf",
        "A",
        "a",
      ];
      for (const name of [...names, "n".repeat(255), "line\nend", "日本語", "😀"])
        put(join(path, "names", name), name);
      put(join(path, "run.sh"), "#!/bin/sh\n");
      chmodSync(join(path, "run.sh"), 0o755);
      put(join(path, "private"), "mine");
      chmodSync(join(path, "private"), 0o600);
      put(join(path, "zero"), "");
      put(join(path, ...Array.from({ length: 40 }, (_, i) => `deep${i}`), "file"), "deep");
      symlinkSync("names", join(path, "link"));
      mkdirSync(join(path, "empty"));
      for (const name of ["run.sh", "empty", "names"]) utimesSync(join(path, name), 1e9, 1e9);
    },
  },
];

function put(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
