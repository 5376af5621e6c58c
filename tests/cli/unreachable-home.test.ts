// A configuration folder that can't even be looked at: HOME=/dev/null, or somebody else's home, as
// `sudo -u` leaves it. What needs no key works without one.

import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parleyCommand } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { environment, run } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("home");
const file = join(base, "file");
writeFileSync(file, "");
/** Looking at anything below a file fails with ENOTDIR, for root as well. */
const env = { HOME: file, XDG_CONFIG_HOME: join(file, "c"), XDG_STATE_HOME: join(file, "s") };

test("a server keeps everything in memory, and files are fetched without a key", async () => {
  const flags = ["--port=0", "--no-web", "--files", base];
  const server = Bun.spawn([...parleyCommand(), "server", ...flags], {
    stdout: "pipe",
    stderr: "pipe",
    env: environment(env),
  });
  const ready = new TextDecoder().decode((await server.stdout.getReader().read()).value);
  const address = ready.trim().replace("Server listening on ", "");
  const { code, out, err } = await run(["fetch-file", address, "--list"], { env });
  expect(out).toContain("file");
  expect(err).toMatch(/^Your key can't be kept in .*You go on without it\n$/);
  expect(code).toBe(0);
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  const log = await new Response(server.stderr).text();
  expect(log).toContain("state.db' can't be opened: not a directory");
  expect(log).not.toContain("internal error");
});

test("Tab completes the server on this machine", async () => {
  const ended = await run(["completions", "servers"], { env });
  expect(ended).toEqual({ code: 0, out: "127.0.0.1:55000\n", err: "" });
});
