// A message that an operator deletes while the store is reading it: whoever gets the page is not
// shown the text after all.

import { expect, test } from "bun:test";
import { SaidRun } from "../../../src/chat/rooms/said-run.ts";
import { consoleActor } from "../../../src/chat/admin/actor.ts";
import { history } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { FailingStore } from "../failing-store.ts";
import { type Client, Rig, say, since } from "../rig.ts";

const texts = (client: Client): unknown[] =>
  client.lines().flatMap(({ type, seq, text, texts: several, messages }) => {
    if (Array.isArray(messages)) return messages.map((one) => [one.seq, one.text]);
    if (type === "messages") return [[seq, several]];
    return type === "message" || type === "deleted" ? [[seq, text]] : [];
  });

/** Reads of rooms are answered with what the store had when it was asked, but later. */
function slowReads() {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  ann.send(say(1, "one"), say(2, "two"));
  ann.text();
  store.timing = ({ type }) => (type === "read-room" ? "reply-late" : "now");
  return { store, rig, ann };
}

for (const [what, request] of Object.entries({
  history: { type: "history", limit: 10 },
  search: { type: "search", text: "t", limit: 10 },
})) {
  test(`${what}: the page comes without its text`, () => {
    const { store, rig, ann } = slowReads();
    ann.send(request);
    rig.order("delete lobby 2");
    store.release(rig);
    const found = texts(ann);
    expect(found[0]).toEqual([2, undefined]);
    expect(found.slice(1)).not.toContainEqual([2, "two"]);
  });
}

test("a search over several pages does not find what is deleted while the next one is read", () => {
  const { store, rig, ann } = slowReads();
  for (let i = 0; i < history.pageMessages; i++) ann.queue(say(3 + i, "no"));
  ann.queue(say(history.pageMessages + 3, "a secret"));
  rig.settle();
  ann.text();
  ann.send({ type: "search", text: "t", limit: 10 });
  store.releaseOne(rig);
  rig.settle();
  rig.order(`delete lobby ${history.pageMessages + 3}`);
  store.release(rig);
  expect(texts(ann).flat()).toEqual([history.pageMessages + 3, undefined, 2, "two"]);
});

test("a replay: so does what was said while the page was read", () => {
  const { store, rig, ann } = slowReads();
  const bob = rig.member("Bob", since(0));
  ann.send(say(3, "three"), say(4, "four"));
  for (const seq of [1, 3]) rig.order(`delete lobby ${seq}`);
  store.release(rig);
  expect(texts(bob).slice(-4)).toEqual([
    [1, deletedText],
    [2, "two"],
    [3, deletedText],
    [4, "four"],
  ]);
});

test("at another server, before its message has arrived here", () => {
  const rig = new Rig();
  const bob = rig.member("Bob", { runs: true });
  bob.text();
  rig.hub.handleForeign({ type: "erased", room: "lobby", seq: 2 }, rig.nowMs);
  const fields = { room: "lobby", seq: 1, timeMs: rig.nowMs, from: "Ann", author: 0 };
  const run = new SaidRun(fields, ["one", "two"]);
  rig.hub.handleForeign({ type: "said", room: "lobby", runs: [run] }, rig.nowMs);
  rig.settle();
  expect(bob.lines()).toMatchObject([
    { type: "message", seq: 1, text: "one" },
    { type: "message", seq: 2, text: deletedText, deleted: true },
    { type: "deleted", seq: 2 },
  ]);
});

test("members hear of it before what another server says next, though the store is slow", () => {
  const store = new FailingStore();
  const rig = new Rig({ shared: { roomOpened() {} } }, store.answer);
  const bob = rig.member("Bob", { runs: true });
  const saidElsewhere = (text: string, seq: number): void => {
    const fields = { room: "lobby", seq, timeMs: rig.nowMs, from: "Ann", author: 0 };
    const run = new SaidRun(fields, [text]);
    rig.hub.handleForeign({ type: "said", room: "lobby", runs: [run] }, rig.nowMs);
  };
  saidElsewhere("one", 1);
  rig.settle();
  bob.text();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  bob.send(say(1, "mine"));
  rig.hub.handleForeign({ type: "erased", room: "lobby", seq: 1 }, rig.nowMs);
  saidElsewhere("two", 2);
  rig.settle();
  expect(bob.lines()).toMatchObject([
    { type: "deleted", seq: 1 },
    { type: "message", seq: 2, text: "two" },
  ]);
});

test("an export has no text of it either", () => {
  const { store, rig } = slowReads();
  let rows: unknown;
  rig.hub.handleAdmin(consoleActor, "export lobby", rig.nowMs, (answer) => (rows = answer));
  rig.settle();
  rig.order("delete lobby 1");
  store.release(rig);
  expect(JSON.stringify(rows)).not.toContain("one");
});
