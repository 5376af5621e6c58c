// Messages to a service manager, over a socket like systemd's.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { notifyServiceManager } from "../../src/io/service-manager.ts";
import { parleyCommand } from "../parley.ts";
import { python3 } from "../python.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const testHere = skipUnless(
  process.platform === "linux" && python3 !== undefined,
  "Unix datagram sockets need Linux and python3",
);
const folder = testFolder("notify");

/** Prints `bound`, then each datagram on a line. */
const receiver = `
import socket, sys
address = sys.argv[1]
receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiving.bind("\\0" + address[1:] if address[0] == "@" else address)
print("bound", flush=True)
while True: print(repr(receiving.recv(1024).decode()), flush=True)
`;

/** A service manager that listens until it is disposed of. */
class Manager implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #heard = "";

  constructor(address: string) {
    this.#child = Bun.spawn([python3!, "-c", receiver, address], { stdout: "pipe" });
    this.#reader = this.#child.stdout.getReader();
  }

  async hears(line: string): Promise<void> {
    while (!this.#heard.includes(`${line}\n`)) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`It ended after ${JSON.stringify(this.#heard)}`);
      this.#heard += Buffer.from(value).toString();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}

for (const [kind, address] of [
  ["a path", join(folder, "notify")],
  ["an abstract name", `@parley-notify-${process.pid}`],
] as const) {
  testHere(`a socket with ${kind} is told`, async () => {
    await using manager = new Manager(address);
    await manager.hears("bound");
    expect(notifyServiceManager("READY=1", address)).toBe(true);
    await manager.hears("'READY=1\\n'");
  });
}

testHere("a server says when it is ready, and when it stops", async () => {
  const address = join(folder, "server");
  await using manager = new Manager(address);
  await manager.hears("bound");
  const flags = ["--port", "0", "--web-port", "0", "--state", join(folder, "state")];
  const server = Bun.spawn([...parleyCommand(), "server", ...flags, "--log-level", "warn"], {
    env: { ...process.env, NOTIFY_SOCKET: address },
    stdout: "ignore",
    stdin: "ignore",
  });
  await manager.hears("'READY=1\\n'");
  server.kill("SIGTERM");
  await manager.hears("'STOPPING=1\\n'");
  expect(await server.exited).toBe(0);
});

test("without a service manager nothing is sent, and a missing socket is noticed", () => {
  expect(notifyServiceManager("READY=1", "")).toBe(true);
  expect(notifyServiceManager("READY=1", join(folder, "nobody"))).toBe(false);
  expect(notifyServiceManager("READY=1", "x".repeat(200))).toBe(false);
});
