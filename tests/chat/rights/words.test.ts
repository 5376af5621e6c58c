// Every way in which what somebody writes reaches a room or a person, in every dialect, against
// everything that forbids it. Each cell also shows that the words are heard without it.

import { describe, expect, test } from "bun:test";
import { Rights } from "../../../src/chat/rights/rights.ts";
import type { SharingEvent, SharingPort } from "../../../src/chat/sharing/sharing-port.ts";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { httpRooms } from "../../../src/dialects/http/http-rooms.ts";
import { encodeRequest } from "../../../src/dialects/http/room-request.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { owner } from "../owner.ts";
import { type Client, native, Rig } from "../rig.ts";

const network = "198.51.100.7";

/** A server with listeners in a room. Its shared folder takes everything. */
class World {
  readonly rig: Rig;
  readonly #ears: Client[] = [];
  /** The files that are being sent have arrived. */
  placed = (): void => {};

  /** `before`: what operators decided before it was restarted. */
  constructor(
    readonly room: string,
    before: readonly string[],
  ) {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const offer = (_sharer: unknown, _offer: unknown, tell: (event: SharingEvent) => void) => {
      const entries = [{ name: "insult", size: 1, modified: 0, files: 1 }];
      this.placed = () => tell({ type: "placed", entries, isKnown: false });
    };
    const sharing = { offer, closed() {} } as unknown as SharingPort;
    const start = (): Rig =>
      new Rig({ sharing, rights: new Rights(store.rights.load()) }, (request) =>
        answerRequest(store, request),
      );
    const rig = start();
    for (const line of before) rig.order(line);
    this.rig = before.length === 0 ? rig : start();
  }

  /** People with two dialects enter the room; a third one is in none. */
  listen(): void {
    const { rig, room } = this;
    const cal = rig.member("Cal", { rooms: [{ room }], takesFiles: true });
    const caps = "away-notify message-tags setname extended-join";
    const ivy = ircAt(rig, "Ivy", caps).send(`JOIN #${room}`).client;
    const eve = rig.member("Eve", { rooms: [] });
    this.#ears.push(cal, ivy, eve);
    this.heard();
  }

  /** What they have received since the last call. */
  heard(): string {
    this.rig.settle();
    return this.#ears.map((ear) => ear.text()).join("");
  }
}

const entering: Record<string, (world: World) => Client> = {
  native({ rig, room }) {
    const bob = rig.client(native, true, network);
    // Operators' commands need TLS.
    Object.assign(bob.session.peer, { tls: true });
    return bob.send({ type: "hello", version: 2, name: "Bob", rooms: [{ room }] });
  },
  irc: ({ rig, room }) => ircAt(rig, "Bob", "message-tags", network).send(`JOIN #${room}`).client,
  "open-chat": ({ rig }) => rig.client(openChat, true, network).send("Bob"),
  "select-chat": ({ rig }) => rig.client(selectChat, true, network).send("Bob"),
  "line-chat": ({ rig }) => rig.client(lineChat, true, network).send("Bob"),
  "chat-room": ({ rig }) => rig.client(chatRoom, true, network).send("Bob"),
  // A program connects for each request.
  http: ({ rig }) => rig.client(http, true, network),
};

const http = httpRooms("epoch-1");

type Way = {
  dialect: keyof typeof entering;
  way: string;
  /**
   * Modes and bans of a room concern what reaches it, unless its author is an operator there. Bans
   * also forbid a new name.
   */
  to: "room" | "person" | "operator" | "name";
  room: string;
  act: (bob: Client, world: World) => void;
  mark: RegExp;
};

const insult = /insult/;

function way(
  dialect: keyof typeof entering,
  name: string,
  to: Way["to"],
  what: Way["act"] | { type: string; [field: string]: unknown } | string,
  mark = insult,
): Way {
  const act = typeof what === "function" ? what : (bob: Client) => void bob.send(what);
  // The first to enter it is its operator. The lobby has none.
  const room = to === "operator" ? "den" : "lobby";
  return { dialect, way: name, to, room, act, mark };
}

const said = { type: "say", room: "lobby", text: "insult" };
const admin = (command: string) => ({ type: "admin", command });
const offer = "0123456789abcdefghijkl";
const summary = { files: 1, bytes: 1, names: ["insult"] };

