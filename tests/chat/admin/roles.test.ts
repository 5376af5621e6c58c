// Which commands each rank may give over a connection, who is protected from whom, and the claim of
// a new server.

import { describe, expect, test } from "bun:test";
import { adminCommands } from "../../../src/chat/admin/admin-command.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { decodeServer } from "../../../src/protocol/decode-server.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { accounts, clientSocket, output, rights as limits } from "../../../src/limits.ts";
import { noControl, openDoor } from "../hub-options.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { memberNames } from "../inspect.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { type Client, inRoom, native, Rig, say } from "../rig.ts";

function claimable(
  code = "the-claim",
  door = openDoor,
  rights = new Rights(),
): { rig: Rig; claims: string[] } {
  const claims = [`hash of ${code}`];
  const control = {
    ...noControl,
    get claimHash() {
      return claims[0];
    },
    claimUsed: () => void claims.pop(),
  };
  return { rig: new Rig({ control, door, rights }), claims };
}

function order(client: Client, command: string): Record<string, unknown> {
  client.text();
  client.send({ type: "admin", command, ref: "o" });
  const answer = client.lines().find(({ ref }) => ref === "o");
  if (answer === undefined) throw new Error(`no answer to ${command}`);
  return answer;
}

/** A connection without a name that has proved its key, like that of `parley admin`. */
function device(rig: Rig, name: string, address?: string, pass?: string): Client {
  return withKey(rig, "", name, { name: undefined, secret: undefined, pass }, address);
}

/** Adds the device of `other` to the account of `one`. */
function linkDevice(one: Client, other: Client): void {
  one.text();
  one.send({ type: "device-code", ref: 1 });
  const [answer] = one.lines();
  other.send({ type: "link", code: answer?.["code"], label: "other", ref: 2 });
  other.close("quit");
}

const refused = { type: "error", code: "not-allowed" };

describe("the claim", () => {
  test("of a device without a name is undone at the server's terminal, by its key", () => {
    const { rig } = claimable();
    const ann = device(rig, "desk");
    order(ann, "claim the-claim");
    const bob = owner(rig, "Bob", "phone");
    rig.order("op Bob");
    expect(order(bob, `deop ${keyOf("desk")}`)).toMatchObject(refused);
    expect(rig.order(`deop ${keyOf("desk")}`)).toEqual({
      ok: true,
      message: `${keyOf("desk")} is no longer an owner`,
    });
    expect(order(ann, "ops")).toMatchObject(refused);
    expect(rig.order(`deop ${keyOf("desk")}`)).toMatchObject({ ok: false, code: "not-found" });
  });

  test("is not used up where there are as many operators as there can be", () => {
    const role = JSON.stringify({ rank: "operator", name: "Op", by: "console", atMs: 1 });
    const rows = Array.from({ length: limits.maxRoles }, (_, i) => ({
      key: `role/account-${i}`,
      value: role,
    }));
    const rights = new Rights(rows);
    const { rig, claims } = claimable("the-claim", openDoor, rights);
    const ann = device(rig, "desk");
    expect(order(ann, "claim the-claim")).toMatchObject({ type: "error", code: "full" });
    expect(claims).toHaveLength(1);
    rights.roles.take("account-7");
    expect(order(ann, "claim the-claim")).toMatchObject({ type: "admin" });
    expect(claims).toEqual([]);
  });

  test("makes an owner once: by the key of a device without a name, or by an account", () => {
    const { rig, claims } = claimable();
    const ann = device(rig, "desk");
    expect(order(ann, "claim wrong")).toMatchObject(refused);
    expect(order(ann, "claim the-claim")).toMatchObject({ type: "admin" });
    expect(claims).toEqual([]);
    expect(order(ann, "ops")).toMatchObject({
      rows: [{ fields: { event: "role", name: keyOf("desk"), rank: "owner", by: "claim" } }],
    });
    const eve = device(rig, "phone");
    expect(order(eve, "claim the-claim")).toMatchObject(refused);
    expect(order(eve, "bans")).toMatchObject(refused);
  });

  test("by a registered name makes all its devices owners", () => {
    const { rig } = claimable();
    const ann = owner(rig, "Ann", "desk");
    expect(order(ann, "claim the-claim")).toMatchObject({ message: "Ann owns this server now" });
    expect(order(device(rig, "desk"), "bans")).toMatchObject({ type: "admin" });
  });

  test("is useless without a key, and can't be guessed", () => {
    const { rig } = claimable();
    const bob = rig.member("Bob");
    expect(order(bob, "claim the-claim")).toMatchObject({ code: "no-identity" });
    const eve = device(rig, "desk");
    for (let i = 0; i < accounts.guessesPerNetwork; i++) order(eve, `claim guess-${i}`);
    expect(order(eve, "claim the-claim")).toMatchObject({ code: "rate" });
    expect(rig.hub.hasOwner).toBe(false);
  });
});

