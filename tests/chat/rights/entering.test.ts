// Every way into a room against everything that closes it, and who may let whom in.

import { describe, expect, test } from "bun:test";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { httpRooms } from "../../../src/dialects/http/http-rooms.ts";
import { encodeRequest } from "../../../src/dialects/http/room-request.ts";
import { IrcClient, irc, ircAt } from "../../dialects/irc/rig.ts";
import { FailingStore } from "../failing-store.ts";
import { Neighbours } from "../neighbours.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { type Client, native, Rig, say } from "../rig.ts";

const network = "198.51.100.7";
const http = httpRooms("epoch-1");

const order = (command: string) => ({ type: "admin", command });

/** A room that Ann has opened, and a message of hers. `restart`: the same after a restart. */
function den(): { rig: Rig; ann: Client; restart: () => Rig } {
  const log = new FailingStore();
  const start = (): Rig => new Rig({ rights: new Rights(log.store.rights.load()) }, log.answer);
  const rig = start();
  const ann = rig.member("Ann", { rooms: [{ room: "den" }] });
  ann.send(say(1, "treasure", "den"));
  const restart = (): Rig => {
    log.reopen();
    return start();
  };
  return { rig, ann, restart };
}

function request(rig: Rig, type: "post" | "read" | "listen"): string {
  const made = rig.order("token Bob");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const where = { accessToken, room: "den" };
  const bob = rig.client(http, true, network);
  if (type === "read") bob.send(encodeRequest({ type, ...where, limit: 5 }));
  else if (type === "post") bob.send(encodeRequest({ type, ...where, text: "hi" }));
  else bob.send(encodeRequest({ type, ...where }));
  return bob.text();
}

/** What Bob receives who tries to enter, or to use it by a token, with these modes in force. */
const ways: Record<string, (rig: Rig) => string> = {
  join: (rig) => rig.member("Bob", {}, network).send({ type: "join", room: "den" }).text(),
  login: (rig) => rig.member("Bob", { rooms: [{ room: "den" }] }, network).text(),
  resume(rig) {
    const rooms = [{ room: "den", seq: 0 }];
    return rig.member("Bob", { epoch: "epoch-1", mail: 0, rooms }, network).text();
  },
  JOIN(rig) {
    const bob = new IrcClient(rig.client(irc, true, network));
    return bob.send("NICK Bob", "USER b 0 * :b", "JOIN #den").lines().join("\n");
  },
  listen: (rig) => request(rig, "listen"),
  read: (rig) => request(rig, "read"),
  post: (rig) => request(rig, "post"),
};

/** What closes it, and whether that is said. A program that listens takes a place, others don't. */
const closed: Record<string, { orders: string[]; spares?: readonly string[] }> = {
  "+i": { orders: ["mode den +i"] },
  "+k": { orders: ["mode den +k key"] },
  "+l": { orders: ["mode den +l 1"], spares: ["read", "post"] },
  "+b by name": { orders: ["mode den +b bob!*@*"] },
  private: { orders: ["private den"] },
  "a ban by name": { orders: ["ban Bob"] },
  "a ban by network": { orders: [`ban ${network}/24`] },
};

/** What is received in the room, or by whoever uses it from outside. */
const entered = /treasure|"seq":[12]|JOIN #den$|event: online/m;

