// Connections without a session: whose they are, what they prove, and that nobody sees them come.

import { describe, expect, test } from "bun:test";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { keepingLog } from "../../silent-log.ts";
import { memberNames } from "../inspect.ts";
import { fakeCredentials } from "../fake-credentials.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { type Client, native, Rig } from "../rig.ts";

const away = "198.51.100.7";
const password = "correct horse";

/** A connection that has sent a `hello` for a visit. */
function visitor(rig: Rig, fields: object, address = away): Client {
  return rig.client(native, true, address).send({ type: "hello", version: 2, ...fields });
}

const visit = { visitor: true };

/** Ann, with a device and a password, who has left. */
function absentAnn(rig: Rig): void {
  const ann = owner(rig, "Ann", "desk");
  ann.send({ type: "set-password", password, ref: "p" }, { type: "bye" });
}

/** Fetches files with Ann's key, without a name. */
const nameless = (rig: Rig) => withKey(rig, "", "desk", { name: undefined }, away);

const types = (client: Client) => client.lines().map(({ type, code }) => code ?? type);

describe("a visit under a name", () => {
  test("neither announces anybody, nor ends another session, nor takes mail", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    absentAnn(rig);
    const tell = { type: "tell", n: 1, to: ["Ann"], text: "for you" };
    bob.send(tell);
    bob.lines();
    const visiting = visitor(rig, { name: "Ann", password, ...visit });
    expect(types(visiting)).toEqual(["welcome"]);
    expect(memberNames(rig.hub)).toEqual(["Bob"]);
    const ann = withKey(rig, "Ann", "desk");
    expect(ann.lines()).toContainEqual(expect.objectContaining({ type: "private", mail: 1 }));
    bob.lines();
    for (const proof of [{ password }, { identity: { key: keyOf("desk") } }]) {
      visitor(rig, { name: "ann", ...visit, ...proof });
    }
    bob.send({ ...tell, n: 2 });
    expect(types(visiting)).toEqual([]);
    expect(types(ann)).toEqual(["private"]);
    visiting.send({ type: "bye" });
    expect(types(bob)).toEqual(["ack"]);
    expect(memberNames(rig.hub).sort()).toEqual(["Ann", "Bob"]);
  });

  test("a registered name must be proved, by a key or its password", () => {
    const rig = new Rig();
    absentAnn(rig);
    const refused = visitor(rig, { name: "Ann", ...visit });
    expect(refused.lines()).toMatchObject([{ code: "name-registered", password: true }]);
    expect(refused.link.ended).toBe(true);
    expect(types(visitor(rig, { name: "Ann", password: "a guess", ...visit }))).toEqual([
      "wrong-password",
    ]);
    expect(types(withKey(rig, "Ann", "another", visit))).toEqual(["name-registered"]);
    expect(types(withKey(rig, "Ann", "desk", visit))).toEqual(["welcome"]);
    expect(types(visitor(rig, { name: "Αnn", ...visit }))).toEqual(["name-invalid"]);
  });

  test("what is asked along with it waits until the password has been checked", () => {
    const checks: ((isRight: boolean) => void)[] = [];
    const checkPassword = (_: string, _hash: string, _from: string, then: (is: boolean) => void) =>
      void checks.push(then);
    const rig = new Rig({ credentials: { ...fakeCredentials, checkPassword } });
    absentAnn(rig);
    for (const isRight of [false, true]) {
      const visiting = visitor(rig, { name: "Ann", password, ...visit });
      visiting.send({ type: "files", ref: 1 });
      expect(types(visiting)).toEqual([]);
      checks.pop()?.(isRight);
      rig.settle();
      expect(types(visiting)).toEqual(isRight ? ["welcome", "files"] : ["wrong-password"]);
    }
  });

  test("wrong passwords count as guesses", () => {
    const rig = new Rig();
    absentAnn(rig);
    const guess = () => types(visitor(rig, { name: "Ann", password: "a guess", ...visit }))[0];
    const codes = Array.from({ length: 11 }, guess);
    expect([codes.at(-2), codes.at(-1)]).toEqual(["wrong-password", "rate"]);
  });

  test("an unregistered name is refused to another network while somebody has it", () => {
    const rig = new Rig();
    rig.member("Bob", {}, away);
    expect(types(visitor(rig, { name: "Bob", ...visit }))).toEqual(["welcome"]);
    expect(types(visitor(rig, { name: "bob", ...visit }, "203.0.113.9"))).toEqual(["name-taken"]);
  });

  test("gives operators' commands by password", () => {
    const rig = new Rig();
    absentAnn(rig);
    rig.order("op Ann");
    const order = { type: "admin", command: "bans", ref: 1 };
    const visiting = visitor(rig, { name: "Ann", password, ...visit }, "127.0.0.1");
    visiting.lines();
    expect(types(visiting.send(order))).toEqual(["admin"]);
    const nobody = visitor(rig, { name: "Eve", ...visit }, "127.0.0.1");
    nobody.lines();
    expect(types(nobody.send(order))).toEqual(["not-allowed"]);
  });

  test("at a server for members only, the password of a name is enough", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const door = { checkPassword: undefined, isMembersOnly: true };
    absentAnn(new Rig({}, (request) => answerRequest(store, request)));
    const rig = new Rig({ door }, (request) => answerRequest(store, request));
    expect(types(visitor(rig, { name: "Ann", password, ...visit }))).toEqual(["welcome"]);
    expect(types(visitor(rig, { name: "Ann", ...visit }))).toEqual(["members-only"]);
    expect(types(visitor(rig, { name: "Eve", password, ...visit }))).toEqual(["members-only"]);
  });

  test("is logged with the name, when it begins and when it ends", () => {
    const { log, logged } = keepingLog();
    const rig = new Rig({ log });
    absentAnn(rig);
    logged.length = 0;
    visitor(rig, { name: "Ann", password, ...visit }).close();
    expect(logged.map(({ message, fields: { name } }) => [message, name])).toEqual([
      ["connected", undefined],
      ["signed in", "Ann"],
      ["disconnected", "Ann"],
    ]);
  });
});

