// The names that nobody can take: those that sign decisions of people without a name, and those
// to which IRC clients send passwords.

import { describe, expect, test } from "bun:test";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { memberNames } from "../inspect.ts";
import { keyOf, withKey } from "../owner.ts";
import { Rig } from "../rig.ts";

const names = ["console", "operator", "Operator", "ＯＰＥＲＡＴＯＲ", "conſole", "nickserv"];

describe.each(names)("the name %s", (name) => {
  test("is refused at a login, to visitors too", () => {
    const rig = new Rig();
    for (const visitor of [false, true]) {
      const client = rig.member(name, { secret: "stranger-0123456789", visitor });
      expect(client.lines()[0]).toMatchObject({ type: "error", code: "name-invalid" });
      expect(client.session.name).toBe("");
    }
    expect(memberNames(rig.hub)).toEqual([]);
  });

  test("is refused in the old dialects, as a name and as an alias", () => {
    const rig = new Rig();
    for (const dialect of [openChat, lineChat, selectChat, chatRoom]) {
      const client = rig.client(dialect, true).send(name);
      expect(client.text()).toContain(`The name '${name}' is reserved`);
    }
    expect(memberNames(rig.hub)).toEqual([]);
    const ann = rig.client(chatRoom, true).send(`:${name}:Ann`).session;
    expect(ann.identity).toMatchObject({ name: "Ann", alias: undefined });
  });

  test("is refused as a new name, and as that of a program", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    ann.text();
    ann.send({ type: "rename", name, ref: 1 });
    expect(ann.lines()).toMatchObject([{ type: "error", code: "name-invalid", ref: 1 }]);
    expect(rig.order(`token ${name}`)).toMatchObject({ ok: false, code: "name-invalid" });
    expect(memberNames(rig.hub)).toEqual(["Ann"]);
  });
});

test("a password that an IRC client sends to services reaches nobody", () => {
  const rig = new Rig();
  const eve = ircAt(rig, "Eve").send("NICK NickServ");
  expect(eve.lines()).toEqual([expect.stringMatching(/^:irc\.test 432 Eve NickServ /)]);
  const ann = ircAt(rig, "Ann").send("PRIVMSG NickServ :IDENTIFY secret");
  expect(ann.lines()).toEqual([expect.stringMatching(/^:irc\.test 401 Ann NickServ /)]);
  expect(eve.lines().join()).not.toContain("secret");
});

test("an account keeps such a name", () => {
  const store = openMemoryStore({ epoch: "epoch-1" });
  const owned = { account: "a1", name: "Operator", folded: "operator", password: undefined };
  const change = {
    type: "register",
    ...owned,
    key: { key: keyOf("desk"), label: "" },
    atMs: 1,
  } as const;
  answerRequest(store, { type: "change-account", change, id: 0 });
  const rig = new Rig({}, (request) => answerRequest(store, request));
  const session = { name: "Operator", registered: true };
  const [welcome] = withKey(rig, "operator", "desk").lines();
  expect(welcome).toMatchObject({ type: "welcome", session });
  expect(memberNames(rig.hub)).toEqual(["Operator"]);
});
