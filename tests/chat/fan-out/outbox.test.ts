// Output that waits for a slow link: in order, in few writes, shared, counted, and dropped
// immediately.

import { expect, test } from "bun:test";
import { Backlog, Block, Outbox } from "../../../src/chat/fan-out/outbox.ts";
import { seeded } from "../../sim/random.ts";
import { FakeLink } from "../rig.ts";

function outbox(capacity = Infinity) {
  const link = new FakeLink();
  link.capacity = capacity;
  const backlog = new Backlog();
  return { backlog, link, box: new Outbox(link, backlog), got: () => link.sends.join("") };
}

test("bytes arrive once and in order, however little the link accepts", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const { link, box, got } = outbox(0);
    let sent = "";
    for (let i = 0; i < 60; i++) {
      const size = Math.floor(random() ** 4 * 100_000);
      const text = `${i}:${"x".repeat(size)};`;
      sent += text;
      link.capacity = random() < 0.5 ? 0 : Math.floor(random() * 80_000);
      if (random() < 0.4) box.drained();
      box.send(Buffer.from(text));
      expect(box.lagBytes).toBe(sent.length - got().length);
      expect(box.blocked).toBe(box.lagBytes > 0);
    }
    link.capacity = Infinity;
    box.drained();
    expect(got() === sent).toBe(true);
    expect([box.blocked, box.lagBytes]).toEqual([false, 0]);
  }
});

test("many small blocks are sent in few writes", () => {
  const { link, box } = outbox(0);
  for (let i = 0; i < 5_000; i++) box.send(Buffer.from("a small message\n"));
  link.capacity = Infinity;
  box.drained();
  expect(link.sends.length).toBeLessThan(5);
  expect(link.sends.join("")).toBe("a small message\n".repeat(5_000));
});

test("sent blocks are released, however slow the link", () => {
  const { link, box } = outbox(0);
  const kept: WeakRef<Uint8Array>[] = [];
  const push = () => {
    const block = new Uint8Array(30_000);
    kept.push(new WeakRef(block));
    box.send(block);
  };
  push();
  for (let i = 0; i < 300; i++) {
    push();
    push();
    link.capacity = 60_000;
    box.drained();
    link.sends = [];
  }
  Bun.gc(true);
  const held = kept.filter((ref) => ref.deref() !== undefined).length;
  expect(held * 30_000).toBeLessThan(2_000_000);
});

test("an empty block does not block", () => {
  const { link, box } = outbox(0);
  box.send(new Uint8Array(0));
  expect(box.blocked).toBe(false);
  link.capacity = Infinity;
  box.send(Buffer.from("x"));
  expect(link.sends).toEqual(["x"]);
});

test("abandoning keeps the rest of a partly sent line, and ends with the last line", () => {
  const { link, box, got } = outbox(3);
  box.send(Buffer.from("one\ntwo\n"));
  box.send(Buffer.from("three\n"));
  box.abandon(Buffer.from("bye\n"));
  expect(box.lagBytes).toBe(5);
  link.capacity = Infinity;
  box.drained();
  expect(got()).toBe("one\nbye\n");

  const untouched = outbox(0);
  untouched.box.send(Buffer.from("one\n"));
  untouched.box.abandon(Buffer.from("bye\n"));
  untouched.link.capacity = Infinity;
  untouched.box.drained();
  expect(untouched.got()).toBe("bye\n");

  const idle = outbox();
  idle.box.abandon(Buffer.from("bye\n"));
  expect(idle.got()).toBe("bye\n");
});

test("a shared block counts once until its last holder has sent or dropped it", () => {
  const backlog = new Backlog();
  const boxes = [1, 2, 3].map(() => {
    const link = new FakeLink();
    link.capacity = 0;
    return { link, box: new Outbox(link, backlog) };
  });
  const blocks = Array.from({ length: 10 }, () => new Block(Buffer.from("x".repeat(1_000))));
  for (const { box } of boxes) {
    for (const block of blocks) box.send(block.bytes, block);
    box.send(Buffer.from("own"));
  }
  expect(backlog.bytes).toBe(10 * 1_000 + 3 * 3);
  const [first, second, third] = boxes as [(typeof boxes)[0], (typeof boxes)[0], (typeof boxes)[0]];
  first.link.capacity = 500;
  first.box.drained();
  first.link.capacity = Infinity;
  first.box.drained();
  expect(first.box.takenBytes).toBe(10_003);
  expect(backlog.bytes).toBe(10 * 1_000 + 2 * 3);
  second.box.abandon(Buffer.from("bye"));
  expect(backlog.bytes).toBe(10 * 1_000 + 2 * 3);
  second.box.clear();
  third.box.clear();
  expect(backlog.bytes).toBe(0);
});

test("clear drops everything", () => {
  const { link, box, got } = outbox(1);
  box.send(Buffer.from("xyz"));
  box.clear();
  expect([box.blocked, box.lagBytes]).toEqual([false, 0]);
  link.capacity = Infinity;
  box.drained();
  expect(got()).toBe("x");
});
