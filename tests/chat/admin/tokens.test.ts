// Access tokens: who may create one for whom, what is stored, and when it ends.

import { describe, expect, test } from "bun:test";
import { accounts, rights as limits } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { noControl } from "../hub-options.ts";
import { owner, withKey } from "../owner.ts";
import { type Client, Rig } from "../rig.ts";

function order(client: Client, command: string): Record<string, unknown> {
  client.text();
  client.send({ type: "admin", command, ref: "o" });
  const answer = client.lines().find(({ ref }) => ref === "o");
  if (answer === undefined) throw new Error(`no answer to ${command}`);
  return answer;
}

describe("an access token", () => {
  test("is shown once, and kept as a hash", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk");
    const made = rig.order("token ann");
    expect(made).toMatchObject({ ok: true, rows: [{ fields: { event: "token", name: "Ann" } }] });
    const [row] = "rows" in made ? (made.rows ?? []) : [];
    const token = String(row?.text);
    expect(rig.order("tokens")).toEqual({
      ok: true,
      rows: [{ text: expect.stringMatching(/^#1 Ann \(console, /), fields: expect.anything() }],
    });
    expect(JSON.stringify(rig.order("tokens"))).not.toContain(token);
    const hash = rig.hub.options.hashSecret(token);
    const { tokens } = rig.hub.options.rights;
    expect(tokens.find(hash, 0)?.name).toBe("Ann");
    expect(rig.order("untoken #1")).toMatchObject({ ok: true });
    expect(tokens.find(hash, 0)).toBeUndefined();
    expect(rig.order("untoken #1")).toMatchObject({ ok: false, code: "not-found" });
  });

  test("is created by its owner, and for others only by an owner of the server", () => {
    const rig = new Rig();
    const ann = owner(rig, "Ann", "desk");
    const bob = owner(rig, "Bob", "phone");
    rig.order("op Bob");
    expect(order(ann, "token Ann")).toMatchObject({ type: "admin" });
    const refused = { type: "error", code: "not-allowed" };
    // Operators are not owners.
    expect(order(bob, "token Ann")).toMatchObject(refused);
    expect(order(bob, "token nobody")).toMatchObject(refused);
    expect(order(bob, "tokens")).toMatchObject({ message: "There are no tokens" });
    expect(order(bob, "untoken #1")).toMatchObject({ type: "error", code: "not-found" });
    expect(order(ann, "tokens")).toMatchObject({ rows: [{ fields: { id: 1, name: "Ann" } }] });
    const eve = rig.member("Eve");
    expect(order(eve, "token Eve")).toMatchObject(refused);
  });

  test("assigns a free name to a program, but never somebody else's name", () => {
    const dropped: string[] = [];
    const dropRegistrations = (isShutOut: (id: string, address: string) => boolean): void => {
      dropped.push(...["Builds", "other"].filter((id) => isShutOut(id, "192.0.2.1")));
    };
    const rig = new Rig({ control: { ...noControl, dropRegistrations } });
    rig.member("Eve");
    expect(rig.order("token Eve")).toMatchObject({ ok: false, code: "name-taken" });
    expect(rig.order("token a+b")).toMatchObject({ ok: false, code: "name-invalid" });
    expect(rig.order("token builds")).toMatchObject({ ok: true });
    expect(dropped).toEqual(["Builds"]);
    expect(rig.order("token Builds")).toMatchObject({ rows: [{ fields: { name: "builds" } }] });
    const mallory = rig.client();
    mallory.send({ type: "hello", version: 2, name: "BUILDS", secret: "0123456789abcdef" });
    expect(mallory.lines().at(-1)).toMatchObject({ type: "error", code: "name-registered" });
    rig.client(chatRoom, true).send(":Yan:eve2");
    expect(rig.order("token Yan")).toMatchObject({ ok: false, code: "name-taken" });
    // A name is not free if its last user may return.
    rig.member("Zoe").close("lost");
    expect(rig.order("token Zoe")).toMatchObject({ ok: false, code: "name-taken" });
  });

  test("expires at its time, and with its account", () => {
    const rig = new Rig();
    const made = ["token builds --for 1h", "token Ann"].map((line) => rig.order(line));
    const hashes = made.map((answer) => {
      const [row] = answer.ok ? (answer.rows ?? []) : [];
      return rig.hub.options.hashSecret(String(row?.text));
    });
    const { tokens } = rig.hub.options.rights;
    const known = () => hashes.map((hash) => tokens.find(hash, rig.nowMs)?.name);
    expect(known()).toEqual(["builds", "Ann"]);
    rig.order("forget Ann");
    expect(known()).toEqual(["builds", undefined]);
    expect(rig.order("tokens")).toMatchObject({ rows: [{ fields: { name: "builds" } }] });
    rig.nowMs += 3_600_001;
    expect(known()).toEqual([undefined, undefined]);
    expect(rig.order("tokens")).toMatchObject({ message: "There are no tokens" });
  });

  test("can still be created by others when one network has created as many as it may", () => {
    const rig = new Rig();
    const register = (name: string, address: string): Client => {
      const client = withKey(rig, name, name, {}, address);
      client.send({ type: "register", label: name });
      // Elsewhere commands need it.
      Object.assign(client.session.peer, { tls: true });
      return client;
    };
    let made = 0;
    for (let i = 0; i < accounts.registrationsAtOnce; i++) {
      const client = register(`M${i}`, "192.0.2.66");
      for (let k = 0; k < limits.maxTokensPerName; k++) {
        if (order(client, `token M${i}`)["type"] === "admin") made++;
      }
    }
    const ownShare = accounts.sharesPerNetwork * limits.maxTokensPerOwner;
    expect(made).toBe(ownShare);
    expect(ownShare).toBeLessThanOrEqual(limits.maxTokens / 4);
    const all = limits.maxTokensPerName * accounts.registrationsAtOnce;
    expect(all).toBeGreaterThanOrEqual(limits.maxTokens);
    expect(order(register("Ann", "192.0.2.1"), "token Ann")["type"]).toBe("admin");
    // The server's own terminal is exempt; what is revoked is free again.
    expect(rig.order("token M0")).toMatchObject({ ok: false });
    for (let k = 1; k <= limits.maxTokensPerName; k++) rig.order(`untoken #${k}`);
    const last = register("Last", "192.0.2.66");
    expect(order(last, "token Last")["type"]).toBe("admin");
  });

  test("is limited in number, and survives a restart", () => {
    const store = openMemoryStore();
    const rig = new Rig({ rights: new Rights() }, (request) => answerRequest(store, request));
    for (let i = 0; i < limits.maxTokensPerName; i++) rig.order("token builds");
    expect(rig.order("token builds")).toMatchObject({ ok: false, code: "full" });
    const again = new Rights(store.rights.load());
    expect(again.tokens.list(0)).toEqual(rig.hub.options.rights.tokens.list(0));
    expect(again.tokens.list(0)).toHaveLength(limits.maxTokensPerName);
  });
});
