// Private chats by consent: who may do what, who is notified, and that nobody is ever half in a
// chat.

import { expect, test } from "bun:test";
import type { PrivateChat, Session } from "../../../src/chat/session.ts";
import { seeded } from "../../sim/random.ts";
import { answer, heard, invite } from "./chats.ts";
import { type Client, Rig } from "../rig.ts";

function people() {
  const rig = new Rig();
  const [ann, ben, cal] = [rig.member("Ann"), rig.member("Ben"), rig.member("Cal")];
  const all = { ann, ben, cal };
  /** Skips the events so far. */
  const skip = (): void => Object.values(all).forEach((client) => client.text());
  skip();
  return { ...all, skip };
}

const partner = ({ session }: Client): string | undefined => session.privateChat.partner;

test("an invitation is accepted and the chat left", () => {
  const { ann, ben } = people();
  invite(ann, "ben");
  expect([heard(ann), heard(ben)]).toEqual([["asked Ben"], ["invited Ann"]]);
  answer(ben, "accept");
  expect([heard(ann), heard(ben)]).toEqual([["started Ben"], ["started Ann"]]);
  expect([partner(ann), partner(ben)]).toEqual([
    ben.session.identity.key,
    ann.session.identity.key,
  ]);
  answer(ben, "leave");
  expect([heard(ann), heard(ben)]).toEqual([["left Ben"], ["left Ann"]]);
  expect([partner(ann), partner(ben)]).toEqual([undefined, undefined]);
});

test("an invitation is rejected, withdrawn, or crosses another one", () => {
  const { ann, ben, skip } = people();
  invite(ann, "Ben");
  skip();
  answer(ben, "reject");
  expect([heard(ann), heard(ben)]).toEqual([["rejected Ben"], ["rejected Ann"]]);
  invite(ann, "Ben");
  skip();
  answer(ann, "leave");
  expect([heard(ann), heard(ben)]).toEqual([["left Ben"], ["left Ann"]]);
  invite(ann, "Ben");
  skip();
  invite(ben, "Ann");
  expect([heard(ann), heard(ben)]).toEqual([["started Ben"], ["started Ann"]]);
});

test("users with an invitation or a chat are busy, and requests out of order are refused", () => {
  const { ann, ben, cal, skip } = people();
  for (const type of ["accept", "reject", "leave"] as const) {
    expect(heard(answer(ann, type))).toEqual(["protocol"]);
  }
  expect(heard(invite(ann, "Ann"))).toEqual(["protocol"]);
  invite(ann, "Ben");
  skip();
  expect(heard(invite(cal, "Ben"))).toEqual(["busy Ben"]);
  expect(heard(invite(cal, "Ann"))).toEqual(["busy Ann"]);
  expect(heard(invite(ann, "Cal"))).toEqual(["protocol"]);
  answer(ben, "accept");
  skip();
  expect(heard(invite(cal, "Ben"))).toEqual(["busy Ben"]);
  expect(heard(invite(ann, "Cal"))).toEqual(["protocol"]);
});

test("accepting an invitation withdraws one's own, and the others are notified", () => {
  const { ann, ben, cal, skip } = people();
  invite(ann, "Ben");
  invite(ben, "Cal");
  skip();
  answer(ben, "accept");
  expect(heard(cal)).toEqual(["left Ben"]);
  expect(heard(ann)).toEqual(["started Ben"]);
  expect(heard(ben)).toEqual(["started Ann"]);
  expect(heard(answer(cal, "accept"))).toEqual(["protocol"]);
});

test("a departure is reported to partner, inviter and invited", () => {
  const { ann, ben, cal, skip } = people();
  invite(ann, "Ben");
  invite(ben, "Cal");
  skip();
  ben.close("lost");
  expect([heard(ann), heard(cal)]).toEqual([["lost Ben"], ["lost Ben"]]);
  invite(ann, "Cal");
  answer(cal, "accept");
  skip();
  ann.send({ type: "bye" });
  expect(heard(cal)).toEqual(["left Ann"]);
});

/** The matching field on the other side. */
const opposite = { partner: "partner", invited: "invitedBy", invitedBy: "invited" } as const;

function isSound(session: Session, people: ReadonlyMap<string, Session>): boolean {
  const { privateChat, identity } = session;
  const { partner, invited, invitedBy } = privateChat;
  if (partner !== undefined && (invited !== undefined || invitedBy !== undefined)) return false;
  const ties = Object.keys(opposite) as (keyof typeof opposite)[];
  return ties.every((tie) => {
    const other = privateChat[tie];
    if (other === undefined) return true;
    const back: PrivateChat | undefined = people.get(other)?.privateChat;
    return other !== identity.key && back?.[opposite[tie]] === identity.key;
  });
}

test("both sides of every invitation and chat agree, whatever the users do", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed);
    const rig = new Rig();
    const names = ["p0", "p1", "p2", "p3", "p4"];
    const all = names.map((name) => rig.member(name));
    const below = (n: number): number => Math.floor(random() * n);
    for (let step = 0; step < 60; step++) {
      const at = below(all.length);
      const one = all[at]!;
      const other = names[below(names.length)]!;
      const deeds = [
        () => invite(one, other),
        () => invite(one, other),
        () => answer(one, "accept"),
        () => answer(one, "reject"),
        () => answer(one, "leave"),
        () => {
          one.close("lost");
          all[at] = rig.member(names[at]!);
        },
        // A takeover by a new connection, which ends the private chat.
        () => (all[at] = rig.member(names[at]!)),
      ];
      deeds[below(deeds.length)]!();
      const byKey = new Map(all.map(({ session }) => [session.identity.key, session]));
      for (const { session } of all) {
        if (!isSound(session, byKey))
          throw new Error(`seed ${seed}, step ${step}: ${session.name}`);
      }
    }
  }
});
