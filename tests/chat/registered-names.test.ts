// A registered name belongs to its owner: nobody else uses it, in any dialect, at any moment.

import { describe, expect, test } from "bun:test";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { accounts as limits } from "../../src/limits.ts";
import { loginProofText } from "../../src/trust/login-proof.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { FailingStore } from "./failing-store.ts";
import { fakeSignature } from "./fake-credentials.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { memberNames } from "./inspect.ts";
import { type Client, Rig, say } from "./rig.ts";

const refusedAs = (client: { lines(): Record<string, unknown>[] }) =>
  client.lines().find(({ type }) => type === "error")?.["code"];

const stranger = (rig: Rig, name: string) => rig.member(name, { secret: "stranger-0123456789" });

describe("a registered name", () => {
  test("is refused to everyone without its key, whether the owner is online or not", () => {
    const rig = new Rig();
    const ann = owner(rig, "Ann", "desk");
    const attempts = () => [
      refusedAs(rig.member("Ann")),
      refusedAs(rig.member("ann", {}, "192.0.2.9")),
      refusedAs(withKey(rig, "Ann", "thief")),
      refusedAs(rig.member("ANN", { secret: "desk-0123456789abcdef" })),
      refusedAs(rig.member("Ann", { token: "not-a-token-0123456789" })),
    ];
    const all = Array.from({ length: 5 }, () => "name-registered");
    expect(attempts()).toEqual(all);
    ann.close("lost");
    expect(attempts()).toEqual(all);
    rig.pass(3_600_000, 60_000);
    expect(attempts()).toEqual(all);
    ann.close("quit");
    expect(attempts()).toEqual(all);
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({
      type: "welcome",
      session: { name: "Ann", registered: true },
    });
  });

  test("is refused in the old dialects, as a name, a rename and an alias", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    for (const dialect of [openChat, lineChat, selectChat, chatRoom]) {
      const client = rig.client(dialect, true).send("Ann");
      expect(client.text()).toContain("The name 'Ann' is registered");
      expect(memberNames(rig.hub)).toEqual([]);
      client.close("quit");
    }
    const bob = rig.client(openChat, true).send("Bob", "CHANGENAME Bob ann");
    expect(bob.text()).toContain("The name 'ann' is registered");
    const alias = rig.client(chatRoom, true).send(":Ann:mallory");
    expect(alias.text()).toContain("The name 'Ann' is taken");
    const native = rig.member("Cal").send({ type: "rename", name: "ANN", ref: 1 });
    expect(refusedAs(native)).toBe("name-registered");
    expect(memberNames(rig.hub).toSorted()).toEqual(["Bob", "Cal"]);
  });

  test.each([
    ["upper case", "ANN"],
    ["fullwidth", "Ａnn"],
    ["Greek", "Αnn"],
    ["Cyrillic", "Аnn"],
    ["a zero-width joiner", "A\u200dnn"],
    ["a zero-width space", "A\u200bnn"],
    ["a soft hyphen", "A\u00adnn"],
    ["a variation selector", "A\ufe0fnn"],
  ])("has no double in %s", (_, name) => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    expect(["name-registered", "name-invalid"]).toContain(String(refusedAs(stranger(rig, name))));
    expect(memberNames(rig.hub)).toEqual([]);
  });

  test.each([
    ["Straße", "STRASSE"],
    ["STRASSE", "straße"],
    ["caf\u00e9", "cafe\u0301"],
    ["cafe\u0301", "caf\u00e9"],
  ])("%p has no double %p", (name, other) => {
    const rig = new Rig();
    owner(rig, name, "desk").close("quit");
    expect(refusedAs(stranger(rig, other))).toBe("name-registered");
  });

  test("still belongs to its owner after a restart", () => {
    const store = new FailingStore();
    owner(new Rig({}, store.answer), "Ann", "desk");
    store.reopen();
    const rig = new Rig({}, store.answer);
    expect(refusedAs(rig.member("Ann"))).toBe("name-registered");
    expect(withKey(rig, "Ann", "desk").lines()[0]).toMatchObject({ type: "welcome" });
  });

  test("keeps its registered spelling and its owner", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    const ann = withKey(rig, "ANN", "desk");
    expect(ann.lines()[0]).toMatchObject({ session: { name: "Ann" } });
    expect(refusedAs(ann.send({ type: "rename", name: "Anna" }))).toBe("name-registered");
    expect(memberNames(rig.hub)).toEqual(["Ann"]);
  });

  test("can't be taken while it is being registered, even if its user leaves", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const ann = withKey(rig, "Ann", "desk");
    store.timing = ({ type }) => (type === "change-account" ? "run-late" : "now");
    ann.send({ type: "register", label: "desk" });
    ann.close("quit");
    expect(refusedAs(rig.member("Ann"))).toBe("name-taken");
    store.release(rig);
    expect(refusedAs(rig.member("Ann"))).toBe("name-registered");
  });

  test("can't be taken with only the session's secret while it is being registered", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const ann = withKey(rig, "Ann", "desk");
    store.timing = ({ type }) => (type === "change-account" ? "run-late" : "now");
    ann.send({ type: "register", label: "desk" });
    const again = () => rig.member("Ann", { secret: "desk-0123456789abcdef" });
    expect(refusedAs(again())).toBe("rate");
    store.release(rig);
    expect(ann.session.identity.account).not.toBe("");
    expect(refusedAs(again())).toBe("name-registered");
    expect(ann.session.phase).toBe("member");
  });

  test("is registered by the connection that resumes the session, not by the previous one", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const ann = rig.member("Ann", { secret: "desk-0123456789abcdef" });
    store.timing = ({ type }) => (type === "find-account" ? "run-late" : "now");
    const again = rig.member("Ann", { secret: "desk-0123456789abcdef" });
    ann.send({ type: "register", password: "correct horse" });
    store.release(rig);
    expect(ann.session.phase).not.toBe("member");
    expect(again.session.phase).toBe("member");
    expect(again.session.identity.account).toBe("");
  });

  test("is not registered by a store that fails, and may be tried again", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const ann = withKey(rig, "Ann", "desk");
    store.unreadable = true;
    ann.text();
    expect(refusedAs(ann.send({ type: "register", label: "desk", ref: 1 }))).toBe("storage");
    store.unreadable = false;
    ann.send({ type: "register", label: "desk", ref: 2 });
    expect(ann.lines()).toMatchObject([{ type: "registered", name: "Ann", ref: 2 }]);
  });

  test("is registered once even if the store does not know the outcome", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const ann = withKey(rig, "Ann", "desk");
    ann.text();
    let unsure = true;
    store.timing = (request) => {
      if (request.type === "change-account" && unsure) {
        answerRequest(store.store, request);
        unsure = false;
        store.unsure = () => {
          store.unsure = () => false;
          return true;
        };
      }
      return "now";
    };
    ann.send({ type: "register", label: "desk", ref: 1 });
    rig.pass(2_000, 100);
    expect(ann.lines()).toMatchObject([{ type: "registered", name: "Ann", ref: 1 }]);
  });
});

