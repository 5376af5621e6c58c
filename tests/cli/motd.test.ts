// The message of the day: from a file, reloaded on command, and shown in the terminal client.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { run } from "./run.ts";

const base = testFolder("motd");
const file = join(base, "motd");

test("--motd is shown to everyone who enters, and reread on reload", async () => {
  writeFileSync(file, "Welcome\u001b[31m\nBe kind\n\n");
  const flags = ["--port", "0", "--no-web", "--files", base, "--motd", file];
  await using server = new Parley("server", ...flags);
  const ready = await server.line(/^Server listening on/);
  const address = ready.replace("Server listening on ", "");
  const enter = async (name: string) => (await run(["client", address, "-n", name])).err;
  expect(await enter("Ann")).toContain("Welcome\nBe kind\n");
  // Some editors begin a file with a byte order mark.
  writeFileSync(file, "\ufeffClosed at nine");
  server.type("/reload");
  await server.says("The files are read again");
  expect(await enter("Bob")).toContain("\nClosed at nine\n");
  writeFileSync(file, "x".repeat(4_097));
  server.type("/reload");
  await server.says("longer than 4096 bytes");
  expect(await enter("Cal")).toContain("Closed at nine\n");
});

const start = (path: string) => run(["server", "--port", "0", "--no-web", "--motd", path]);

test("a file that can't be read or is too long is an error at startup", async () => {
  expect(await start(join(base, "none"))).toMatchObject({ code: 1 });
  expect(await start(base)).toMatchObject({ code: 1 });
});

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")("a FIFO is not waited for", async () => {
  const fifo = join(base, "fifo");
  Bun.spawnSync(["mkfifo", fifo]);
  const { code, err } = await start(fifo);
  expect({ code, err }).toEqual({
    code: 1,
    err: `parley server: --motd '${fifo}' can't be read: it is not a regular file\n`,
  });
});