describe("a room is entered, read, and spoken in by no way if it is closed by", () => {
  test.each(Object.entries(closed))("%s", (_why, { orders, spares = [] }) => {
    for (const [way, enter] of Object.entries(ways)) {
      const { rig, ann } = den();
      for (const line of orders) expect(rig.order(line)).toMatchObject({ ok: true });
      ann.text();
      const isSpared = spares.includes(way);
      expect({ way, isIn: entered.test(enter(rig)) }).toEqual({ way, isIn: isSpared });
      expect(ann.text().includes("Bob")).toBe(isSpared && way === "post");
    }
  });

  // Nobody fills it then.
  const lasting = Object.entries(closed).filter(([why]) => why !== "+l");

  test.each(lasting)("%s, before a restart", (_why, { orders }) => {
    for (const [way, enter] of Object.entries(ways)) {
      const { rig, restart } = den();
      for (const line of orders) rig.order(line);
      expect({ way, isIn: entered.test(enter(restart())) }).toEqual({ way, isIn: false });
    }
  });

  test.each([
    ["nothing", []],
    ["nothing any more", ["mode den +ikl key 1", "mode den -ikl key", "private den", "public den"]],
    ["a ban that is over", ["ban Bob --for 1m", `ban ${network} --for 1m`]],
  ])("not by %s", (_why, orders) => {
    for (const [way, enter] of Object.entries(ways)) {
      const { rig } = den();
      for (const line of orders) expect(rig.order(line)).toMatchObject({ ok: true });
      // Ann is not a guest while the room is private.
      rig.member("Zoe", { rooms: [{ room: "den" }] });
      rig.nowMs += 60_000;
      expect({ way, received: enter(rig) }).toEqual({
        way,
        received: expect.stringMatching(entered),
      });
    }
  });
});

/** What Bob is answered after an invitation; Ann is an operator of the room, and Cal is not. */
function invitedBy(inviter: "Ann" | "Cal", order: string): Record<string, unknown>[] {
  const { rig, ann } = den();
  const cal = rig.member("Cal", { rooms: [{ room: "den" }] });
  const bob = rig.member("Bob", { rooms: [] });
  expect(rig.order(order)).toMatchObject({ ok: true });
  (inviter === "Ann" ? ann : cal).send({ type: "admin", command: "call den Bob" });
  bob.text();
  return bob.send({ type: "join", room: "den" }).lines();
}

describe("an invitation", () => {
  const modes = ["+i", "+k key", "+l 2", "+b bob!*@*"];

  test.each(modes)("by an operator of the room lets somebody in despite %s", (mode) => {
    expect(invitedBy("Ann", `mode den ${mode}`)[0]).toMatchObject({ type: "entered" });
  });

  test.each([...modes, "private"])("by anybody else does not, with %s", (mode) => {
    const order = mode === "private" ? "private den" : `mode den ${mode}`;
    expect(invitedBy("Cal", order)).toMatchObject([{ type: "error" }]);
  });
});

test("nobody is invited into a private room who could not enter it", () => {
  const { rig } = den();
  const [cal, bob] = [owner(rig, "Cal", "desk"), owner(rig, "Bob", "phone")];
  for (const line of ["private den", "allow den Cal"]) rig.order(line);
  cal.send({ type: "join", room: "den" }).text();
  expect(cal.send(order("call den Bob")).lines()).toMatchObject([{ code: "invite-only" }]);
  expect(bob.text()).not.toContain("den");
  rig.order("allow den Bob");
  cal.send(order("call den Bob"));
  expect(bob.lines()).toMatchObject([{ type: "call", room: "den" }]);
});

test("somebody who was removed does not return with a device that had lost the connection", () => {
  const { rig } = den();
  const rooms = { rooms: [{ room: "den" }] };
  const password = "correct horse";
  owner(rig, "Bob", "desk", rooms).send({ type: "set-password", password });
  const phone = rig.member("Bob", { password, ...rooms });
  rig.order("mode den +i");
  phone.close("lost");
  expect(rig.order("remove den Bob")).toMatchObject({ ok: true });
  expect(rig.member("Bob", { password, ...rooms }).lines()).toMatchObject([
    { type: "welcome", session: { rooms: [] } },
    { type: "error", code: "invite-only" },
  ]);
});

test("somebody is removed who is in the room with an earlier device only", () => {
  const { rig } = den();
  const password = "correct horse";
  const desk = owner(rig, "Bob", "desk", { rooms: [{ room: "den" }] });
  desk.send({ type: "set-password", password });
  rig.member("Bob", { password, rooms: [{ room: "lobby" }] });
  desk.text();
  expect(rig.order("remove den Bob")).toMatchObject({ ok: true });
  expect(desk.lines()).toMatchObject([{ type: "parted", room: "den" }]);
});