describe("commands over a connection", () => {
  test("members and strangers may only use help; forbidden commands have no effect", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const bob = owner(rig, "Bob", "desk");
    const cal = device(rig, "phone");
    const visitor = rig.client(native).send({ type: "hello", version: 2 });
    for (const client of [bob, cal, visitor, ann]) {
      expect(order(client, "help")).toMatchObject({ type: "admin" });
      for (const [word, { rank, usage }] of Object.entries(adminCommands)) {
        if (rank === "member") continue;
        const line = usage
          .replace(/NAME.*|#N/, word === "revoke" ? "#1" : "Ann")
          .replace("SEQ", "1")
          .replace(/ \[.*/, "");
        expect([line, order(client, line)]).toMatchObject([line, refused]);
      }
    }
    expect(memberNames(rig.hub).sort()).toEqual(["Ann", "Bob"]);
    expect(rig.order("bans")).toMatchObject({ message: "There are no bans" });
    expect(rig.order("ops")).toMatchObject({ message: "There are no operators" });
  });

  test("bans and mutes apply to an operator without a name", () => {
    const rig = new Rig();
    owner(rig, "Ann", "desk").close("quit");
    rig.order("op Ann");
    rig.order("mute Ann");
    const muted = { type: "error", code: "muted" };
    for (const line of ["unmute Ann", "topic lobby insult", "kick Bob insult"]) {
      expect(order(device(rig, "desk"), line)).toMatchObject(muted);
    }
    rig.order("ban Ann");
    const banned = device(rig, "desk");
    banned.send({ type: "admin", command: "unban Ann" });
    expect(banned.lines()).toMatchObject([{ type: "error", code: "banned" }]);
    expect(banned.link.ended).toBe(true);
    expect(rig.order("bans")).toMatchObject({ rows: [{ fields: { name: "ann" } }] });
  });

  test("an operator may moderate, and an owner may appoint operators", () => {
    const { rig } = claimable();
    const ann = owner(rig, "Ann", "desk");
    order(ann, "claim the-claim");
    const bob = owner(rig, "Bob", "phone");
    expect(order(ann, "op Nobody")).toMatchObject({ code: "not-found" });
    expect(order(ann, "op bob")).toMatchObject({ message: "Bob is an operator now" });
    const eve = rig.member("Eve", {}, "198.51.100.7");
    expect(order(bob, "kick Eve spam")).toMatchObject({ message: "Removed Eve" });
    expect(eve.text()).toContain("Bob has removed you: spam");
    expect(order(bob, "pass")).toMatchObject({ rows: [{ text: expect.any(String) }] });
    expect(order(bob, "op Bob")).toMatchObject(refused);
    expect(order(bob, "stop")).toMatchObject(refused);
    expect(order(ann, "deop Bob")).toMatchObject({ message: "Bob is no longer an operator" });
    expect(order(bob, "bans")).toMatchObject(refused);
  });

  test("nobody acts against an equal or higher rank; the server's terminal may", () => {
    const { rig } = claimable();
    const ann = owner(rig, "Ann", "desk");
    order(ann, "claim the-claim");
    const [bob] = [owner(rig, "Bob", "phone"), owner(rig, "Cal", "tablet")];
    order(ann, "op Bob");
    order(ann, "op Cal");
    for (const command of [
      "kick Ann",
      "kick Cal",
      "ban Ann",
      "ban Cal",
      "mute Cal",
      `ban ${keyOf("desk")}`,
      "ban 127.0.0.0/8",
    ]) {
      expect([command, order(bob, command)]).toMatchObject([command, { type: "error" }]);
    }
    // Also while they are offline.
    ann.close("quit");
    expect(order(bob, "ban Ann")).toMatchObject(refused);
    expect(memberNames(rig.hub).sort()).toEqual(["Bob", "Cal"]);
    expect(rig.order("ban Ann")).toMatchObject({ ok: true });
    expect(withKey(rig, "Ann", "desk").lines()).toMatchObject([{ code: "banned" }]);
    expect(rig.order("deop Ann")).toMatchObject({ ok: true });
  });

  test("an owner can't be unmade by another owner", () => {
    const { rig, claims } = claimable();
    const ann = owner(rig, "Ann", "desk");
    order(ann, "claim the-claim");
    claims.push("hash of another");
    const bob = owner(rig, "Bob", "phone");
    order(bob, "claim another");
    expect(order(bob, "deop Ann")).toMatchObject(refused);
    expect(order(ann, "ops")).toMatchObject({ rows: [{}, {}] });
  });

  test("a revoked device can't give commands any more", () => {
    const { rig } = claimable();
    const ann = owner(rig, "Ann", "desk");
    order(ann, "claim the-claim");
    ann.text();
    ann.send({ type: "device-code", ref: 1 });
    const [answer] = ann.lines();
    const joining = withKey(rig, "Temp", "phone");
    joining.send({ type: "link", code: answer?.["code"], label: "phone", ref: 2 });
    joining.close("quit");
    const phone = device(rig, "phone");
    expect(order(phone, "bans")).toMatchObject({ type: "admin" });
    ann.send({ type: "revoke", key: keyOf("phone"), ref: 3 });
    expect(phone.link.ended).toBe(true);
    expect(order(device(rig, "phone"), "bans")).toMatchObject(refused);
  });

  test.each(["registers a name", "joins an account"])(
    "an owner by key who %s owns the server by the account: not by a device that is revoked",
    (how) => {
      const { rig } = claimable();
      const claimer = device(rig, "desk");
      order(claimer, "claim the-claim");
      order(claimer, "private den");
      const desk = withKey(rig, "Ann", "desk");
      if (how === "registers a name") {
        desk.send({ type: "register", label: "desk", ref: "r" });
        linkDevice(desk, withKey(rig, "Temp", "phone"));
        desk.close("quit");
      } else {
        desk.close("quit");
        linkDevice(owner(rig, "Bea", "phone"), withKey(rig, "Temp", "desk"));
      }
      const name = how === "registers a name" ? "Ann" : "Bea";
      const phone = withKey(rig, name, "phone");
      expect(order(phone, "ops")).toMatchObject({ rows: [{ fields: { name, rank: "owner" } }] });
      const thief = device(rig, "desk");
      expect(order(thief, "bans")).toMatchObject({ type: "admin" });
      phone.send({ type: "revoke", key: keyOf("desk"), ref: 3 });
      expect(thief.link.ended).toBe(true);
      expect(order(device(rig, "desk"), "bans")).toMatchObject(refused);
      const eve = withKey(rig, "Eve", "desk");
      eve.text();
      expect(eve.send({ type: "join", room: "den", ref: 4 }).lines()).toMatchObject([refused]);
      expect(rig.order(`deop ${name}`)).toMatchObject({ ok: true });
      expect(rig.hub.hasOwner).toBe(false);
    },
  );

  test("in plain text from other machines they are refused before they are parsed", () => {
    const { rig } = claimable();
    const far = device(rig, "desk", "198.51.100.7");
    for (const command of ["help", "claim the-claim"]) {
      expect(order(far, command)).toMatchObject({ code: "tls-required" });
    }
    expect(rig.hub.hasOwner).toBe(false);
  });

  test("a later message waits for the command before it", () => {
    const { rig } = claimable();
    const ann = owner(rig, "Ann", "desk");
    order(ann, "claim the-claim");
    const bob = rig.member("Bob");
    bob.text();
    ann.queue({ type: "admin", command: "kick Bob" }, say(1, "gone"));
    rig.settle();
    expect(bob.text()).not.toContain("gone");
  });

  test("lets its holder into a server for members only, once, and the owner's key from then on", () => {
    const { rig } = claimable("the-claim", { checkPassword: undefined, isMembersOnly: true });
    const outside = [{ type: "error", code: "members-only" }];
    const show = (pass: string) =>
      rig.client().send({ type: "hello", version: 2, identity: { key: keyOf("phone") }, pass });
    expect(show("a-guess").lines()).toMatchObject(outside);
    const ann = device(rig, "desk", undefined, "the-claim");
    expect(order(ann, "claim the-claim")).toMatchObject({ type: "admin" });
    expect(show("the-claim").lines()).toMatchObject(outside);
    expect(order(device(rig, "desk"), "pass")).toMatchObject({ type: "admin" });
  });

  test("roles outlive the process", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const start = (control = noControl) =>
      new Rig({ control, rights: new Rights(store.rights.load()) }, (request) =>
        answerRequest(store, request),
      );
    const before = start({ ...noControl, claimHash: "hash of the-claim" });
    order(owner(before, "Ann", "desk"), "claim the-claim");
    const after = start();
    expect(after.hub.hasOwner).toBe(true);
    expect(order(device(after, "desk"), "bans")).toMatchObject({ type: "admin" });
  });
});

