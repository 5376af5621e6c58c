// What operators decide while a request waits for the store applies to that request.

import { expect, test } from "bun:test";
import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { CredentialsPort } from "../../../src/chat/login/credentials-port.ts";
import { httpRooms } from "../../../src/dialects/http/http-rooms.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { encodeRequest } from "../../../src/dialects/http/room-request.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { FailingStore } from "../failing-store.ts";
import { fakeCredentials } from "../fake-credentials.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { type Client, Rig, say } from "../rig.ts";

/** A room with Ann and a message of hers in it, and a store that can answer late. */
function world() {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann", { rooms: [{ room: "den" }, { room: "lobby" }] });
  ann.send(say(1, "treasure", "den"));
  ann.text();
  return { store, rig, ann };
}

type World = ReturnType<typeof world>;

/** Makes that decision after the store has given `answers` answers to what was sent. */
function decideMeanwhile(
  { store, rig }: Pick<World, "store" | "rig">,
  send: () => void,
  decision: string,
  answers: number,
): void {
  store.timing = ({ type }) => (type === "commit" ? "now" : "run-late");
  send();
  for (let i = 0; i < answers; i++) {
    store.releaseOne(rig);
    rig.settle();
  }
  expect(store.waiting).not.toEqual([]);
  store.timing = () => "now";
  expect(rig.order(decision)).toMatchObject({ ok: true });
  store.release(rig);
}

const offer = "0123456789abcdefghijkl";
const summary = { files: 1, bytes: 1, names: ["a"] };

test.each([
  [{ type: "history", room: "den" }, "remove den Bob", "not-in-room"],
  [{ type: "history", room: "den" }, "private den", "not-in-room"],
  [{ type: "search", room: "den", text: "treasure" }, "remove den Bob", "not-in-room"],
  [{ type: "rename", name: "Bobby" }, "mute Bob", "muted"],
  [{ type: "rename", name: "Bobby" }, "ban Bobby", "banned"],
  [{ type: "rename", name: "Bobby" }, "mode den +b bob*!*@*", "room-banned"],
  [{ type: "tell", to: ["Ann", "Zed"], text: "hi" }, "mute Bob", "muted"],
  [{ type: "offer-files", offer, to: "Zed", summary }, "mute Bob", "muted"],
])("%j is refused after: %s", (message, decision, code) => {
  const den = world();
  const bob = den.rig.member("Bob", { rooms: [{ room: "den" }] });
  bob.text();
  decideMeanwhile(den, () => bob.send({ ...message, ref: 1 }), decision, 0);
  const answers = bob.lines().filter(({ type }) => !/^(?:parted|left|mode)$/.test(String(type)));
  expect(answers).toMatchObject([{ type: "error", code }]);
  expect(den.ann.text()).not.toMatch(/"(?:private|renamed)"/);
});

test.each([
  ["private den", "not-allowed"],
  ["mode den +i", "invite-only"],
  ["mode den +k key", "room-key"],
  ["mode den +l 1", "room-full"],
  ["mode den +b bob!*@*", "room-banned"],
])("entering is refused after: %s", (decision, code) => {
  const den = world();
  const bob = den.rig.member("Bob");
  bob.text();
  decideMeanwhile(den, () => bob.send({ type: "join", room: "den", ref: 1 }), decision, 0);
  expect(bob.lines()).toMatchObject([{ type: "error", code, ref: 1 }]);
});

test.each(["private den", "mode den +i", "mode den +b bob!*@*"])(
  "a login does not enter a room after: %s",
  (decision) => {
    const den = world();
    const bob = den.rig.client();
    const hello = { type: "hello", version: 2, name: "Bob", rooms: [{ room: "den" }] };
    decideMeanwhile(den, () => bob.send(hello), decision, 0);
    expect(bob.lines()[0]).toMatchObject({ type: "welcome", session: { rooms: [] } });
  },
);

test("CHATHISTORY is refused after a removal", () => {
  const den = world();
  const bob = ircAt(den.rig, "Bob", "draft/chathistory batch").send("JOIN #den");
  bob.lines();
  const send = () => bob.send("CHATHISTORY LATEST #den timestamp=2020-01-01T00:00:00.000Z 5");
  decideMeanwhile(den, send, "remove den Bob", 1);
  expect(bob.lines().join("\n")).toMatch(/FAIL CHATHISTORY INVALID_TARGET/);
});

const http = httpRooms("epoch-1");

