// The registry of peers inside a session of the native protocol: who may ask, what is answered, and
// what is refused.

import { expect, test } from "bun:test";
import { encodeBridge, encodeRegister, withHeader } from "../../src/cpp/codec.ts";
import type { PeerRegistry, RegistryOutcome } from "../../src/cpp/peer-registry.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { loginProofText } from "../../src/trust/login-proof.ts";
import { keepingLog } from "../silent-log.ts";
import { fakeSignature } from "./fake-credentials.ts";
import { keptBy, nothing } from "./inspect.ts";
import { noControl } from "./hub-options.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { type Client, native, Rig } from "./rig.ts";

const alice = { id: "Alice", ip: "127.0.0.1", port: 5555 };
const request = (text: string) => ({ type: "registry", request: text, ref: "r" });
const register = request(encodeRegister(alice));
const registered = `${encodeRegister(alice).replace("REGISTER", "REGACK").slice(0, -2)}Status: registered\r\n\r\n`;

/** A connection without a name; `device`: whose key it proves. */
function visitor(rig: Rig, extra: object = {}, device?: string, address?: string): Client {
  const client = rig.client(native, true, address);
  const hello = { type: "hello", version: 2, ...extra };
  if (device === undefined) client.send(hello);
  else {
    const key = keyOf(device);
    client.send({ ...hello, identity: { key } });
    const nonce = String(client.lines()[0]?.["nonce"]);
    client.send({
      type: "prove",
      signature: fakeSignature(key, loginProofText({ name: "", nonce })),
    });
  }
  client.lines();
  return client;
}

const door = { checkPassword: (given: string) => given === "open sesame", isMembersOnly: false };
const inside = { serverPassword: "open sesame" };

test("who has shown the password registers, waits and is handed out with the key", () => {
  const { log, logged } = keepingLog();
  const rig = new Rig({ door, log, registry: new Registry() });
  const [ann, bob] = [visitor(rig, inside), visitor(rig, inside)];
  const key = keyOf("Alice's");
  ann.send(request(withHeader(encodeRegister(alice), "key", key)), request(encodeBridge("Alice")));
  expect(ann.lines()).toEqual([
    { type: "registry", answer: registered, ref: "r" },
    { type: "registry", answer: expect.stringMatching(/^BRIDGEACK\r\nclientID:  \r\n/), ref: "r" },
  ]);
  bob.send(request(withHeader(encodeBridge("Bob", "alice"), "keys", "with-contact")));
  const answer = String(bob.lines()[0]?.["answer"]);
  expect(answer).toStartWith("BRIDGEACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n");
  expect(answer).toEndWith(`key: ${key}\r\n\r\n`);
  // The same lines as of a connection of its own.
  expect(rig.log).toEqual([
    "REGISTER: Alice from 127.0.0.1:5555 received",
    "BRIDGE: Bob (not registered) Alice 127.0.0.1:5555",
  ]);
  const done = logged.filter(({ fields }) => fields?.["id"] !== undefined);
  expect(done.map(({ message, fields }) => [message, fields?.["id"]])).toEqual([
    ["registered", "Alice"],
    ["bridged", "Alice"],
    ["bridged", "Bob"],
  ]);
});

test("nobody else learns anything, and an open server answers as well", () => {
  const registry = new Registry();
  const rig = new Rig({ door, registry });
  for (const extra of [{}, { serverPassword: "guess" }]) {
    const client = rig.client();
    client.send({ type: "hello", version: 2, ...extra }, register);
    expect(client.text()).not.toContain("REGACK");
    expect(client.link.ended).toBe(true);
  }
  const silent = rig.client();
  silent.send(register);
  expect(silent.lines()).toMatchObject([{ type: "error", code: "protocol" }]);
  expect(registry.size).toBe(0);
  const open = new Rig({ registry });
  expect(visitor(open).send(register).lines()).toMatchObject([{ answer: registered }]);
  expect(open.member("Ann").send(register).lines().at(-1)).toMatchObject({ answer: registered });
});

test("an ID of another network is taken, whoever asks", () => {
  const rig = new Rig({ registry: new Registry() });
  visitor(rig, {}, undefined, "192.0.2.1").send(register);
  const [answer] = visitor(rig, {}, undefined, "198.51.100.1").send(register).lines();
  expect(answer?.["answer"]).toMatch(/^REGACK\r\n[^]*Status: taken\r\n\r\n$/);
});

test("banned addresses, names and keys are refused", () => {
  const registry = new Registry();
  const rig = new Rig({ registry });
  const [ann, bob] = [visitor(rig), visitor(rig, {}, undefined, "192.0.2.9")];
  rig.order("ban alice spam");
  ann.send(register);
  expect(ann.lines()).toMatchObject([{ type: "error", code: "banned", ref: "r" }]);
  ann.send(request(encodeBridge("Ann", "Bob")));
  expect(ann.lines()).toMatchObject([{ type: "registry" }]);
  rig.order("ban 192.0.2.0/24");
  bob.send(request(encodeBridge("Bob")));
  expect(bob.text()).not.toContain("BRIDGEACK");
  expect(registry.size).toBe(0);
});

