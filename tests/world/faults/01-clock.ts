// The server's wall clock is wrong for a while, as on a machine that sets it after booting: names,
// mail and history stay with their owners.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Namespace } from "../bed/namespace.ts";
import { faketimeLibrary } from "../bed/needs.ts";
import { Person } from "../bed/person.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";

const here = "127.0.0.1";
const dayMs = 86_400_000;

/** Longer than the server's interval of 10 s between two expiry sweeps. */
const wrongForMs = 15_000;

class Clock {
  readonly #path: string;

  constructor(scope: Scope) {
    this.#path = scope.folder("clock");
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
      `a clock ${words} for 15 s costs no history, mail or name, with ${store} [fault 1]`,
      { needs: ["network", "faketime"], slow: true },
      async (scope) => {
        const clock = new Clock(scope);
        const space = new Namespace(scope, "clock");
        const flags = store === "memory" ? [] : ["--data", scope.folder("chat.db")];
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
        if (store === "memory") return;

        assert.equal(await server.stop(), 0);
        await server.start();
        const later = await Person.login(space, here, reader.credentials);
        const kept = (await later.history()).map(({ text }) => text);
        assert.deepEqual(kept, expected, "the history after a restart");
      },
    );
  }
}