test.each([
  ["post", "private den", 403, 0],
  ["post", "mode den +i", 403, 0],
  ["post", "mode den +m", 403, 0],
  ["post", "mute builds", 403, 0],
  ["post", "untoken #1", 403, 0],
  ["read", "private den", 403, 0],
  ["read", "private den", 403, 1],
  ["read", "untoken #1", 403, 1],
  ["listen", "private den", 403, 0],
  ["listen", "private den", 403, 1],
  ["listen", "mode den +b builds!*@*", 403, 1],
])("a program's %s is refused after: %s", (type, decision, status, answers) => {
  const den = world();
  const made = den.rig.order("token builds");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const request = { type, accessToken, room: "den", text: "hi", limit: 5 } as unknown;
  const program = den.rig.client(http);
  const send = () => program.send(encodeRequest(request as Parameters<typeof encodeRequest>[0]));
  decideMeanwhile(den, send, decision, answers);
  const heard = program.text();
  expect(heard).toStartWith(`{"status":${status}`);
  expect(heard).not.toContain("treasure");
  expect(den.ann.text()).not.toContain('"hi"');
});

test.each(["post", "read", "listen"])(
  "a program's %s is refused if its name is no longer registered, though its token is still stored",
  (type) => {
    const { store, rig, ann } = world();
    const made = rig.order("token builds");
    const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
    const { id } = store.store.accounts.find({ name: "builds" })!;
    store.store.accounts.change({ type: "delete", account: id, atMs: rig.nowMs });
    const request = { type, accessToken, room: "den", text: "hi", limit: 5 } as unknown;
    const program = rig.client(http);
    program.send(encodeRequest(request as Parameters<typeof encodeRequest>[0]));
    const heard = program.text();
    expect(heard).toStartWith(`{"status":401`);
    expect(heard).toContain("no longer registered");
    expect(heard).not.toContain("treasure");
    expect(ann.text()).not.toContain('"hi"');
  },
);

test("a program shares no files if its name is no longer registered, though its token is still stored", () => {
  const { store, rig } = world();
  const made = rig.order("token builds");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const sharer = (): unknown => {
    const answers: unknown[] = [];
    rig.hub.sharerOf(accessToken, "192.0.2.1", rig.nowMs, (answer) => answers.push(answer));
    rig.settle();
    return answers;
  };
  expect(sharer()).toMatchObject([{ by: "builds" }]);
  store.unreadable = true;
  expect(sharer()).toMatchObject([{ by: "builds" }]);
  store.unreadable = false;
  const { id } = store.store.accounts.find({ name: "builds" })!;
  store.store.accounts.change({ type: "delete", account: id, atMs: rig.nowMs });
  expect(sharer()).toMatchObject([{ code: "wrong-token" }]);
});

test("a program shares no files if its token is revoked while the store is asked", () => {
  const { store, rig } = world();
  const made = rig.order("token builds");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const answers: unknown[] = [];
  const ask = (): void => {
    rig.hub.sharerOf(accessToken, "192.0.2.1", rig.nowMs, (answer) => answers.push(answer));
    rig.settle();
  };
  decideMeanwhile({ store, rig }, ask, "untoken #1", 0);
  expect(answers).toMatchObject([{ code: "wrong-token" }]);
});

/** A second device of Ann's logs in while the first one, or an operator, revokes that. */
function loginMeanwhile(by: "key" | "password", revoke: (rig: Rig, desk: Client) => void) {
  const store = new FailingStore();
  const checks: (() => void)[] = [];
  let isLate = false;
  const credentials: CredentialsPort = {
    ...fakeCredentials,
    checkPassword(password, hash, address, then) {
      const check = () => fakeCredentials.checkPassword(password, hash, address, then);
      if (isLate) checks.push(check);
      else check();
    },
  };
  const rig = new Rig({ credentials }, store.answer);
  const desk = owner(rig, "Ann", "desk");
  desk.send({ type: "set-password", password: "correct horse" });
  desk.send({ type: "device-code", ref: 1 });
  const code = desk.lines().find(({ ref }) => ref === 1)?.["code"];
  const phone = withKey(rig, "guest", "phone").send({ type: "link", code, label: "phone" });
  phone.close("quit");
  let login: Client;
  isLate = true;
  if (by === "key") {
    // Everything is known about the account, and its mailbox is being read.
    store.timing = ({ type }) => (type === "load-session" ? "run-late" : "now");
    login = withKey(rig, "Ann", "phone", { secret: "another-secret-0123456789" });
  } else login = rig.member("Ann", { password: "correct horse" });
  store.timing = () => "now";
  expect(checks.length + store.waiting.length).toBeGreaterThan(0);
  revoke(rig, desk);
  for (const check of checks) check();
  rig.settle();
  while (store.waiting.length > 0) {
    store.releaseOne(rig);
    rig.settle();
  }
  return login.lines();
}

test.each(["key", "password"] as const)("a login by a %s that is revoked meanwhile", (by) => {
  const isWelcome = (revoke: (rig: Rig, desk: Client) => void): boolean =>
    loginMeanwhile(by, revoke).some(({ type }) => type === "welcome");
  expect(isWelcome(() => {})).toBe(true);
  expect(isWelcome((rig) => rig.order("forget Ann"))).toBe(false);
  expect(
    isWelcome((_rig, desk) =>
      desk.send(
        by === "key"
          ? { type: "revoke", key: keyOf("phone") }
          : { type: "set-password", password: "other horse" },
      ),
    ),
  ).toBe(false);
});