test("an operator who is known by a key alone is shown to rooms as an operator", () => {
  const { rig } = claimable();
  const desk = device(rig, "desk");
  order(desk, "claim the-claim");
  const ann = rig.member("Ann", inRoom("den"));
  const bob = rig.member("Bob", inRoom("den"));
  const zoe = ircAt(rig, "Zoe").send("JOIN #den");
  for (const client of [ann, bob, zoe.client]) client.text();
  for (const line of ["mode den +m", "mode den +b eve", "topic den hi", "remove den Bob no"]) {
    expect(order(desk, line)).toMatchObject({ type: "admin" });
  }
  expect(order(desk, "mode den +b")).toMatchObject({ rows: [{ fields: { by: "operator" } }] });
  expect(zoe.lines()).toEqual([
    ":irc.test MODE #den +m",
    ":irc.test MODE #den +b eve!*@*",
    ":operator!operator@parley TOPIC #den :hi",
    ":operator!operator@parley KICK #den Bob :no",
  ]);
  expect(`${ann.text()}${bob.text()}`).not.toContain(keyOf("desk"));
});

test("of thousands of bans with long reasons, an operator is told the newest, and stays connected", () => {
  const reason = "ж".repeat(limits.maxReasonChars);
  const rows = Array.from({ length: limits.maxSanctions }, (_, i) => ({
    key: `sanction/${i + 1}`,
    value: JSON.stringify({ kind: "ban", name: `name-${i}`, reason, by: "Ann", atMs: 1 }),
  }));
  const { rig } = claimable("the-claim", openDoor, new Rights(rows));
  const ann = device(rig, "desk");
  order(ann, "claim the-claim");
  ann.text();
  ann.link.capacity = 0;
  ann.send({ type: "admin", command: "bans", ref: "o" });
  expect(ann.session.output.lagBytes).toBeLessThan(output.maxLagBytes);
  ann.link.capacity = Infinity;
  rig.hub.handleDrain(ann.session, rig.nowMs);
  rig.settle();
  const text = ann.text();
  expect(text.length).toBeGreaterThan(limits.maxSanctionListBytes / 4);
  expect(Buffer.byteLength(text)).toBeLessThan(clientSocket.maxServerLineBytes);
  const answer = decodeServer(text.trimEnd());
  if (!("type" in answer) || answer.type !== "admin") throw new Error(text.slice(0, 300));
  expect(answer.rows.at(-1)?.fields["id"]).toBe(limits.maxSanctions);
  const listed = answer.rows.length;
  expect(answer.message).toBe(`There are 4096 bans, of which the newest ${listed} are listed`);
});
