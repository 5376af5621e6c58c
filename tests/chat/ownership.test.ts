// Whatever users do, in any order, however late the store answers, and across restarts: only its
// owner has a registered name, and its mail goes to nobody else.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import type { Account } from "../../src/chat/accounts/account-store.ts";
import { fold } from "../../src/chat/names/grammar.ts";
import { loginProofText } from "../../src/trust/login-proof.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import { FailingStore } from "./failing-store.ts";
import { fakeSignature } from "./fake-credentials.ts";
import { keyOf } from "./owner.ts";
import { type Client, Rig } from "./rig.ts";

const names = ["Ann", "ANN", "Bob", "straße", "STRASSE"] as const;
const devices = ["desk", "phone", "thief"] as const;
const addresses = ["192.0.2.1", "198.51.100.7"] as const;

type Step =
  | { do: "login"; name: string; device: string | undefined; secret: number; address: string }
  | { do: "old"; name: string; alias: string; dialect: "open-chat" | "chat-room" }
  | { do: "register" | "bye" | "lose"; who: number }
  | { do: "rename"; who: number; name: string }
  | { do: "tell"; who: number; name: string }
  | { do: "late" | "release" | "restart" | "wait" }
  /** The store fails, or leaves the outcome of a request unknown. */
  | { do: "fails" | "unsure" };