/** Credentials that answer once `checks` are run, while `isLate`. */
function lateCredentials() {
  const late = { isLate: false, checks: [] as (() => void)[] };
  const credentials: CredentialsPort = {
    ...fakeCredentials,
    checkPassword(password, hash, address, then) {
      const check = () => fakeCredentials.checkPassword(password, hash, address, then);
      if (late.isLate) late.checks.push(check);
      else check();
    },
  };
  return { late, credentials };
}

const decisions: readonly ((rig: Rig, desk: Client) => unknown)[] = [
  (rig) => rig.order("forget Ann"),
  (_rig, desk) => desk.send({ type: "set-password", password: "other horse" }),
];

test.each(decisions)(
  "a password that is revoked while it is checked proves no account",
  (revoke) => {
    const { late, credentials } = lateCredentials();
    const rig = new Rig({ credentials });
    const desk = owner(rig, "Ann", "desk");
    desk.send({ type: "set-password", password: "correct horse" });
    const plain = Buffer.from("\0Ann\0correct horse").toString("base64");
    const bob = ircAt(rig, "Bob", "sasl");
    late.isLate = true;
    bob.send("AUTHENTICATE PLAIN", `AUTHENTICATE ${plain}`);
    bob.lines();
    expect(late.checks).toHaveLength(1);
    revoke(rig, desk);
    late.isLate = false;
    for (const check of late.checks) check();
    rig.settle();
    expect(bob.lines().join("\n")).toMatch(/ 904 /);
    expect(bob.client.session.proven.account).toBeUndefined();
  },
);

test.each(decisions)(
  "a password that is revoked while it is checked opens no server for members only",
  (revoke) => {
    const { late, credentials } = lateCredentials();
    const door = { checkPassword: undefined, isMembersOnly: true };
    const rig = new Rig({ credentials, door });
    const made = rig.order("pass");
    const pass = made.ok ? made.rows?.[0]?.text : undefined;
    const desk = owner(rig, "Ann", "desk", { pass });
    desk.send({ type: "set-password", password: "correct horse" });
    late.isLate = true;
    const phone = rig.client();
    phone.send({ type: "hello", version: 2, name: "Ann", password: "correct horse" });
    expect(late.checks).toHaveLength(1);
    revoke(rig, desk);
    late.isLate = false;
    for (const check of late.checks) check();
    rig.settle();
    expect(phone.lines()).toMatchObject([{ type: "error", code: "members-only" }]);
  },
);

test("what an operator has asked for is not done once they are none any more", () => {
  const { store, rig } = world();
  const olga = owner(rig, "Olga", "desk");
  owner(rig, "Bob", "phone");
  rig.order("op Olga");
  for (const [command, decision, lists] of [
    ["ban Bob", "deop Olga", "bans"],
    ["mute Bob", "deop Olga", "mutes"],
  ] as const) {
    rig.order("op Olga");
    olga.text();
    const ask = (): void => void olga.send({ type: "admin", command, ref: 1 });
    decideMeanwhile({ store, rig }, ask, decision, 1);
    expect(olga.lines().filter(({ ref }) => ref === 1)).toMatchObject([
      {
        type: "error",
        code: "not-allowed",
        message: "You are no longer an operator: nothing was done",
      },
    ]);
    expect(rig.order(lists)).toEqual({ ok: true, message: `There are no ${lists}` });
  }
});

test("no name is registered for a program once who asked for it owns the server no more", () => {
  const role = { rank: "owner", name: "Olga", by: "claim", atMs: 1 };
  const rights = new Rights([{ key: `role/${keyOf("desk")}`, value: JSON.stringify(role) }]);
  const store = new FailingStore();
  const rig = new Rig({ rights }, store.answer);
  const olga = owner(rig, "Olga", "desk");
  const ask = (): void => void olga.send({ type: "admin", command: "token builds", ref: 1 });
  decideMeanwhile({ store, rig }, ask, "deop Olga", 2);
  expect(olga.lines().filter(({ ref }) => ref === 1)).toMatchObject([
    { type: "error", code: "not-allowed" },
  ]);
  expect(rig.order("tokens")).toMatchObject({ message: "There are no tokens" });
  expect(store.store.accounts.find({ name: "builds" })).toBeUndefined();
});

test("nobody becomes a guest of a room that is not private any more", () => {
  for (const command of ["allow den Bob", "disallow den Bob"]) {
    const den = world();
    owner(den.rig, "Bob", "phone");
    den.rig.order("private den");
    const answers: unknown[] = [];
    const { hub } = den.rig;
    decideMeanwhile(
      den,
      () => {
        hub.handleAdmin(consoleActor, command, den.rig.nowMs, (answer) => answers.push(answer));
        den.rig.settle();
      },
      "public den",
      0,
    );
    expect(answers).toEqual([
      { ok: false, code: "usage", message: "The room 'den' is not private: anybody may enter it" },
    ]);
  }
});
