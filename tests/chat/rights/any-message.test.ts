// Whatever a client sends: somebody who is muted says nothing to others by it, and a stranger
// learns nothing of a hidden room.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ClientMessage } from "../../../src/protocol/messages.ts";
import { membersOf } from "../inspect.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { anyClientMessage } from "../../protocol/messages.ts";
import { owner } from "../owner.ts";
import { inRoom, Rig } from "../rig.ts";

const caps =
  "away-notify invite-notify setname extended-join account-notify message-tags draft/chathistory batch";

/** The message with `room` and `name` as its room and people, and `text` as every other text. */
function aimed(message: ClientMessage, room: string, text: string): object {
  const aim = (value: unknown, field: string): unknown => {
    if (Array.isArray(value)) return value.map((one) => aim(one, field));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, aim(one, key)]));
    }
    if (field === "room") return room;
    if (field === "to" || field === "name") return "Bob";
    if (field === "n") return 1;
    // Keys and signatures have a form, and codes of files are long.
    const isFree = typeof value === "string" && !/^(?:type|kind)$/.test(field);
    return isFree && !/^[\w-]{20,}$/.test(value) ? text : value;
  };
  return aim(message, "") as object;
}

const anyOther = anyClientMessage.filter(({ type }) => type !== "hello" && type !== "bye");

/** Ann and Eve are muted, and operators of the room. */
function mutedScene() {
  const rig = new Rig();
  const ann = ircAt(rig, "Ann", caps).send("JOIN #den");
  const eve = rig.member("Eve", inRoom("den"));
  const bob = rig.member("Bob", inRoom("den"));
  const cal = ircAt(rig, "Cal", caps).send("JOIN #den");
  rig.order("mode den -t+oo Ann Eve");
  rig.order("mute Ann");
  rig.order("mute Eve");
  bob.text();
  cal.lines();
  return { ann, eve, heard: () => bob.text() + cal.lines().join("\n") };
}

describe("somebody who is muted is not heard", () => {
  test("in the native protocol", () => {
    fc.assert(
      fc.property(anyOther, (message) => {
        const { eve, heard } = mutedScene();
        eve.send(aimed(message, "den", "insult"));
        expect(heard()).not.toContain("insult");
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    "PRIVMSG #den :insult",
    "PRIVMSG Bob :insult",
    "NOTICE #den :insult",
    "@+draft/x=insult TAGMSG #den",
    "@+draft/x=insult TAGMSG Bob",
    "TOPIC #den :insult",
    "AWAY :insult",
    "SETNAME :insult",
    "NICK insult",
    "PART #den :insult",
    "QUIT :insult",
    "KICK #den Bob :insult",
    "KILL Bob :insult",
    "INVITE Bob #insult",
    "PARLEY away insult",
    "PARLEY topic den insult",
    "PARLEY remove den Bob insult",
  ])("in IRC: %s", (line) => {
    const { ann, heard } = mutedScene();
    ann.send(line);
    expect(heard()).not.toContain("insult");
  });
});

/** Bob is in a hidden room. */
function hiddenScene(how: "private" | "secret", room: string): Rig {
  const rig = new Rig();
  const bob = owner(rig, "Bob", "desk");
  if (how === "private") {
    rig.order(`private ${room}`);
    rig.order(`allow ${room} Bob`);
  }
  bob.send({ type: "join", room });
  if (how === "secret") rig.order(`mode ${room} +s`);
  rig.order(`topic ${room} zebra`);
  bob.send({ type: "say", room, text: "zebra" });
  expect(membersOf(rig.hub, room).everywhere).toEqual(["Bob"]);
  return rig;
}

/** What a stranger is answered if Bob is in that room. */
function answersIn(how: "private" | "secret", room: string, message: object): unknown[] {
  const eve = hiddenScene(how, room).member("Eve");
  eve.text();
  return eve.send(message).lines();
}

describe.each(["private", "secret"] as const)("a %s room is hidden", (how) => {
  test("from any message of the native protocol, except that a join is refused", () => {
    fc.assert(
      fc.property(anyOther, (message) => {
        fc.pre(message.type !== "join" && message.type !== "ping");
        const sent = aimed(message, "hideout", "text");
        const learned = JSON.stringify(answersIn(how, "hideout", sent));
        expect(learned).not.toContain("zebra");
        expect(learned).toBe(JSON.stringify(answersIn(how, "elsewhere", sent)));
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    "LIST",
    "LIST #hideout",
    "NAMES #hideout",
    "WHO #hideout",
    "WHO *",
    "WHOIS Bob",
    "TOPIC #hideout",
    "MODE #hideout",
    "MODE #hideout b",
    "MODE #hideout +o Eve",
    "PRIVMSG #hideout :x",
    "@+x=y TAGMSG #hideout",
    "INVITE Bob #hideout",
    "KICK #hideout Bob",
    "PART #hideout",
    "CHATHISTORY LATEST #hideout * 5",
    "PARLEY mode hideout",
    "PARLEY remove hideout Bob",
    "PARLEY call hideout Bob",
  ])("in IRC: %s", (line) => {
    const [there, gone] = ["hideout", "elsewhere"].map((room) =>
      ircAt(hiddenScene(how, room), "Eve", caps).ask(line),
    );
    expect(there).toEqual(gone!);
  });
});