const ways: readonly Way[] = [
  way("native", "say", "room", said),
  way("native", "emote", "room", { ...said, kind: "emote" }),
  way("native", "notice", "room", { ...said, kind: "notice" }),
  way("native", "several lines", "room", { ...said, text: "a\ninsult" }),
  way("native", "to ALL", "room", { type: "tell", to: ["ALL"], text: "insult" }),
  way("native", "to a person", "person", { type: "tell", to: ["Cal"], text: "insult" }),
  way("native", "to a person and one who is absent", "person", {
    type: "tell",
    to: ["Cal", "Zed"],
    text: "insult",
  }),
  way("native", "/away", "room", admin("away insult")),
  way("native", "shared files", "room", (bob, world) => {
    bob.send({ type: "share-files", offer, room: "lobby", summary });
    world.placed();
  }),
  way("native", "files for a person", "person", { type: "offer-files", offer, to: "Cal", summary }),
  way("native", "private chat", "person", { type: "invite", to: "Cal" }, /"invited"/),
  way("native", "new name", "name", { type: "rename", name: "insult" }),
  way("native", "/mode +b", "operator", admin("mode den +b insult")),
  way("native", "/mode +k", "operator", admin("mode den +k insult")),
  way("native", "/remove", "operator", admin("remove den Cal insult")),
  way("native", "/call", "operator", admin("call den Eve"), /"call"/),
  way("irc", "PRIVMSG", "room", "PRIVMSG #lobby :insult"),
  way("irc", "ACTION", "room", "PRIVMSG #lobby :\u0001ACTION insult\u0001"),
  way("irc", "NOTICE", "room", "NOTICE #lobby :insult"),
  way("irc", "TAGMSG", "room", "@+draft/x=insult TAGMSG #lobby"),
  way("irc", "TAGMSG to a person", "person", "@+draft/x=insult TAGMSG Ivy"),
  way("irc", "PRIVMSG to a person", "person", "PRIVMSG Ivy :insult"),
  way("irc", "PART", "room", "PART #lobby :insult"),
  way("irc", "QUIT", "room", "QUIT :insult"),
  way("irc", "AWAY", "room", "AWAY :insult"),
  way("irc", "AWAY before entering", "room", (bob) =>
    bob.send("PART #lobby", "AWAY :insult", "JOIN #lobby"),
  ),
  way("irc", "SETNAME", "room", "SETNAME :insult"),
  way("irc", "NICK", "name", "NICK insult"),
  way("irc", "TOPIC", "room", (bob, { rig }) => {
    rig.order("mode lobby -t");
    bob.send("TOPIC #lobby :insult");
  }),
  way("irc", "TOPIC of an operator", "operator", "TOPIC #den :insult"),
  way("irc", "KICK", "operator", "KICK #den Cal :insult"),
  way("irc", "MODE +b", "operator", "MODE #den +b insult"),
  way("irc", "INVITE", "operator", "INVITE Eve #den", /"call"/),
  way("open-chat", "a line", "room", "insult"),
  way("open-chat", "~NAME", "person", "~Cal insult"),
  way("open-chat", "CHANGENAME", "name", "CHANGENAME Bob insult"),
  way("select-chat", "to ALL", "room", "ALL - insult"),
  way("select-chat", "to a person", "person", "Cal - insult"),
  way("select-chat", "private chat", "person", "Cal", /"invited"/),
  way("line-chat", "a line", "room", "insult"),
  way("chat-room", "a line", "room", "insult"),
  way("http", "POST", "room", (_bob, { rig }) => {
    const made = rig.order("token Bob");
    const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
    const lobby = { accessToken, room: "lobby" };
    const program = rig.client(http, true, network);
    program.send(encodeRequest({ type: "post", ...lobby, text: "insult" }));
  }),
];

type Decisions = { before?: readonly string[]; orders?: readonly string[]; waitsMs?: number };

/** Whether anybody hears what Bob writes after operators have decided that. */
function isHeard(
  { dialect, room, act, mark }: Way,
  { before = [], orders = [], waitsMs = 0 }: Decisions,
): boolean {
  const world = new World(room, before);
  const bob = entering[dialect]!(world);
  world.listen();
  for (const line of orders) {
    expect(world.rig.order(line.replace("ROOM", room))).toMatchObject({ ok: true });
  }
  world.rig.nowMs += waitsMs;
  world.heard();
  act(bob, world);
  return mark.test(world.heard());
}

const muted: Record<string, Decisions> = {
  "muted by name": { orders: ["mute Bob --for 1m"] },
  "muted by network": { orders: [`mute ${network}/24`] },
  "muted before a restart": { before: ["mute Bob"] },
};
const moderated: Record<string, Decisions> = {
  "in a moderated room": { orders: ["mode ROOM +m"] },
};
const banned: Record<string, Decisions> = {
  "banned from the room": { orders: ["mode ROOM +b bob!*@*"] },
};
const spared: Record<string, Decisions> = {
  "nothing was decided": {},
  "everything was taken back": {
    orders: ["mute Bob", "unmute Bob", "mode ROOM +mb bob!*@*", "mode ROOM -mb bob!*@*"],
  },
  "the mute is over": { orders: ["mute Bob --for 1m"], waitsMs: 60_000 },
};

describe("what somebody writes is heard unless that is forbidden:", () => {
  test.each(ways)("$dialect, $way", (one) => {
    const cells = (decisions: Record<string, Decisions>, expected: boolean): void => {
      for (const [why, decided] of Object.entries(decisions)) {
        expect({ why, isHeard: isHeard(one, decided) }).toEqual({ why, isHeard: expected });
      }
    };
    cells(muted, false);
    cells(moderated, one.to !== "room");
    cells(banned, one.to !== "room" && one.to !== "name");
    cells(spared, true);
  });
});

test("people with a voice, and operators, speak despite the modes of the room", () => {
  const say = ways[0]!;
  for (const rank of ["v", "o"]) {
    expect(isHeard(say, { orders: ["mode ROOM +mb bob!*@*", `mode ROOM +${rank} Bob`] })).toBe(
      true,
    );
  }
});

test("an operator of the server who is muted does nothing by that rank", () => {
  const rig = new Rig();
  const bob = owner(rig, "Bob", "desk");
  const cal = rig.member("Cal");
  rig.order("op Bob");
  rig.order("mute Bob");
  for (const line of ["topic lobby insult", "motd insult", "kick Cal insult", "unmute Bob"]) {
    bob.text();
    bob.send({ type: "admin", command: line });
    expect(bob.lines()).toMatchObject([{ type: "error", code: "muted" }]);
  }
  expect(cal.text()).not.toContain("insult");
});

test("files whose sharer is muted, or leaves the room, while they arrive are not announced", () => {
  for (const line of ["mute Bob", "mode lobby +m", "remove lobby Bob"]) {
    const world = new World("lobby", []);
    const bob = entering["native"]!(world);
    world.listen();
    bob.send({ type: "share-files", offer, room: "lobby", summary });
    world.rig.order(line);
    world.placed();
    expect(world.heard()).not.toMatch(insult);
  }
});
