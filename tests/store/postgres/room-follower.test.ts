// How notifications of other servers bring an open room up to date: what follows directly is
// delivered, everything once and in order, and the members are read again after a gap.

import { expect, test } from "bun:test";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { StoreReply } from "../../../src/chat/turn/store.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { DatabaseAway } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { Feed } from "../../../src/store/postgres/feed.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import type { Retention } from "../../../src/store/retention.ts";
import { VirtualClock } from "../../sim/chat/virtual-clock.ts";
import { SimulatedDatabase } from "../../sim/cluster/database.ts";
import { run } from "../batches.ts";
import { hubStub } from "./hub-stub.ts";
import { turns } from "../../turns.ts";

/** A hub in the lobby, with two other servers whose notifications it hears only by `tell`. */
async function lobby(retention: Partial<Retention> = {}) {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const clock = new VirtualClock();
  const database = new SimulatedDatabase(clock, options, events);
  const listening = { hear: (_payload: string): void => {}, connected: (): void => {} };
  const reading = { times: 0 };
  const link = { losesAnswers: false };
  const port: DatabasePort = {
    run: async (text, values = []) => {
      if (text.includes("last_seq AS seq")) reading.times++;
      const rows = database.run(text, values) as never;
      if (link.losesAnswers) throw new DatabaseAway("The connection was lost");
      return rows;
    },
    script: async () => {},
    transact: async (inside) => await inside(port.run),
    listen: async (_channel, hear, connected) => {
      Object.assign(listening, { hear, connected });
      return () => {};
    },
  };
  const ids = ["own", "own again"];
  const own = await PostgresStore.open(port, { newServerId: () => ids.shift()!, retention });
  const other = await PostgresStore.open(port, { newServerId: () => "other" });
  const notes: string[] = [];
  database.listen((payload) => notes.push(payload));
  const feed = new Feed(port, own, (line) => expect.unreachable(line));
  const heard: ForeignEvent[] = [];
  const position = { seq: 0, presence: 0 };
  const handleForeign = (event: ForeignEvent): void => {
    heard.push(event);
    if (event.type === "said") position.seq = event.runs.at(-1)!.seq;
    if (event.type === "skipped") position.seq = event.seq;
    if (event.type === "roster") position.presence = event.version;
    if (event.type === "presence") position.presence = event.rooms.at(-1)!.version;
  };
  feed.attach(
    hubStub(heard, { handleForeign, positionIn: () => position, openRooms: () => ["lobby"] }),
  );
  await feed.start(await own.rights());
  let number = 0;
  /** `who` comes into the lobby at that server, or a text is said there. Returns the note. */
  const happens = async (at: PostgresStore, what: { who?: string; text?: string }) => {
    const { who, text } = what;
    const changes = [{ folded: who?.toLowerCase() ?? "", name: who, event: undefined }];
    const batch = {
      number: ++number,
      rooms: text === undefined ? [] : [{ room: "lobby", runs: [run("lobby", [text])] }],
      presence: who === undefined ? [] : [{ room: "lobby", changes }],
      mail: [],
      sessions: [],
    };
    const reply = await new Promise<StoreReply>((resolve) =>
      at.answer({ type: "commit", batch, id: number }, resolve),
    );
    expect(reply.outcome).toBe("done");
    return notes.at(-1)!;
  };
  const told = (): string[] =>
    heard.splice(0).flatMap((event) => {
      if (event.type === "said") return event.runs.map(({ seq, texts }) => `${seq} ${texts[0]}`);
      if (event.type === "skipped") return [`to ${event.seq}`];
      if (event.type === "roster") return [event.members.map(({ name }) => name).join(" ")];
      return event.type === "presence"
        ? event.rooms.map(({ version }) => `version ${version}`)
        : [];
    });
  return { own, other, feed, link, listening, reading, clock, position, happens, told };
}