describe("registering", () => {
  test("needs a key or a password, and a name that users may have", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    expect(refusedAs(bob.send({ type: "register" }))).toBe("no-identity");
    const short = bob.send({ type: "register", password: "12345" });
    expect(refusedAs(short)).toBe("wrong-password");
    bob.text();
    bob.send({ type: "register", password: "correct horse" });
    expect(bob.lines()).toMatchObject([{ type: "registered", name: "Bob" }]);
  });

  test("gives each key one name", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk");
    const second = withKey(rig, "Anna", "desk");
    second.text();
    expect(second.send({ type: "register", label: "desk" }).lines()).toMatchObject([
      {
        code: "name-registered",
        message:
          "Your key owns the name 'Ann' already: connect with that one, or use another --identity",
      },
    ]);
    expect(second.session.proven).toMatchObject({ key: keyOf("desk"), isDevice: true });
    expect(second.session.identity.account).toBe("");
  });

  test("a name that has no owner works as before", () => {
    const rig = new Rig();
    expect(withKey(rig, "Ann", "desk").lines()[0]).not.toHaveProperty("session.registered");
    rig.hub.handleClose(rig.client().session, "lost", rig.nowMs);
    expect(refusedAs(rig.member("Ann"))).toBe("name-taken");
  });
});

const hello = (key: string, signature?: string) => ({
  type: "hello",
  version: 2,
  name: "Ann",
  secret: "0123456789abcdef",
  identity: { key, signature },
});

const nonceOf = (client: Client) => String(client.lines()[0]?.["nonce"]);