describe("a banned person", () => {
  test("is recognized by the key of a banned name's owner, although they give no name", () => {
    const rig = new Rig();
    absentAnn(rig);
    rig.order("ban Ann");
    expect(types(nameless(rig))).toEqual(["banned"]);
    expect(types(visitor(rig, { name: "Ann", password, ...visit }))).toEqual(["banned"]);
    expect(types(visitor(rig, { name: "Eve", ...visit }))).toEqual(["welcome"]);
  });

  test("is disconnected when the ban is imposed", () => {
    const rig = new Rig();
    absentAnn(rig);
    const fetching = nameless(rig);
    const named = visitor(rig, { name: "Ann", password, ...visit });
    const unregistered = visitor(rig, { name: "Eve", ...visit });
    for (const one of [fetching, named, unregistered]) expect(types(one)).toEqual(["welcome"]);
    rig.order("ban Ann");
    rig.order("ban Eve");
    for (const one of [fetching, named, unregistered]) expect(types(one)).toEqual(["banned"]);
  });

  test("is not let in by a store that does not answer; others fetch files meanwhile", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    let answers = true;
    const rig = new Rig({}, (request) => (answers ? answerRequest(store, request) : undefined));
    absentAnn(rig);
    answers = false;
    expect(types(nameless(rig))).toEqual(["welcome"]);
    answers = true;
    rig.settle();
    rig.order("ban Ann");
    answers = false;
    expect(types(nameless(rig))).toEqual([]);
    expect(types(visitor(rig, {}))).toEqual(["welcome"]);
  });
});

test("a password that is changed during a visit by it ends the visit", () => {
  const rig = new Rig();
  absentAnn(rig);
  const visiting = visitor(rig, { name: "Ann", password, ...visit });
  visiting.lines();
  withKey(rig, "Ann", "desk").send({ type: "set-password", password: "another one", ref: 1 });
  expect(types(visiting)).toEqual(["bye"]);
});