test("a registered name is an ID only for its owner's key", () => {
  const rig = new Rig({ registry: new Registry() });
  owner(rig, "Ａlice", "laptop").close("quit");
  const refused = { type: "error", code: "name-registered", subject: "Alice", ref: "r" };
  for (const device of [undefined, "another"]) {
    expect(visitor(rig, {}, device).send(register).lines()).toMatchObject([refused]);
  }
  const own = visitor(rig, {}, "laptop").send(register);
  expect(own.lines()).toMatchObject([{ answer: registered }]);
  own.send(request(encodeBridge("Bob", "Alice")));
  expect(own.lines()).toMatchObject([{ answer: expect.stringContaining("clientID: Alice") }]);
});

function registerAs(device: string) {
  return request(withHeader(encodeRegister(alice), "key", keyOf(device)));
}

test("the registry does not lead to a peer of that name whose device has been revoked", () => {
  const registry = new Registry();
  const control = { ...noControl, dropRegistrations: registry.dropBanned.bind(registry) };
  const rig = new Rig({ registry, control });
  const desk = owner(rig, "Alice", "desk").send({ type: "device-code", ref: "c" });
  const code = desk.lines().find(({ ref }) => ref === "c")?.["code"];
  const phone = withKey(rig, "Alices-phone", "phone").send({ type: "link", code, label: "phone" });
  phone.send(registerAs("phone"));
  desk.send({ type: "revoke", key: keyOf("phone"), ref: "r" });
  expect(registry.find("Alice")).toBeUndefined();
  desk.send(registerAs("desk"));
  expect(registry.find("Alice")).toBeDefined();
});

test("what is no request is refused and changes nothing", () => {
  const registry = new Registry();
  const rig = new Rig({ registry });
  const client = visitor(rig);
  const wrong = [
    "",
    "REGISTER",
    "REGISTER\r\nclientID: Alice\r\n\r\n",
    encodeRegister(alice).slice(0, -2),
    encodeRegister({ ...alice, id: "A B" }),
    registered,
    "QUIT\r\n\r\n",
    `REGISTER\r\n${"x: y\r\n".repeat(2_000)}\r\n`,
    "\u0000\uD800",
  ];
  for (const text of wrong) {
    client.send(request(text));
    expect([text, client.lines()]).toMatchObject([
      text,
      [{ type: "error", code: "protocol", ref: "r" }],
    ]);
  }
  client.send({ type: "registry", request: 7, ref: "r" });
  expect(client.lines()).toMatchObject([{ code: "protocol", ref: "r" }]);
  expect([registry.size, rig.log]).toEqual([0, []]);
});

test("requests are charged like messages, and a flood is refused", () => {
  const rates = { messagesPerSecond: 1, bytesPerSecond: 10_000 };
  const rig = new Rig({ rates, registry: new Registry() });
  const client = visitor(rig);
  for (let i = 0; i < 200; i++) client.queue(register);
  rig.settle();
  const codes = new Set(client.lines().map(({ type, code }) => code ?? type));
  expect(codes).toEqual(new Set(["registry", "rate"]));
});

/** A registry in a database: it answers when the test says so. */
class LateRegistry implements PeerRegistry {
  readonly waiting: ((outcome: RegistryOutcome) => void)[] = [];

  request(...[, , , then]: Parameters<PeerRegistry["request"]>): void {
    this.waiting.push(then);
  }
  entries() {
    return [];
  }
  dropBanned(): void {}
}

test("a database may answer late, or not at all; a session asks for one thing at a time", () => {
  const registry = new LateRegistry();
  const rig = new Rig({ registry });
  const client = visitor(rig);
  client.send(register, register, { type: "ping", ref: "p" });
  expect([client.lines(), registry.waiting.length]).toEqual([[], 1]);
  registry.waiting[0]!({ did: "registered", contact: alice });
  rig.settle();
  expect(client.lines()).toEqual([{ type: "registry", answer: registered, ref: "r" }]);
  registry.waiting[1]!({ did: "nothing" });
  rig.settle();
  expect(client.lines()).toMatchObject([
    { type: "error", code: "storage", ref: "r" },
    { type: "pong" },
  ]);
  client.send(register);
  client.close();
  registry.waiting[2]!({ did: "registered", contact: alice });
  rig.settle();
  expect(client.text()).toBe("");
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a pass for one person is enough for somebody who comes back", () => {
  const rig = new Rig({
    door: { checkPassword: undefined, isMembersOnly: true },
    registry: new Registry(),
  });
  const answered = rig.order("pass --uses 1");
  const pass = answered.ok ? answered.rows?.[0]?.fields["code"] : undefined;
  const ask = (secret: string) => visitor(rig, { pass, secret }).send(register).text();
  expect(ask("the-first-one-0123")).toContain("REGACK");
  expect(ask("the-first-one-0123")).toContain("REGACK");
  expect(ask("somebody-else-0123")).toBe("");
});
