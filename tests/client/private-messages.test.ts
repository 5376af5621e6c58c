// Two users and a malicious server between them: with other keys, repeated, reflected and
// redirected messages, and answers that arrive late or never.

import { describe, expect, test } from "bun:test";
import { ParleyError } from "../../src/errors.ts";
import { sealed as limits } from "../../src/limits.ts";
import { SeenMessages } from "../../src/trust/seen-messages.ts";
import { until } from "../until.ts";
import { Client, keyPair, Server } from "./people.ts";

function two() {
  const server = new Server();
  const [ann, bob] = [new Client(server, "Ann"), new Client(server, "Bob")];
  return { server, ann, bob };
}

describe("between two registered people", () => {
  test("the server relays messages it can't read, and both users see whether the key is verified", async () => {
    const { server, ann, bob } = two();
    await ann.tell("bob", "psst");
    expect(server.sight).not.toContain("psst");
    expect(ann.sent).toEqual([{ to: ["bob"], text: "psst", seal: { state: "unverified" } }]);
    expect(ann.notes).toEqual([expect.stringContaining("First contact with bob")]);
    const shown = await bob.hear(server.told[0]);
    expect(shown).toMatchObject({ text: "psst", seal: { state: "unverified" } });
    expect(bob.notes).toEqual([expect.stringContaining("First contact with Ann")]);
    ann.messages.verify("Bob", [bob.device.key]);
    bob.messages.verify("Ann", [ann.device.key]);
    await ann.tell("Bob", "again");
    expect(ann.sent[1]?.seal).toEqual({ state: "verified" });
    const second = await bob.hear(server.told[1]);
    expect(second).toMatchObject({ text: "again", seal: { state: "verified" } });
    expect(ann.notes).toHaveLength(2);
  });

  test("strangers who write are not remembered once they have filled their half of the list", async () => {
    const { server, ann, bob } = two();
    bob.takesStrangers = false;
    await ann.tell("Bob", "psst");
    const first = await bob.hear(server.told[0]);
    expect(first).toMatchObject({ text: "psst", seal: { state: "unverified" } });
    expect([bob.people.size, bob.notes]).toEqual([0, []]);
    await bob.tell("Ann", "who are you?");
    expect(bob.people.get("ann")?.keys).toEqual([ann.device.key]);
  });

  test("each device of the recipient can open it, and no other", async () => {
    const { server, ann, bob } = two();
    const phone = new Client(server, "Bob");
    server.register("Bob", bob.device.key, phone.device.key);
    const late = new Client(new Server(), "Bob");
    await ann.tell("Bob", "psst");
    for (const device of [bob, phone]) {
      expect(await device.hear(server.told[0])).toMatchObject({ text: "psst" });
    }
    expect(await late.hear(server.told[0])).toMatchObject({
      text: "",
      seal: { state: "unopened", reason: "it is for other devices of yours" },
    });
  });

  test("messages stay in order, sealed or not, however slowly keys come", async () => {
    const { server, ann, bob } = two();
    server.accounts.set("cal", { name: "Cal", registered: false, keys: [] });
    ann.holds = true;
    for (const text of ["1", "2", "3"]) {
      ann.messages.tell(["Bob"], text);
      ann.messages.tell(["Cal"], text);
    }
    while (ann.sent.length < 6) {
      ann.held.shift()?.();
      await Bun.sleep(0);
    }
    expect(ann.sent.map(({ to, text }) => `${to} ${text}`)).toEqual(
      ["1", "2", "3"].flatMap((n) => [`Bob ${n}`, `Cal ${n}`]),
    );
    const arriving = server.told.map((told) => bob.hear(told));
    await Promise.all(arriving);
    const heard = bob.shown.map(({ text, seal }) => (seal?.state === "unopened" ? "?" : text));
    expect(heard).toEqual(["1", "1", "2", "2", "3", "3"]);
  });

  test("messages written offline are sealed and sent once the connection is back", async () => {
    const { server, ann, bob } = two();
    ann.online = false;
    await ann.tell("Bob", "later");
    ann.holds = true;
    ann.goOnline();
    // Lost again, before the keys have arrived.
    ann.online = false;
    const lost = { code: "cannot-connect", message: "lost", subject: undefined } as const;
    ann.messages.handleEvent({ type: "error", ref: 1, ...lost });
    await ann.messages.settled();
    expect(server.told).toEqual([]);
    ann.holds = false;
    ann.goOnline();
    await ann.messages.settled();
    expect(server.told).toHaveLength(1);
    expect(await bob.hear(server.told[0])).toMatchObject({ text: "later" });
    for (let n = 0; n < limits.maxWaiting + 3; n++) {
      ann.online = false;
      ann.messages.tell(["Bob"], String(n));
    }
    // Only the messages that did not fit were answered.
    expect(ann.sent).toHaveLength(1 + 3);
  });

  test("a clock that was ahead, and is right after a restart, makes no later message look old", async () => {
    const { server, ann, bob } = two();
    ann.nowMs += 40 * 86_400_000;
    for (let n = 0; n < 2 * limits.maxRemembered; n++) await ann.tell("Bob", String(n));
    ann.nowMs -= 40 * 86_400_000;
    ann.seen = SeenMessages.parse(ann.seen.toString(), ann.nowMs);
    ann.start();
    for (let n = 0; n < 2 * limits.maxRemembered; n++) await ann.tell("Bob", `later ${n}`);
    for (const told of server.told) {
      expect(await bob.hear(told)).toMatchObject({ seal: { state: "unverified" } });
    }
  });
});

