// When a password is requested, from whom, and where it must not be sent.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { NamePasswordWanted, ParleyError } from "../../../src/errors.ts";
import type { ServerAddress } from "../../../src/io/host-port.ts";
import { redirect } from "../../../src/terminal/output/diagnostics.ts";
import { type Shown, withPassword } from "../../../src/terminal/editor/with-password.ts";

beforeAll(() => redirect(() => {}));
afterAll(() => redirect());

const here: ServerAddress = { host: "127.0.0.1", port: 1 };

class Person {
  readonly asked: string[] = [];

  constructor(
    readonly answers: (string | undefined)[],
    readonly isThere = true,
    readonly agrees = true,
  ) {}

  readonly asker = {
    canAsk: () => this.isThere,
    secret: (question: string) => {
      this.asked.push(question);
      return Promise.resolve(this.answers.shift());
    },
    yes: (question: string) => {
      this.asked.push(question);
      return Promise.resolve(this.agrees);
    },
  };
}

/** A server with a password, and a registered name with one. */
function server(password: string, namePassword?: string) {
  const seen: (string | undefined)[] = [];
  const attempt = ({ to, password: shown }: Shown): Promise<string> => {
    const given = to.access?.serverPassword;
    seen.push(given);
    if (given !== password) {
      const sentence = given === undefined ? "It asks for a password" : "The password is wrong";
      return Promise.reject(new ParleyError("password-required", sentence));
    }
    if (namePassword === undefined || shown === namePassword) return Promise.resolve("in");
    return Promise.reject(
      shown === undefined
        ? new NamePasswordWanted("Ann", "Registered")
        : new ParleyError("wrong-password", "This is not the password of 'Ann'"),
    );
  };
  return { attempt, seen };
}

const banned = (): Promise<never> => Promise.reject(new ParleyError("banned", "You are banned"));

const nothing = { to: here, password: undefined };

describe("a password that is not in a file", () => {
  test("is requested, again if it is wrong, and then for the name", async () => {
    const { attempt, seen } = server("secret", "mine");
    const person = new Person(["guess", "secret", "mine"]);
    expect(await withPassword(nothing, attempt, person.asker)).toBe("in");
    expect(person.asked).toEqual([
      "Password of the server 127.0.0.1:1: ",
      "Password of the server 127.0.0.1:1: ",
      "Password of the name Ann at 127.0.0.1:1: ",
    ]);
    expect(seen).toEqual([undefined, "guess", "secret", "secret"]);
  });

  test("is not requested more often than the server allows", async () => {
    const { attempt } = server("secret");
    const person = new Person(["a", "b", "c", "d", "e"]);
    const failing = withPassword(nothing, attempt, person.asker);
    await expect(failing).rejects.toMatchObject({ code: "password-required" });
    expect(person.asked).toHaveLength(3);
  });

  test("is not requested without a user, without input, or for another problem", async () => {
    for (const person of [new Person(["secret"], false), new Person([undefined])]) {
      const failing = withPassword(nothing, server("secret").attempt, person.asker);
      await expect(failing).rejects.toMatchObject({ code: "password-required" });
    }
    const person = new Person(["secret"]);
    await expect(withPassword(nothing, banned, person.asker)).rejects.toThrow("banned");
    expect(person.asked).toEqual([]);
  });

  test("is not requested instead of a wrong one in a file", async () => {
    const person = new Person(["secret"]);
    const to = { ...here, access: { serverPassword: "old" } };
    const failing = withPassword({ to, password: "old" }, server("secret").attempt, person.asker);
    await expect(failing).rejects.toMatchObject({ code: "password-required" });
    expect(person.asked).toEqual([]);
  });
});

describe("a password is never sent", () => {
  test("in plain text beyond loopback", async () => {
    const { attempt, seen } = server("secret");
    const person = new Person(["secret"]);
    const given = { to: { host: "192.0.2.1", port: 1 }, password: undefined };
    const failing = withPassword(given, attempt, person.asker);
    await expect(failing).rejects.toMatchObject({ code: "usage" });
    expect([person.asked, seen]).toEqual([[], [undefined]]);
  });

  test("at the first contact, without a confirmation", async () => {
    const trust = { isNew: true, pin: "the-pin" } as unknown as NonNullable<ServerAddress["trust"]>;
    const given = { to: { host: "192.0.2.1", port: 1, trust }, password: undefined };
    const wary = new Person(["secret"], true, false);
    const refused = server("secret");
    await expect(withPassword(given, refused.attempt, wary.asker)).rejects.toMatchObject({
      code: "password-required",
    });
    expect(refused.seen).toEqual([undefined]);
    expect(wary.asked).toEqual([expect.stringContaining("the-pin")]);
    const agreed = new Person(["guess", "secret"]);
    expect(await withPassword(given, server("secret").attempt, agreed.asker)).toBe("in");
    // One confirmation is enough.
    expect(agreed.asked.filter((question) => question.includes("the-pin"))).toHaveLength(1);
  });
});
