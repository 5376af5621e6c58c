// dist/parley, which people get. Nearly all other tests start the same with bytecode, for less
// processor time: what could differ is how an executable finds and loads its parts.

import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../src/cli/command-table.ts";
import { run } from "../cli/run.ts";
import { noise } from "../noise.ts";
import { Parley, parleyBinary } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const released = join(import.meta.dir, "../../dist/parley");
const others = parleyBinary();
const withExecutable = skipUnless(existsSync(released), "there is no dist/parley: bun build.ts");
const folder = testFolder("executable");

beforeAll(() => {
  if (existsSync(released)) process.env["PARLEY_BIN"] = released;
});
afterAll(() => {
  process.env["PARLEY_BIN"] = others;
});

withExecutable("each command loads", async () => {
  for (const command of Object.keys(commands)) {
    const { code, out, err } = await run([command, "--help"]);
    expect([command, code, err]).toEqual([command, 0, ""]);
    expect(out).toContain(`parley ${command}`);
  }
});

withExecutable(
  "a server with its page, people who chat, and files by UDP and by code",
  async () => {
    const content = noise(1_000_000);
    writeFileSync(join(folder, "data.bin"), content);
    const data = ["--data", join(folder, "chat.db"), "--state", join(folder, "state")];
    const ports = ["--port", "0", "--web-port", "0", "--listen", "date-time=0"];
    await using server = new Parley("server", "--json", ...ports, "--files", folder, ...data);
    const ready = JSON.parse(await server.line(/"listening"/)) as { port: number; webPort: number };
    const address = `127.0.0.1:${ready.port}`;
    const page = await fetch(`http://127.0.0.1:${ready.webPort}/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("parley")]);

    await using bob = new Parley("client", address, "--name", "Bob", "--json");
    await bob.line(/"online"/);
    const ann = await run(["client", address, "--name", "Ann"], { input: "hello\n" });
    expect(ann.code).toBe(0);
    await bob.line(/"hello"/);

    const fetched = join(folder, "fetched.bin");
    const direct = await run(["fetch-file", address, "data.bin", "-o", fetched]);
    expect([direct.code, readFileSync(fetched).equals(content)]).toEqual([0, true]);

    await using sender = new Parley("send-file", address, fetched, "--code", "--json");
    const { code } = JSON.parse(await sender.line(/"event":"code"/)) as { code: string };
    const received = join(folder, "received.bin");
    const byCode = await run(["fetch-file", address, "--code", code, "-o", received]);
    expect([byCode.code, readFileSync(received).equals(content)]).toEqual([0, true]);
    expect(await sender.exit()).toBe(0);
  },
);