describe("a key is proved", () => {
  const key = keyOf("desk");

  test("over TLS immediately, by a signature that is valid only for this channel and this name", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    const sign = (name: string, channel: string) =>
      fakeSignature(key, loginProofText({ name, channel }));
    const connect = (signature?: string) => {
      const client = rig.client();
      Object.assign(client.session.peer, { tls: true, channel: "channel-1" });
      return client.send(hello(key, signature));
    };
    expect(connect(sign("Ann", "channel-1")).lines()[0]).toMatchObject({ type: "welcome" });
    const nonce = "channel-1";
    const others = [
      sign("Ann", "channel-2"),
      sign("Bob", "channel-1"),
      fakeSignature(keyOf("other"), loginProofText({ name: "Ann", channel: "channel-1" })),
      fakeSignature(key, loginProofText({ name: "Ann", nonce })),
      undefined,
    ];
    for (const signature of others) expect(refusedAs(connect(signature))).toBe("protocol");
  });

  test("in plain text by a signature over a nonce, once", () => {
    const rig = new Rig();
    const first = rig.client().send(hello(key));
    const nonce = nonceOf(first);
    const signature = fakeSignature(key, loginProofText({ name: "Ann", nonce }));
    const second = rig.client().send(hello(key));
    expect(nonceOf(second)).not.toBe(nonce);
    // Overheard: the signature belongs to another connection's nonce.
    expect(refusedAs(second.send({ type: "prove", signature }))).toBe("protocol");
    expect(first.send({ type: "prove", signature }).lines()[0]).toMatchObject({ type: "welcome" });
    expect(refusedAs(first.send({ type: "prove", signature }))).toBe("protocol");
    // Made for another name, or over TLS with somebody who knows the nonce.
    for (const made of [
      (asked: string) => loginProofText({ name: "Bob", nonce: asked }),
      (asked: string) => loginProofText({ name: "Ann", channel: asked }),
    ]) {
      const third = rig.client().send(hello(key));
      const wrong = fakeSignature(key, made(nonceOf(third)));
      expect(refusedAs(third.send({ type: "prove", signature: wrong }))).toBe("protocol");
    }
    // A signature without a challenge.
    expect(refusedAs(rig.client().send(hello(key, signature)))).toBe("protocol");
  });

  test("and messages sent with it wait for it", () => {
    const rig = new Rig();
    const client = rig.client().send(hello(key));
    const nonce = nonceOf(client);
    client.send(say(1), { type: "ping", ref: 1 }, hello(key));
    expect(client.lines()).toEqual([]);
    expect(memberNames(rig.hub)).toEqual([]);
    const signature = fakeSignature(key, loginProofText({ name: "Ann", nonce }));
    const lines = client.send({ type: "prove", signature }).lines();
    expect(lines.map(({ type }) => type).toSorted()).toEqual(
      ["welcome", "joined", "message", "ack", "pong", "error"].toSorted(),
    );
  });

  test("or the messages are lost with a failed proof", () => {
    const rig = new Rig();
    const client = rig.client().send(hello(key));
    client.send(say(1), { type: "prove", signature: fakeSignature(key, "something else") });
    rig.pass(200, 20);
    expect(client.link.ended).toBe(true);
    expect(
      rig
        .member("Bob")
        .lines()
        .some(({ type }) => type === "message"),
    ).toBe(false);
  });
});

function registered(rig: Rig, count: number, address: string): number {
  let done = 0;
  for (let i = 0; i < count; i++) {
    const client = rig.member(`N${rig.nextPort}`, {}, address);
    client.send({ type: "register", label: "web", password: "correct horse", ref: 1 });
    const answer = client.lines().find(({ ref }) => ref === 1);
    if (answer?.["type"] === "registered") done++;
    else expect(answer).toMatchObject({ type: "error", code: "rate" });
    client.close("quit");
    rig.pass(100, 100);
  }
  return done;
}

describe("the number of names that one network registers", () => {
  const { registrationsAtOnce, registrationsPerHour } = limits;

  test("is limited, in total and per hour; other networks are not affected", () => {
    const rig = new Rig({ rates: ratesFor(100) });
    const atOnce = registered(rig, 2 * registrationsAtOnce, "192.0.2.1");
    expect(atOnce).toBeGreaterThanOrEqual(registrationsAtOnce);
    expect(atOnce).toBeLessThanOrEqual(registrationsAtOnce + 1);
    expect(registered(rig, 3, "192.0.2.2")).toBe(3);
    // Nor does another account that the client has proved pay for more.
    const owner = rig.member("Owner", {}, "192.0.2.1");
    owner.session.prove({ key: undefined, account: "another", isDevice: false });
    owner.send({ type: "register", password: "correct horse", ref: 1 });
    expect(owner.lines().at(-1)).toMatchObject({ type: "error", code: "rate" });
    owner.close("quit");
    rig.pass(3_600_000, 60_000);
    const later = registered(rig, 2 * registrationsPerHour, "192.0.2.1");
    expect(later).toBeGreaterThanOrEqual(registrationsPerHour - 1);
    expect(later).toBeLessThanOrEqual(registrationsPerHour + 1);
    expect(registered(rig, 2 * registrationsAtOnce, "127.0.0.1")).toBe(2 * registrationsAtOnce);
  });
});