describe("a server that lies", () => {
  test("about the time makes no messages look too old that others send later, at any server", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    const clocks: number[] = [];
    const seen = bob.seen;
    const { add } = seen;
    seen.add = (key, id, timeMs, nowMs) => {
      clocks.push(nowMs);
      add.call(seen, key, id, timeMs, nowMs);
    };
    const { nowMs } = bob;
    await bob.hear(server.told[0], { timeMs: Date.UTC(9999, 0) });
    expect(clocks).toEqual([nowMs]);
  });

  test("gets nothing for a key that it swaps, until that is accepted", async () => {
    const { server, ann, bob } = two();
    const mallory = keyPair();
    await ann.tell("Bob", "one");
    ann.messages.verify("Bob", [bob.device.key]);
    for (const keys of [[mallory.key], [bob.device.key, mallory.key], []]) {
      server.register("Bob", ...keys);
      await ann.tell("Bob", "two");
      expect(ann.notes.at(-1)).toMatch(/^Not sent: .*\/accept-key Bob/);
    }
    // Also after a restart.
    ann.start();
    server.register("Bob", bob.device.key, mallory.key);
    await ann.tell("Bob", "two");
    expect(server.told).toHaveLength(1);
    expect(ann.notes.at(-1)).toContain("words of 2");
    ann.messages.accept("Cal");
    expect(ann.notes.at(-1)).toContain("There is no changed key");
    ann.messages.accept("bob");
    await ann.tell("Bob", "three");
    expect(server.told).toHaveLength(2);
    // No longer verified: nobody has compared the new key.
    expect(ann.sent.at(-1)?.seal).toEqual({ state: "unverified" });
    expect(ann.people.get("bob")?.keys).toEqual([bob.device.key, mallory.key]);
  });

  test("accepts nothing by itself: only the displayed keys are accepted", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    const [shown, later] = [keyPair(), keyPair()];
    server.register("Bob", shown.key);
    await ann.tell("Bob", "two");
    server.register("Bob", later.key);
    ann.messages.accept("Bob");
    expect(ann.people.get("bob")?.keys).toEqual([shown.key]);
    await ann.tell("Bob", "three");
    expect(server.told).toHaveLength(1);
    expect(bob.shown).toEqual([]);
  });

  test("gets no plain text by not saying whether the sender's own key is listed", async () => {
    const server = new Server();
    const [ann] = [new Client(server, "Ann"), new Client(server, "Bob")];
    server.isBusy = true;
    await ann.tell("Bob", "secret");
    expect(server.told).toEqual([]);
    expect(ann.notes).toEqual(["Not sent: Too fast"]);
    // It is asked again.
    server.isBusy = false;
    await ann.tell("Bob", "secret again");
    expect(server.told).toMatchObject([{ to: ["Bob"], text: "" }]);
    expect(server.sight).not.toContain("secret");
  });

  test("can't make a known user unregistered, or request plain text itself", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    server.accounts.set("bob", { name: "Bob", registered: false, keys: [bob.device.key] });
    await ann.tell("Bob", "two");
    server.accounts.set("bob", { name: "Cal", registered: true, keys: [bob.device.key] });
    await ann.tell("Bob", "two");
    server.accounts.delete("bob");
    await ann.tell("Bob", "two");
    server.register("Bob", "no key");
    await ann.tell("Bob", "two");
    // Nor make us forget our own registration.
    server.register("Bob", bob.device.key);
    server.register("Ann", bob.device.key);
    ann.goOnline();
    await ann.tell("Bob", "two");
    expect(server.told).toHaveLength(1);
    expect(ann.notes.slice(1).every((note) => note.startsWith("Not sent: "))).toBe(true);
    expect(ann.notes).toHaveLength(6);
  });

  test("messages are not sealed for a revoked device, and its return is a change of keys", async () => {
    const { server, ann, bob } = two();
    const lost = keyPair();
    server.register("Bob", bob.device.key, lost.key);
    await ann.tell("Bob", "one");
    server.register("Bob", bob.device.key);
    await ann.tell("Bob", "two");
    expect(server.told[1]?.sealed?.boxes.map(({ key }) => key)).toEqual([bob.device.key]);
    server.register("Bob", bob.device.key, lost.key);
    await ann.tell("Bob", "three");
    expect(server.told).toHaveLength(2);
  });

  test("can't bring a revoked device back by repeating what others once said of it, or it of others", async () => {
    const { server, ann, bob } = two();
    const [lost, mallory] = [keyPair(), keyPair()];
    const vouches = [bob.device.vouch("Bob", lost.key), lost.vouch("Bob", mallory.key)];
    const lists = (...keys: readonly string[]): void =>
      void server.accounts.set("bob", { name: "Bob", registered: true, keys, vouches });
    await ann.tell("Bob", "one");
    lists(bob.device.key, lost.key);
    await ann.tell("Bob", "two");
    expect(server.told).toHaveLength(2);
    lists(bob.device.key);
    await ann.tell("Bob", "three");
    for (const others of [[lost.key], [mallory.key], [lost.key, mallory.key]]) {
      lists(bob.device.key, ...others);
      await ann.tell("Bob", "four");
      ann.start();
      await ann.tell("Bob", "five");
      expect(ann.notes.at(-1)).toMatch(/^Not sent: .*\/accept-key Bob/);
    }
    const sealedFor = server.told.map(({ sealed }) => sealed?.boxes.length);
    expect(sealedFor).toEqual([1, 2, 1]);
    ann.messages.accept("Bob");
    await ann.tell("Bob", "six");
    expect(server.told.at(-1)?.sealed?.boxes).toHaveLength(3);
  });

  test("can't repeat a message, not even after a restart of the recipient", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "pay 10");
    expect(await bob.hear(server.told[0])).toMatchObject({ text: "pay 10" });
    const again = {
      text: "",
      seal: { state: "unopened", reason: "this device has received it before" },
    };
    expect(await bob.hear(server.told[0])).toMatchObject(again);
    bob.seen = SeenMessages.parse(bob.seen.toString(), bob.nowMs);
    bob.start();
    await bob.hear(server.told[0]);
    expect(bob.shown).toHaveLength(2);
    for (let n = 0; n <= limits.maxRemembered; n++) await ann.tell("Bob", String(n));
    for (const told of server.told.slice(1)) await bob.hear(told);
    expect(await bob.hear(server.told[0])).toMatchObject({
      text: "",
      seal: { state: "unopened", reason: expect.stringContaining("too old") },
    });
  });

  test("that replays what the device has received before it was killed has nothing shown again", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    await ann.tell("Bob", "two");
    expect(await bob.hear(server.told[0])).toMatchObject({ text: "one" });
    bob.start();
    for (const told of server.told) await bob.hear(told);
    expect(bob.shown.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  test("can't redirect, reflect, cut or relabel a message", async () => {
    const { server, ann, bob } = two();
    const cal = new Client(server, "Cal");
    await ann.tell("Bob", "psst");
    const [told] = server.told;
    const unopened = { text: "", seal: { state: "unopened" } };
    // As if from another user, known to Bob or not.
    expect(await bob.hear(told, { from: "Cal" })).toMatchObject(unopened);
    // To another user, and back to the sender.
    expect(await cal.hear(told)).toMatchObject(unopened);
    expect(await ann.hear(told, { from: "Bob" })).toMatchObject(unopened);
    const box = told?.sealed?.boxes[0]?.box ?? "";
    const boxes = (key: string, text: string) => ({
      sealed: { key: ann.device.key, boxes: [{ key, box: text }] },
    });
    expect(await cal.hear(told, boxes(cal.device.key, box))).toMatchObject(unopened);
    expect(await bob.hear(told, boxes(bob.device.key, box.slice(0, -4)))).toMatchObject(unopened);
    expect(await bob.hear(told, boxes(bob.device.key, ""))).toMatchObject(unopened);
    // Sealed with a different key than it claims.
    const relabelled = { sealed: { key: cal.device.key, boxes: told?.sealed?.boxes ?? [] } };
    expect(await bob.hear(told, relabelled)).toMatchObject(unopened);
    // None of this has used up the message.
    expect(await bob.hear(told)).toMatchObject({ text: "psst" });
  });

  test("a new device is accepted in both directions if a known one vouches for it", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    await bob.hear(server.told[0]);
    const phone = new Client(server, "Ann");
    const account = { name: "Ann", registered: true, keys: [ann.device.key, phone.device.key] };
    server.accounts.set("ann", account);
    // Nobody vouches for it yet.
    await bob.tell("Ann", "two");
    expect(server.told).toHaveLength(1);
    server.accounts.set("ann", {
      ...account,
      vouches: [ann.device.vouch("Ann", phone.device.key)],
    });
    await bob.tell("Ann", "three");
    expect(server.told).toHaveLength(2);
    expect(bob.notes.at(-1)).toBe("Ann has a new device; a device that you know vouches for it");
    expect(await phone.hear(server.told[1])).toMatchObject({ text: "three" });
    expect(bob.people.get("ann")?.keys).toHaveLength(2);

    const tablet = new Client(server, "Ann");
    const keys = [...account.keys, tablet.device.key];
    const vouches = [phone.device.vouch("Ann", tablet.device.key)];
    server.accounts.set("ann", { ...account, keys, vouches });
    await tablet.tell("Bob", "four");
    expect(await bob.hear(server.told[2])).toMatchObject({
      text: "four",
      seal: { state: "unverified" },
    });
    expect(bob.people.get("ann")?.keys).toHaveLength(3);
  });

  test("keys that are compared while a new device is looked up stay verified", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    await bob.hear(server.told[0]);
    const phone = new Client(server, "Ann");
    const keys = [ann.device.key, phone.device.key];
    const vouches = [ann.device.vouch("Ann", phone.device.key)];
    server.accounts.set("ann", { name: "Ann", registered: true, keys, vouches });
    await phone.tell("Bob", "two");
    bob.holds = true;
    const hearing = bob.hear(server.told[1]);
    await until(() => bob.held.length > 0, "the lookup");
    bob.messages.verify("Ann", keys);
    bob.held.shift()?.();
    expect(await hearing).toMatchObject({ text: "two", seal: { state: "verified" } });
    expect(bob.people.get("ann")).toMatchObject({ keys, isVerified: true });
  });

  test("a message with a key that is not known as the sender's is marked accordingly", async () => {
    const { server, ann, bob } = two();
    await ann.tell("Bob", "one");
    await bob.hear(server.told[0]);
    const mallory = new Client(server, "Ann");
    await mallory.tell("Bob", "two");
    expect(await bob.hear(server.told[1])).toMatchObject({ seal: { state: "changed" } });
    // Bob's answer is not sent either.
    await bob.tell("Ann", "three");
    expect(server.told).toHaveLength(2);
    expect(bob.notes.at(-1)).toContain("other keys than before");
  });
});

