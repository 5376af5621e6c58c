// The exact commands of docs/operation.md that install and upgrade a server, with a systemd played
// by this test: it runs the unit's command.

import { afterAll, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { docsBlock } from "../docs-blocks.ts";
import { Parley, parleyBinary, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

const binary = parleyBinary();
const isCompiled = parleyCommand().length === 1 && process.platform === "linux";
const withBinary = skipUnless(isCompiled, "there is no dist/parley: run bun build.ts (Linux)");
const root = testFolder("upgrade");
afterAll(() => {
  process.env["PARLEY_BIN"] = binary;
});

const installed = join(root, "usr/local/bin/parley");
const home = join(root, "var/lib/parley");
const asked = join(root, "asked");

/** The commands under that heading, with this test's own root. */
function documented(heading: string): string {
  return docsBlock("operation.md", heading)
    .replaceAll("dist/parley", binary)
    .replaceAll(" /usr/", ` ${root}/usr/`)
    .replaceAll(" /etc/", ` ${root}/etc/`)
    .replaceAll(" /srv/", ` ${root}/srv/`);
}

/** Runs them; returns the arguments of systemctl. */
function shell(heading: string): string {
  rmSync(asked, { force: true });
  const env = { ...process.env, PATH: `${root}/bin:${process.env["PATH"]}` };
  const child = Bun.spawnSync(["sh", "-ec", documented(heading)], {
    env,
    cwd: join(import.meta.dir, "../.."),
  });
  expect({ code: child.exitCode, err: child.stderr.toString() }).toEqual({ code: 0, err: "" });
  return Bun.spawnSync(["cat", asked]).stdout.toString();
}

async function start(): Promise<{ server: Parley; address: string; pin: string }> {
  const flags = ["--data", join(home, "chat.db"), "--port", "0", "--no-web", "--json"];
  process.env["PARLEY_BIN"] = installed;
  const server = new Parley("server", ...flags);
  const { port, pin } = JSON.parse(await server.line(/"listening"/)) as Record<string, unknown>;
  return { server, address: `127.0.0.1:${String(port)}`, pin: String(pin) };
}

withBinary(
  "a server is installed and upgraded by these commands, and keeps what it had",
  async () => {
    for (const path of ["bin", "usr/local/bin", "etc/systemd/system", "srv", "var/lib/parley"]) {
      mkdirSync(join(root, path), { recursive: true });
    }
    writeFileSync(join(root, "bin/systemctl"), `#!/bin/sh\necho "$@" >> ${asked}\n`);
    chmodSync(join(root, "bin/systemctl"), 0o755);

    expect(shell("### Under systemd")).toBe("daemon-reload\nenable --now parley\n");
    expect(statSync(installed).mode & 0o777).toBe(0o755);
    expect(existsSync(join(root, "etc/systemd/system/parley.service"))).toBe(true);
    const first = await start();
    const said = await run(["client", first.address, "--name", "Ann"], { input: "before\n" });
    expect(said).toMatchObject({ code: 0 });

    // While the server runs, `install` replaces the file instead of writing into the old one.
    expect(shell("### Upgrade")).toBe("restart parley\n");
    first.server.signal("SIGTERM");
    expect(await first.server.exit()).toBe(0);
    const second = await start();
    expect(second.pin).toBe(first.pin);
    second.server.type("/export lobby");
    await second.server.line(/"text":"before"/);
    second.server.signal("SIGTERM");
    expect(await second.server.exit()).toBe(0);
  },
);
