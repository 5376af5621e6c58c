// An owner's devices and password: codes, revocation, password prompts in the old dialects, tokens,
// and limits on guessing.

import { describe, expect, test } from "bun:test";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat, openChatWithHelp } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { accounts as limits } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import type { StoreReply } from "../../../src/chat/turn/store.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { vouchText } from "../../../src/trust/device-vouch.ts";
import { FailingStore } from "../failing-store.ts";
import { fakeCredentials, fakeSignature } from "../fake-credentials.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { keptBy, memberNames } from "../inspect.ts";
import { type Client, Rig, since } from "../rig.ts";

/** The answer to the last request. */
function ask(client: Client, request: object): Record<string, unknown> {
  client.text();
  client.send({ ...request, ref: "asked" });
  return client.lines().find(({ ref }) => ref === "asked") ?? {};
}

const labels = (answer: Record<string, unknown>) => {
  const devices = answer["devices"] as readonly Record<string, unknown>[];
  return devices.map(({ label, revoked, own }) => [label, revoked !== undefined, own === true]);
};

const newDevice = (rig: Rig, device = "phone") => withKey(rig, "guest", device);

describe("a device is added", () => {
  test("by a code that another device creates, once", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    const { code, seconds } = ask(desk, { type: "device-code" });
    expect(String(code)).toMatch(/^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}$/);
    expect(seconds).toBe(600);
    const phone = newDevice(rig);
    const typed = String(code).toUpperCase().replace("-", " ");
    const linked = ask(phone, { type: "link", code: typed, label: "phone" });
    expect(linked).toMatchObject({ type: "linked", name: "Ann" });
    expect(labels(ask(desk, { type: "devices" }))).toEqual([
      ["desk", false, true],
      ["phone", false, false],
    ]);
    phone.close("quit");
    expect(withKey(rig, "Ann", "phone").lines()[0]).toMatchObject({ session: { name: "Ann" } });
    const third = withKey(rig, "another", "third");
    expect(ask(third, { type: "link", code })).toMatchObject({ code: "not-found" });
  });

  test("not by an expired code, a replaced one, or none", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    const first = ask(desk, { type: "device-code" })["code"];
    const second = ask(desk, { type: "device-code" })["code"];
    expect(first).not.toBe(second);
    const phone = newDevice(rig);
    for (const code of [first, "00000-00000", "", "x".repeat(1_000)]) {
      expect(ask(phone, { type: "link", code })).toMatchObject({ code: "not-found" });
    }
    rig.nowMs += limits.codeMs;
    expect(ask(phone, { type: "link", code: second })).toMatchObject({ code: "not-found" });
  });

  test("not by a code that may be from a device revoked since, or from before a new password", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    const phone = newDevice(rig);
    ask(phone, { type: "link", code: ask(desk, { type: "device-code" })["code"] });
    phone.close("quit");
    // The phone is stolen, and its thief prepares for that.
    const stolen = withKey(rig, "Ann", "phone");
    const thief = withKey(rig, "thief", "other", { secret: "another-secret-0123456789" });
    const { code } = ask(stolen, { type: "device-code" });
    ask(desk, { type: "revoke", key: keyOf("phone") });
    expect(ask(thief, { type: "link", code })).toMatchObject({ code: "not-found" });
    const before = ask(desk, { type: "device-code" })["code"];
    ask(desk, { type: "set-password", password: "correct horse" });
    expect(ask(thief, { type: "link", code: before })).toMatchObject({ code: "not-found" });
    const after = ask(desk, { type: "device-code" })["code"];
    expect(ask(thief, { type: "link", code: after })).toMatchObject({ type: "linked" });
  });

  test("not if its key or the account has found another owner meanwhile", () => {
    const rig = new Rig();
    const [ann, bob] = [owner(rig, "Ann", "desk"), owner(rig, "Bob", "sofa")];
    const [first, second] = [
      newDevice(rig),
      withKey(rig, "guest2", "phone", { secret: "another-secret-0123456789" }),
    ];
    const code = ask(ann, { type: "device-code" })["code"];
    ask(first, { type: "link", code: ask(bob, { type: "device-code" })["code"] });
    expect(ask(second, { type: "link", code })).toMatchObject({ code: "name-registered" });
    const late = ask(ann, { type: "device-code" })["code"];
    rig.order("forget Ann");
    const other = withKey(rig, "other", "other");
    expect(ask(other, { type: "link", code: late })).toMatchObject({ code: "not-found" });
  });

  test("only by an owner, and not with another user's key", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    const guest = newDevice(rig);
    for (const type of ["device-code", "devices"]) {
      expect(ask(guest, { type })).toMatchObject({ code: "no-identity" });
    }
    const { code } = ask(desk, { type: "device-code" });
    const keyless = rig.member("Cal");
    expect(ask(keyless, { type: "link", code })).toMatchObject({ code: "no-identity" });
    const other = owner(rig, "Bob", "laptop");
    expect(ask(other, { type: "link", code })).toMatchObject({ code: "name-registered" });
    expect(ask(guest, { type: "link", code })).toMatchObject({ type: "linked" });
  });

  test("and guesses at codes are limited per network", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk");
    const phone = newDevice(rig);
    Object.assign(phone.session.peer, { address: "192.0.2.7" });
    const codes = Array.from({ length: limits.guessesPerNetwork + 1 }, (_, i) =>
      ask(phone, { type: "link", code: `${i}` }),
    );
    expect(codes.at(-2)).toMatchObject({ code: "not-found" });
    expect(codes.at(-1)).toMatchObject({ code: "rate" });
    // From then on one every ten seconds.
    const guess = () => ask(phone, { type: "link", code: "x" });
    expect(guess()).toMatchObject({ code: "rate", retryAfterMs: limits.networkGuessEveryMs });
    rig.nowMs += limits.networkGuessEveryMs;
    expect(guess()).toMatchObject({ code: "not-found" });
    expect(guess()).toMatchObject({ code: "rate" });
  });
});

