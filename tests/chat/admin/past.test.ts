// The history of rooms and people: exported page by page, deleted, forgotten.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { nextExport } from "../../../src/chat/admin/export-pages.ts";
import { history } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { Neighbours } from "../neighbours.ts";
import { owner, withKey } from "../owner.ts";
import { type Client, inRoom, Rig, say, since } from "../rig.ts";

const of = (client: Client, type: string) => client.lines().filter((line) => line["type"] === type);

describe("export", () => {
  test("returns everything once, page by page", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const count = history.pageMessages + 3;
    for (let n = 1; n <= count; n++) ann.queue(say(n));
    rig.settle();
    const seqs: unknown[] = [];
    for (let line: string | undefined = "export lobby"; line !== undefined;) {
      const answer = rig.order(line);
      const rows = answer.ok ? (answer.rows ?? []) : [];
      seqs.push(...rows.map(({ fields }) => fields["seq"]));
      line = nextExport(line, rows);
    }
    expect(seqs).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(rig.order("export lobby 501")).toMatchObject({
      rows: [{ fields: { event: "message", room: "lobby", from: "Ann", text: "m502" } }, {}],
    });
    expect(rig.order("export lobby 503")).toEqual({ ok: true, rows: [] });
  });

  test("says if there is no such room", () => {
    const rig = new Rig();
    rig.member("Ann");
    expect(rig.order("export lobby")).toEqual({ ok: true, rows: [] });
    expect(rig.order("export nowhere")).toMatchObject({ ok: false, code: "not-found" });
  });

  test("knows a room in which somebody is at another server only", () => {
    const world = new Neighbours();
    const [east, west] = [world.server("east"), world.server("west")];
    west.member("Ben", inRoom("den"));
    world.deliver();
    expect(east.order("export den")).toEqual({ ok: true, rows: [] });
    expect(east.order("export nowhere")).toMatchObject({ ok: false, code: "not-found" });
  });

  test("ends, whatever a server answers", () => {
    const row = fc.record({ fields: fc.dictionary(fc.constant("seq"), fc.integer()) });
    fc.assert(
      fc.property(fc.nat(), fc.array(row, { maxLength: 3 }), (after, rows) => {
        const next = nextExport(`export lobby ${after}`, rows);
        if (next !== undefined) expect(Number(next.split(" ")[2])).toBeGreaterThan(after);
      }),
    );
    expect(nextExport("kick Bob", [{ fields: { seq: 5 } }])).toBeUndefined();
  });
});

describe("delete", () => {
  test("removes the text, for those present and those who join later", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    ann.send(say(1, "fine"), say(2, "an insult"), say(3, "fine too"));
    ann.text();
    expect(rig.order("delete Lobby 2")).toMatchObject({ ok: true });
    expect(ann.lines()).toEqual([{ type: "deleted", room: "lobby", seq: 2 }]);
    const bob = rig.member("Bob");
    bob.text();
    bob.send({ type: "history", room: "lobby", ref: 1 });
    const [{ messages } = { messages: [] }] = of(bob, "history") as { messages: object[] }[];
    expect(messages).toEqual([
      expect.not.objectContaining({ deleted: true }),
      expect.objectContaining({ seq: 2, text: deletedText, deleted: true }),
      expect.not.objectContaining({ deleted: true }),
    ]);
    expect(rig.order("export lobby 1")).toMatchObject({
      rows: [{ fields: { seq: 2, from: "Ann", text: deletedText, deleted: true } }, {}],
    });
    const cal = rig.member("Cal", since(0));
    expect(of(cal, "message").map(({ seq, deleted }) => [seq, deleted])).toEqual([
      [1, undefined],
      [2, true],
      [3, undefined],
    ]);
    expect(rig.order("delete lobby 4")).toMatchObject({ ok: false, code: "not-found" });
    expect(rig.order("delete nowhere 1")).toMatchObject({ ok: false, code: "not-found" });
  });
});

describe("forget", () => {
  test("deletes an account: its devices are logged out, and the name is free", () => {
    const rig = new Rig();
    const ann = owner(rig, "Ann", "desk");
    const alsoAnn = withKey(rig, "Zed", "desk", { secret: "another-secret-0123456789" });
    rig.order("op Ann");
    ann.text();
    expect(rig.order("forget Ann")).toMatchObject({ message: "Ann is no longer registered" });
    expect(of(ann, "bye")).toMatchObject([{ code: "kicked" }]);
    expect(of(alsoAnn, "bye")).toMatchObject([{ code: "kicked" }]);
    expect(rig.order("ops")).toMatchObject({ message: "There are no operators" });
    const bob = rig.member("Ann");
    expect(of(bob, "welcome")).toHaveLength(1);
    bob.send({ type: "bye" });
    bob.close("quit");
    const again = withKey(rig, "Ann", "desk");
    expect(of(again, "welcome")[0]?.["session"]).not.toHaveProperty("registered");
    expect(rig.order("forget Ann")).toMatchObject({ ok: false, code: "not-found" });
  });
});
