// A server with restricted access: what a stranger learns in every dialect, who is admitted, and
// how many guesses are allowed.

import { describe, expect, test } from "bun:test";
import type { DoorOptions } from "../../../src/chat/login/door-options.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import type { Command } from "../../../src/chat/events.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { dialects } from "../../../src/dialects/table.ts";
import { ParleyError } from "../../../src/errors.ts";
import { accounts, rights as limits, passwords as passwordLimits } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { keepingLog } from "../../silent-log.ts";
import { fakeCredentials } from "../fake-credentials.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { keptBy, memberNames, nothing } from "../inspect.ts";
import { type Client, native, Rig, say } from "../rig.ts";

const spoken = Object.values(dialects).flatMap((entry): Dialect[] =>
  entry.transport === "udp" ? [] : [entry.dialect],
);
const asking = spoken.filter(({ asks }) => asks === true);

const byPassword: DoorOptions = {
  checkPassword: (given: string) => given === "open sesame",
  isMembersOnly: false,
};
const byPass: DoorOptions = { checkPassword: undefined, isMembersOnly: true };

function closed(door = byPassword, options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  return new Rig({ door, ...options });
}

/** A member whose data a stranger could try to find out. */
function insider(rig: Rig): Client {
  const key = rig.hub.options.door.isMembersOnly
    ? { pass: code(rig) }
    : { serverPassword: "open sesame" };
  const ann = rig.member("Ann", key);
  ann.send(say(1, "secret"), { type: "join", room: "den" });
  return ann;
}

function code(rig: Rig, flags = ""): string {
  const answer = rig.order(`pass ${flags}`);
  const found = answer.ok ? answer.rows?.[0]?.fields["code"] : undefined;
  if (typeof found !== "string") throw new Error("no code");
  return found;
}