/** Ann with two devices, both online. */
function both(rig: Rig): { desk: Client; phone: Client } {
  const desk = owner(rig, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  const guest = newDevice(rig);
  ask(guest, { type: "link", code, label: "phone" });
  guest.close("quit");
  return { desk, phone: withKey(rig, "Ann", "phone") };
}

test("a vouch that is not stored is answered, since nobody would learn of it", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const { desk, phone } = both(rig);
  const vouch = (key: string) => {
    const signature = fakeSignature(keyOf("desk"), vouchText("Ann", key));
    return ask(desk, { type: "vouch", key, signature });
  };
  expect(vouch(keyOf("phone"))).toEqual({});
  expect(vouch(keyOf("nobody's"))).toMatchObject({ type: "error", code: "not-found" });
  store.unreadable = true;
  expect(vouch(keyOf("phone"))).toMatchObject({ type: "error", code: "storage" });
  store.unreadable = false;
  expect(ask(phone, { type: "keys", name: "Ann" })).toMatchObject({ vouches: [{}] });
});

describe("a device is revoked", () => {
  test("but not the last one, even if two devices revoke each other at the same time", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const { desk, phone } = both(rig);
    store.timing = ({ type }) => (type === "change-account" ? "run-late" : "now");
    desk.send({ type: "revoke", key: keyOf("phone") }).text();
    phone.send({ type: "revoke", key: keyOf("desk") }).text();
    store.timing = () => "now";
    store.release(rig);
    rig.settle();
    expect(phone.lines()).toMatchObject([
      { type: "account-changed", change: "device-revoked" },
      { type: "bye" },
    ]);
    desk.close("quit");
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("and is logged out immediately and permanently", () => {
    const rig = new Rig();
    const { desk, phone } = both(rig);
    phone.text();
    const answer = ask(desk, { type: "revoke", key: keyOf("phone").slice(0, 8) });
    expect(labels(answer)).toEqual([
      ["desk", false, true],
      ["phone", true, false],
    ]);
    expect(phone.lines().at(-1)).toMatchObject({ type: "bye" });
    rig.pass(1_000, 100);
    expect(phone.link.ended).toBe(true);
    const refusals = ["Ann", "ann"].map((name) => withKey(rig, name, "phone").lines()[0]);
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: "name-registered" });
    expect(desk.session.phase).toBe("member");
  });

  test("and its session's secret gives no access to the owner's name or mail", () => {
    const rig = new Rig();
    const { desk, phone } = both(rig);
    const bob = rig.member("Bob");
    bob.send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
    phone.close("lost");
    ask(desk, { type: "revoke", key: keyOf("phone") });
    const hello = { type: "hello", version: 2, secret: "phone-0123456789abcdef", ...since(0) };
    const refused = rig.client().send({ ...hello, name: "Ann" });
    expect(refused.lines()).toMatchObject([{ code: "name-registered" }]);
    const other = rig.client().send({ ...hello, name: "Other" });
    rig.pass(1_000, 100);
    const lines = other.lines();
    expect(lines[0]).toMatchObject({ type: "welcome", session: { name: "Other" } });
    expect(lines.filter(({ type }) => type === "private")).toEqual([]);
    expect(other.session.identity.account).toBe("");
    expect(other.session.proven.account).toBeUndefined();
    bob.send({ type: "tell", n: 2, to: ["Ann"], text: "again" });
    expect(other.lines().filter(({ type }) => type === "private")).toEqual([]);
  });

  test("unless it is the last way to log in, or belongs to nobody", () => {
    const rig = new Rig();
    const { desk } = both(rig);
    const revoke = (device: string) => ask(desk, { type: "revoke", key: keyOf(device) });
    expect(revoke("nobody")).toMatchObject({ code: "not-found" });
    expect(ask(desk, { type: "revoke", key: "" })).toMatchObject({ code: "not-found" });
    expect(revoke("phone")).toMatchObject({ type: "devices" });
    expect(revoke("desk")).toMatchObject({ code: "protocol" });
    ask(desk, { type: "set-password", password: "correct horse" });
    expect(revoke("desk")).toMatchObject({ type: "devices" });
    const bare = ask(desk, { type: "set-password" });
    expect(bare).toMatchObject({ code: "protocol" });
  });
});

