// How much data one session can make the hub hold: history pages, floods of requests, refusals. It
// is always less than a slow reader's lag, so that nobody who reads is dropped for a request.

import { expect, test } from "bun:test";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { history, message, output, sender } from "../../src/limits.ts";
import { type Client, memoryAnswerer, native, Rig, since } from "./rig.ts";

/** Three bytes per character on the wire. */
const long = "漢".repeat(message.maxTextChars);

function roomOfLongMessages(count: number): { rig: Rig; ann: Client } {
  const rig = new Rig();
  const ann = rig.member("Ann");
  for (let n = 1; n <= count; n++) ann.send({ type: "say", room: "lobby", n, text: long });
  ann.text();
  return { rig, ann };
}

test("a history page is bounded in bytes, and earlier pages can be fetched", () => {
  const { ann } = roomOfLongMessages(100);
  const seen: number[] = [];
  for (let before = 101; before > 1; before = seen[0] ?? 0) {
    ann.send({ type: "history", room: "lobby", before });
    const [page] = ann.lines() as [{ messages: { seq: number }[] }];
    expect(JSON.stringify(page).length * 3).toBeLessThan(2 * history.pageBytes);
    seen.unshift(...page.messages.map(({ seq }) => seq));
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test("a long replay goes as fast as the client reads, and does not drop it", () => {
  const { rig } = roomOfLongMessages(150);
  const bob = rig.client();
  bob.link.capacity = 0;
  bob.send({ type: "hello", version: 2, name: "Bob", ...since(0) });
  const pieces: string[] = [];
  for (let reads = 0; reads < 80; reads++) {
    expect(bob.session.output.lagBytes).toBeLessThan(output.maxLagBytes);
    bob.link.capacity = 120_000;
    rig.hub.handleDrain(bob.session, rig.nowMs);
    rig.settle();
    pieces.push(bob.text());
  }
  const seqs = [...pieces.join("").matchAll(/"type":"message","room":"lobby","seq":(\d+)/g)];
  expect(seqs.map(([, seq]) => Number(seq))).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
  expect(rig.hub.options.metrics.slowReadersDropped).toBe(0);
});

test("a crowd that returns is replayed to in turns", () => {
  const answer = memoryAnswerer();
  let pages = 0;
  let most = 0;
  const rig = new Rig({}, (request) => {
    if (request.type === "read-room") most = Math.max(most, ++pages);
    return answer(request);
  });
  const endTurn = rig.hub.endTurn.bind(rig.hub);
  rig.hub.endTurn = (nowMs) => {
    pages = 0;
    return endTurn(nowMs);
  };
  const ann = rig.member("Ann");
  const count = 3 * history.pageMessages;
  for (let n = 1; n <= count; n++) ann.queue({ type: "say", n, text: "x" });
  rig.settle();
  const crowd = Array.from({ length: 5 * history.replaysPerTurn }, (_, i) => {
    const client = rig.client();
    client.queue({ type: "hello", version: 2, name: `Back${i}`, ...since(0) });
    return client;
  });
  rig.settle();
  expect(most).toBe(history.replaysPerTurn);
  for (const client of crowd) {
    expect(client.lines().filter(({ type }) => type === "message")).toHaveLength(count);
  }
});

test("answers to many requests in one turn are sent along the way, not accumulated", () => {
  const { rig, ann } = roomOfLongMessages(40);
  let most = 0;
  for (let i = 0; i < 100; i++) {
    ann.queue({ type: "history", room: "lobby", ref: i });
    most = Math.max(most, ann.session.output.answerChars);
  }
  expect(most).toBeLessThan(output.maxAnswerChars + history.pageBytes);
  rig.settle();
  expect(ann.lines().map(({ ref }) => ref)).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test("a client that asks without reading is dropped at the limit", () => {
  const { rig, ann } = roomOfLongMessages(40);
  ann.link.capacity = 0;
  for (let i = 0; i < 1_000; i++) ann.queue({ type: "history", room: "lobby", ref: i });
  rig.settle();
  expect(rig.hub.options.metrics.slowReadersDropped).toBe(1);
  expect(ann.session.output.lagBytes).toBeLessThan(1_000);
});

test("a client that ignores thousands of refusals is told once and disconnected", () => {
  const rig = new Rig({ rates: ratesFor(sender.messagesPerSecond) });
  const bob = rig.member("Bob");
  const loud = rig.client(openChat).send("Loud");
  for (let i = 0; i < 100_000; i++) loud.queue("show");
  rig.settle();
  const text = loud.text();
  const refusals = text.split("Too fast").length - 1;
  expect(refusals).toBe(sender.refusalBurst);
  expect(text).toEndWith("Too many messages over the limit: connect again, and slow down\n");
  expect(loud.link.ended).toBe(true);
  expect(bob.lines().at(-1)).toMatchObject({ type: "left", name: "Loud" });
});

test("talking in more rooms than are kept does not evict the history of a room in use", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  for (let n = 1; n <= 20; n++) ann.queue({ type: "say", room: "lobby", n, text: `m${n}` });
  const mallory = rig.member("Mallory");
  for (let i = 0; i < history.maxRooms + 50; i++) {
    const room = `r${i}`;
    mallory.send({ type: "join", room }, { type: "say", room, text: "x" }, { type: "part", room });
  }
  ann.text();
  ann.send({ type: "history", room: "lobby" });
  expect(ann.lines()).toMatchObject([{ type: "history", room: "lobby", messages: { length: 20 } }]);
});

const perSecond = { rates: ratesFor(sender.messagesPerSecond) };

for (const [what, line] of [
  ["blank lines", ""],
  ["pongs", '{"type":"pong"}'],
  ["ends of transfers", '{"type":"fetched","transfer":7}'],
  ["messages after a refused one", '{"type":"say","n":900,"room":"lobby","text":"x"}'],
] as const) {
  test(`a client that floods ${what} is disconnected`, () => {
    const rig = new Rig(perSecond);
    const loud = rig.member("Loud");
    for (let n = 1; n < 700; n++) loud.queue({ type: "say", n, text: "x" });
    rig.pass(10_000);
    loud.text();
    const most = (2 * sender.maxDebtSeconds * sender.bytesPerSecond) / Math.max(1, line.length);
    let lines = 0;
    while (!loud.link.ended && lines < most) {
      for (let i = 0; i < 1_000; i++) rig.hub.handleMessage(loud.session, line, rig.nowMs);
      lines += 1_000;
      rig.settle();
    }
    expect(loud.link.ended).toBe(true);
    expect(loud.text()).toContain("Too many messages over the limit");
    // As often as a client in need of it, it is free.
    const calm = rig.member("Calm");
    for (let i = 0; i < 600; i++) {
      calm.queue(line);
      rig.pass(100, 100);
    }
    expect(calm.link.ended).toBe(false);
  });
}

test("a client that floods after its goodbye, which has to wait, is disconnected", () => {
  const answer = memoryAnswerer();
  let isAnswering = true;
  const rig = new Rig(perSecond, (request) => (isAnswering ? answer(request) : undefined));
  const loud = rig.member("Loud");
  loud.text();
  isAnswering = false;
  loud.queue({ type: "keys", name: "Ann" }, { type: "bye" });
  const ping = '{"type":"ping"}';
  const most = (2 * sender.maxDebtSeconds * sender.bytesPerSecond) / ping.length;
  let lines = 0;
  for (; loud.session.phase === "member" && lines < most; lines++) {
    rig.hub.handleMessage(loud.session, ping, rig.nowMs);
  }
  expect(lines).toBeLessThan(most);
});

test("a network in debt keeps its other members, and opens no new floods", () => {
  const rig = new Rig(perSecond);
  const address = "192.0.2.1";
  const calm = rig.member("Calm", {}, address);
  let fewest = Infinity;
  for (let i = 0; i < 20; i++) {
    const loud = rig.client(native, true, address).send({ type: "hello", version: 2 });
    let lines = 0;
    for (; !loud.link.ended && lines < 1_000_000; lines += 1_000) {
      for (let k = 0; k < 1_000; k++) rig.hub.handleMessage(loud.session, "", rig.nowMs);
      rig.settle();
    }
    fewest = Math.min(fewest, lines);
    loud.close();
  }
  // What one sender may send at once.
  const burst = sender.burstSeconds * sender.bytesPerSecond;
  expect(fewest * sender.minIgnoredBytes).toBeLessThan(2 * burst);
  calm.text();
  calm.queue('{"type":"pong"}');
  expect(calm.link.ended).toBe(false);
  rig.pass(2 * sender.maxDebtSeconds * 1_000, 500);
  calm.send({ type: "ping" });
  expect(calm.lines().map(({ type }) => type)).toContain("pong");
});

test("a second list of files waits until the first is there and paid for", () => {
  const answers: (() => void)[] = [];
  const file = { name: "some-file.txt", sizeBytes: 1, modifiedMs: 1 };
  const page = { files: Array.from({ length: history.wholeListFiles }, () => file) };
  const rig = new Rig({
    ...perSecond,
    files: {
      list: (_request, answer) => void answers.push(() => answer({ ...page, next: undefined })),
      transfer() {},
      download() {},
      closed() {},
    },
  });
  const loud = rig.member("Loud");
  for (let ref = 1; ref <= 50; ref++) loud.queue({ type: "files", ref });
  expect(answers).toHaveLength(1);
  for (let s = 0; s < 10; s++) {
    for (const answer of answers.splice(0)) answer();
    rig.pass(1_000);
  }
  const lists = loud.lines().filter(({ type }) => type === "files");
  expect(lists.length).toBeGreaterThan(3);
  expect(lists.length).toBeLessThan(12);
});

test("what waits in the queue is bounded in characters", () => {
  const rig = new Rig(perSecond);
  const loud = rig.member("Loud");
  const kept: number[] = [];
  for (let i = 0; i < sender.maxDelayed; i++) {
    loud.queue({ type: "say", text: "x".repeat(message.maxLineBytes - 100) });
    kept.push(loud.session.queue.length);
  }
  expect(Math.max(...kept) * message.maxLineBytes).toBeLessThanOrEqual(2 * sender.maxDelayedChars);
  expect(Math.max(...kept)).toBeGreaterThan(0);
});
