// The server's wall clock is wrong for a while, as on a machine that sets it after booting: names,
// mail and history stay with their owners.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fetch } from "../bed/fetch.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { Namespace } from "../bed/namespace.ts";
import { faketimeLibrary } from "../bed/needs.ts";
import { Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { parley, serverHasFlag } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";

const here = "127.0.0.1";
const dayMs = 86_400_000;
const MiB = 1024 * 1024;

/** Longer than the server's interval of 10 s between two expiry sweeps. */
const wrongForMs = 15_000;

class Clock {
  readonly #path: string;

  constructor(scope: Scope, name = "clock") {
    this.#path = scope.folder(name);
    this.set("+0");
  }

  /** In libfaketime's notation: `+40d`, `-1d`, `+2h`. */
  set(offset: string): void {
    writeFileSync(this.#path, `${offset}\n`);
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: faketimeLibrary ?? "",
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }
}

for (const [offset, words] of [
  ["+40d", "40 days ahead"],
  ["-1d", "a day behind"],
  ["+2h", "two hours ahead"],
] as const) {
  for (const store of ["a data file", "memory"] as const) {
    world(
      `a clock ${words} for 15 s costs no history, mail or name, with ${store}`,
      { needs: ["network", "faketime"], slow: true },
      async (scope) => {
        const clock = new Clock(scope);
        const space = new Namespace(scope, "clock");
        const sharing = serverHasFlag("--quota") ? ["--quota", "1G", "--keep-shared", "1h"] : [];
        const flags = [
          ...sharing,
          ...(store === "memory" ? [] : ["--data", scope.folder("chat.db")]),
        ];
        const server = await TestServer.start(scope, space, {
          address: here,
          flags,
          env: clock.env,
        });
        const ann = await Person.login(space, here, { name: "Ann" });
        const bob = await Person.login(space, here, { name: "Bob" });
        for (let i = 1; i <= 20; i++) await ann.say(`before ${i}`);
        bob.cut();
        await ann.line(({ type }) => type === "left", "Bob's leaving");
        await ann.tell("Bob", "kept for Bob");
        if (sharing.length > 0) await share(scope, space, "shared.txt");

        clock.set(offset);
        await Bun.sleep(wrongForMs);
        await ann.say("while it was wrong");
        clock.set("+0");
        await Bun.sleep(2_000);
        await ann.say("after");

        const reader = await Person.login(space, here, { name: "Reader" });
        const past = await reader.history();
        const before = Array.from({ length: 20 }, (_, i) => `before ${i + 1}`);
        const expected = [...before, "while it was wrong", "after"];
        assert.deepEqual(
          past.map(({ text }) => text),
          expected,
          "the history",
        );
        const last = Number(past.at(-1)?.["time"]);
        const wrongMs = Math.abs(last - Date.now());
        assert.ok(wrongMs < dayMs / 24, `the last message is ${Math.round(wrongMs / 1000)} s off`);

        const back = await Person.login(space, here, bob.credentials);
        await back.line(
          ({ type, text }) => type === "private" && text === "kept for Bob",
          "Bob's mail",
        );
        if (sharing.length > 0) assert.ok(existsSync(join(server.files, "shared.txt")));
        if (store === "memory") return;

        assert.equal(await server.stop(), 0);
        await server.start();
        const later = await Person.login(space, here, reader.credentials);
        const kept = (await later.history()).map(({ text }) => text);
        assert.deepEqual(kept, expected, "the history after a restart");
      },
    );
  }

  world(
    `a server that is killed and started while its clock is ${words} keeps names, mail and shared files`,
    { needs: ["network", "faketime"], slow: true },
    async (scope) => {
      const clock = new Clock(scope);
      const network = new Network(scope);
      const host = network.host("server");
      const [home, elsewhere] = [network.host("home").space, network.host("elsewhere").space];
      const sharing = serverHasFlag("--quota") ? ["--quota", "1G", "--keep-shared", "1h"] : [];
      const flags = ["--data", scope.folder("chat.db"), ...sharing];
      const server = await TestServer.start(scope, host.space, { flags, env: clock.env });
      const ann = await Person.login(home, host.address(), { name: "Ann" });
      await ann.say("before");
      if (sharing.length > 0) await share(scope, host.space, "shared.txt");
      const isShared = (): boolean => existsSync(join(server.files, "shared.txt"));

      for (const offsets of [[offset, offset], ["+0"]]) {
        for (const one of offsets) {
          await server.kill();
          clock.set(one);
          await server.start();
          const stranger = await Person.hello(elsewhere, host.address(), { name: "Ann" });
          assert.equal(
            stranger.error?.["code"],
            "name-taken",
            `a stranger got Ann's name at ${one}`,
          );
        }
        // longer than the interval of sweeps
        await Bun.sleep(wrongForMs);
        if (sharing.length > 0) assert.ok(isShared(), "the shared file");
      }
      const bob = await Person.login(elsewhere, host.address(), { name: "Bob" });
      await bob.tell("Ann", "for Ann alone");
      const back = await Person.login(home, host.address(), ann.credentials);
      await back.line(({ text }) => text === "for Ann alone", "Ann's mail");
      const kept = (await back.history()).map(({ text }) => text);
      assert.ok(kept.includes("before"), "the history");
    },
  );
}

world(
  "clocks that are set during a fetch, at both ends, neither stop nor change it",
  { needs: ["network", "faketime"], slow: true },
  async (scope) => {
    const space = new Namespace(scope, "clock");
    const [clock, clientClock] = [new Clock(scope), new Clock(scope, "client-clock")];
    const server = await TestServer.start(scope, space, { address: here, env: clock.env });
    const sha256 = writeNoise(join(server.files, "big"), 16);
    const to = scope.folder("fetched");
    const limit = ["--limit-rate", "2M"];
    const fetching = new Fetch(scope, space, here, "big", to, limit, { env: clientClock.env });
    for (const [i, offset] of ["+40d", "-1d", "+2h", "+0"].entries()) {
      await fetching.hasReceived((i + 1) * 2 * MiB);
      clock.set(offset);
      await fetching.hasReceived((i + 1.5) * 2 * MiB);
      clientClock.set(offset);
    }
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assert.equal(sha256OfFile(to), sha256, "the file");
  },
);

/** Puts a file with this name into the shared folder. */
async function share(scope: Scope, space: Namespace, name: string): Promise<void> {
  const path = join(scope.folder("given"), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "for everybody");
  const words = [
    "send-file",
    path,
    "--share",
    "--room",
    "files",
    "--server",
    here,
    "--name",
    "Sharer",
  ];
  const sending = parley(scope, words, { space });
  assert.equal(await sending.exit(), 0, sending.output);
}
