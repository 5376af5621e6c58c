// What a client that resumes may still show although it was taken away while the connection was
// lost: each is taken back.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { history, offers } from "../../src/limits.ts";
import { answerRequest } from "../../src/store/answer.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { testFolder } from "../test-folder.ts";
import { type Client, Rig, say } from "./rig.ts";

const wasThere = (seq: number) => ({
  epoch: "epoch-1",
  mail: 0,
  rooms: [{ room: "den", seq }],
  takesFiles: true,
});
const told = (client: Client, ...types: string[]) =>
  client.lines().filter(({ type }) => types.includes(String(type)));

/** Bob has been in the room of Ann, and has lost the connection. */
function bobLost(before: readonly object[] = []) {
  const rig = new Rig();
  const ann = rig.member("Ann", { rooms: [{ room: "den" }] });
  const bob = rig.member("Bob", { rooms: [{ room: "den" }], takesFiles: true });
  ann.send(...before);
  bob.close("lost");
  return { rig, ann };
}

test("a topic, and the message of the day", () => {
  const { rig } = bobLost();
  for (const line of ["topic den Tea", "motd Hello", "topic den", "motd"]) rig.order(line);
  const lines = told(rig.member("Bob", wasThere(0)), "topic", "motd");
  expect(lines).toEqual([
    { type: "motd", text: "" },
    { type: "topic", room: "den", topic: "" },
  ]);
  // Somebody new shows neither.
  expect(told(rig.member("Cal"), "topic", "motd")).toEqual([]);
});

test("the text of a message that the client has; a later one comes without its text", () => {
  const { rig } = bobLost([say(1, "one", "den"), say(2, "two", "den"), say(3, "three", "den")]);
  for (const seq of [1, 3]) rig.order(`delete den ${seq}`);
  const bob = rig.member("Bob", wasThere(2));
  expect(told(bob, "deleted", "message")).toMatchObject([
    { type: "deleted", room: "den", seq: 1 },
    { type: "message", seq: 3, text: "(deleted by an operator)", deleted: true },
  ]);
  bob.send({ type: "part", room: "den" }).text();
  bob.send({ type: "join", room: "den", epoch: "epoch-1", seq: 3 });
  expect(told(bob, "deleted").map(({ seq }) => seq)).toEqual([1, 3]);
});

test("the same once the server has restarted, unless the client has heard of it", () => {
  const path = join(testFolder("removed"), "chat.db");
  let store: ServerStore | undefined;
  const start = () => {
    store?.close();
    const opened = (store = openSqliteStore(path));
    return new Rig({ epoch: "epoch-1" }, (request) => answerRequest(opened, request));
  };
  const rig = start();
  const ann = rig.member("Ann", { rooms: [{ room: "den" }] });
  ann.send(say(1, "one", "den"), say(2, "two", "den"));
  rig.order("delete den 1");
  ann.send(say(3, "three", "den"));
  rig.order("delete den 2");
  const bob = start().member("Bob", wasThere(2));
  expect(told(bob, "deleted", "message")).toMatchObject([
    { type: "deleted", room: "den", seq: 1 },
    { type: "deleted", room: "den", seq: 2 },
    { type: "message", seq: 3 },
  ]);
  const cal = start().member("Cal", wasThere(3));
  expect(told(cal, "deleted").map(({ seq }) => seq)).toEqual([2]);
  const dan = start().member("Dan");
  dan.send({ type: "join", room: "den", epoch: "epoch-1", seq: 3 });
  expect(told(dan, "deleted").map(({ seq }) => seq)).toEqual([2]);
  store?.close();
});

test("being away is not: who returns in time is away again, also silently", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", { rooms: [{ room: "den" }] });
  let bob = rig.member("Bob", { rooms: [{ room: "den" }] });
  const away = { type: "away", room: "den", name: "Bob", text: "lunch" };
  bob.send({ type: "admin", command: "away lunch" });
  expect(told(ann, "away")).toEqual([away]);
  // The takeover is not announced, so it must not change anything.
  bob = rig.member("Bob", wasThere(0));
  bob.send({ type: "admin", command: "away" });
  expect(told(ann, "away")).toEqual([{ ...away, text: undefined }]);
  bob.send({ type: "admin", command: "away lunch" });
  bob.close("lost");
  ann.text();
  bob = rig.member("Bob", wasThere(0));
  expect(told(ann, "away")).toEqual([away]);
  bob.close("lost");
  rig.nowMs += history.mailHoldMs;
  rig.member("Bob", wasThere(0));
  expect(told(ann, "away")).toEqual([]);
});

const offer = "0123456789abcdefghijkl";
const summary = { files: 1, bytes: 1, names: ["a"] };
const offerFiles = { type: "offer-files", offer, to: "Bob", summary };

test("an offer of files that was withdrawn, or accepted by another device", () => {
  const { rig, ann } = bobLost([offerFiles]);
  ann.send({ type: "end-files", offer, reason: "cancelled" });
  const ended = { type: "offer-ended", offer, reason: "cancelled" };
  const bob = rig.member("Bob", wasThere(0));
  expect(told(bob, "offered", "offer-ended")).toEqual([ended]);
  bob.close("lost");
  // Made again meanwhile, under the same number.
  ann.send(offerFiles);
  const back = rig.member("Bob", wasThere(0));
  expect(told(back, "offered", "offer-ended")).toMatchObject([{ type: "offered" }]);
  ann.send({ type: "end-files", offer, reason: "done" });
  back.close("lost");
  rig.nowMs += offers.awayMs;
  expect(told(rig.member("Bob", wasThere(0)), "offered", "offer-ended")).toEqual([]);
});

test("an offer that was declined while its sender was away is not made again", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", { takesFiles: true });
  ann.send(offerFiles).close("lost");
  bob.send({ type: "answer-files", offer, accept: false }).text();
  const back = rig.member("Ann").send({ ...offerFiles, ref: 1 });
  expect(told(back, "offering", "offer-ended")).toMatchObject([
    { type: "offering", ref: 1 },
    { type: "offer-ended", offer, reason: "declined" },
  ]);
  expect(bob.text()).not.toContain("offered");
});
