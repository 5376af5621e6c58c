// Backup and restore with the exact commands of docs/data.md, on a server in use.

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { docsBlock } from "../docs-blocks.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

const hasTools = process.platform === "linux" && Bun.which("sqlite3") !== null;
const withSqlite = skipUnless(hasTools, "sqlite3(1) is missing: install sqlite3 (Linux)");
const folder = testFolder("backup");

const [home, backups] = [join(folder, "home"), join(folder, "backups")];

const inFile = ["--data", join(home, "chat.db")];

/** The documented commands, with this test's folders; the test provides `systemctl`. */
function documented(heading: string): string[] {
  const lines = docsBlock("data.md", heading)
    .trimEnd()
    .replaceAll("/var/lib/parley", home)
    .replaceAll("/var/backups/parley", backups);
  return lines.split("\n");
}

function shell(lines: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-ec", lines.join("\n")]);
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
}

/** Starts the server like the unit, on free ports. */
async function start(...kept: string[]): Promise<{ server: Parley; address: string; pin: string }> {
  const server = new Parley("server", ...kept, "--port", "0", "--no-web", "--json");
  const { port, pin } = JSON.parse(await server.line(/"listening"/)) as {
    port: number;
    pin: string;
  };
  return { server, address: `127.0.0.1:${port}`, pin };
}

async function say(address: string, text: string): Promise<void> {
  const { code, err } = await run(["client", address, "--name", "Ann"], { input: `${text}\n` });
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
}

/** The history that a new user is shown. */
async function past(address: string): Promise<string> {
  const asking = [
    { type: "hello", version: 2, name: "Bob" },
    { type: "history", room: "lobby" },
  ];
  const [host = "", port] = address.split(":");
  let heard = "";
  const ended = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: host,
    port: Number(port),
    socket: {
      data(socket, bytes) {
        heard += bytes.toString();
        if (heard.includes('"type":"history"')) socket.end();
      },
      close: () => ended.resolve(),
    },
  });
  socket.write(asking.map((message) => `${JSON.stringify(message)}\n`).join(""));
  await ended.promise;
  return heard;
}

const epoch = /"epoch":"([^"]+)"/;

withSqlite("a backup of a running server, restored, has its messages and its key", async () => {
  mkdirSync(home);
  mkdirSync(backups);
  const before = await start(...inFile);
  await using running = before.server;
  await say(before.address, "before the backup");
  shell(documented("## Backup"));
  await say(before.address, "after the backup");
  const first = await past(before.address);
  expect(first).toContain("after the backup");

  const lines = documented("## Restore");
  expect([lines[0], lines.at(-1)]).toEqual(["systemctl stop parley", "systemctl start parley"]);
  running.signal("SIGKILL");
  await running.exit();
  shell(lines.slice(1, -1));
  const after = await start(...inFile);
  await using restored = after.server;
  const second = await past(after.address);
  expect(second).toContain("before the backup");
  expect(second).not.toContain("after the backup");
  expect(after.pin).toBe(before.pin);
  expect(epoch.exec(second)?.[1]).not.toBe(epoch.exec(first)?.[1]);
  restored.signal("SIGTERM");
  expect(await restored.exit()).toBe(0);
});

test("the key, names and decisions of a server without --data can be taken into a file", async () => {
  const [state, file] = [join(folder, "memory"), join(folder, "file")];
  const before = await start("--state", state);
  await using first = before.server;
  first.type("/topic lobby tea at four");
  await first.says("The topic of lobby is set");
  first.signal("SIGTERM");
  expect(await first.exit()).toBe(0);
  mkdirSync(file);
  const lines = documented("## From memory to a file").join("\n");
  shell([`cd ${file}`, lines.replaceAll("~/.local/state/parley", state)]);
  const after = await start("--data", join(file, "chat.db"));
  await using second = after.server;
  expect(after.pin).toBe(before.pin);
  expect(await past(after.address)).toContain("tea at four");
  second.signal("SIGTERM");
  expect(await second.exit()).toBe(0);
});