test("somebody is removed from a room at all servers", () => {
  const world = new Neighbours();
  const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
  const rooms = { rooms: [{ room: "den" }] };
  const password = "correct horse";
  const desk = owner(west!, "Bob", "desk", rooms).send({ type: "set-password", password });
  world.deliver();
  const phone = north!.member("Bob", { password, ...rooms });
  world.deliver();
  east!.member("Ann", rooms);
  world.deliver();
  for (const client of [desk, phone]) client.text();
  expect(east!.order("remove den Bob")).toMatchObject({ ok: true });
  world.deliver();
  for (const client of [desk, phone]) {
    expect(client.lines()).toMatchObject([{ type: "parted", room: "den" }]);
  }
});

test("somebody is invited at all servers", () => {
  const world = new Neighbours();
  const [east, west, north] = ["east", "west", "north"].map((id) => world.server(id));
  const password = "correct horse";
  const desk = owner(west!, "Bob", "desk").send({ type: "set-password", password });
  world.deliver();
  const [phone, tablet] = [north!, east!].map((rig) => {
    const device = rig.member("Bob", { password });
    world.deliver();
    return device;
  });
  const ann = east!.member("Ann", { rooms: [{ room: "den" }] });
  world.deliver();
  ann.send(order("mode den +i"));
  world.deliver();
  ann.send(order("call den Bob"));
  world.deliver();
  for (const client of [desk, phone!, tablet!]) {
    expect(client.text()).toContain('"call"');
    client.send({ type: "join", room: "den" });
    world.deliver();
    expect(client.text()).toContain('"entered"');
  }
});

test("a program that listens to a room is disconnected, and told why, if it may no longer", () => {
  for (const decision of ["remove den builds", "private den"]) {
    const { rig } = den();
    const made = rig.order("token builds");
    const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
    const program = rig
      .client(http)
      .send(encodeRequest({ type: "listen", accessToken, room: "den" }));
    program.text();
    rig.order(decision);
    expect(program.text()).toMatch(/event: ended\ndata: .*"code":"kicked"/);
    expect(program.link.ended).toBe(true);
  }
});

test("nobody outside speaks in a private room, even if others may speak without entering it", () => {
  const { rig, ann } = den();
  const bob = ircAt(rig, "Bob", "message-tags");
  rig.order("mode den -n");
  expect(bob.ask("PRIVMSG #den :hi")).toEqual([]);
  expect(ann.text()).toContain('"hi"');
  rig.order("private den");
  const cal = owner(rig, "Cal", "desk");
  rig.order("allow den Cal");
  cal.send({ type: "join", room: "den" }).text();
  for (const verb of ["PRIVMSG #den :hi", "@+x=hi TAGMSG #den"]) {
    expect(bob.ask(verb)).toEqual([":irc.test 404 Bob #den :Cannot send to channel"]);
  }
  expect(cal.text()).toBe("");
});

test("a code for a device of somebody who has been banned adds no device", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk").send({ type: "device-code", ref: 1 });
  const code = ann.lines().find(({ ref }) => ref === 1)?.["code"];
  rig.order("ban Ann");
  const guest = withKey(rig, "guest", "phone");
  guest.text();
  guest.send({ type: "link", code, label: "phone" });
  expect(guest.lines()).toMatchObject([{ type: "bye", code: "banned" }]);
});

test("somebody who turns out to be banned is disconnected", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  ann.send({ type: "set-password", password: "treasure" });
  ann.close("quit");
  const bob = ircAt(rig, "Bob");
  rig.order("ban Ann");
  bob.send("OPER Ann treasure");
  expect(bob.lines().at(-1)).toMatch(/^ERROR :.*banned/);
  expect(bob.client.link.ended).toBe(true);
});

test.each([openChat, selectChat, lineChat, chatRoom, native, irc])(
  "somebody who is removed from a room is told by whom and why: $name",
  (dialect) => {
    const rig = new Rig();
    const bob = rig.client(dialect);
    if (dialect === native) bob.send({ type: "hello", version: 2, name: "Bob" });
    else if (dialect === irc) bob.send("NICK Bob", "USER b 0 * :b", "JOIN #lobby");
    else bob.send("Bob");
    bob.text();
    rig.order("remove lobby Bob enough");
    expect(bob.text()).toMatch(/console.*enough/);
  },
);