describe("a stranger learns only that this is a parley server", () => {
  for (const [how, door] of [
    ["password", byPassword],
    ["members only", byPass],
  ] as const) {
    test.each(
      [native, ...spoken].flatMap((dialect) =>
        [true, false].map((framed) => [dialect.name, framed ? "" : "unframed", dialect] as const),
      ),
    )(`${how}: %s %s`, (_, __, dialect) => {
      const rig = closed(door);
      const ann = insider(rig);
      ann.text();
      const stranger = rig.client(dialect, __ === "", "198.51.100.7");
      rig.pass(300);
      const lines =
        dialect.name === "native"
          ? [
              { type: "hello", version: 2 },
              { type: "files", ref: 1 },
              { type: "fetch", name: "a", token: "A".repeat(22), ref: 2 },
              { type: "rooms", ref: 3 },
              { type: "hello", version: 2, name: "Ann" },
              { type: "hello", version: 2, name: "Bob", rooms: [{ room: "lobby", seq: 0 }] },
              { type: "who", room: "lobby", ref: 4 },
              { type: "history", room: "lobby", ref: 5 },
              say(1, "hello"),
              { type: "tell", to: ["Ann"], text: "x" },
            ]
          : dialect.name === "irc"
            ? [
                "CAP LS 302",
                "LIST",
                "WHOIS Ann",
                "PASS guess",
                "NICK Cal",
                "USER c 0 * :Cal",
                "CAP END",
                "NAMES #lobby",
                "CHATHISTORY LATEST #lobby * 5",
              ]
            : [
                "Ann",
                "guess 1",
                "show",
                "Ann",
                "guess 2",
                "get_list_file",
                "download_file a",
                "1 + 1",
              ];
      for (const line of lines) stranger.send(line);
      rig.pass(2_000);
      const heard = stranger.text();
      expect(heard).not.toMatch(/secret|den\b|welcome"|"names"|taken|has joined|ALL|\b2\.0/);
      expect(heard).not.toMatch(/Ann(?! - )/);
      expect(stranger.link.ended).toBe(true);
      expect(ann.text()).toBe("");
      stranger.close();
      ann.close();
      expect(keptBy(rig.hub)).toEqual(nothing);
    });
  }

  test("whatever works without a name on an open server", () => {
    // No dialect sends it before the login; this one would.
    const eager: Dialect = {
      ...lineChat,
      open: () => ({
        greeting: () => [],
        receive: (text) => JSON.parse(text) as Command,
        render: (event) => JSON.stringify(event),
      }),
    };
    const offer = "AAECAwQFBgcICQoLDA0ODw";
    const commands: Command["type"][] = ["files", "transfer", "download", "admin", "call"];
    commands.push(
      "registry",
      "take-calls",
      "open-code",
      "join-code",
      "answer-files",
      "end-files",
      "motd",
    );
    for (const door of [byPassword, byPass]) {
      const rig = closed(door, { motd: () => "secret" });
      insider(rig);
      for (const type of commands) {
        const stranger = rig.client(eager, true, "198.51.100.7");
        stranger.text();
        const request = { type: "fetch", name: "a" };
        const fields = { offer, request, id: "Ann", to: "Ann", line: "who", name: "a" };
        stranger.send(JSON.stringify({ type, ...fields }));
        expect([type, stranger.text()]).toEqual([type, expect.stringContaining("Log in")]);
      }
    }
  });

  test("a name in use is refused exactly like one that is not", () => {
    const rig = closed(byPassword);
    insider(rig);
    const heard = ["Ann", "Nobody"].map((name) => {
      const client = rig.client();
      client.send({ type: "hello", version: 2, name, serverPassword: "wrong" });
      return client.text();
    });
    expect(heard[0]).toBe(heard[1]!);
  });
});

test("an answer that consists of line endings takes linear time", () => {
  const rig = closed();
  const stranger = rig.client(lineChat);
  stranger.send("Ann");
  const cpuMs = cpuMsOf(() => stranger.send(`${"\r".repeat(64 * 1024)}x`));
  expect(stranger.session.failedAttempts).toBe(1);
  expect(cpuMs).toBeLessThan(500);
});

describe("with the password", () => {
  test("a native client is admitted, and so is one that only fetches files", () => {
    const rig = closed();
    const ann = rig.member("Ann", { serverPassword: "open sesame" });
    expect(ann.lines()[0]).toMatchObject({ type: "welcome", access: expect.any(String) });
    const visitor = rig.client();
    visitor.send({ type: "hello", version: 2, serverPassword: "open sesame" });
    visitor.send({ type: "files", ref: 1 });
    expect(visitor.lines()).toMatchObject([{ type: "welcome" }, { type: "files", ref: 1 }]);
  });

  test.each(
    asking.flatMap((dialect) =>
      [true, false].map(
        (framed) => [dialect.name, framed ? "" : "unframed", dialect, framed] as const,
      ),
    ),
  )(
    "%s %s: is asked after the name, and the answer stays between the two",
    (_, __, dialect, framed) => {
      const { log, logged } = keepingLog();
      const rig = closed(byPassword, { log });
      const ann = insider(rig);
      ann.text();
      const bob = rig.client(dialect, framed);
      rig.pass(300);
      const prefix = dialect.name === "chat-room" ? ":bob:" : "";
      bob.send(`${prefix}Bob`);
      rig.pass(100);
      expect(bob.text()).toMatch(/The password of this server/);
      bob.send(`${prefix}close sesame`);
      rig.pass(100);
      expect(bob.text()).toMatch(/The password of this server/);
      bob.send(`${prefix}open sesame`);
      rig.pass(500);
      bob.text();
      expect(ann.lines()).toMatchObject([{ type: "joined", name: "Bob" }]);
      bob.send(dialect.name === "select-chat" ? "Ann - hi" : "hi");
      expect(ann.lines()).toMatchObject([{ from: "Bob", text: "hi" }]);
      expect(JSON.stringify(logged)).not.toContain("sesame");
      expect(rig.log.join("\n")).not.toContain("sesame");
    },
  );

  test("after a refused name, only the name is asked for again, not the password", () => {
    const rig = closed();
    insider(rig);
    const bob = rig.client(asking.find(({ name }) => name === "line-chat")!);
    bob.send("Ann", "open sesame");
    expect(bob.text()).toContain("is taken");
    bob.send("Bob");
    expect(bob.text()).not.toContain("password");
    expect(memberNames(rig.hub)).toEqual(["Ann", "Bob"]);
  });
});

describe("guessing", () => {
  test("a connection has a few attempts", () => {
    const rig = closed();
    const bob = rig.client(asking[0]!);
    bob.send("Bob");
    for (let i = 0; i < limits.attemptsPerSession; i++) bob.send(`guess ${i}`);
    expect(bob.text()).toContain("The password is wrong");
    rig.pass(100);
    expect(bob.link.ended).toBe(true);
  });

  test.each(["127.0.0.1", "198.51.100.7", "2001:db8::1"])(
    "a network has a few more, however many connections it opens: %s",
    (address) => {
      const rig = closed();
      const guess = (serverPassword: string) => {
        const client = rig.client(native, true, address);
        client.send({ type: "hello", version: 2, name: "Bob", serverPassword });
        return client.lines()[0];
      };
      for (let i = 0; i < accounts.guessesPerNetwork; i++) {
        expect(guess(`guess ${i}`)).toMatchObject({ code: "password-required" });
      }
      // Even the right one gets the same answer as the others.
      expect(guess("open sesame")).toMatchObject({
        code: "rate",
        retryAfterMs: expect.any(Number),
      });
      rig.nowMs += accounts.networkGuessEveryMs;
      expect(guess("open sesame")).toMatchObject({ type: "welcome" });
      // Users who know it are never delayed by that.
      for (let i = 0; i < 3 * accounts.guessesPerNetwork; i++) {
        const client = rig.client(native, true, address);
        client.send({ type: "hello", version: 2, serverPassword: "open sesame" });
        expect(client.lines()[0]).toMatchObject({ type: "welcome" });
      }
    },
  );
});

function enter(rig: Rig, name: string, pass: string, secret = `${name}-0123456789abcdef`): Client {
  const client = rig.client();
  client.send({ type: "hello", version: 2, name, secret, pass });
  return client;
}

describe("a pass", () => {
  test("admits as many people as it allows, each of them any number of times", () => {
    const rig = closed(byPass);
    const pass = code(rig, "--uses 2");
    const ann = enter(rig, "Ann", pass);
    expect(ann.lines()[0]).toMatchObject({ type: "welcome" });
    expect(enter(rig, "Bob", pass).lines()[0]).toMatchObject({ type: "welcome" });
    expect(enter(rig, "Cal", pass).lines()[0]).toMatchObject({ code: "members-only" });
    ann.close();
    expect(enter(rig, "Ann", pass).lines()[0]).toMatchObject({ type: "welcome" });
    expect(enter(rig, "Ann2", pass, "another-secret-0123").lines()[0]).toMatchObject({
      code: "members-only",
    });
  });

  test("knows a guest by the key of the device, in each later run of a program", () => {
    const rig = closed(byPass);
    const pass = code(rig);
    const admitted = expect.objectContaining({ type: "welcome" });
    const [first, again] = ["first-run-0123456789", "second-run-0123456789"];
    const ann = withKey(rig, "Ann", "desk", { secret: first, pass });
    expect(ann.lines()).toContainEqual(admitted);
    ann.send({ type: "bye" });
    expect(withKey(rig, "Ann", "desk", { secret: again, pass }).lines()).toContainEqual(admitted);
    // Fetches files.
    const fetching = { name: undefined, secret: undefined, pass };
    expect(withKey(rig, "", "desk", fetching).lines()).toContainEqual(admitted);
    expect(rig.order("passes")).toMatchObject({ rows: [{ fields: { uses: 1, used: 1 } }] });
    const refused = expect.objectContaining({ code: "members-only" });
    expect(withKey(rig, "Eve", "phone", { pass }).lines()).toContainEqual(refused);
    // Whoever only names the key has proved nothing.
    const eve = rig.client();
    eve.send({ type: "hello", version: 2, name: "Eve", identity: { key: keyOf("desk") }, pass });
    expect(eve.lines()).toEqual([expect.objectContaining({ type: "challenge" })]);
    eve.send({ type: "prove", signature: "A".repeat(86) });
    expect(eve.lines()).toEqual([expect.objectContaining({ type: "error" })]);
  });

  test("ends permanently when it expires or is revoked", () => {
    const rig = closed(byPass);
    const short = code(rig, "--for 1h --uses 9");
    const revoked = code(rig);
    expect(rig.order("passes")).toMatchObject({ rows: [{}, {}] });
    expect(rig.order("revoke #2").ok).toBe(true);
    expect(rig.order("revoke #2").ok).toBe(false);
    expect(enter(rig, "Ann", revoked).lines()[0]).toMatchObject({ code: "members-only" });
    rig.nowMs += 3_600_000 - 1;
    expect(enter(rig, "Ann", short).lines()[0]).toMatchObject({ type: "welcome" });
    rig.nowMs += 1;
    const over = {
      code: "members-only",
      message: "The pass is not valid: it was mistyped, is used up, or has expired",
    };
    expect(enter(rig, "Bob", short).lines()[0]).toMatchObject(over);
    // The page has one field for it.
    const fromPage = { type: "hello", version: 2, name: "Bob", serverPassword: short };
    expect(rig.client().send(fromPage).lines()[0]).toMatchObject({
      code: "members-only",
      message: expect.stringMatching(/^This is not a valid pass, .* a member's name and password/),
    });
    expect(rig.order("passes")).toMatchObject({ message: "There are no passes" });
  });

  test.each(asking.map((dialect) => [dialect.name, dialect] as const))(
    "%s: the server asks for it after the name",
    (_, dialect) => {
      const rig = closed(byPass);
      const pass = code(rig);
      const bob = rig.client(dialect);
      rig.pass(300);
      bob.send("Bob");
      rig.pass(100);
      expect(bob.text()).toContain("A pass for this server");
      bob.send(pass);
      rig.pass(500);
      expect(memberNames(rig.hub)).toEqual(["Bob"]);
    },
  );

  test("stands in for the password of a server that has one", () => {
    const rig = closed(byPassword);
    const pass = code(rig);
    expect(enter(rig, "Ann", pass).lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("is stored as a hash and logged as a number, never as its code", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const { log, logged } = keepingLog();
    const rig = new Rig({ door: byPass, log }, (request) => answerRequest(store, request));
    const pass = code(rig);
    enter(rig, "Ann", pass);
    const rows = store.rights.load();
    expect(rows.map(({ key }) => key)).toEqual([`pass/hash of ${pass}`]);
    expect(rows[0]?.value).not.toContain(pass);
    expect(JSON.stringify(logged)).not.toContain(pass);
  });

  test("counts as used after a restart, and a guest is recognized", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const start = () =>
      new Rig({ door: byPass, rights: new Rights(store.rights.load()) }, (request) =>
        answerRequest(store, request),
      );
    const before = start();
    const pass = code(before);
    enter(before, "Ann", pass);
    const after = start();
    expect(enter(after, "Bob", pass).lines()[0]).toMatchObject({ code: "members-only" });
    expect(enter(after, "Ann", pass).lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("admits nobody, and stays unused, if its use can't be stored", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    let isFull = false;
    const rig = new Rig({ door: byPass }, (request) => {
      if (request.type !== "change-rights" || !isFull) return answerRequest(store, request);
      const error = new ParleyError("storage", "the disk is full");
      return { id: request.id, outcome: "failed", error };
    });
    const pass = code(rig);
    isFull = true;
    const refused = enter(rig, "Ann", pass);
    expect(refused.lines()[0]).toMatchObject({ code: "storage", retryAfterMs: 1_000 });
    expect(memberNames(rig.hub)).toEqual([]);
    isFull = false;
    expect(enter(rig, "Bob", pass).lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("has no effect for a connection that has closed by the time it is stored", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const held: (() => void)[] = [];
    const rig: Rig = new Rig({ door: byPass }, (request) => {
      const reply = answerRequest(store, request);
      if (request.type !== "change-rights" || held.length > 0) return reply;
      held.push(() => rig.hub.handleStore(reply, rig.nowMs));
      return undefined;
    });
    const pass = "a-pass";
    rig.hub.options.rights.passes.issue({
      hash: `hash of ${pass}`,
      uses: 1,
      by: "console",
      atMs: rig.nowMs,
      untilMs: rig.nowMs + 1_000,
    });
    const ann = enter(rig, "Ann", pass);
    ann.close();
    held[0]?.();
    rig.settle();
    expect(keptBy(rig.hub)).toEqual(nothing);
  });

  test.each([
    ["is stored, and it can't return", true, {}],
    ["can't be stored", false, {}],
    ["can't be stored, whoever it was", false, { secret: "Ann-0123456789abcdef" }],
  ])("stays unused if its user closes before that %s", (_, isStored, secret) => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const held: (() => void)[] = [];
    let isHeld = false;
    const rig: Rig = new Rig({ door: byPass }, (request) => {
      if (request.type !== "change-rights" || !isHeld) return answerRequest(store, request);
      isHeld = false;
      const error = new ParleyError("storage", "the disk is full");
      const reply = isStored
        ? answerRequest(store, request)
        : ({ id: request.id, outcome: "failed", error } as const);
      held.push(() => rig.hub.handleStore(reply, rig.nowMs));
      return undefined;
    });
    const pass = code(rig);
    isHeld = true;
    const ann = rig.client().send({ type: "hello", version: 2, name: "Ann", pass, ...secret });
    ann.close();
    held[0]?.();
    rig.settle();
    expect(enter(rig, "Bob", pass).lines()[0]).toMatchObject({ type: "welcome" });
    expect(new Rights(store.rights.load()).passes.list(rig.nowMs)).toMatchObject([
      { used: 1, guests: [expect.stringContaining("Bob")] },
    ]);
  });
});

describe("the token for HTTP requests", () => {
  test("is valid while the session lasts", () => {
    const rig = closed();
    const ann = rig.member("Ann", { serverPassword: "open sesame" });
    const [welcome] = ann.lines();
    const access = String(welcome?.["access"]);
    expect(rig.hub.hasAccess(access)).toBe(true);
    for (const wrong of [undefined, "", `${access}x`]) expect(rig.hub.hasAccess(wrong)).toBe(false);
    ann.close();
    expect(rig.hub.hasAccess(access)).toBe(false);
  });

  test("is not needed where everyone is admitted", () => {
    const rig = new Rig();
    expect(rig.member("Ann").lines()[0]).not.toHaveProperty("access");
    expect(rig.hub.hasAccess(undefined)).toBe(true);
  });
});

/** A server for members only, with Ann's key and Bob's password; its store knows them. */
function club(door: DoorOptions = byPass, options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  let secrets = 0;
  const rig = closed(door, {
    ...options,
    newSecret: () => `secret-number-${++secrets}-0123456789`,
  });
  const shown = door.checkPassword === undefined ? {} : { serverPassword: "open sesame" };
  owner(rig, "Ann", "desk", { pass: code(rig), ...shown }).close("quit");
  const bob = enter(rig, "Bob", code(rig));
  bob.send({ type: "register", password: "bobs own password", ref: 1 });
  expect(bob.lines().at(-1)).toMatchObject({ type: "registered" });
  bob.close("quit");
  return rig;
}

describe("members", () => {
  test("log in with the key of a device, also in plain text, under any name", () => {
    const rig = club();
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({ type: "welcome" });
    expect(withKey(rig, "Other", "desk").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("log in with their password or a token", () => {
    const rig = club();
    const hello = { type: "hello", version: 2, name: "Bob", remember: true };
    const bob = rig.client().send({ ...hello, password: "bobs own password" });
    const [welcome] = bob.lines();
    expect(welcome).toMatchObject({ type: "welcome", session: { registered: true } });
    const { token } = welcome!["session"] as { token: string };
    bob.close("quit");
    expect(
      rig
        .client()
        .send({ ...hello, token })
        .lines()[0],
    ).toMatchObject({ type: "welcome" });
  });

  test.each(asking.map((dialect) => [dialect.name, dialect] as const))(
    "%s: log in with their password when asked",
    (_, dialect) => {
      const rig = club();
      const bob = rig.client(dialect);
      rig.pass(300);
      bob.send("Bob");
      rig.pass(100);
      expect(bob.text()).toContain("the password of your name");
      bob.send("bobs own password");
      rig.pass(500);
      expect(memberNames(rig.hub)).toEqual(["Bob"]);
    },
  );

  test("can't be told apart from other names by strangers", () => {
    const rig = club();
    withKey(rig, "Ann", "desk");
    const hello = { type: "hello", version: 2 };
    const answers = ["Ann", "Bob", "Nobody"].flatMap((name) => [
      rig
        .client()
        .send({ ...hello, name })
        .text(),
      rig
        .client()
        .send({ ...hello, name, password: "a guess at it" })
        .text(),
      rig
        .client()
        .send({ ...hello, name, token: "a-guess-at-a-token" })
        .text(),
      withKey(rig, name, "thief").text(),
    ]);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain("members-only");
  });

  test("with a key are admitted while others of their network guess, whose guesses count even with a key", () => {
    const rig = club();
    const address = "198.51.100.7";
    const hello = { type: "hello", version: 2, name: "Thief" };
    const guess = (i: number) =>
      withKey(rig, "Thief", "thief", { serverPassword: `guess ${i}` }, address).lines();
    for (let i = 0; i < accounts.guessesPerNetwork; i++) {
      expect(guess(i)).toMatchObject([{ code: "members-only" }]);
    }
    const late = rig.client(native, true, address);
    late.send({ ...hello, serverPassword: "another" });
    expect(late.lines()).toMatchObject([{ code: "rate" }]);
    const member = withKey(rig, "Ann", "desk", {}, address);
    expect(member.lines()[0]).toMatchObject({ type: "welcome" });
  });

  test.each(["198.51.100.7", "127.0.0.1"])(
    "can't be recognized by the cost of guessing: %s",
    (address) => {
      const guesses = ["Bob", "bob", "Ann", "Nobody"].map((name) => {
        const rig = club();
        return Array.from({ length: 3 * accounts.guessesPerNetwork }, (_, i) => {
          rig.nowMs += accounts.networkGuessEveryMs;
          const client = rig.client(native, true, address);
          return client
            .send({ type: "hello", version: 2, name, password: `guess ${i}` })
            .text()
            .replaceAll(name, "NAME");
        });
      });
      expect(guesses[0]!.join()).toContain('"rate"');
      for (const others of guesses.slice(1)) expect(others).toEqual(guesses[0]!);
    },
  );

  test("can't be recognized by which passwords are hashed, or by a busy server", () => {
    const hashed: number[] = [];
    let isBusy = false;
    const count = ({ length }: string): boolean => hashed.push(length) > 0 && isBusy;
    const credentials = {
      ...fakeCredentials,
      hashPassword: (password: string, _: string, then: (hash: string | undefined) => void) =>
        then(count(password) ? undefined : `hash of ${password}`),
      checkPassword: (password: string, _: string, __: string, then: (isRight?: boolean) => void) =>
        then(count(password) ? undefined : false),
    };
    const rig = club(byPass, { credentials });
    const answersTo = (name: string) =>
      [passwordLimits.minChars, passwordLimits.maxChars + 1].map((length) => {
        hashed.length = 0;
        const hello = { type: "hello", version: 2, name, password: "x".repeat(length) };
        return [rig.client().send(hello).text(), [...hashed]];
      });
    expect(answersTo("Bob")).toEqual(answersTo("Nobody"));
    isBusy = true;
    expect(answersTo("Bob")).toEqual(answersTo("Nobody"));
  });

  test("also need the server's password if there is one, or a pass", () => {
    const both = { checkPassword: byPassword.checkPassword, isMembersOnly: true };
    const rig = club(both);
    const serverPassword = "open sesame";
    const refused = { type: "error", code: "members-only" };
    const key = keyOf("desk");
    const bare = rig.client().send({ type: "hello", version: 2, name: "Ann", identity: { key } });
    expect(bare.lines()[0]).toMatchObject(refused);
    expect(rig.member("Cal", { serverPassword }).lines()[0]).toMatchObject(refused);
    const ann = withKey(rig, "Ann", "desk", { serverPassword });
    expect(ann.lines()[0]).toMatchObject({ type: "welcome" });
    expect(enter(rig, "Dan", code(rig)).lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("include a guest from the moment of registering", () => {
    const rig = club();
    owner(rig, "Cal", "phone", { pass: code(rig, "--for 1h") }).close("quit");
    rig.nowMs += 3_600_000;
    expect(withKey(rig, "Cal", "phone").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("who are banned by name are refused everywhere, under any name", () => {
    const rig = club();
    const ann = withKey(rig, "Ann", "desk");
    ann.text();
    expect(rig.order("ban Ann")).toMatchObject({ message: "Banned the name Ann and its owner" });
    expect(ann.lines()).toMatchObject([{ type: "bye", code: "banned" }]);
    for (const name of ["Ann", "Other"]) {
      const again = withKey(rig, name, "desk", {}, "203.0.113.9");
      expect(again.lines()).toMatchObject([{ type: "error", code: "banned" }]);
    }
    const thief = enter(rig, "Eve", code(rig));
    expect(thief.lines()[0]).toMatchObject({ type: "welcome" });
    expect(rig.order("unban Ann").ok).toBe(true);
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("who are banned get no files either, even without a name", () => {
    const rig = club();
    const visit = () =>
      withKey(rig, "", "desk", { name: undefined, secret: undefined }, "203.0.113.9");
    const visitor = visit();
    expect(visitor.lines()).toMatchObject([{ type: "welcome" }]);
    rig.order("ban Ann");
    expect(visitor.lines()).toMatchObject([{ type: "bye", code: "banned" }]);
    expect(visit().lines()).toMatchObject([{ type: "error", code: "banned" }]);
    const token = rig.client(native, true, "203.0.113.9");
    token.send({ type: "hello", version: 2, name: "Bob", password: "bobs own password" });
    expect(token.lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("whose device is banned by its key are refused under any name", () => {
    const rig = club();
    expect(rig.order(`ban ${keyOf("desk")}`)).toMatchObject({
      message: `Banned the key ${keyOf("desk")}`,
    });
    for (const name of ["Ann", "Other"]) {
      const again = withKey(rig, name, "desk", { pass: code(rig) }, "203.0.113.9");
      expect(again.lines()).toMatchObject([{ type: "error", code: "banned" }]);
    }
  });

  test("are kicked and muted on all their devices", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    const again = withKey(rig, "Ann", "desk", { secret: "another-secret-0123456789" });
    const bob = rig.member("Bob");
    rig.order("mute Ann");
    bob.text();
    desk.send(say(1, "loud"));
    again.send(say(1, "loud"));
    expect(bob.text()).toBe("");
    rig.order("kick Ann");
    expect(memberNames(rig.hub)).toEqual(["Bob"]);
    expect([desk, again].map(({ link }) => link.ended)).toEqual([true, true]);
  });
});
