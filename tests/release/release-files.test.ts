// The documents in an archive: everything that they link to is there too.

import { expect, test } from "bun:test";
import { dirname, join, resolve } from "node:path";
import { documents } from "../../src/release/release-files.ts";

test("no link leaves the archive's documents", () => {
  const files = documents(resolve(import.meta.dir, "../.."));
  const paths = new Set(files.map(({ path }) => path));
  expect(paths).toContain("share/doc/parley/README.md");
  const links = files.flatMap(({ path, content }) =>
    path.endsWith(".md")
      ? [...String(content).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, to = ""]) => ({
          from: path,
          to: join(dirname(path), to),
        }))
      : [],
  );
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter(({ to }) => !paths.has(to))).toEqual([]);
});