const name = fc.constantFrom(...names);
const who = fc.nat({ max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("login" as const),
      name,
      device: fc.option(fc.constantFrom(...devices), { nil: undefined }),
      secret: fc.nat({ max: 2 }),
      address: fc.constantFrom(...addresses),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("old" as const),
      name,
      alias: name,
      dialect: fc.constantFrom("open-chat" as const, "chat-room" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("register", "bye", "lose"), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rename" as const), who, name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("tell" as const), who, name }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("late", "release", "restart", "wait") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("fails", "unsure") }) },
);

class World {
  readonly store: ServerStore = openMemoryStore({ epoch: "epoch-1" });
  readonly #failing = new FailingStore(this.store);
  #rig = this.#newRig();
  #clients: { client: Client; device: string | undefined }[] = [];
  #told = 0;
  #secrets = 0;
  /** The account that owned a registered name when a message was sent to it. */
  readonly #meant = new Map<string, { account: string; by: Client }>();

  run(step: Step): void {
    this.#do(step);
    this.check();
  }

  #do(step: Step): void {
    switch (step.do) {
      case "login":
        return this.#login(step);
      case "old": {
        const dialect = step.dialect === "open-chat" ? openChat : chatRoom;
        const words = step.dialect === "open-chat" ? step.name : `:${step.alias}:${step.name}`;
        const client = this.#rig.client(dialect, true).send(words);
        return void this.#clients.push({ client, device: undefined });
      }
      case "register":
        return this.#native(step.who, { type: "register", label: "x" });
      case "bye":
        this.#native(step.who, { type: "bye" });
        return this.#client(step.who)?.close("quit");
      case "lose":
        return this.#client(step.who)?.close("lost");
      case "rename": {
        const client = this.#client(step.who);
        const { name } = client?.session.dialect ?? {};
        if (name === "open-chat") {
          client?.send(`CHANGENAME ${client.session.name} ${step.name}`);
        } else if (name === "native") client?.send({ type: "rename", name: step.name });
        return;
      }
      case "tell": {
        const owner = this.#owner(step.name);
        const text = `letter ${++this.#told}.`;
        const client = this.#client(step.who);
        if (client === undefined) return;
        if (owner !== undefined) this.#meant.set(text, { account: owner.id, by: client });
        const { name } = client.session.dialect;
        if (name === "open-chat") client.send(`~${step.name} ${text}`);
        if (name === "native") client.send({ type: "tell", to: [step.name], text });
        return;
      }
      case "late":
        this.#failing.timing = () => "run-late";
        return;
      case "fails":
        this.#failing.unreadable = true;
        this.#failing.full = true;
        return;
      case "unsure": {
        let count = 0;
        this.#failing.unsure = () => ++count % 2 === 1;
        return;
      }
      case "release":
        return this.#recover();
      case "restart":
        this.#recover();
        this.#failing.reopen();
        this.#clients = [];
        this.#rig = this.#newRig();
        return;
      case "wait":
        this.#recover();
        return this.#rig.pass(400_000, 20_000);
    }
  }

  #recover(): void {
    this.#failing.unreadable = false;
    this.#failing.full = false;
    this.#failing.unsure = () => false;
    this.#failing.release(this.#rig);
    this.#rig.pass(2_000, 500);
  }

  #newRig(): Rig {
    return new Rig({ newSecret: () => `secret-${++this.#secrets}` }, this.#failing.answer);
  }

  #native(who: number, message: object): void {
    const client = this.#client(who);
    if (client?.session.dialect.name === "native") client.send(message);
  }

  #client(who: number): Client | undefined {
    return this.#clients[who % Math.max(1, this.#clients.length)]?.client;
  }

  #login({ name, device, secret, address }: Extract<Step, { do: "login" }>): void {
    const client = this.#rig.client(undefined, true, address);
    const key = device === undefined ? undefined : keyOf(device);
    const hello = { type: "hello", version: 2, name, secret: `secret-${secret}-0123456789` };
    client.send({ ...hello, ...(key === undefined ? {} : { identity: { key } }) });
    this.#clients.push({ client, device });
    if (key === undefined) return;
    const nonce = /"type":"challenge","nonce":"([^"]+)"/.exec(client.link.sends.join(""))?.[1];
    if (nonce === undefined) return;
    const signature = fakeSignature(key, loginProofText({ name, nonce }));
    client.send({ type: "prove", signature });
  }

  #owner(name: string): Account | undefined {
    return this.store.accounts.find({ name: fold(name) });
  }

  check(): void {
    const wearers = this.#clients.filter(({ client }) => client.session.phase === "member");
    const byName = new Map<string, Set<string>>();
    for (const { client, device } of wearers) {
      const { identity } = client.session;
      const key = device === undefined ? "none" : keyOf(device);
      const owner = this.#owner(identity.name);
      const owns = owner?.keys.some((one) => one.key === key) === true;
      // Until the reply to its registration arrives, the session does not know.
      if (identity.account !== "") expect(owner?.id).toBe(identity.account);
      if (owner !== undefined) expect({ name: identity.name, owns }).toMatchObject({ owns: true });
      const holders = byName.get(identity.folded) ?? new Set();
      byName.set(identity.folded, holders.add(identity.account || `session ${client.session.id}`));
    }
    for (const holders of byName.values()) expect(holders.size).toBe(1);
    for (const { client, device } of this.#clients) {
      for (const [, text = ""] of client.link.sends.join("").matchAll(/(letter \d+\.)/g)) {
        const meant = this.#meant.get(text);
        const owner = meant && this.store.accounts.find({ id: meant.account });
        // The author sees it too.
        if (owner === undefined || meant?.by === client) continue;
        const key = device === undefined ? "none" : keyOf(device);
        const owns = owner.keys.some((one) => one.key === key);
        expect({ text, owns }).toEqual({ text, owns: true });
      }
    }
  }
}

/** Two names are registered from the start; the others may be. */
const owners: readonly Step[] = [
  { do: "login", name: "Ann", device: "desk", secret: 0, address: addresses[0] },
  { do: "register", who: 0 },
  { do: "login", name: "straße", device: "phone", secret: 1, address: addresses[0] },
  { do: "register", who: 1 },
  { do: "login", name: "Cal", device: undefined, secret: 2, address: addresses[1] },
];

test("a registered name and its mail are its owner's", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), (steps) => {
      const world = new World();
      for (const one of [...owners, ...steps]) world.run(one);
      world.run({ do: "release" });
    }),
    { numRuns: 150 },
  );
}, 180_000);

test("a session that resumes while its name is being registered gains nothing", () => {
  const bob = { do: "login", name: "Bob", secret: 0, address: addresses[0] } as const;
  const world = new World();
  const steps: readonly Step[] = [
    ...owners,
    { do: "restart" },
    { ...bob, device: "thief" },
    { do: "unsure" },
    { do: "register", who: 0 },
    { do: "unsure" },
    { ...bob, device: undefined },
    { do: "release" },
  ];
  for (const one of steps) world.run(one);
});
