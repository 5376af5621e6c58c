// Private chat by consent as a machine of its own: who may do what, who is told, and that no one is ever half in a chat.

import { expect, test } from "bun:test";
import { accept, dissolve, invite, leave, reject } from "../../src/chat/private-chat.ts";
import { Backlog } from "../../src/chat/fan-out/outbox.ts";
import type { ChatState } from "../../src/chat/events.ts";
import { Session } from "../../src/chat/session.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { seeded } from "../sim/random.ts";
import { FakeLink } from "./rig.ts";

let ids = 0;
function person(name: string): Session {
  const peer = { address: "127.0.0.1", port: 1 };
  const session = new Session(
    ++ids,
    new FakeLink(),
    openChat,
    openChat.open(peer),
    peer,
    0,
    new Backlog(),
  );
  session.name = name;
  return session;
}

function people() {
  const told: string[] = [];
  const tell = (session: Session, state: ChatState, other: string) =>
    void told.push(`${session.name} ${state} ${other}`);
  /** What was told since the last call. */
  const heard = () => told.splice(0);
  return { ann: person("Ann"), ben: person("Ben"), cal: person("Cal"), tell, heard };
}

test("asked, accepted, left", () => {
  const { ann, ben, tell, heard } = people();
  expect(invite(ann, ben, tell)).toBeUndefined();
  expect(heard()).toEqual(["Ann asked Ben", "Ben invited Ann"]);
  expect(accept(ben, tell)).toBeUndefined();
  expect(heard()).toEqual(["Ann started Ben", "Ben started Ann"]);
  expect([ann.partner, ben.partner]).toEqual([ben, ann]);
  expect(leave(ben, tell)).toBeUndefined();
  expect(heard()).toEqual(["Ann left Ben", "Ben left Ann"]);
  expect([ann.partner, ben.partner]).toEqual([undefined, undefined]);
});

test("rejected, taken back, asked both ways", () => {
  const { ann, ben, tell, heard } = people();
  invite(ann, ben, tell);
  reject(ben, tell);
  expect(heard().slice(2)).toEqual(["Ann rejected Ben", "Ben rejected Ann"]);
  invite(ann, ben, tell);
  leave(ann, tell);
  expect(heard().slice(2)).toEqual(["Ben left Ann", "Ann left Ben"]);
  invite(ann, ben, tell);
  invite(ben, ann, tell);
  expect(heard().slice(2)).toEqual(["Ann started Ben", "Ben started Ann"]);
});

test("whoever has asked, is asked or talks is busy; requests that fit no state are refused", () => {
  const { ann, ben, cal, tell, heard } = people();
  for (const refused of [
    accept(ann, tell),
    reject(ann, tell),
    leave(ann, tell),
    invite(ann, ann, tell),
  ]) {
    expect(refused).toMatchObject({ code: "protocol" });
  }
  invite(ann, ben, tell);
  heard();
  invite(cal, ben, tell);
  invite(cal, ann, tell);
  expect(heard()).toEqual(["Cal busy Ben", "Cal busy Ann"]);
  expect(invite(ann, cal, tell)).toMatchObject({ code: "protocol" });
  accept(ben, tell);
  heard();
  invite(cal, ben, tell);
  expect(heard()).toEqual(["Cal busy Ben"]);
  expect(invite(ann, cal, tell)).toMatchObject({ code: "protocol" });
});

test("who is asked and asks a third is in one chat in the end, and the others know", () => {
  const { ann, ben, cal, tell, heard } = people();
  invite(ann, ben, tell);
  invite(ben, cal, tell);
  heard();
  accept(ben, tell);
  expect(heard()).toEqual(["Cal left Ben", "Ann started Ben", "Ben started Ann"]);
  expect(accept(cal, tell)).toMatchObject({ code: "protocol" });
});

test("when one is gone, partner, asker and asked are told", () => {
  const { ann, ben, cal, tell, heard } = people();
  invite(ann, ben, tell);
  invite(ben, cal, tell);
  heard();
  dissolve(ben, tell, "lost");
  expect(heard().sort()).toEqual(["Ann lost Ben", "Cal lost Ben"]);
  invite(ann, cal, tell);
  accept(cal, tell);
  heard();
  dissolve(ann, tell, "left");
  expect(heard()).toEqual(["Cal left Ann"]);
});

test("whatever people do, both sides of every tie agree", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const all = Array.from({ length: 5 }, (_, i) => person(`p${i}`));
    const pick = () => all[Math.floor(random() * all.length)]!;
    for (let step = 0; step < 60; step++) {
      const one = pick();
      const deeds = [
        () => void invite(one, pick(), () => {}),
        () => void invite(one, pick(), () => {}),
        () => void accept(one, () => {}),
        () => void reject(one, () => {}),
        () => void leave(one, () => {}),
        () => void dissolve(one, () => {}, "lost"),
      ];
      deeds[Math.floor(random() * deeds.length)]!();
      for (const session of all) {
        const { partner, asks, askedBy } = session;
        const ties = [partner?.partner, asks?.askedBy, askedBy?.asks];
        const sound = ties.every((back) => back === undefined || back === session);
        const whole = [partner, asks, askedBy].every((tie, i) => tie === undefined || ties[i]);
        const single = partner === undefined || (asks === undefined && askedBy === undefined);
        if (!sound || !whole || !single || partner === session) {
          throw new Error(`seed ${seed}, step ${step}: ${session.name}`);
        }
      }
    }
  }
});