const heard = (client: Client) =>
  client.lines().flatMap(({ type, change, device }) => {
    return type === "account-changed" ? [[change, device]] : [];
  });

test("an owner's other sessions are notified of what one of them, or a thief, has changed", () => {
  const rig = new Rig();
  const desk = owner(rig, "Ann", "desk");
  const stranger = rig.member("Bob");
  const { code } = ask(desk, { type: "device-code" });
  const phone = newDevice(rig);
  heard(phone);
  phone.send({ type: "link", code, label: "phone" });
  expect(heard(desk)).toEqual([["device-added", "phone"]]);
  expect(heard(phone)).toEqual([]);
  const other = withKey(rig, "Ann", "phone");
  heard(other);
  other.send({ type: "set-password", password: "correct horse" });
  expect(heard(desk)).toEqual([["password-changed", ""]]);
  desk.send({ type: "revoke", key: keyOf("phone") });
  expect(heard(other)).toEqual([["device-revoked", "phone"]]);
  expect(heard(desk)).toEqual([]);
  expect(heard(stranger)).toEqual([]);
});

test("a user's keys are the owner's, online or not, otherwise the proved key of the current user", () => {
  const rig = new Rig();
  owner(rig, "Ann", "desk").close("quit");
  const guest = newDevice(rig);
  const keysOf = (name: string) => ask(guest, { type: "keys", name });
  const ofAnn = { type: "keys", name: "Ann", registered: true, keys: [keyOf("desk")] };
  expect(keysOf("ann")).toMatchObject(ofAnn);
  expect(keysOf("guest")).toMatchObject({ registered: false, keys: [keyOf("phone")] });
  rig.member("Bob");
  expect(keysOf("Bob")).toMatchObject({ registered: false, keys: [] });
  expect(keysOf("Nobody")).toMatchObject({ code: "unknown-user" });
});

/** Ann's name with a password, while nobody uses it. */
function withPassword(rig: Rig, password = "correct horse"): void {
  const ann = owner(rig, "Ann", "desk");
  expect(ask(ann, { type: "set-password", password })).toMatchObject({ isSet: true });
  ann.close("quit");
}

