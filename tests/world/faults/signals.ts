// Signals and closing terminals: a background server keeps running.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { parleyCommand } from "../../parley.ts";
import { Namespace } from "../bed/namespace.ts";
import { Person } from "../bed/person.ts";
import { Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { TerminalProgram } from "../bed/terminal.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const here = "127.0.0.1";

/** The shell commands for a background server, and the file for its process ID. */
function background(scope: Scope, before: string): { script: string; pid(): Promise<number> } {
  mkdirSync(scope.folder("FILES"));
  const path = scope.folder("pid");
  const command = parleyCommand().map((word) => `'${word}'`);
  const script = `${before} ${command.join(" ")} server >server.log 2>&1 & echo $! >'${path}.new'; mv '${path}.new' '${path}'`;
  const pid = async (): Promise<number> => {
    await until(() => existsSync(path), "the server's process id");
    const id = Number(readFileSync(path, "utf8"));
    scope.defer(() => {
      if (isParley(id)) process.kill(id, "SIGKILL");
    });
    return id;
  };
  return { script, pid };
}

function isParley(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return !/^State:\s+Z/m.test(status);
  } catch {
    return false;
  }
}

async function assertServes(space: Namespace, pid: number): Promise<void> {
  // long enough for a graceful exit, which closes the port immediately
  await Bun.sleep(1_000);
  assert.ok(isParley(pid), "the server has ended");
  const ann = await Person.login(space, here, { name: "Ann" });
  await ann.say("still here");
  await ann.bye();
}

async function listens(space: Namespace): Promise<void> {
  const tries = async (): Promise<boolean> => {
    try {
      const one = await Person.connect(space, here, chatPort);
      one.cut();
      return true;
    } catch {
      return false;
    }
  };
  await until(tries, "the server to listen");
}

world("a server started by nohup outlives its terminal", { needs: ["network"] }, async (scope) => {
  const space = new Namespace(scope, "one");
  const { script, pid } = background(scope, "nohup");
  const shell = new TerminalProgram(scope, space, ["bash", "--norc", "-i"], {
    columns: 80,
    rows: 24,
  });
  shell.type(`${script}\r`);
  const server = await pid();
  await listens(space);
  shell.close();
  await until(() => shell.hasEnded, "the shell's end");
  // Not every shell passes it on by itself.
  process.kill(server, "SIGHUP");
  await assertServes(space, server);
  process.kill(server, "SIGTERM");
  await until(() => !isParley(server), "the server's end by SIGTERM");
});

world(
  "SIGHUP that came ignored stays ignored, and SIGINT behind a script's & too",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const { script, pid } = background(scope, "");
    // A shell without job control ignores SIGINT for background processes.
    const shell = new Process(scope, ["sh", "-c", `trap '' HUP; ${script}; wait`], { space });
    const server = await pid();
    await listens(space);
    assert.ok(!shell.hasEnded);
    for (const signal of ["SIGHUP", "SIGINT"] as const) {
      process.kill(server, signal);
      await assertServes(space, server);
    }
  },
);

world(
  "SIGHUP and SIGINT that are not ignored end a server in the ordinary way",
  { needs: ["network"] },
  async (scope) => {
    for (const signal of ["SIGHUP", "SIGINT"] as const) {
      const space = new Namespace(scope, signal.toLowerCase());
      const server = await TestServer.start(scope, space, { address: here });
      server.process.signal(signal);
      assert.equal(await server.process.exit(), 0, signal);
    }
  },
);
