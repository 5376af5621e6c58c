// The server's announcement of a shared file, as parsed by the page.

import { expect, test } from "bun:test";
import { sharedText } from "../../src/chat/sharing/share-commands.ts";
import { readFileNotice } from "../../src/page/file-notice.ts";

const entry = (name: string) => ({ name, size: 300_000, modified: 0, files: 1 });

test("the announcement of one file is parsed, whatever its name is", () => {
  const names = ["a.txt", "it's 'quoted' (2).txt", "a' (5 B): parley fetch-file 'a", "<b>.html"];
  for (const name of names) {
    expect(readFileNotice(sharedText([entry(name)]))).toEqual({ name, size: "300 kB" });
  }
});

test("folders, several files and other texts have no link", () => {
  const texts = [
    sharedText([entry("photos/")]),
    sharedText([entry("a"), entry("b")]),
    "shares 'a' (5 B): parley fetch-file 'b'",
    "shares 'a' (5 B): parley fetch-file a",
    "shares it",
    "",
  ];
  for (const text of texts) expect(readFileNotice(text)).toBeUndefined();
});