test("a secret room is known to its members and operators, who may be elsewhere", () => {
  const rig = new Rig();
  rig.member("Ann", { rooms: [{ room: "den" }] });
  owner(rig, "Cal", "desk").close("quit");
  rig.order("op Cal");
  rig.order("mode den +s");
  const bob = rig.member("Bob").send({ type: "rooms" });
  expect(bob.text()).not.toContain('"den"');
  const cal = withKey(rig, "Cal", "desk").send({ type: "rooms" });
  expect(cal.text()).toContain('"den"');
});

test("an operator of the server who is dismissed leaves the private rooms of others", () => {
  const rig = new Rig();
  const cal = owner(rig, "Cal", "desk");
  rig.order("op Cal");
  rig.order("private den");
  cal.send({ type: "join", room: "den" }).text();
  rig.order("deop Cal");
  expect(cal.lines()).toMatchObject([
    { type: "parted", room: "den" },
    { type: "mode", room: "lobby", change: "-o Cal" },
  ]);
});

test("whoever connects again, silently, keeps the rank", () => {
  const { rig, ann } = den();
  rig.member("Bob", { rooms: [{ room: "den" }] });
  const again = rig.member("Ann", { rooms: [{ room: "den" }] });
  expect(ann.link.ended).toBe(true);
  expect(again.send(order("mode den +m")).text()).toContain("Set +m in den");
  again.send({ type: "bye" }).close();
  const stranger = rig.member("Ann", { rooms: [{ room: "den" }] });
  expect(stranger.send(order("mode den -m")).text()).toContain("not-allowed");
});

test.each(["+k key", "+i", "+b zed!*@*"])(
  "the secret of an owner's session does not open a room with %s to another name",
  (mode) => {
    const rig = new Rig();
    owner(rig, "Ann", "desk", { rooms: [{ room: "den" }] });
    rig.order(`mode den ${mode}`);
    const zed = rig.member("Zed", { secret: "desk-0123456789abcdef", rooms: [{ room: "den" }] });
    expect(zed.session.phase).toBe("member");
    expect(zed.session.rooms.has("den")).toBe(false);
  },
);

test("whoever registers the name stays an operator of the room, and invited", () => {
  const { rig, ann } = den();
  const bob = rig.member("Bob");
  ann.send(order("mode den +i"), order("call den Bob"));
  const password = "correct horse";
  for (const client of [ann, bob]) client.send({ type: "register", password }).text();
  expect(ann.send(order("mode den +m")).text()).toContain("Set +m in den");
  expect(bob.send({ type: "join", room: "den" }).lines()[0]).toMatchObject({ type: "entered" });
});

test("what a room gives to a device's key passes to the name, and is not the revoked device's", () => {
  const rig = new Rig();
  const rooms = [{ room: "den" }];
  const phone = withKey(rig, "Ann", "phone", { rooms });
  phone.send(order("mode den -t"));
  phone.send({ type: "register", label: "phone" }, { type: "device-code", ref: "c" });
  const code = phone.lines().find(({ ref }) => ref === "c")?.["code"];
  const desk = withKey(rig, "Anns-desk", "desk", { rooms });
  expect(desk.send(order("mode den +m")).text()).toContain("Only operators of the room");
  desk.send({ type: "link", code, label: "desk" });
  expect(desk.send(order("mode den +m")).text()).toContain("Set +m in den");
  desk.close("quit");
  const deskAgain = withKey(rig, "Ann", "desk", { rooms });
  deskAgain.send({ type: "revoke", key: keyOf("phone"), ref: "r" });
  phone.close("lost");
  expect(deskAgain.send(order("private den")).text()).toContain("private");
  const thief = withKey(rig, "Zed", "phone", { rooms, secret: "another-0123456789abcdef" });
  expect(thief.send(order("mode den -m")).text()).toContain("Only operators of the room");
});