describe("a client of the old systems is asked for the password in its dialect", () => {
  const systems = [
    ["open-chat", openChat, "Ann", "Send its password:", "Send a name:"],
    ["open-chat with help", openChatWithHelp, "Ann", "Send its password:", "Send a name:"],
    ["line-chat", lineChat, "Ann", "The next line is its password:", "The next line is your name:"],
    ["select-chat", selectChat, "Ann", "enter password: ", "enter name: "],
    ["chat-room", chatRoom, ":Annie:Ann", "Please, Enter Your password", "Enter Your ig name"],
  ] as const;

  test.each(systems)("%s", (_, dialect, name, asksPassword, asksName) => {
    const rig = new Rig();
    withPassword(rig);
    const watcher = rig.member("Watcher");
    watcher.text();
    const client = rig.client(dialect, true);
    const prefix = dialect === chatRoom ? ":Annie:" : "";
    const said = (text: string) => {
      client.text();
      client.send(text);
      rig.pass(200, 20);
      return client.text();
    };
    expect(said(name)).toContain(asksPassword);
    // A user who types the password once more must not log in with it as a name.
    for (const asks of [asksPassword, asksPassword, asksName]) {
      const wrong = said(`${prefix}/quit leave wrong`);
      expect(wrong).toContain("This is not the password of 'Ann'");
      expect(wrong).toContain(asks);
    }
    expect(memberNames(rig.hub)).toEqual(["Watcher"]);
    expect(said(name)).toContain(asksPassword);
    said(`${prefix}correct horse`);
    expect(memberNames(rig.hub).toSorted()).toEqual(["Ann", "Watcher"]);
    said(`${prefix}hello`);
    const heard = JSON.stringify(watcher.lines());
    if (dialect !== selectChat) expect(heard).toContain("hello");
    expect(heard).not.toContain("horse");
    expect(heard).not.toContain("wrong");
    expect(rig.log.join("\n")).not.toMatch(/horse|wrong/);
  });

  test("but not if the name has none, and other names stay free", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    const client = rig.client(openChat, true).send("Ann");
    expect(client.text()).toContain("only its owner's devices can log in with it. Send a name:");
    client.send("Bob");
    expect(memberNames(rig.hub)).toEqual(["Bob"]);
  });
});

