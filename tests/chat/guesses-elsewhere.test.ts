// Guesses and registrations at several servers of one database: together no more than at one.

import { expect, test } from "bun:test";
import { accounts as limits, sender } from "../../src/limits.ts";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { Neighbours } from "./neighbours.ts";
import { owner } from "./owner.ts";
import type { Client, Rig } from "./rig.ts";

function three(options: object = {}): { world: Neighbours; servers: Rig[] } {
  const world = new Neighbours();
  let secrets = 0;
  const newSecret = () => `secret-number-${++secrets}`;
  const servers = ["east", "west", "north"].map((id) =>
    world.server(id, { newSecret, ...options }),
  );
  return { world, servers };
}

function login(server: Rig, address: string, password: string): Client {
  return server.member("Ann", { password, secret: "another-secret-0123456789" }, address);
}

/** Ann's name has a password; the codes of the answers to guesses at it. */
function withPassword() {
  const { world, servers } = three();
  const ann = owner(servers[0]!, "Ann", "desk").send({ type: "set-password", password: "correct" });
  ann.close("quit");
  world.deliver();
  const guess = (at: number, address: string, password = "guess 12345"): unknown =>
    login(servers[at % 3]!, address, password)
      .lines()
      .at(-1)?.["code"];
  return { world, servers, guess };
}

/** An address of a network of its own. */
const networkOf = (i: number): string => `192.0.${i >> 8}.${i & 255}`;
const wrong = (codes: readonly unknown[]): number =>
  codes.filter((code) => code === "wrong-password").length;

test("guesses at a password count at all servers, by account and by network", () => {
  for (const [addressOf, most] of [
    [networkOf, limits.guessesPerAccount],
    [() => "192.0.2.1", limits.guessesPerNetwork],
  ] as const) {
    const { world, guess } = withPassword();
    const codes = Array.from({ length: 3 * most }, (_, i) => {
      const code = guess(i, addressOf(i));
      world.deliver();
      return code;
    });
    expect(wrong(codes)).toBe(most);
    expect(codes.at(-1)).toBe("rate");
  }
});

test("guesses at the same moment at three servers are owed, and the next ones wait for them", () => {
  const { world, servers, guess } = withPassword();
  const most = limits.guessesPerAccount;
  const atOnce = Array.from({ length: 3 * most }, (_, i) => guess(i, networkOf(i)));
  expect(wrong(atOnce)).toBe(3 * most);
  world.deliver();
  // What one server allows in this time has been used up.
  for (const server of servers) server.nowMs += 2 * most * limits.guessEveryMs;
  expect([0, 1, 2].map((at) => guess(at, networkOf(1_000 + at)))).toEqual(["rate", "rate", "rate"]);
  for (const server of servers) server.nowMs += limits.guessEveryMs;
  expect(guess(0, networkOf(2_000))).toBe("wrong-password");
  world.deliver();
  expect(guess(1, networkOf(2_001))).toBe("rate");
});

test("who knows the password does not use up the guesses of the network at other servers", () => {
  const { world, servers, guess } = withPassword();
  for (let i = 0; i < limits.guessesPerNetwork; i++) {
    login(servers[i % 3]!, "192.0.2.1", "correct").close("quit");
    world.deliver();
  }
  expect(guess(1, "192.0.2.1")).toBe("wrong-password");
});

test("registrations of one network count at all servers", () => {
  const { world, servers } = three({ rates: ratesFor(sender.messagesPerSecond) });
  const tries = 2 * limits.registrationsAtOnce;
  const answers = Array.from({ length: tries }, (_, i) => {
    const client = servers[i % 3]!.member(`Name${i}`, {}, "192.0.2.1");
    client.text();
    client.send({ type: "register", password: "correct horse", label: "x", ref: "ask" });
    world.deliver();
    const answer = client.lines().find(({ ref }) => ref === "ask");
    client.close("quit");
    for (const server of servers) server.pass(100, 100);
    return answer?.["type"];
  });
  const done = answers.filter((type) => type === "registered").length;
  expect(done).toBeGreaterThanOrEqual(limits.registrationsAtOnce);
  expect(done).toBeLessThanOrEqual(limits.registrationsAtOnce + 1);
});