describe("if one side has no key", () => {
  test("the text is sent unsealed, and both see that", async () => {
    const { server, ann, bob } = two();
    server.accounts.set("page", { name: "Page", registered: false, keys: [] });
    await ann.tell("Page", "hello");
    await ann.tell("Nobody", "hello");
    expect(ann.sent.map(({ seal }) => seal)).toEqual([undefined, undefined]);
    expect((await bob.hear(server.told[0])).seal).toBeUndefined();
    expect(ann.people.size).toBe(0);
    const guest = new Client(server, "Guest", false);
    await guest.tell("Bob", "hello");
    expect(guest.sent[0]?.seal).toBeUndefined();
    // But not to a user whose key is known.
    guest.messages.verify("Bob", [bob.device.key]);
    await guest.tell("Bob", "secret");
    expect(server.sight).not.toContain("secret");
    expect(guest.notes.at(-1)).toContain("/register");
  });

  test("each of several recipients gets the message sealed if possible", async () => {
    const { server, ann, bob } = two();
    server.accounts.set("page", { name: "Page", registered: false, keys: [] });
    ann.messages.tell(["Bob", "Page", "BOB", "Nobody"], "hello");
    await ann.messages.settled();
    expect(ann.sent.map(({ to, seal }) => [to, seal?.state])).toEqual([
      [["BOB"], "unverified"],
      [["Page", "Nobody"], undefined],
    ]);
    expect(await bob.hear(server.told[0])).toMatchObject({ text: "hello" });
  });
});

test("an unreadable file of keys stops sending, and says why", async () => {
  const { server, ann } = two();
  ann.people.get = () => {
    throw new ParleyError("failed", "Line 3 of 'known_keys' is for 'Bob', but has no valid keys");
  };
  await ann.tell("Bob", "psst");
  expect(server.told).toEqual([]);
  expect(ann.notes).toEqual([expect.stringContaining("Not sent: Line 3")]);
});

test("a message that is too long for all devices is refused as a whole", async () => {
  const { server, ann, bob } = two();
  const more = Array.from({ length: 9 }, () => keyPair().key);
  server.register("Bob", bob.device.key, ...more);
  await ann.tell("Bob", "x".repeat(16_000));
  expect(server.told).toEqual([]);
  expect(ann.notes[0]).toContain("too long to be sealed for 10 devices");
});