test("messages are delivered once, in order, whatever the order of their notifications", async () => {
  const { other, listening, reading, happens, told, feed } = await lobby();
  const [a, b, c] = [
    await happens(other, { text: "a" }),
    await happens(other, { text: "b" }),
    await happens(other, { text: "c" }),
  ];
  for (const note of [b, a, b, a, c, c]) listening.hear(note);
  expect(told()).toEqual(["1 a", "2 b", "3 c"]);
  await turns(20);
  // For what came too early.
  const { times } = reading;
  listening.hear(b);
  await turns(20);
  expect([told(), reading.times - times]).toEqual([[], 0]);
  feed.stop();
});

test("messages in a gap are read at once", async () => {
  const { other, listening, happens, told, feed } = await lobby();
  await happens(other, { text: "a" });
  listening.hear(await happens(other, { text: "b" }));
  await turns(20);
  expect(told()).toEqual(["1 a", "2 b"]);
  feed.stop();
});

test("messages before own ones are left out as far as those, if none of them is kept any more", async () => {
  const { own, other, link, happens, told, feed } = await lobby({ messages: 2 });
  await happens(other, { text: "a" });
  const rooms = [{ room: "lobby", runs: [run("lobby", ["own"])] }];
  const batch = { number: 100, rooms, mail: [], sessions: [] };
  const commit = (): Promise<StoreReply> =>
    new Promise((resolve) => own.answer({ type: "commit", batch, id: 100 }, resolve));
  link.losesAnswers = true;
  expect((await commit()).outcome).toBe("unknown");
  link.losesAnswers = false;
  for (const text of ["c", "d", "e"]) await happens(other, { text });
  expect(await commit()).toMatchObject({ result: { rooms: [2] } });
  expect(told()).toEqual(["to 1"]);
  feed.stop();
});

test("the members are read at once after a gap, which own changes are not", async () => {
  const { own, other, listening, happens, told, feed } = await lobby();
  listening.hear(await happens(other, { who: "Ann" }));
  listening.hear(await happens(own, { who: "Own" }));
  listening.hear(await happens(other, { who: "Ben" }));
  await turns(20);
  expect(told()).toEqual(["version 1", "version 2", "version 3"]);
  await happens(other, { who: "Cal" });
  listening.hear(await happens(other, { who: "Dora" }));
  await turns(20);
  expect(told()).toEqual(["Ann Ben Cal Dora"]);
  feed.stop();
});

test.each([
  ["when the room has just been opened", "opened"],
  ["when notifications may have been missed", "connected"],
] as const)("the members are read at once %s", async (_, why) => {
  const { other, listening, happens, told, feed } = await lobby();
  await happens(other, { who: "Ann" });
  if (why === "opened") feed.roomOpened("lobby");
  else listening.connected();
  await turns(20);
  expect(told()).toEqual(["Ann"]);
  feed.stop();
});

test("own messages, by the ID before the lease ran out, are not told as those of others", async () => {
  const { own, other, feed, listening, clock, happens, told } = await lobby();
  const note = await happens(own, { text: "a" });
  clock.pass(limits.leaseMs + 1);
  await other.renew();
  await own.renew();
  expect(own.serverId).toBe("own again");
  // Its answer was lost, and it is asked for again.
  const rooms = [{ room: "lobby", runs: [run("lobby", ["a"])] }];
  feed.committing({ number: 1, rooms, mail: [], sessions: [] });
  listening.hear(note);
  await turns(20);
  expect(told()).toEqual([]);
  feed.stop();
});

test("the members are read by the second look if the notification of a change has not come", async () => {
  const { other, happens, told, feed } = await lobby();
  await happens(other, { who: "Ann" });
  await feed.check();
  expect(told()).toEqual([]);
  await feed.check();
  expect(told()).toEqual(["Ann"]);
  feed.stop();
});

test("the members are read if the room was dropped, and there is a new one", async () => {
  const { other, happens, told, feed, position } = await lobby();
  position.presence = 57;
  await happens(other, { who: "Ann" });
  await feed.check();
  expect(told()).toEqual(["Ann"]);
  expect(position.presence).toBe(1);
  feed.stop();
});