test("a login does not go by what the store has said of an account before it changed", () => {
  const store = openMemoryStore({ epoch: "epoch-1" });
  const held: StoreReply[] = [];
  let holds = false;
  const rig = new Rig({}, (request) => {
    const reply = answerRequest(store, request);
    if (!holds || request.type !== "find-account") return reply;
    held.push(reply);
    return undefined;
  });
  const desk = owner(rig, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  ask(newDevice(rig), { type: "link", code, label: "phone" });
  holds = true;
  const phone = withKey(rig, "Ann", "phone");
  holds = false;
  expect(held).not.toEqual([]);
  ask(desk, { type: "revoke", key: keyOf("phone") });
  for (const reply of held) rig.hub.handleStore(reply, rig.nowMs);
  rig.settle();
  expect(phone.text()).toMatch(/"code":"name-registered"/);
  expect(keptBy(rig.hub)).toMatchObject({ requests: 0 });
});

test.each([
  ["a revoked device", { type: "revoke", key: keyOf("phone"), ref: 9 }],
  ["who knows the old password", { type: "set-password", password: "another one", ref: 9 }],
])("%s ends their sessions even if the one who asked has left meanwhile", (_, request) => {
  const store = openMemoryStore({ epoch: "epoch-1" });
  const held: StoreReply[] = [];
  let holds = false;
  const rig = new Rig({}, (asked) => {
    const reply = answerRequest(store, asked);
    if (!holds || asked.type !== "change-account") return reply;
    held.push(reply);
    return undefined;
  });
  const desk = owner(rig, "Ann", "desk");
  const { code } = ask(desk, { type: "device-code" });
  ask(newDevice(rig), { type: "link", code, label: "phone" });
  ask(desk, { type: "set-password", password: "correct horse" });
  const byKey = withKey(rig, "Ann", "phone");
  const byPassword = rig.member("Ann", {
    secret: "browser-0123456789",
    password: "correct horse",
  });
  holds = true;
  desk.send(request);
  desk.close("lost");
  holds = false;
  expect(held.length).toBeGreaterThan(0);
  for (const reply of held) rig.hub.handleStore(reply, rig.nowMs);
  rig.settle();
  expect((request.type === "revoke" ? byKey : byPassword).link.ended).toBe(true);
});

const login = (rig: Rig, extra: object, address = "127.0.0.1") =>
  rig.member("Ann", { secret: "browser-0123456789", ...extra }, address);
const answer = (client: Client) => client.lines()[0] ?? {};

describe("a password", () => {
  test("is exchanged for a token, which proves the name until the password changes", () => {
    const rig = new Rig();
    withPassword(rig);
    const refusal = answer(login(rig, {}));
    expect(refusal).toMatchObject({ code: "name-registered", password: true });
    const first = login(rig, { password: "correct horse", remember: true });
    const { session } = answer(first) as { session: { token: string } };
    expect(session.token).toStartWith("secret-number-");
    first.close("quit");
    const again = login(rig, { token: session.token });
    const welcome = answer(again);
    expect(welcome).toMatchObject({ type: "welcome", session: { registered: true } });
    expect(welcome).not.toHaveProperty("session.token");
    expect(again.session.identity.account).not.toBe("");
    const changed = ask(again, { type: "set-password", password: "other horse", remember: true });
    expect(changed).toMatchObject({ type: "password-set", isSet: true });
    again.close("quit");
    expect(answer(login(rig, { token: session.token }))).toMatchObject({ code: "name-registered" });
    expect(answer(login(rig, { token: changed["token"] }))).toMatchObject({ type: "welcome" });
    expect(answer(login(rig, { password: "correct horse" }))).toMatchObject({
      code: "wrong-password",
    });
  });

  test("that changes logs out sessions with the old password or a token, but no device", () => {
    const rig = new Rig();
    const desk = owner(rig, "Ann", "desk");
    ask(desk, { type: "set-password", password: "correct horse" });
    const thief = login(rig, { password: "correct horse", remember: true });
    const { session } = answer(thief) as { session: { token: string } };
    const browser = login(rig, { token: session.token });
    expect(answer(browser)).toMatchObject({ type: "welcome" });
    ask(desk, { type: "set-password", password: "other horse" });
    for (const one of [thief, browser]) {
      expect(one.lines().at(-1)).toMatchObject({ type: "bye" });
      expect(one.link.ended).toBe(true);
    }
    const bob = rig.member("Bob");
    const phone = login(rig, { password: "other horse" });
    ask(phone, { type: "set-password", password: "third horse" });
    expect([desk, bob, phone].map(({ link }) => link.ended)).toEqual([false, false, false]);
  });

  test("that changes at another server during a login gives no token for the old one", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    let isChanged = false;
    const rig = new Rig({}, (request) => {
      if (request.type === "change-account" && request.change.type === "add-token") {
        const { account, atMs } = request.change;
        store.accounts.change({ type: "set-password", account, password: "other", atMs });
        isChanged = true;
      }
      return answerRequest(store, request);
    });
    withPassword(rig);
    const thief = login(rig, { password: "correct horse", remember: true });
    expect(isChanged).toBe(true);
    const welcome = answer(thief);
    expect(welcome).toMatchObject({ type: "welcome", session: { registered: true } });
    expect(welcome).not.toHaveProperty("session.token");
  });

  test("is hashed only a limited number of times per network", () => {
    let hashed = 0;
    const credentials = {
      ...fakeCredentials,
      hashPassword: (password: string, _: string, then: (hash: string) => void) =>
        then(`hash ${++hashed} of ${password}`),
    };
    const rig = new Rig({ credentials });
    const address = "198.51.100.7";
    const devices = ["Ann", "Bob"].map((name) => {
      const client = withKey(rig, name, name, {}, address);
      expect(ask(client, { type: "register" })).toMatchObject({ type: "registered" });
      return client;
    });
    const answers = Array.from({ length: limits.guessesPerNetwork }, () =>
      devices.map((one) => ask(one, { type: "set-password", password: "correct horse" })),
    ).flat();
    expect(answers.at(-1)).toMatchObject({ code: "rate", retryAfterMs: expect.any(Number) });
    expect(hashed).toBe(limits.guessesPerNetwork);
    rig.nowMs += limits.guessEveryMs;
    const later = ask(devices[0]!, { type: "set-password", password: "correct horse" });
    expect(later).toMatchObject({ type: "password-set" });
  });

  test("can register a name by itself, and can be removed once there is a device", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const registered = ask(bob, { type: "register", password: "correct horse", remember: true });
    expect(registered).toMatchObject({ type: "registered", name: "Bob" });
    expect(registered["token"]).toBeString();
    expect(ask(bob, { type: "set-password" })).toMatchObject({ code: "protocol" });
    const { code } = ask(bob, { type: "device-code" });
    ask(newDevice(rig), { type: "link", code, label: "phone" });
    expect(ask(bob, { type: "set-password" })).toMatchObject({ isSet: false });
  });

  test("may be guessed a few times per network, and a few more times in total", () => {
    const rig = new Rig();
    withPassword(rig);
    const guess = (address: string) =>
      answer(login(rig, { password: "guess 12345" }, address))["code"];
    const guesses = (address: string, count: number) =>
      Array.from({ length: count }, () => guess(address));
    const some = guesses("192.0.2.1", limits.guessesPerNetwork + 1);
    expect(some.at(-2)).toBe("wrong-password");
    expect(some.at(-1)).toBe("rate");
    // Another network may continue, until the account's total is used up.
    expect(guess("198.51.100.1")).toBe("wrong-password");
    const networks = Array.from({ length: limits.guessesPerAccount }, (_, i) => `203.0.113.${i}`);
    expect(networks.map(guess)).toContain("rate");
    // Meanwhile even the right password is not checked; a key needs no guess.
    const right = answer(login(rig, { password: "correct horse" }, "203.0.113.200"));
    expect(right).toMatchObject({ code: "rate" });
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({ type: "welcome" });
    rig.nowMs += limits.guessEveryMs;
    const later = answer(login(rig, { password: "correct horse" }, "203.0.113.201"));
    expect(later).toMatchObject({ type: "welcome" });
  });

  test("can be used at any time, however long one network guesses, and how often its owner logs in", () => {
    const rig = new Rig();
    withPassword(rig);
    const guess = (address: string, password: string) =>
      answer(login(rig, { password }, address))["type"];
    const right = "correct horse";
    let wrong = 0;
    for (let ms = 0; ms < 3_600_000; ms += limits.networkGuessEveryMs) {
      rig.nowMs += limits.networkGuessEveryMs;
      // One network of IPv6, with many smaller ones in it.
      guess(`2001:db8:6:${(++wrong % 1_000).toString(16)}::1`, "guess 12345");
      if (wrong % 30 > 0) continue;
      const codes = [guess("192.0.2.1", right), guess("192.0.2.2", "a typo 12345")];
      expect(codes).toEqual(["welcome", "error"]);
    }
    const often = Array.from({ length: 3 * limits.guessesPerAccount }, () =>
      guess("192.0.2.1", right),
    );
    expect(new Set(often)).toEqual(new Set(["welcome"]));
  });

  test("can be used where it was right before, however many networks guess", () => {
    const rig = new Rig();
    withPassword(rig);
    const guess = (address: string, password: string) =>
      answer(login(rig, { password }, address))["code"];
    const right = "correct horse";
    expect(guess("192.0.2.1", right)).toBeUndefined();
    expect(guess("2001:db8:1::1", right)).toBeUndefined();
    const stranger = (n: number) => guess(`198.51.100.${1 + (n % 40)}`, "guess 12345");
    for (let n = 0; n < 10 * limits.guessesPerAccount; n++) stranger(n);
    expect(guess("192.0.2.9", right)).toBe("rate");
    expect(guess("192.0.2.1", right)).toBeUndefined();
    // Another address of the same place, after a wrong one.
    expect(guess("2001:db8:1:7::2", "a typo 12345")).toBe("wrong-password");
    expect(guess("2001:db8:1:7::2", right)).toBeUndefined();
    // But that is no way to guess more often: one network may be wrong as often as before.
    const wrong = () => guess("192.0.2.1", "guess 12345");
    const answers = Array.from({ length: limits.guessesPerAccount }, wrong);
    expect(answers.filter((code) => code === "wrong-password")).toHaveLength(
      limits.guessesPerAccount / 2,
    );
    expect(guess("192.0.2.1", right)).toBe("rate");
  });

  test("is refused, not queued forever, when too many are checked at the same time", () => {
    const busy = {
      verifySignature: () => false,
      hashPassword: (_: string, __: string, then: (hash: string | undefined) => void) =>
        then(undefined),
      checkPassword: (
        _: string,
        __: string,
        ___: string,
        then: (is: boolean | undefined) => void,
      ) => then(undefined),
    };
    const rig = new Rig({ credentials: busy });
    const bob = rig.member("Bob");
    expect(ask(bob, { type: "register", password: "correct horse" })).toMatchObject({
      code: "rate",
    });
  });
});
